"""Measures gradient boosting of udfs/supervised beside XGBoost and LightGBM, in one run, and prints a table of Markdown.

    python supervised.py --data FOLDER --binary target/release/examples/supervised_scores [--repeats N] [--rows N]

FOLDER holds supervised/*.parquet: features, a target and `split` (train or test). The target is the column `target` or `label`, or
the one that --targets names for a file. Every side has its own defaults and one thread; texts are categories. Seconds are CPU
seconds of fit and of prediction, the least of the repeats. The last table asks for N rows of 100 trees of depth 6.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.metrics import accuracy_score, roc_auc_score

TARGETS = "california_housing=median_house_value,bikeshare_hourly=bikers"
CLASSES_MAX = 50


def spent(function):
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


class Set:
    """One file: features with categories as pandas knows them, the target, and which rows are trained on."""

    def __init__(self, path, targets):
        table = pd.read_parquet(path)
        self.name, self.train = path.stem, (table.pop("split") == "train").to_numpy()
        target = targets.get(self.name) or next(c for c in ("target", "label") if c in table)
        y = table.pop(target)
        for column in table:
            if not pd.api.types.is_numeric_dtype(table[column]):
                table[column] = table[column].astype("category")
        whole = y.dropna().nunique() <= CLASSES_MAX and (not pd.api.types.is_float_dtype(y) or (y == y.round()).all())
        self.classes = y.nunique() if whole or not pd.api.types.is_numeric_dtype(y) else 0
        self.x, self.y = table, (pd.factorize(y, sort=True)[0] if self.classes else y).astype(float)
        self.y = np.asarray(self.y)

    @property
    def metric(self):
        return {0: "RMSE", 2: "AUC"}.get(self.classes, "accuracy")

    def score(self, predicted):
        """`predicted`: numbers, probabilities of the second class, or one column for each class."""
        truth = self.y[~self.train]
        if self.classes == 0:
            return float(np.sqrt(np.mean((truth - predicted) ** 2)))
        return roc_auc_score(truth, predicted) if self.classes == 2 else accuracy_score(truth, np.argmax(predicted, axis=1))


class Ours:
    """Runs the measuring program of the crate."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, Path(folder)

    def write(self, name, one, rows):
        x = one.x[rows]
        columns = [x[c].cat.codes.where(x[c].notna(), np.nan).astype(float) if x[c].dtype == "category" else x[c].astype(float) for c in x]
        data = np.array([*(c.to_numpy() for c in columns), one.y[rows]], dtype="<f8")
        data.tofile(self.folder / name)
        return len(columns) + 1

    def run(self, one, settings="-"):
        columns = self.write("train", one, one.train)
        self.write("test", one, ~one.train)
        return self.fitted(one, columns, settings)

    def fitted(self, one, columns, settings):
        categories = ",".join(f"{i}:{len(one.x[c].cat.categories)}" for i, c in enumerate(one.x) if one.x[c].dtype == "category") or "-"
        files = [str(self.folder / name) for name in ("train", "test", "out")]
        command = [self.binary, str(one.classes), settings, categories, str(columns), *files]
        fit, predict = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
        found = np.fromfile(files[2], "<f8")
        if one.classes > 2:
            found = found.reshape(one.classes, -1).T
        elif one.classes == 2:
            found = found.reshape(-1, np.count_nonzero(~one.train))[-1]
        return found, fit, predict


def peers(one):
    kind = "Regressor" if one.classes == 0 else "Classifier"
    make = {
        "XGBoost": lambda: getattr(xgboost, "XGB" + kind)(n_jobs=1, enable_categorical=True, tree_method="hist"),
        "LightGBM": lambda: getattr(lightgbm, "LGBM" + kind)(n_jobs=1, verbose=-1),
    }
    for name, maker in make.items():
        def run(maker=maker):
            model = maker()
            _, fit = spent(lambda: model.fit(one.x[one.train], one.y[one.train]))
            asked = one.x[~one.train]
            predicted, predict = spent(lambda: model.predict(asked) if one.classes == 0 else model.predict_proba(asked))
            return (predicted[:, 1] if one.classes == 2 else predicted), fit, predict
        yield name, run


def measure(one, ours, repeats):
    rows = []
    for name, run in [("**Headwater**", lambda: ours.run(one)), *peers(one)]:
        runs = [run() for _ in range(repeats)]
        rows.append((name, one.score(runs[0][0]), min(r[1] for r in runs), min(r[2] for r in runs)))
    pick = min if one.classes == 0 else max
    best = pick(r[1] for r in rows[1:])
    for name, score, fit, predict in rows:
        print(f"| {one.name} ({len(one.x)} x {one.x.shape[1]}) | {name} | {one.metric} {score:.5g} | {100 * (score / best - 1):+.2f} % "
              f"| {fit:.3f} | {fit / rows[1][2]:.2f} | {predict:.4f} |", flush=True)


class Copies:
    """Rows of numbers to be asked for, as many as wanted."""

    def __init__(self, rows):
        draw = np.random.default_rng(0)
        x = draw.normal(size=(20_000 + rows, 10))
        self.x, self.classes = pd.DataFrame(x, columns=[f"x{i}" for i in range(10)]), 0
        self.y = x[:, 0] * x[:, 1] + np.sin(x[:, 2]) + x[:, 3:].sum(axis=1) + draw.normal(size=len(x))
        self.train = np.arange(len(x)) < 20_000


def speed(ours, rows, repeats):
    one = Copies(rows)
    print(f"\n{rows} rows of 10 numbers through 100 trees of depth 6, one thread:\n\n| | rows a second |\n|---|---:|")
    found = min(ours.run(one, "rounds=100,depth_max=6,leaves_max=64,learning_rate=0.1")[2] for _ in range(repeats))
    print(f"| **Headwater** | {rows / found:,.0f} |")
    model = xgboost.XGBRegressor(n_jobs=1, n_estimators=100, max_depth=6, learning_rate=0.1).fit(one.x[one.train], one.y[one.train])
    print(f"| XGBoost | {rows / min(spent(lambda: model.predict(one.x[~one.train]))[1] for _ in range(repeats)):,.0f} |")
    model = lightgbm.LGBMRegressor(n_jobs=1, n_estimators=100, max_depth=6, num_leaves=64, verbose=-1).fit(one.x[one.train], one.y[one.train])
    print(f"| LightGBM | {rows / min(spent(lambda: model.predict(one.x[~one.train]))[1] for _ in range(repeats)):,.0f} |", flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--binary", required=True)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--rows", type=int, default=500_000)
    options.add_argument("--targets", default=TARGETS)
    args = options.parse_args()
    targets = dict(pair.split("=") for pair in args.targets.split(","))
    print(f"XGBoost {xgboost.__version__}, LightGBM {lightgbm.__version__}; one thread.\n")
    print("| set | side | score | to the better peer | fit CPU s | to XGBoost | predict CPU s |\n|---|---|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(args.binary, folder)
        for path in sorted((args.data / "supervised").glob("*.parquet")):
            measure(Set(path, targets), ours, args.repeats)
        speed(ours, args.rows, args.repeats)


if __name__ == "__main__":
    main()
