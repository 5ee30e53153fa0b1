"""Measures the detectors of udfs/anomaly beside their peers, in one run, and prints tables of Markdown.

    python measure.py --data FOLDER --nab GIT_DIRECTORY --binary target/release/examples/anomaly_scores [--repeats N]

FOLDER holds anomaly_table/*.parquet (features x0..., label) and anomaly_series (nab.parquet, nab_windows.json: the given half);
GIT_DIRECTORY is a clone of numenta/NAB, whose other series are the half that thresholds are applied to. Every program uses one
thread; seconds are CPU seconds, the least of the repeats, and include the fit.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import pandas as pd
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.pca import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

import nab

PUBLISHED = ["ARTime", "numenta", "htmjava", "knncad", "relativeEntropy", "earthgeckoSkyline", "randomCutForest",
             "twitterADVec", "windowedGaussian"]
SERIES = ["auto+alerts", "auto", "relative_entropy", "forecast", "zscore", "hampel", "ewma"]
PEERS = {
    "iforest": [("scikit-learn", lambda x: -IsolationForest(random_state=0, n_jobs=1).fit(x).score_samples(x)),
                ("pyod", lambda x: IForest(random_state=0, n_jobs=1).fit(x).decision_scores_)],
    "ecod": [("pyod", lambda x: ECOD(n_jobs=1).fit(x).decision_scores_)],
    "copod": [("pyod", lambda x: COPOD(n_jobs=1).fit(x).decision_scores_)],
    "hbos": [("pyod", lambda x: HBOS().fit(x).decision_scores_)],
    "pca": [("pyod", lambda x: PCA().fit(x).decision_scores_)],
}


class Ours:
    """Runs the measuring program of the crate."""

    def __init__(self, binary, folder):
        self.binary, self.input, self.output = binary, Path(folder) / "in", Path(folder) / "out"

    def run(self, kind, method, values, *arguments, repeats):
        np.ascontiguousarray(values, dtype="<f8").tofile(self.input)
        command = [self.binary, kind, method, *map(str, arguments), self.input, self.output, str(repeats)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return np.fromfile(self.output, "<f8"), float(text)


def timed(function, rows, repeats):
    best, scores = float("inf"), None
    for _ in range(repeats):
        start = time.process_time()
        scores = function(rows)
        best = min(best, time.process_time() - start)
    return scores, best


def tables(data, ours, repeats):
    files = sorted(Path(data, "anomaly_table").glob("*.parquet"))
    rows = {}
    for file in files:
        table = pd.read_parquet(file)
        label = table.pop("label").to_numpy()
        x = np.ascontiguousarray(table.to_numpy(dtype=float))
        large = len(x) >= 50_000
        for method, peers in PEERS.items():
            runs = [("headwater", *ours.run("table", method, x.T, x.shape[1], repeats=repeats * 3 if large else 1))]
            for name, peer in peers:
                try:
                    runs.append((name, *timed(peer, x, repeats if large else 1)))
                except ValueError as error:  # PyOD's PCA refuses some sets
                    print(f"{method} of {name} fails on {file.stem}: {error}")
            for name, scores, seconds in runs:
                auc = roc_auc_score(label, scores), average_precision_score(label, scores)
                rows.setdefault((method, name), {})[file.stem] = (*auc, seconds, x.shape)
    large = [f.stem for f in files if any(f.stem in r and r[f.stem][3][0] >= 50_000 for r in rows.values())]
    heads = [f"{s} ({' x '.join(map(str, rows['iforest', 'headwater'][s][3]))}), s" for s in large]
    print("| detector | sets | mean AUC | mean AP |", " | ".join(heads), "|\n|" + "---|" * (4 + len(large)))
    for (method, name), found in rows.items():
        common = [s for s in found if all(s in r for (m, _), r in rows.items() if m == method)]
        auc, ap = (np.mean([found[s][i] for s in common]) for i in (0, 1))
        cells = []
        for s in large:
            ratio = found[s][2] / rows[method, "headwater"][s][2]
            cells.append(f"{found[s][2]:.4f}" + ("" if name == "headwater" else f" ({ratio:.1f} times)"))
        print(f"| {method}, {name} | {len(common)} | {auc:.4f} | {ap:.4f} | " + " | ".join(cells) + " |")


def series(data, checkout, ours, repeats):
    given = nab.given_half(data)
    other = nab.checkout(checkout, without={one.name for one in given})
    print(f"\nNAB, standard profile: thresholds of {len(given)} given series, applied to {len(other)} others\n")
    print("| detector | given (best) | others | µs a point |\n|---|---|---|---|")
    for method in SERIES:
        scores, seconds, points = {}, 0.0, 0
        for half in (given, other):
            for one in half:
                scores[one.name], spent = ours.run("series", method, one.values, repeats=repeats)
                seconds, points = seconds + spent, points + len(one.values)
        report(method, given, other, scores, f"{1e6 * seconds / points:.2f}")
    for detector in PUBLISHED:
        found = nab.published(checkout, detector, given + other)
        report(f"{detector}, published", given, other, {s.name: f for s, f in zip(given + other, found)}, "")


def report(name, given, other, scores, speed):
    of = lambda half: [scores[one.name] for one in half]
    threshold = nab.best_threshold(given, of(given))
    halves = [nab.nab_score(half, of(half), threshold) for half in (given, other)]
    print(f"| {name} | {halves[0]:.1f} | {halves[1]:.1f} | {speed} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--nab")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(options.binary, folder)
        tables(options.data, ours, options.repeats)
        if options.nab:
            series(options.data, options.nab, ours, options.repeats)


main()
