"""Python's ADBC driver against a server whose source `shop` is a Postgres database."""
import decimal
import os
import threading
import time

import adbc_driver_flightsql.dbapi as flight
import adbc_driver_manager
import pyarrow as pa

URI = os.environ["URI"]


def connect(**options):
    return flight.connect(URI, db_kwargs=options or None, autocommit=True)


def one(cursor, sql, parameters=None):
    cursor.execute(sql, parameters)
    rows = cursor.fetchall()
    assert len(rows) == 1, rows
    return rows[0]


def raises(code, action, text=""):
    try:
        action()
    except adbc_driver_manager.Error as error:
        assert error.status_code == code, (error.status_code, error)
        assert text in str(error), error
        return error
    raise AssertionError("no error")


CODE = adbc_driver_manager.AdbcStatusCode


def reads_every_type(cursor):
    cursor.execute("SELECT * FROM shop.public.kinds ORDER BY id")
    table = cursor.fetch_arrow_table()
    first = {name: table[name][0].as_py() for name in table.column_names}
    assert first["amount"] == decimal.Decimal("12345678.90")
    assert first["placed"].isoformat() == "2024-03-01T10:00:00+00:00", first["placed"]
    assert first["naive"].isoformat() == "2024-03-01T10:00:00.123456"
    assert first["day"].isoformat() == "2024-03-01"
    assert first["tags"] == ["a", None, "ü"]
    assert first["flag"] is True and first["bytes"] == b"\x00\xff"
    assert all(v is None for k, v in {n: table[n][1].as_py() for n in table.column_names}.items() if k != "id")
    row = one(cursor, "SELECT named_struct('a', 1, 'b', [1.5, NULL]) s, arrow_cast([1, 2], 'LargeList(Int32)') l, NULL n")
    assert row == ({"a": 1, "b": [1.5, None]}, [1, 2], None), row


def binds(cursor):
    assert one(cursor, "SELECT $1 + $1, $2", (21, "x")) == (42, "x")
    assert one(cursor, "SELECT ?, '?', ?", (None, 1.5)) == (None, "?", 1.5)
    assert one(cursor, "SELECT count(*) FROM shop.public.orders WHERE id <= ? AND note LIKE ?", (10, "note%")) == (10,)
    when = "2024-01-02T00:00:00"
    assert one(cursor, "SELECT TIMESTAMP '2024-01-03 00:00:00' > ?", (when,)) == (True,)
    rows = pa.record_batch([pa.array([1, 2, 3], pa.int32())], ["id"])
    cursor.execute("SELECT id FROM shop.public.orders WHERE id = ?", rows)
    assert [r[0] for r in cursor.fetchall()] == [1, 2, 3]
    cursor.adbc_prepare("SELECT id FROM shop.public.orders WHERE id = $1 AND note = $2")
    schema = cursor.adbc_prepare("SELECT id FROM shop.public.orders WHERE id = $1 AND note = $2")
    assert [f.type for f in schema] == [pa.int64(), pa.string()], schema
    raises(CODE.INVALID_ARGUMENT, lambda: cursor.execute("SELECT ? + 1", (1, 2)), "1 parameters but 2")
    raises(CODE.INVALID_ARGUMENT, lambda: cursor.execute("SELECT id FROM shop.public.orders WHERE id = ?", ("x",)), "$1")


def changes(cursor):
    cursor.execute("DELETE FROM shop.public.target WHERE id >= 0")
    rows = [(1, "a"), (2, None), (3, "c")]
    cursor.executemany("INSERT INTO shop.public.target (id, name) VALUES (?, ?)", rows)
    assert cursor.rowcount == 3, cursor.rowcount
    cursor.execute("SELECT id, name FROM shop.public.target ORDER BY id")
    assert cursor.fetchall() == rows
    cursor.executemany("UPDATE shop.public.target SET name = ? WHERE id = ?", [("x", 1), ("y", 2), ("z", 99)])
    assert cursor.rowcount == 2, cursor.rowcount
    assert one(cursor, "SELECT name FROM shop.public.target WHERE id = 2") == ("y",)


def ingests(connection, cursor):
    cursor.execute("DELETE FROM shop.public.target WHERE id >= 0")
    table = pa.table({"name": ["p", None], "id": pa.array([10, 11], pa.int32())})
    place = {"catalog_name": "shop", "db_schema_name": "public"}
    assert cursor.adbc_ingest("target", table, mode="append", **place) == 2
    cursor.execute("SELECT id, name, amount FROM shop.public.target ORDER BY id")
    assert cursor.fetchall() == [(10, "p", None), (11, None, None)]
    assert cursor.adbc_ingest("target", table.slice(0, 1), mode="create_append", **place) == 1
    raises(CODE.ALREADY_EXISTS, lambda: cursor.adbc_ingest("target", table, mode="create", **place))
    raises(CODE.NOT_IMPLEMENTED, lambda: cursor.adbc_ingest("target", table, mode="replace", **place))
    raises(CODE.NOT_IMPLEMENTED, lambda: cursor.adbc_ingest("new_table", table, mode="create", **place), "at their source")
    raises(CODE.NOT_FOUND, lambda: cursor.adbc_ingest("new_table", table, mode="append", **place))
    wrong = pa.table({"id": [1], "nam": ["x"]})
    raises(CODE.INVALID_ARGUMENT, lambda: cursor.adbc_ingest("target", wrong, mode="append", **place), 'did you mean "name"')
    before = one(cursor, "SELECT count(*) FROM shop.public.keyed")
    many = pa.table({"id": list(range(1000, 90000)) + [1000]})
    raises(CODE.INVALID_ARGUMENT, lambda: cursor.adbc_ingest("keyed", many, mode="append", **place))
    assert one(cursor, "SELECT count(*) FROM shop.public.keyed") == before, "a part of the rows was kept"
    assert cursor.adbc_ingest("keyed", many.slice(0, 80_000), mode="append", **place) == 80_000


