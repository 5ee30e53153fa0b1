"""Forecasts: Headwater's methods and statsforecast's on the same series in one run.

    python benchmarks/ml/forecast.py --data FOLDER --bin forecast_lines [--methods a,b] [--peers a,b] [--series N] [--json FILE]

FOLDER holds hourly.parquet, daily.parquet, ... with the columns unique_id, ds, y and split ('train' or 'test'). Series are not
part of this repository: those of the M competitions have no licence that allows it.

OWA is against Naive2 as in the M4 competition, on means over the series of a frequency. Milliseconds are CPU time of one thread per
series: of the whole process for Headwater, of `forecast` for statsforecast after one series to warm up.
"""
import argparse, json, os, resource, subprocess, sys, time, warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1", NIXTLA_ID_AS_COL="1")
warnings.filterwarnings("ignore")
import numpy as np
import pyarrow.parquet as pq

# Horizon, season of MASE and Naive2, periods that the calendar suggests.
FREQUENCIES = {
    "hourly": (48, 24, [24, 168]),
    "daily": (56, 7, [7, 365]),
    "weekly": (13, 1, [52]),
    "monthly": (18, 12, [12]),
    "quarterly": (8, 4, [4]),
    "yearly": (6, 1, []),
}
LEVELS = (80, 95)


