"""One side of a benchmark as a process of its own: works, then prints one line of JSON.

Reading starts when the client is connected. Batches are dropped as they come where the client can stream.
"""

import json
import pathlib
import sys
import threading
import time


def resident(name: str) -> int:
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1])
    raise RuntimeError(name)


def report(seconds: float, rows: int, before: int, **more) -> None:
    result = {"seconds": seconds, "rows": rows, "before_kib": before, "peak_kib": resident("VmHWM:"), **more}
    print(json.dumps(result))


def drop_all(reader) -> int:
    rows = 0
    for batch in reader:
        rows += batch.num_rows
    return rows


def duckdb_scan(url: str, table: str, columns: str, threads: str, how: str) -> None:
    import duckdb
    import duckdb_extension_postgres_scanner as extension
    import pyarrow  # noqa: F401  (loaded before the clock starts)

    connection = duckdb.connect()
    found = next(pathlib.Path(extension.__file__).parent.rglob("postgres_scanner.duckdb_extension"))
    connection.execute(f"LOAD '{found}'")
    connection.execute(f"SET threads = {threads}")
    connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)")
    connection.execute(f"SELECT {columns} FROM pg.public.{table} LIMIT 0").fetchall()
    before = resident("VmRSS:")
    start = time.perf_counter()
    result = connection.execute(f"SELECT {columns} FROM pg.public.{table}")
    rows = drop_all(result.to_arrow_reader(100_000)) if how == "stream" else result.to_arrow_table().num_rows
    report(time.perf_counter() - start, rows, before)


def connectorx_scan(url: str, table: str, columns: str, parts: str) -> None:
    import connectorx
    import pyarrow  # noqa: F401

    more = {"partition_on": "l_orderkey", "partition_num": int(parts)} if int(parts) > 1 else {}
    before = resident("VmRSS:")
    start = time.perf_counter()
    result = connectorx.read_sql(url, f"SELECT {columns} FROM {table}", return_type="arrow", **more)
    report(time.perf_counter() - start, result.num_rows, before)


def adbc_postgres_scan(url: str, table: str, columns: str) -> None:
    import adbc_driver_postgresql.dbapi as driver
    import pyarrow  # noqa: F401

    with driver.connect(url) as connection, connection.cursor() as cursor:
        before = resident("VmRSS:")
        start = time.perf_counter()
        cursor.execute(f"SELECT {columns} FROM {table}")
        rows = drop_all(cursor.fetch_record_batch())
        report(time.perf_counter() - start, rows, before)


def adbc_flight_stream(port: str, sql: str) -> None:
    import adbc_driver_flightsql.dbapi as driver

    with driver.connect(f"grpc://127.0.0.1:{port}", autocommit=True) as connection, connection.cursor() as cursor:
        before = resident("VmRSS:")
        start = time.perf_counter()
        cursor.execute(sql)
        rows, size = 0, 0
        for batch in cursor.fetch_record_batch():
            rows += batch.num_rows
            size += batch.nbytes
        report(time.perf_counter() - start, rows, before, bytes=size)


def adbc_flight_one(port: str, count: str) -> None:
    import adbc_driver_flightsql.dbapi as driver

    with driver.connect(f"grpc://127.0.0.1:{port}", autocommit=True) as connection:

        def once() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                assert cursor.fetchone() == (1,)

        latencies(once, int(count))


def clickhouse_connect_scan(port: str, sql: str) -> None:
    import clickhouse_connect
    import pyarrow  # noqa: F401

    client = clickhouse_connect.get_client(host="127.0.0.1", port=int(port), username="app", password="secret")
    before = resident("VmRSS:")
    start = time.perf_counter()
    with client.query_arrow_stream(sql) as stream:
        rows = sum(batch.num_rows for batch in stream)
    report(time.perf_counter() - start, rows, before)


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def statement(sql: str) -> bytes:
    """CommandStatementQuery inside google.protobuf.Any."""

    def field(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2]) + varint(len(value)) + value

    name = b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"
    return field(1, name) + field(2, field(1, sql.encode()))


def pyarrow_once(client, flight) -> None:
    info = client.get_flight_info(flight.FlightDescriptor.for_command(statement("SELECT 1")))
    table = client.do_get(info.endpoints[0].ticket).read_all()
    assert table.column(0)[0].as_py() == 1


def pyarrow_flight_one(port: str, count: str) -> None:
    import pyarrow.flight as flight

    client = flight.connect(f"grpc://127.0.0.1:{port}")
    latencies(lambda: pyarrow_once(client, flight), int(count))


def latencies(once, count: int) -> None:
    for _ in range(min(count, 200)):
        once()
    took = []
    for _ in range(count):
        start = time.perf_counter()
        once()
        took.append(time.perf_counter() - start)
    took.sort()
    print(json.dumps({"p50_ms": took[len(took) // 2] * 1e3, "p99_ms": took[len(took) * 99 // 100] * 1e3}))


def pyarrow_flight_many(port: str, threads: str, seconds: str) -> None:
    import pyarrow.flight as flight

    clients = [flight.connect(f"grpc://127.0.0.1:{port}") for _ in range(int(threads))]
    for client in clients:
        pyarrow_once(client, flight)
    took: list[list[float]] = [[] for _ in clients]
    start = time.perf_counter()
    end = start + float(seconds)

    def work(i: int) -> None:
        while (begun := time.perf_counter()) < end:
            pyarrow_once(clients[i], flight)
            took[i].append(time.perf_counter() - begun)

    running = [threading.Thread(target=work, args=(i,)) for i in range(len(clients))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    elapsed = time.perf_counter() - start
    every = sorted(t for one in took for t in one)
    result = {"rate": len(every) / elapsed, "p50_ms": every[len(every) // 2] * 1e3, "p99_ms": every[len(every) * 99 // 100] * 1e3}
    print(json.dumps(result))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
