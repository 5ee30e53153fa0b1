"""Answers queries with DuckDB: one JSON object a line in, one a line out."""
import decimal, json, sys
import duckdb

connection = duckdb.connect(config={"threads": 1})


def cell(value):
    if value is None:
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return repr(value) if isinstance(value, float) else str(value)


for line in sys.stdin:
    try:
        rows = connection.execute(json.loads(line)["sql"]).fetchall()
        answer = {"rows": [[cell(value) for value in row] for row in rows]}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
