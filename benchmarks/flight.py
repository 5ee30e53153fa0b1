"""A table of 4 columns over Flight SQL, and the smallest statement."""

import contextlib
import pathlib
import signal
import socket
import subprocess
import sys
import time

from measure import HERE, Side, in_turn, mebibytes, memory, number, table
from prepare import arrow_path, numbers_path

COLUMNS = "id, key, price, share"


class Server:
    """A running server and the statement that reads the table there."""

    def __init__(self, name: str, port: int, sql: str, command: list, folder: pathlib.Path, streams_only: bool = False):
        self.name, self.port, self.sql, self.streams_only = name, port, sql, streams_only
        self.log = open(folder / f"server-{port}.log", "w")
        self.process = subprocess.Popen([str(c) for c in command], stdout=self.log, stderr=self.log)
        for _ in range(1200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            if self.process.poll() is not None:
                sys.exit(f"{name} ended at once; see {self.log.name}")
            time.sleep(0.1)
        else:
            sys.exit(f"{name} does not listen; see {self.log.name}")
        self.base = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def start(cache: pathlib.Path, bin: pathlib.Path, rows: int) -> list[Server]:
    path, tools = numbers_path(cache, rows), pathlib.Path(sys.executable).parent
    folder = cache / "servers-flight"
    folder.mkdir(exist_ok=True)
    for name, root in [("parquet", path.parent), ("arrow", arrow_path(cache, rows).parent)]:
        (folder / f"{name}.toml").write_text(f'[sources.files]\nkind = "files"\nroot = "{root}"\n')
    servers = [Server("bare arrow-flight, batches in memory", 23101, "table", [
        bin / "headwater-benchmarks", "ceiling", "--listen", "127.0.0.1:23101", "--parquet", path], folder)]
    servers.append(Server("**Headwater**, Parquet", 23102, f"SELECT {COLUMNS} FROM files.public.numbers", [
        bin / "headwater", "serve", "--config", folder / "parquet.toml", "--listen", "127.0.0.1:23102"], folder))
    servers.append(Server("**Headwater**, Arrow IPC file", 23107, f"SELECT {COLUMNS} FROM files.public.numbers", [
        bin / "headwater", "serve", "--config", folder / "arrow.toml", "--listen", "127.0.0.1:23107"], folder,
        streams_only=True))
    servers.append(Server("Sail, Parquet", 23103, f"SELECT {COLUMNS} FROM parquet.`{path}`", [
        tools / "sail", "flight", "server", "--port", "23103"], folder))
    servers.append(Server("ROAPI, in memory", 23104, f"SELECT {COLUMNS} FROM numbers", [
        tools / "roapi", "--table", f"numbers={path}", "--addr-http", "127.0.0.1:23105", "--addr-postgres",
        "127.0.0.1:23106", "--addr-flight-sql", "127.0.0.1:23104"], folder))
    return servers


def client(server: Server, what: str, *arguments: str, rows: int | None = None) -> Side:
    command = [sys.executable, str(HERE / "clients.py"), what, str(server.port), *arguments]
    return Side(server.name, command, server.pid, rows)


def streams(servers: list[Server], rows: int, repeats: int) -> None:
    for server in servers:
        client(server, "adbc_flight_one", "5").run()
        server.base = memory(server.pid, "VmRSS")
    measured = [client(s, "adbc_flight_stream", s.sql, rows=rows) for s in servers]
    in_turn(measured, 1)
    for side in measured:
        side.runs.clear()
    in_turn(measured, 2 * repeats)
    reference = measured[0].median("seconds")
    print(f"### {rows} rows to the ADBC Python client\n")
    table_rows = []
    for server, side in zip(servers, measured):
        seconds = side.median("seconds")
        growth = memory(server.pid, "VmHWM") - server.base
        table_rows.append([server.name, number(seconds, 3), number(min(r["seconds"] for r in side.runs), 3),
                           number(side.median("bytes") / 1e6 / seconds, 0), number(reference / seconds),
                           number(side.median("server_cpu")), number(side.median("client_cpu")), mebibytes(growth),
                           mebibytes(memory(server.pid, "VmHWM"))])
    table(["", "seconds", "fastest", "MB/s", "speed to bare", "server CPU s", "client CPU s", "memory over base MiB", "peak MiB"],
          table_rows)


def statements(servers: list[Server], count: int, repeats: int) -> None:
    for title, what in [("ADBC, 4 calls a statement", "adbc_flight_one"), ("pyarrow.flight, 2 calls a statement", "pyarrow_flight_one")]:
        measured = [client(s, what, str(count)) for s in servers]
        in_turn(measured, repeats)
        reference = measured[0].median("p50_ms")
        print(f"### SELECT 1, one connection, {title}; {count} statements a run\n")
        table(["", "p50 ms", "p99 ms", "p50 to bare", "server CPU ms a statement"], [
            [s.name, number(s.median("p50_ms"), 3), number(s.median("p99_ms"), 3), number(s.median("p50_ms") / reference),
             number(s.median("server_cpu") * 1e3 / (count + min(count, 200)), 3)] for s in measured])


def threads(servers: list[Server], seconds: float, repeats: int) -> None:
    measured = [client(s, "pyarrow_flight_many", "32", str(seconds)) for s in servers]
    in_turn(measured, repeats)
    reference = measured[0].median("rate")
    print(f"### SELECT 1, 32 threads with a connection each, pyarrow.flight, {seconds:g} s a run\n")
    table(["", "statements/s", "to bare", "p50 ms", "p99 ms"], [
        [s.name, number(s.median("rate"), 0), number(s.median("rate") / reference), number(s.median("p50_ms"), 1),
         number(s.median("p99_ms"), 1)] for s in measured])


def measure(cache: pathlib.Path, bin: pathlib.Path, rows: int, repeats: int) -> None:
    servers = start(cache, bin, rows)
    try:
        print(f"## Arrow Flight SQL\n\n{rows} rows of 2 bigint and 2 double columns ({rows * 32 / 1e6:.0f} MB as Arrow); medians "
              f"of {repeats} runs; servers and clients on this machine.\n")
        streams(servers, rows, repeats)
        # The same server twice would only take turns with itself.
        servers_once = [s for s in servers if not s.streams_only]
        statements(servers_once, 1000 if rows > 1_000_000 else 20, min(repeats, 3))
        threads(servers_once, 3.0 if rows > 1_000_000 else 0.5, min(repeats, 3))
    finally:
        for server in servers:
            server.stop()
