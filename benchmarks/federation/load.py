"""Puts TPC-H into Postgres, ClickHouse and Parquet files, once a scale factor."""

import json
import pathlib
import subprocess
import sys
import urllib.parse
import urllib.request

import duckdb
from prepare import postgres_url, psql

TPCH = pathlib.Path(__file__).parent.parent.parent / "tests/tpch"
CLICKHOUSE = "http://127.0.0.1:23123"
LINEITEM = """CREATE TABLE lineitem (
    l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL, l_linenumber bigint NOT NULL,
    l_quantity numeric(15, 2) NOT NULL, l_extendedprice numeric(15, 2) NOT NULL, l_discount numeric(15, 2) NOT NULL,
    l_tax numeric(15, 2) NOT NULL, l_returnflag text NOT NULL, l_linestatus text NOT NULL, l_shipdate date NOT NULL,
    l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct text NOT NULL, l_shipmode text NOT NULL,
    l_comment text NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber))"""


def database(sf: str) -> str:
    """The database of a scale factor, in Postgres and in ClickHouse."""
    return "tpch_" + sf.replace(".", "_")


def folder(cache: pathlib.Path, sf: str) -> pathlib.Path:
    return cache / "data" / f"tpch-{sf}"


def clickhouse(sql: str, data: bytes | None = None) -> str:
    parameters = urllib.parse.urlencode({"query": sql, "wait_end_of_query": 1})
    headers = {"X-ClickHouse-User": "app", "X-ClickHouse-Key": "secret"}
    request = urllib.request.Request(f"{CLICKHOUSE}/?{parameters}", data=data or b"", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode().strip()


def answers(cache: pathlib.Path, sf: str) -> dict[int, dict]:
    """What each query must answer."""
    return {a["query"]: a for a in json.loads((folder(cache, sf) / "answers.json").read_text())}


def loaded(cache: pathlib.Path, sf: str) -> bool:
    return (folder(cache, sf) / "loaded").exists() and clickhouse(f"EXISTS TABLE {database(sf)}.lineitem") == "1"


def load(cache: pathlib.Path, sf: str, only_check: bool) -> None:
    if loaded(cache, sf):
        return
    if only_check:
        sys.exit(f"TPC-H of scale factor {sf} is not loaded; run without --final first")
    print(f"loading TPC-H, scale factor {sf}, into Postgres, ClickHouse and Parquet files", flush=True)
    data, name = folder(cache, sf), database(sf)
    subprocess.run([sys.executable, TPCH / "data.py", sf, data], check=True)
    duckdb.sql(f"COPY (FROM '{data}/lineitem.parquet') TO '{data}/lineitem.csv' (FORMAT csv, HEADER false)")
    psql(f"DROP DATABASE IF EXISTS {name}")
    psql(f"CREATE DATABASE {name}")
    url = postgres_url(name)
    psql((TPCH / "postgres.sql").read_text() + LINEITEM, url)
    for table in ["orders", "customer", "lineitem"]:
        with (data / f"{table}.csv").open("rb") as csv:
            psql(f"COPY {table} FROM STDIN (FORMAT csv)", url, stdin=csv)
    psql("VACUUM (ANALYZE, FREEZE)", url)
    clickhouse(f"DROP DATABASE IF EXISTS {name} SYNC")
    clickhouse(f"CREATE DATABASE {name}")
    clickhouse((TPCH / "clickhouse.sql").read_text().replace("lineitem", f"{name}.lineitem"))
    clickhouse(f"INSERT INTO {name}.lineitem FORMAT Parquet", (data / "lineitem.parquet").read_bytes())
    clickhouse(f"OPTIMIZE TABLE {name}.lineitem FINAL")
    (data / "loaded").touch()
