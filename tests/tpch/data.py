"""Makes TPC-H's tables and the answers to its queries with DuckDB.

    data.py SCALE_FACTOR DIR

DIR gets lineitem.parquet, orders.csv, customer.csv, files/*.parquet for the other tables, and answers.json: for each query the
types and rows that are right. At scale factor 0.01 they are the published ones that DuckDB's extension carries; at others DuckDB
computes them from the same tables, with the texts of the folder queries.
"""
import csv
import io
import json
import pathlib
import re
import sys

import duckdb
import duckdb_extension_tpch

PUBLISHED = 0.01
scale, folder = float(sys.argv[1]), pathlib.Path(sys.argv[2])
extension = next(pathlib.Path(duckdb_extension_tpch.__file__).parent.rglob("tpch.duckdb_extension"))
connection = duckdb.connect(config={"threads": 2})
connection.execute(f"LOAD '{extension}'")
connection.execute(f"CALL dbgen(sf = {scale})")

(folder / "files").mkdir(parents=True, exist_ok=True)
connection.execute(f"COPY lineitem TO '{folder}/lineitem.parquet' (FORMAT parquet)")
for table in ["orders", "customer"]:
    connection.execute(f"COPY {table} TO '{folder}/{table}.csv' (FORMAT csv, HEADER false)")
for table in ["part", "partsupp", "supplier", "nation", "region"]:
    connection.execute(f"COPY {table} TO '{folder}/files/{table}.parquet' (FORMAT parquet)")

answers = []
published = "SELECT query_nr, answer FROM tpch_answers() WHERE scale_factor = ?"
published = dict(connection.execute(published, [PUBLISHED]).fetchall()) if scale == PUBLISHED else {}
for path in sorted(pathlib.Path(__file__).parent.glob("queries/q*.sql")):
    number = int(path.stem[1:])
    sql = re.sub(r"\b(ch\.tpch|pg\.public|files\.public)\.", "", path.read_text())
    types = [row[1] for row in connection.execute("DESCRIBE " + sql).fetchall()]
    if number in published:
        # The first row names the columns. An empty field is NULL, and so is an empty line of one column.
        rows = list(csv.reader(io.StringIO(published[number]), delimiter="|"))[1:]
        rows = [[value or None for value in row] or [None] for row in rows]
    else:
        rows = [[None if v is None else str(v) for v in row] for row in connection.execute(sql).fetchall()]
    answers.append({"query": number, "types": types, "rows": rows})
(folder / "answers.json").write_text(json.dumps(answers))