def load(folder, frequency, limit):
    table = pq.read_table(f"{folder}/{frequency}.parquet").to_pandas()
    series = []
    for name, rows in table.sort_values(["unique_id", "ds"], kind="stable").groupby("unique_id", sort=True):
        train = rows[rows.split == "train"].y.to_numpy(float)
        series.append((str(name), train, rows[rows.split == "test"].y.to_numpy(float)))
    return series[:: max(1, len(series) // limit)][:limit] if limit else series


def is_seasonal(y, m):
    if m < 2 or len(y) < 3 * m:
        return False
    centred = y - y.mean()
    acf = np.array([np.dot(centred[k:], centred[: len(y) - k]) for k in range(m + 1)]) / max(np.dot(centred, centred), 1e-300)
    return abs(acf[m]) > 1.645 * np.sqrt((1 + 2 * np.sum(acf[1:m] ** 2)) / len(y))


def naive2(y, m, h):
    if is_seasonal(y, m) and (y > 0).all():
        weights = np.r_[0.5, np.ones(m - 1), 0.5] / m if m % 2 == 0 else np.ones(m) / m
        half, trend = len(weights) // 2, np.convolve(y, weights, "valid")
        ratio = np.full(len(y), np.nan)
        ratio[half : half + len(trend)] = y[half : half + len(trend)] / trend
        index = np.array([np.nanmean(ratio[p::m]) for p in range(m)])
        index /= index.mean()
        return y[-1] / index[(len(y) - 1) % m] * index[np.arange(len(y), len(y) + h) % m]
    return np.repeat(y[-1], h)


def scores(train, test, mean, bounds, m):
    scale = np.abs(train[m:] - train[:-m]).mean() if len(train) > m else np.abs(np.diff(train)).mean()
    out = {
        "smape": 200 * np.mean(np.abs(test - mean) / np.maximum(np.abs(test) + np.abs(mean), 1e-300)),
        "mase": np.abs(test - mean).mean() / scale,
    }
    for level in LEVELS if bounds else ():
        low, high = bounds[level]
        penalty = 2 / (1 - level / 100)
        width = high - low + penalty * (np.maximum(low - test, 0) + np.maximum(test - high, 0))
        out[f"coverage{level}"], out[f"msis{level}"] = np.mean((low <= test) & (test <= high)), width.mean() / scale
    return out


def ours(binary, method, series, h, periods):
    lines = "".join(f"{i}\t{h}\t{','.join(map(str, periods))}\t{','.join(map(repr, map(float, t)))}\n" for i, t, _ in series)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([binary, method], input=lines, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found, failed = {}, 0
    for line in out.splitlines():
        name, model, *columns = line.split("\t")
        if not columns:
            failed += 1
            continue
        mean, l80, u80, l95, u95 = (np.array(c.split(","), float) for c in columns)
        found[name] = (mean, {80: (l80, u80), 95: (l95, u95)}, model)
    return found, cpu / len(series), failed


def peer(method, series, h, periods, m):
    from statsforecast import models

    usable = lambda y: [p for p in periods if len(y) >= 2 * p]
    make = {
        "SeasonalNaive": lambda y: models.SeasonalNaive(m),
        "AutoTheta": lambda y: models.AutoTheta(m),
        "AutoETS": lambda y: models.AutoETS(m),
        "AutoCES": lambda y: models.AutoCES(m),
        "AutoARIMA": lambda y: models.AutoARIMA(season_length=m),
        "MSTL": lambda y: models.MSTL(usable(y) or [m], trend_forecaster=models.AutoETS(model="ZZN")),
    }[method]
    found, cpu, failed = {}, 0.0, 0
    make(series[0][1]).forecast(y=series[0][1], h=h, level=list(LEVELS))
    for name, train, _ in series:
        start = time.process_time()
        try:
            out = make(train).forecast(y=train, h=h, level=list(LEVELS))
            found[name] = (out["mean"], {l: (out[f"lo-{l}"], out[f"hi-{l}"]) for l in LEVELS}, method)
        except Exception:
            failed += 1
        cpu += time.process_time() - start
    return found, cpu / len(series), failed


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--data", required=True)
    options.add_argument("--bin", required=True)
    options.add_argument("--frequencies", default=",".join(FREQUENCIES))
    options.add_argument("--methods", default="auto,seasonal_naive,auto_ets,auto_theta,auto_arima,ces,mstl,prophet")
    options.add_argument("--peers", default="SeasonalNaive,AutoTheta,AutoETS,AutoCES,MSTL")
    options.add_argument("--series", type=int, default=0, help="at most so many series of a frequency, spread evenly")
    options.add_argument("--cut", type=int, default=0, help="leave out so many horizons at the end: other origins of the same series")
    options.add_argument("--json", help="also writes the scores of every series here")
    args = options.parse_args()
    print("| frequency | method | n | OWA | sMAPE | MASE | cover 80 | cover 95 | MSIS 95 | ms |\n|---|---|---|---|---|---|---|---|---|---|")
    everything = {}
    for frequency in args.frequencies.split(","):
        h, m, periods = FREQUENCIES[frequency]
        series = load(args.data, frequency, args.series)
        if args.cut:
            cut = [(i, t[: len(t) - args.cut * h], t[len(t) - args.cut * h :][:h]) for i, t, _ in series if len(t) > args.cut * h]
            series = [s for s in cut if len(s[1]) >= max(2 * m + 2, 10)]
        benchmark = {i: scores(t, y, naive2(t, m, h), None, m) for i, t, y in series}
        base = {k: np.mean([b[k] for b in benchmark.values()]) for k in ("smape", "mase")}
        runs = [("", x) for x in args.methods.split(",") if x] + [("statsforecast ", x) for x in args.peers.split(",") if x]
        for kind, method in runs:
            season = {"hourly": 24, "daily": 7, "weekly": 1, "monthly": 12, "quarterly": 4, "yearly": 1}[frequency]
            if method == "MSTL" and not periods:
                continue
            if kind:
                found, cpu, failed = peer(method, series, h, periods, season)
            else:
                found, cpu, failed = ours(args.bin, method, series, h, periods if method in ("auto", "mstl", "prophet") else [season])
            each = {i: scores(t, y, found[i][0], found[i][1], m) for i, t, y in series if i in found}
            everything[f"{frequency}/{kind}{method}"] = {i: dict(s, model=found[i][2]) for i, s in each.items()}
            mean = {k: np.mean([s[k] for s in each.values()]) for k in next(iter(each.values()))} if each else {}
            if not mean:
                print(f"| {frequency} | {kind}{method} | 0 |")
                continue
            owa = (mean["smape"] / base["smape"] + mean["mase"] / base["mase"]) / 2
            print(
                f"| {frequency} | {kind}{method} | {len(each)}{f' ({failed} failed)' if failed else ''} | {owa:.3f} | {mean['smape']:.2f} "
                f"| {mean['mase']:.3f} | {mean['coverage80']:.3f} | {mean['coverage95']:.3f} | {mean['msis95']:.2f} | {cpu * 1e3:.2f} |",
                flush=True,
            )
    if args.json:
        with open(args.json, "w") as out:
            json.dump(everything, out)


if __name__ == "__main__":
    main()
