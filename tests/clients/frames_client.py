"""pyarrow's Flight client, pandas and polars against a server whose source `shop` is a Postgres database."""
import os
import time

import adbc_driver_flightsql.dbapi as flight
import pandas as pd
import polars as pl
import pyarrow.flight as plain

URI = os.environ["URI"]


def pyarrow_reads():
    client = plain.FlightClient(URI)
    names = {action.type for action in client.list_actions()}
    assert names == {
        "CreatePreparedStatement",
        "ClosePreparedStatement",
        "SetSessionOptions",
        "GetSessionOptions",
        "CloseSession",
    }, names
    descriptor = plain.FlightDescriptor.for_command(b"SELECT id, note FROM shop.public.orders ORDER BY id LIMIT 3")
    schema = client.get_schema(descriptor).schema
    info = client.get_flight_info(descriptor)
    assert info.schema == schema and len(info.endpoints) == 1 and not info.endpoints[0].locations
    table = client.do_get(info.endpoints[0].ticket).read_all()
    assert table.schema == schema and table["id"].to_pylist() == [1, 2, 3]
    try:
        client.do_get(info.endpoints[0].ticket).read_all()
    except KeyError as error:
        assert "used up" in str(error), error
    except plain.FlightError as error:
        assert "used up" in str(error), error
    else:
        raise AssertionError("a ticket is fetched once")


def pyarrow_forecasts():
    client = plain.FlightClient(URI)
    sql = (
        "SELECT * FROM FORECAST(TABLE shop.public.orders, timestamp_col => 'id', data_col => 'amount', id_cols => ['customer'], horizon => 2, model => 'theta')"
    )
    info = client.get_flight_info(plain.FlightDescriptor.for_command(sql.encode()))
    table = client.do_get(info.endpoints[0].ticket).read_all()
    types = {field.name: str(field.type) for field in table.schema}
    number = dict.fromkeys(["forecast", "lower_80", "upper_80", "lower_95", "upper_95"], "double")
    assert types == {"customer": "int32", "id": "int64", "step": "int64", **number, "model": "string", "status": "string"}, types
    assert info.schema == table.schema and table.num_rows == 20 and set(table["status"].to_pylist()) == {""}, table


def pandas_reads_and_appends(connection):
    frame = pd.read_sql("SELECT id, amount, note FROM shop.public.orders WHERE id <= 5 ORDER BY id", connection)
    assert list(frame["id"]) == [1, 2, 3, 4, 5] and frame.shape == (5, 3)
    sql = "SELECT '100%_' AS \"a%b\", count(*) AS n FROM shop.public.orders"
    began = time.monotonic()
    for _ in range(20):
        assert pd.read_sql(sql, connection)["a%b"][0] == "100%_"
    assert time.monotonic() - began < 20, "listings are slow"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM shop.public.target WHERE id >= 0")
    connection.adbc_current_catalog = "shop"
    connection.adbc_current_db_schema = "public"
    rows = pd.DataFrame({"id": [1, 2], "name": ["a", "b"], "amount": [1.5, None]})
    assert rows.to_sql("target", connection, if_exists="append", index=False) == 2
    back = pd.read_sql("SELECT id, name, amount FROM target ORDER BY id", connection)
    assert back["name"].tolist() == ["a", "b"] and back["amount"].isna().tolist() == [False, True]
    try:
        rows.to_sql("other", connection, index=False)
    except Exception as error:
        assert "made at their source only" in str(error) + str(error.__cause__), error
    else:
        raise AssertionError("a table was made")


def polars_reads_and_appends(connection):
    frame = pl.read_database("SELECT id, amount, tags FROM shop.public.kinds ORDER BY id", connection)
    assert frame["tags"].to_list()[0] == ["a", None, "ü"], frame
    assert str(frame.schema["amount"]).startswith("Decimal"), frame.schema
    new = pl.DataFrame({"id": [7], "name": ["polars"]})
    new.write_database("shop.public.target", connection, engine="adbc", if_table_exists="append")
    frame = pl.read_database("SELECT name FROM shop.public.target WHERE id = 7", connection)
    assert frame["name"].to_list() == ["polars"]


pyarrow_reads()
pyarrow_forecasts()
with flight.connect(URI, autocommit=True) as connection:
    polars_connection = flight.connect(URI, autocommit=True)
    with polars_connection:
        pandas_reads_and_appends(connection)
        polars_reads_and_appends(polars_connection)
