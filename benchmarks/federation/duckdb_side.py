"""DuckDB with its Postgres extension, as a side: a query a line in, its seconds and rows a line out.

    duckdb_side.py POSTGRES_URL PARQUET_FOLDER THREADS
"""

import json
import pathlib
import sys
import time

import duckdb
import duckdb_extension_postgres_scanner as extension


def main() -> None:
    url, folder, threads = sys.argv[1:]
    connection = duckdb.connect(config={"threads": int(threads)})
    found = next(pathlib.Path(extension.__file__).parent.rglob("postgres_scanner.duckdb_extension"))
    connection.execute(f"LOAD '{found}'")
    connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
    connection.execute("ATTACH ':memory:' AS files; CREATE SCHEMA files.public")
    for path in sorted(pathlib.Path(folder).glob("*.parquet")):
        connection.execute(f"CREATE VIEW files.public.{path.stem} AS FROM '{path}'")
    for table in ["orders", "customer", "lineitem"]:
        connection.execute(f"FROM pg.public.{table} LIMIT 0").fetchall()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            start = time.perf_counter()
            rows = connection.execute(json.loads(line)["sql"]).fetchall()
            answer = {"seconds": time.perf_counter() - start}
            answer["rows"] = [[None if value is None else str(value) for value in row] for row in rows]
        except duckdb.Error as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
