"""SQLAlchemy over flightsql-dbapi."""
import os

import sqlalchemy

address = os.environ["URI"].removeprefix("grpc://")
engine = sqlalchemy.create_engine(f"datafusion://{address}?insecure=True")
with engine.connect() as connection:
    rows = connection.execute(sqlalchemy.text("SELECT id, note FROM shop.public.orders ORDER BY id LIMIT 2")).fetchall()
    assert [r[0] for r in rows] == [1, 2], rows
    inspector = sqlalchemy.inspect(engine)
    assert "public" in inspector.get_schema_names(), inspector.get_schema_names()
    assert "orders" in inspector.get_table_names(schema="public")
    columns = [column["name"] for column in inspector.get_columns("orders", schema="public")]
    assert columns[:2] == ["id", "customer"], columns
