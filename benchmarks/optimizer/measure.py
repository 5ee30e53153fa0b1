"""Joins of a file of keys with lineitem in Postgres beside a hand-written `= ANY`, and planning with and without own rules."""

import decimal
import pathlib
import statistics
import sys
import time

import adbc_driver_postgresql.dbapi
import duckdb
import pyarrow.compute
from federation.load import database, folder
from federation.queries import CLICKHOUSE, POSTGRES, Client, note, texts
from measure import number, table
from prepare import postgres_url, psql

KEYS = [10, 150, 1_000, 10_000, 100_000]
COLUMNS = "l_orderkey, l_extendedprice"


def keys(root: pathlib.Path, orders: pathlib.Path) -> dict[int, list[int]]:
    """Keys of orders at random, as many as each size says, as Parquet files and as lists."""
    root.mkdir(parents=True, exist_ok=True)
    found = {}
    for size in KEYS:
        path = root / f"keys_{size}.parquet"
        chosen = f"SELECT column0 AS key FROM read_csv('{orders}', header = false) ORDER BY hash(column0) LIMIT {size}"
        duckdb.sql(f"COPY ({chosen}) TO '{path}' (FORMAT parquet)")
        found[size] = [row[0] for row in duckdb.sql(f"FROM '{path}'").fetchall()]
    return found


def configuration(cache: pathlib.Path, sf: str, root: pathlib.Path, without: list[str]) -> pathlib.Path:
    path, name = cache / ("servers-federation/" + "-".join(["optimizer", *without]) + ".toml"), database(sf)
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'[sources.pg]\nkind = "postgres"\nurl = "postgres://app:secret@127.0.0.1:{POSTGRES}/{name}"\nsslmode = "disable"\n'
        f'[sources.ch]\nkind = "clickhouse"\nurl = "http://127.0.0.1:{CLICKHOUSE}"\nuser = "app"\npassword = "secret"\n'
        f'databases = "{name}"\n[sources.files]\nkind = "files"\nroot = "{folder(cache, sf)}/files"\n'
        f'[sources.keys]\nkind = "files"\nroot = "{root}"\n[optimizer]\n' + "".join(f"{rule} = false\n" for rule in without))
    return path


class ByHand:
    """A client of Postgres that has the keys and asks for their rows, which it sums up itself."""

    name = "`= ANY` by hand, ADBC"

    def __init__(self, sf: str, found: dict[int, list[int]]):
        self.connection, self.found = adbc_driver_postgresql.dbapi.connect(postgres_url(database(sf))), found

    def run(self, size: int) -> tuple[float, list[str]]:
        start = time.perf_counter()
        array = ",".join(map(str, self.found[size]))
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {COLUMNS} FROM lineitem WHERE l_orderkey = ANY ('{{{array}}}'::bigint[])")
            rows = cursor.fetch_arrow_table()
        # The driver hands numerics over as texts.
        prices = rows["l_extendedprice"].cast("string").cast(pyarrow.decimal128(25, 2))
        answer = [str(rows.num_rows), str(pyarrow.compute.sum(prices).as_py())]
        return time.perf_counter() - start, answer


class Ours:
    """Headwater, with or without a rule."""

    def __init__(self, name: str, client: Client):
        self.name, self.client = name, client

    def ask(self, sql: str) -> dict:
        if self.client.process is None:
            self.client.start()
        answer = self.client.ask(sql)
        if "error" in answer:
            sys.exit(f"{self.name}: {answer['error']}\n{sql}")
        return answer

    def run(self, size: int) -> tuple[float, list[str]]:
        answer = self.ask(f"SELECT count(*), sum(l_extendedprice) FROM keys.public.keys_{size} k "
                          "JOIN pg.public.lineitem l ON l.l_orderkey = k.key")
        return answer["seconds"], answer["rows"][0]


def look_ups(cache: pathlib.Path, configs: list[pathlib.Path], bin: pathlib.Path, sf: str, repeats: int, found: dict) -> None:
    log = cache / "servers-federation/optimizer.log"
    with_rule, without = ([str(bin / "headwater-benchmarks"), "federation", "--config", str(config)] for config in configs)
    sides = [ByHand(sf, found), Ours("**Headwater**", Client("", with_rule, log)),
             Ours("Headwater, whole table", Client("", without, log))]
    rows = []
    for size in KEYS:
        seconds: dict[str, list[float]] = {}
        for repeat in range(repeats + 1):
            answers = {}
            for i in range(len(sides)):
                side = sides[(i + repeat) % len(sides)]
                took, answers[side.name] = side.run(size)
                # The first round only warms up.
                if repeat:
                    seconds.setdefault(side.name, []).append(took)
            counts = {(count, decimal.Decimal(total)) for count, total in answers.values()}
            if len(counts) != 1:
                sys.exit(f"{size} keys: different answers: {answers}")
        medians = [statistics.median(seconds[side.name]) for side in sides]
        rows.append([f"{size:,}", *(number(m * 1000, 1) for m in medians), number(medians[1] / medians[0]), number(medians[2] / medians[1], 1)])
        note(f"keys: {rows[-1]}")
    print(f"### Keys of a Parquet file joined with lineitem in Postgres ({psql('SELECT count(*) FROM lineitem', postgres_url(database(sf)))} rows)\n")
    table(["keys", *(f"ms {side.name}" for side in sides), "Headwater to by hand", "whole table to Headwater"], rows)
    for side in sides[1:]:
        side.client.stop()


def planning(cache: pathlib.Path, config: pathlib.Path, bin: pathlib.Path, sf: str, repeats: int) -> None:
    log = cache / "servers-federation/optimizer.log"
    command = [str(bin / "headwater-benchmarks"), "federation", "--config", str(config)]
    sides = [Ours("with own rules", Client("", command, log)),
             Ours("without", Client("", [*command, "--without-push-down"], log))]
    queries, seconds = texts(sf, False), {}
    for repeat in range(repeats * 3 + 1):
        for i in range(len(sides)):
            side = sides[(i + repeat) % len(sides)]
            for query, sql in queries.items():
                took = side.ask(f"EXPLAIN {sql}")["seconds"]
                if repeat:
                    seconds.setdefault((side.name, query), []).append(took * 1000)
    medians = {key: statistics.median(runs) for key, runs in seconds.items()}
    own = sorted(medians[sides[0].name, q] - medians[sides[1].name, q] for q in queries)
    print("### Planning of the 22 queries of TPC-H over three sources\n")
    table(["", "p50 ms", "longest ms"], [
        [side.name, number(statistics.median(all_ := [medians[side.name, q] for q in queries])), number(max(all_))] for side in sides])
    print(f"Own rules add {statistics.median(own):.2f} ms (p50), at most {own[-1]:.2f} ms.\n", flush=True)
    for side in sides:
        side.client.stop()


def measure(cache: pathlib.Path, bin: pathlib.Path, sf: str, repeats: int) -> None:
    print(f"## Rules of the optimizer\n\nTPC-H, scale factor {sf}; Postgres {psql('SHOW server_version')} on this machine; medians of "
          f"{repeats} runs.\n")
    root = cache / "data" / f"keys-{sf}"
    found = keys(root, folder(cache, sf) / "orders.csv")
    configs = [configuration(cache, sf, root, without) for without in ([], ["bind_join"])]
    look_ups(cache, configs, bin, sf, repeats, found)
    planning(cache, configs[0], bin, sf, repeats)
