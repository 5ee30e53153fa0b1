"""lineitem from a local Postgres to Arrow."""

import pathlib
import sys

from measure import HERE, Side, in_turn, mebibytes, number, table
from prepare import POSTGRES, lineitem_name, psql

FOUR = "l_orderkey, l_extendedprice, l_shipdate, l_comment"
BARE = "COPY to nowhere, tokio-postgres, 1 connection"


def sides(bin: pathlib.Path, name: str, columns: str, server: int, rows: int) -> list[Side]:
    rust, python, clients = str(bin / "headwater-benchmarks"), sys.executable, str(HERE / "clients.py")
    copied = name if columns == "*" else f"(SELECT {columns} FROM {name})"

    def ours(connections: int) -> Side:
        sql = f"SELECT {columns} FROM pg.public.{name}"
        command = [rust, "scan", "--url", POSTGRES, "--sql", sql, "--connections", str(connections)]
        return Side(f"**Headwater**, {connections} connection{'s' * (connections > 1)}", command, server, rows)

    def client(title: str, *arguments: str) -> Side:
        return Side(title, [python, clients, *arguments], server, rows)

    psql_copy = ["psql", "-X", POSTGRES, "-c", f"COPY {copied} TO STDOUT (FORMAT binary)"]
    found = [
        Side(BARE, [rust, "copy", "--url", POSTGRES, "--from", copied], server, rows),
        Side("COPY to nowhere, psql, 1 connection", psql_copy, server),
        ours(1),
        ours(2),
        client("DuckDB postgres_scan, 2 threads, streamed", "duckdb_scan", POSTGRES, name, columns, "2", "stream"),
        client("DuckDB postgres_scan, 2 threads, whole table", "duckdb_scan", POSTGRES, name, columns, "2", "table"),
        client("DuckDB postgres_scan, 1 thread, streamed", "duckdb_scan", POSTGRES, name, columns, "1", "stream"),
    ]
    if columns == "*":
        found += [
            client("ADBC PostgreSQL driver, 1 connection", "adbc_postgres_scan", POSTGRES, name, columns),
            client("connectorx, 1 connection", "connectorx_scan", POSTGRES, name, columns, "1"),
            client("connectorx, 2 connections", "connectorx_scan", POSTGRES, name, columns, "2"),
        ]
    return found


def show(title: str, measured: list[Side]) -> None:
    print(f"### {title}\n")
    reference = measured[0].median("seconds")
    head = ["", "seconds", "fastest", f"to {BARE.split(',')[0]}", "client CPU s", "server CPU s", "memory over base MiB", "peak MiB"]
    rows = []
    for side in measured:
        seconds, before = side.median("seconds"), side.median("before_kib")
        growth = None if before is None else max(r["peak_kib"] - r["before_kib"] for r in side.runs)
        rows.append([side.name, number(seconds), number(min(r["seconds"] for r in side.runs)), number(seconds / reference),
                     number(side.median("client_cpu")), number(side.median("server_cpu")), mebibytes(growth),
                     mebibytes(side.median("peak_kib"))])
    table(head, rows)


def measure(cache: pathlib.Path, bin: pathlib.Path, sf: str, repeats: int) -> None:
    name = lineitem_name(sf)
    server = int((cache / "servers/pg15/data/postmaster.pid").read_text().splitlines()[0])
    rows = int(psql(f"SELECT count(*) FROM {name}"))
    size = int(psql(f"SELECT pg_table_size('{name}')")) / 2**20
    print(f"## Postgres to Arrow\n\nlineitem of TPC-H, scale factor {sf}: {rows} rows, {size:.0f} MiB in Postgres "
          f"{psql('SHOW server_version')} on this machine; medians of {repeats} runs.\n")
    for title, columns in [("All 16 columns", "*"), (f"Four columns: {FOUR}", FOUR)]:
        measured = sides(bin, name, columns, server, rows)
        # Postgres reads the table once into the system's cache.
        psql(f"SELECT count(*) FROM {name}")
        in_turn(measured, repeats)
        show(title, measured)
