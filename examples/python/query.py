"""Reads from Headwater into pandas.

    headwater demo                       # or: headwater serve --config headwater.toml
    pip install adbc-driver-flightsql pyarrow pandas
    python examples/python/query.py grpc://127.0.0.1:32010
"""
import sys

import adbc_driver_flightsql.dbapi
import pandas

uri = sys.argv[1] if len(sys.argv) > 1 else "grpc://127.0.0.1:32010"
with adbc_driver_flightsql.dbapi.connect(uri, autocommit=True) as connection:
    print(pandas.read_sql("SELECT name, kind, state, tables FROM system.sources ORDER BY name", connection))
    with connection.cursor() as cursor:
        # Values are bound, never pasted into the text.
        cursor.execute("SELECT name, value FROM system.settings WHERE name LIKE ? ORDER BY name", ("limits.query%",))
        print(cursor.fetch_df())
