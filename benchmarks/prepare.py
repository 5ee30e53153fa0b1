"""Makes the data of the benchmarks, once: lineitem in Postgres and a Parquet file of numbers. Puts the tables into README.md."""

import argparse
import pathlib
import subprocess
import sys

POSTGRES = "postgresql://app:secret@127.0.0.1:23015/postgres?sslmode=disable"
LINEITEM = """
CREATE TABLE {name} (
    l_orderkey bigint NOT NULL, l_partkey integer NOT NULL, l_suppkey integer NOT NULL, l_linenumber integer NOT NULL,
    l_quantity decimal(15,2) NOT NULL, l_extendedprice decimal(15,2) NOT NULL, l_discount decimal(15,2) NOT NULL,
    l_tax decimal(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,
    l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
    l_comment varchar(44) NOT NULL)
"""


def lineitem_name(sf: str) -> str:
    """The table of a scale factor."""
    return "lineitem" if sf == "1" else "lineitem_" + sf.replace(".", "_")


def numbers_path(cache: pathlib.Path, rows: int) -> pathlib.Path:
    """The file of so many rows, in a folder of its own, which is a source."""
    return cache / "data" / f"numbers-{rows}" / "numbers.parquet"


def arrow_path(cache: pathlib.Path, rows: int) -> pathlib.Path:
    """The same rows as an Arrow IPC file: batches that need no decoding."""
    return cache / "data" / f"numbers-{rows}-arrow" / "numbers.arrow"


def postgres_url(database: str) -> str:
    """The URL of another database on the same server."""
    return POSTGRES.replace("/postgres?", f"/{database}?")


def psql(sql: str, url: str = POSTGRES, **more) -> str:
    command = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", url, "-c", sql]
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout.strip()


def lineitem(cache: pathlib.Path, sf: str, only_check: bool) -> None:
    name = lineitem_name(sf)
    if psql(f"SELECT to_regclass('{name}') IS NOT NULL") == "t":
        return
    if only_check:
        sys.exit(f"table {name} is missing; run without --final first")
    print(f"making {name} (TPC-H, scale factor {sf})", flush=True)
    psql(f"DROP TABLE IF EXISTS loading; {LINEITEM.format(name='loading')}")
    generator = pathlib.Path(sys.executable).parent / "tpchgen-cli"
    made = subprocess.Popen([generator, "csv", "-s", sf, "--tables", "lineitem", "--stdout"], stdout=subprocess.PIPE)
    psql("COPY loading FROM STDIN (FORMAT csv, HEADER)", stdin=made.stdout)
    if made.wait() != 0:
        sys.exit("tpchgen-cli failed")
    psql("ALTER TABLE loading ADD PRIMARY KEY (l_orderkey, l_linenumber)")
    psql("VACUUM (ANALYZE, FREEZE) loading")
    psql(f"ALTER TABLE loading RENAME TO {name}")


def numbers(cache: pathlib.Path, rows: int, only_check: bool) -> None:
    import duckdb
    import pyarrow

    path, arrow = numbers_path(cache, rows), arrow_path(cache, rows)
    missing = [p for p in (path, arrow) if not p.exists()]
    if missing and only_check:
        sys.exit(f"{missing[0]} is missing; run without --final first")
    for file in missing:
        print(f"making {file}", flush=True)
        file.parent.mkdir(parents=True, exist_ok=True)
    if path in missing:
        # Integers in order and at random, doubles of few and of many digits; DuckDB's own choice of encodings and Snappy.
        query = f"""
            SELECT i AS id, (hash(i) % 1000000)::bigint AS key, (hash(i + 1) % 100000)::double / 100 AS price,
                (hash(i + 2) % 9007199254740992)::double / 9007199254740992 AS share
            FROM range({rows}) t(i)"""
        part = path.with_suffix(".part")
        duckdb.sql(f"COPY ({query}) TO '{part}' (FORMAT parquet)")
        part.rename(path)
    if arrow in missing:
        table = duckdb.sql(f"FROM '{path}'").to_arrow_table()
        part = arrow.with_suffix(".part")
        with pyarrow.ipc.new_file(part, table.schema) as writer:
            writer.write_table(table, max_chunksize=65_536)
        part.rename(arrow)


def readme(cache: pathlib.Path) -> None:
    path = pathlib.Path(__file__).parent / "README.md"
    start, end = "<!-- tables -->\n", "<!-- end of tables -->\n"
    text = path.read_text()
    before, after = text[: text.index(start) + len(start)], text[text.index(end) :]
    path.write_text(before + "\n" + (cache / "tables.md").read_text().strip() + "\n\n" + after)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["lineitem", "numbers", "tpch", "readme"])
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--sf", default="1")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--only-check", action="store_true")
    given = parser.parse_args()
    if given.what == "lineitem":
        lineitem(given.cache, given.sf, given.only_check)
    elif given.what == "tpch":
        from federation import load

        load.load(given.cache, given.sf, given.only_check)
    elif given.what == "readme":
        readme(given.cache)
    else:
        numbers(given.cache, given.rows, given.only_check)


if __name__ == "__main__":
    main()
