"""The scorer of the Numenta Anomaly Benchmark (numenta/NAB at ea702d7: nab/sweeper.py, nab/optimizer.py, nab/runner.py).

Lavin and Ahmad: Evaluating real-time anomaly detection algorithms, 2015. The same rules in the same order; scores of the points
are worked out once and the thresholds swept over them.
"""

import io
import json
import math
import subprocess
from dataclasses import dataclass

import numpy as np
import pandas as pd

PROBATION = 0.15
STANDARD = {"tp": 1.0, "fn": 1.0, "fp": 0.11}


@dataclass
class Series:
    """A file of the benchmark: its values and what each point counts when it is called anomalous."""

    name: str
    values: np.ndarray
    windows: list  # (start, end) timestamps
    weights: np.ndarray  # of a call at the point, under the profile
    window_ids: np.ndarray  # number of the window a point lies in, -1 outside
    scored: np.ndarray  # not in the probationary period


def scaled_sigmoid(position):
    return -1.0 if position > 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def sweep(name, timestamps, values, windows, profile=STANDARD):
    """Sweeper.calcSweepScore."""
    timestamps, rest = list(timestamps), list(windows)
    n = len(timestamps)
    probation = min(math.floor(PROBATION * n), PROBATION * 5000)
    max_tp = scaled_sigmoid(-1.0)
    weights, ids = np.zeros(n), np.full(n, -1)
    current, number, width, right = None, -1, None, None
    last_width, last_right = None, None
    for i, time in enumerate(timestamps):
        if rest and time == rest[0][0]:
            current, number = rest.pop(0), number + 1
            right = timestamps.index(current[1])
            width = float(right - timestamps.index(current[0]) + 1)
        if current is not None:
            weights[i] = scaled_sigmoid(-(right - i + 1) / width) * profile["tp"] / max_tp
            ids[i] = number
        elif last_right is None:
            weights[i] = -profile["fp"]
        else:
            weights[i] = scaled_sigmoid(abs(last_right - i) / float(last_width - 1)) * profile["fp"]
        if current is not None and time == current[1]:
            last_right, last_width, current = i, width, None
    scored = np.arange(n) >= probation
    return Series(name, np.asarray(values, dtype=float), windows, weights, ids, scored)


def given_half(folder):
    """The series in the folder of measuring data."""
    table = pd.read_parquet(f"{folder}/anomaly_series/nab.parquet")
    windows = json.load(open(f"{folder}/anomaly_series/nab_windows.json"))
    found = []
    for name, rows in table.groupby("series", sort=True):
        limits = [tuple(pd.Timestamp(t) for t in w) for w in windows[name]]
        found.append(sweep(name, pd.to_datetime(rows["ts"]), rows["value"], limits))
    return found


def checkout(path, without=()):
    """The series of a git directory of numenta/NAB, less those named."""
    show = lambda file: subprocess.run(["git", "-C", path, "show", f"HEAD:{file}"], check=True, capture_output=True).stdout
    windows = json.loads(show("labels/combined_windows.json"))
    found = []
    for file, limits in sorted(windows.items()):
        if file.removesuffix(".csv") in without:
            continue
        rows = pd.read_csv(io.BytesIO(show(f"data/{file}")), parse_dates=["timestamp"])
        limits = [tuple(pd.Timestamp(t) for t in w) for w in limits]
        found.append(sweep(file.removesuffix(".csv"), rows["timestamp"], rows["value"], limits))
    return found


def curve(series, scores, profile=STANDARD):
    """Sweeper.calcScoreByThreshold over all series together: (threshold, raw score), highest threshold first.

    Points without a score (NaN) are never called."""
    points, offset, parts = [], 0, {}
    for one, score in zip(series, scores):
        score = np.where(np.isnan(score), -np.inf, score)
        for i in np.flatnonzero(one.scored):
            window = one.window_ids[i]
            key = offset + window if window >= 0 else -1
            if key >= 0:
                parts[key] = -profile["fn"]
            points.append((score[i], key, one.weights[i]))
        offset += len(one.windows)
    points.sort(key=lambda p: -p[0])
    total, threshold, found = sum(parts.values()), math.inf, []
    for score, key, weight in points:
        if score == -math.inf:
            break
        if score != threshold:
            found.append((threshold, total))
            threshold = score
        if key < 0:
            total += weight
        elif weight > parts[key]:
            total += weight - parts[key]
            parts[key] = weight
    found.append((threshold, total))
    return found


def best_threshold(series, scores):
    """optimizer.optimizeThreshold: the threshold of the highest score; the highest such threshold."""
    return max(curve(series, scores), key=lambda row: row[1])[0]


def raw_at(series, scores, threshold):
    """Sweeper.scoreDataSet at a threshold, over all series together."""
    return [row for row in curve(series, scores) if row[0] >= threshold][-1][1]


def nab_score(series, scores, threshold):
    """Runner.normalize: 0 for calling nothing, 100 for calling every window at its first point and nothing else."""
    windows = sum(len(one.windows) for one in series)
    nothing = curve(series, [np.full(len(s), np.nan) for s in scores])[-1][1]
    return 100.0 * (raw_at(series, scores, threshold) - nothing) / (windows * STANDARD["tp"] - nothing)


def published(path, detector, series):
    """The scores that a detector of the benchmark published for some series."""
    scores = []
    for one in series:
        folder, name = one.name.split("/")
        file = f"HEAD:results/{detector}/{folder}/{detector}_{name}.csv"
        text = subprocess.run(["git", "-C", path, "show", file], check=True, capture_output=True).stdout
        scores.append(pd.read_csv(io.BytesIO(text))["anomaly_score"].to_numpy(dtype=float))
    return scores
