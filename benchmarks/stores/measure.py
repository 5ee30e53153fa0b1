"""MongoDB and Redis to Arrow, beside PyMongo, PyMongoArrow and redis-py; all sides of a table in one run.

    python benchmarks/stores/measure.py --bin DIR --mongodb URL --redis URL [--rows N] [--lookups N] [--repeats N]

The servers are those that are given; a table names the product that answered. A server of MongoDB's protocol that is not mongod
says nothing about mongod. The database `bench` of MongoDB, and the database of Redis in the URL, are emptied and filled.
"""

import argparse
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from measure import Side, in_turn, mebibytes, number, table  # noqa: E402
from stores import load  # noqa: E402

COLUMNS = "sensor, city, value"


def show(title: str, sides: list[Side], repeats: int) -> None:
    in_turn(sides, repeats)
    print(f"### {title}\n")
    ours = sides[0].median("seconds")
    rows = []
    for side in sides:
        seconds, before = side.median("seconds"), side.median("before_kib")
        growth = None if before is None else max(r["peak_kib"] - r["before_kib"] for r in side.runs)
        fastest = min(r["seconds"] for r in side.runs)
        rows.append([side.name, number(seconds, 3), number(fastest, 3), number(seconds / ours), number(side.median("client_cpu")),
                     mebibytes(growth)])
    table(["", "seconds", "fastest", "to Headwater", "client CPU s", "memory over base MiB"], rows)


def mongodb(bin: pathlib.Path, url: str, rows: int, repeats: int) -> None:
    import pymongo

    load.mongodb(url, rows)
    info = pymongo.MongoClient(url).server_info()
    print(f"## MongoDB to Arrow\n\n{rows} documents; the server says it is {info['version']}; medians of {repeats} runs.\n")
    name = f"mg.{load.DATABASE}.{load.COLLECTION}"
    rust, client = str(bin / "headwater-benchmarks"), [sys.executable, str(HERE / "clients.py")]

    def ours(title: str, sql: str, connections: int, count: int) -> Side:
        command = [rust, "scan", "--kind", "mongodb", "--url", url, "--sql", sql, "--connections", str(connections)]
        return Side(f"**Headwater**{title}", command, None, count)

    scan = f"SELECT _id, sensor, city, value, ok, at FROM {name}"
    show("The whole collection", [
        ours(", 1 cursor", scan, 1, rows),
        ours(", 2 cursors", scan, 2, rows),
        Side("PyMongo to pandas", [*client, "pymongo_scan", url], None, rows),
        Side("PyMongoArrow", [*client, "pymongoarrow_scan", url], None, rows),
    ], repeats)
    groups = f"SELECT city, count(*), max(sensor) FROM {name} GROUP BY city"
    show("97 groups", [
        ours(", grouped by the server", groups, 1, 97),
        Side("PyMongo, $group", [*client, "pymongo_groups", url], None, 97),
    ], repeats)


def redis(bin: pathlib.Path, url: str, rows: int, lookups: int, repeats: int) -> None:
    load.redis(url, rows)
    print(f"## Redis to Arrow\n\n{rows} hashes; medians of {repeats} runs.\n")
    name, rust = f"r.public.{load.PREFIX}", str(bin / "headwater-benchmarks")
    client = [sys.executable, str(HERE / "clients.py")]
    scan = [rust, "scan", "--kind", "redis", "--url", url, "--sql", f"SELECT {COLUMNS} FROM {name}"]
    show("All hashes", [
        Side("**Headwater**", scan, None, rows),
        Side("redis-py, pipelines of 1,000, to pandas", [*client, "redis_scan", url], None, rows),
    ], repeats)
    prepared = [rust, "look-up", "--kind", "redis", "--url", url, "--count", str(lookups), "--sql",
                f"SELECT {COLUMNS} FROM {name} WHERE id = ?"]
    show(f"{lookups} look-ups, one after the other", [
        Side("**Headwater**, prepared", prepared, None, lookups),
        Side("redis-py", [*client, "redis_round_trips", url, str(lookups)], None, lookups),
    ], repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--mongodb")
    parser.add_argument("--redis")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--lookups", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    subprocess.run([str(given.bin / "headwater-benchmarks"), "--help"], check=True, stdout=subprocess.DEVNULL)
    if given.mongodb:
        mongodb(given.bin, given.mongodb, given.rows, given.repeats)
    if given.redis:
        redis(given.bin, given.redis, given.rows, given.lookups, given.repeats)


if __name__ == "__main__":
    main()