def describes(connection, cursor):
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "Headwater" and info["driver_name"], info
    assert "TABLE" in connection.adbc_get_table_types()
    for depth in ["catalogs", "db_schemas", "tables", "all"]:
        objects = connection.adbc_get_objects(depth=depth).read_all().to_pylist()
        assert {"headwater", "shop"} <= {o["catalog_name"] for o in objects}, objects
    shop = connection.adbc_get_objects(depth="all", catalog_filter="shop").read_all().to_pylist()[0]
    schemas = {s["db_schema_name"]: s["db_schema_tables"] for s in shop["catalog_db_schemas"]}
    assert schemas["empty"] == [], "an empty schema is listed"
    orders = next(t for t in schemas["public"] if t["table_name"] == "orders")
    assert [c["column_name"] for c in orders["table_columns"]][:2] == ["id", "customer"]
    some = connection.adbc_get_objects(depth="tables", catalog_filter="shop", table_name_filter="a\\_b").read_all()
    found = [t["table_name"] for c in some.to_pylist() for s in c["catalog_db_schemas"] for t in s["db_schema_tables"]]
    assert found == ["a_b"], found
    for name, column in [("a_b", "x"), ("aXb", "y")]:
        schema = connection.adbc_get_table_schema(name, catalog_filter="shop", db_schema_filter="public")
        assert schema.names == [column], (name, schema)
    cursor.execute("SELECT * FROM shop.public.kinds LIMIT 0")
    listed = connection.adbc_get_table_schema("kinds", catalog_filter="shop", db_schema_filter="public")
    assert listed.remove_metadata().equals(cursor.fetch_arrow_table().schema.remove_metadata())
    assert cursor.adbc_execute_schema("SELECT 1 AS n, 'x' AS t").names == ["n", "t"]


def has_options(connection, cursor):
    connection.adbc_current_catalog = "shop"
    connection.adbc_current_db_schema = "public"
    assert (connection.adbc_current_catalog, connection.adbc_current_db_schema) == ("shop", "public")
    assert one(cursor, "SELECT count(*) FROM orders")[0] > 0

    def unknown():
        connection.adbc_current_catalog = "nowhere"

    raises(CODE.INVALID_ARGUMENT, unknown)
    assert connection.adbc_current_catalog == "shop"


def fails_clearly(cursor):
    for sql, kind, code in [
        ("SELEC 1", flight.ProgrammingError, CODE.INVALID_ARGUMENT),
        ("SELECT nothing", flight.ProgrammingError, CODE.INVALID_ARGUMENT),
        ("SELECT * FROM shop.public.nowhere", flight.ProgrammingError, CODE.NOT_FOUND),
        ("CREATE TABLE t (a int)", flight.NotSupportedError, CODE.NOT_IMPLEMENTED),
    ]:
        error = raises(code, lambda: cursor.execute(sql))
        assert isinstance(error, kind), (sql, type(error))

    def divides():
        cursor.execute("SELECT 1 / (id - 5) FROM shop.public.orders")
        cursor.fetchall()

    raises(CODE.INVALID_ARGUMENT, divides, "ivide by zero")


ENDLESS = "SELECT a.value + b.value FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 1000000) b"


def cancels(connection):
    cursor = connection.cursor()
    cursor.execute(ENDLESS)
    reader = cursor.fetch_record_batch()
    reader.read_next_batch()
    threading.Timer(0.2, cursor.adbc_cancel).start()
    began = time.monotonic()
    try:
        for _ in reader:
            pass
    except Exception as error:
        assert "ancel" in str(error), error
    else:
        raise AssertionError("an endless result ended")
    assert time.monotonic() - began < 20
    cursor.close()
    with connection.cursor() as other:
        assert one(other, "SELECT 1") == (1,)


def reads_much(cursor):
    cursor.execute("SELECT value AS n, repeat('x', CAST(value % 50 AS int)) AS t FROM generate_series(1, 100000)")
    rows, total = 0, 0
    for batch in cursor.fetch_record_batch():
        rows += batch.num_rows
        total += int(batch["n"].to_numpy().sum())
    assert (rows, total) == (100_000, 100_000 * 100_001 // 2)
    row = one(cursor, "SELECT repeat('x', 5000000) AS big")
    assert len(row[0]) == 5_000_000


def main():
    with connect() as connection:
        with connection.cursor() as cursor:
            reads_every_type(cursor)
            binds(cursor)
            changes(cursor)
            ingests(connection, cursor)
        # A failed ingestion leaves the driver's cursor in a state of its own.
        with connection.cursor() as cursor:
            describes(connection, cursor)
            fails_clearly(cursor)
            reads_much(cursor)
            has_options(connection, cursor)
        cancels(connection)


main()
