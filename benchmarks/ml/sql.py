"""Measures models through SQL, as a user calls them: from a Parquet file to the result of the command line.

    python sql.py --cli target/release/headwater --folder FOLDER [--series N] [--rows N]

FOLDER keeps the data that is made here. Seconds are CPU seconds of the whole process on all cores; memory is its peak.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAYS = 730


def make(folder, series, rows):
    """Daily sales of `series` shops over two years, and a table of `rows` rows with ten features."""
    folder.mkdir(parents=True, exist_ok=True)
    draw, day = np.random.default_rng(1), np.arange(DAYS)
    path = folder / "sales" / f"sales_{series}.parquet"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        kind = pa.schema([("shop", pa.int32()), ("day", pa.date32()), ("amount", pa.float64())])
        with pq.ParquetWriter(path, kind) as out:
            for shop in range(series):
                level, week, year = draw.lognormal(4, 1), draw.uniform(0, 0.5, 7), draw.uniform(0, 0.3)
                amount = level * (1 + draw.normal(0, 0.3) * day / DAYS + week[day % 7] + year * np.sin(2 * np.pi * day / 365.25))
                amount = np.maximum(0, amount + level * 0.15 * draw.normal(size=DAYS)).round(2)
                out.write_table(pa.table([np.full(DAYS, shop, "int32"), pa.array(19_000 + day, pa.int32()).cast(pa.date32()), amount], schema=kind))
    path = folder / "rows" / f"rows_{rows}.parquet"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        x = draw.normal(size=(rows, 10))
        y = x[:, 0] * x[:, 1] + np.sin(x[:, 2]) + x[:, 3:].sum(axis=1) + draw.normal(size=rows)
        pq.write_table(pa.table({**{f"x{i}": x[:, i] for i in range(10)}, "id": np.arange(rows), "y": y}), path)


def run(cli, config, sql):
    """Output, CPU seconds and peak MiB of the command line."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([cli, "sql", "--config", config, "--format", "csv", "-c", sql], stdout=out, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status):
            errors.seek(0)
            sys.exit(f"{sql}\n{errors.read().decode()}")
        out.seek(0)
        return out.read().decode(), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cli", required=True)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--series", type=int, default=10_000)
    options.add_argument("--rows", type=int, default=1_000_000)
    args = options.parse_args()
    make(args.folder, args.series, args.rows)
    config = args.folder / "headwater.toml"
    config.write_text(f'[sources.f]\nkind = "files"\nroot = "{args.folder}"\n[models]\nlocation = "{args.folder}/models"\n')
    (args.folder / "models").mkdir(exist_ok=True)
    ask = lambda sql: run(args.cli, str(config), sql)
    print(f"| {args.series} daily series of {DAYS} values | result | CPU s | peak MiB |\n|---|---|---:|---:|")
    for model in ("auto", "auto_ets", "auto_theta", "seasonal_naive"):
        sql = (f"SELECT count(*) AS n, count(DISTINCT shop) AS shops, sum(CASE WHEN status = '' THEN 0 ELSE 1 END) AS failed FROM "
               f"FORECAST(TABLE f.public.sales, timestamp_col => 'day', data_col => 'amount', id_cols => ['shop'], horizon => 28, "
               f"model => '{model}')")
        answer, cpu, peak = ask(sql)
        print(f"| FORECAST, 28 days, `{model}` | {answer.split()[-1]} | {cpu:.1f} | {peak:.0f} |", flush=True)
    sql = ("SELECT count(*) AS n, sum(CASE WHEN is_anomaly THEN 1 ELSE 0 END) AS anomalies FROM DETECT_ANOMALIES(TABLE f.public.sales, "
           "timestamp_col => 'day', data_col => 'amount', id_cols => ['shop'])")
    answer, cpu, peak = ask(sql)
    print(f"| DETECT_ANOMALIES, `auto` | {answer.split()[-1]} | {cpu:.1f} | {peak:.0f} |\n", flush=True)
    ask("CREATE OR REPLACE MODEL boosted OPTIONS (target = 'y', features = 'x0, x1, x2, x3, x4, x5, x6, x7, x8, x9', folds = 2, "
        "params = 'rounds = 100, depth_max = 6') AS SELECT * FROM f.public.rows WHERE id < 20000")
    ask("CREATE OR REPLACE MODEL linear OPTIONS (target = 'y', features = 'x0, x1, x2, x3, x4, x5, x6, x7, x8, x9', folds = 2, "
        "algorithm = 'linear') AS SELECT * FROM f.public.rows WHERE id < 20000")
    columns = ", ".join(f"x{i}" for i in range(10))
    base = ask("SELECT " + ", ".join(f"sum(x{i})" for i in range(10)) + " FROM f.public.rows")[1]
    print(f"| predict() over {args.rows} rows of a file | rows a CPU second, reading left out | CPU s |\n|---|---:|---:|")
    for model in ("boosted", "linear"):
        _, cpu, _ = ask(f"SELECT sum(predict('{model}', {columns})) FROM f.public.rows")
        print(f"| `{model}` | {args.rows / max(cpu - base, 1e-3):,.0f} | {cpu:.2f} |", flush=True)


if __name__ == "__main__":
    main()
