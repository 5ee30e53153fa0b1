"""The sides of the federation benchmark, what each of them measures, and the tables."""

import contextlib
import decimal
import json
import os
import pathlib
import re
import selectors
import socket
import statistics
import subprocess
import sys
import time

from measure import TICKS, Side, in_turn, mebibytes, number, stat, table, tree_cpu
from prepare import postgres_url, psql

from federation.load import TPCH, answers, clickhouse, database, folder

HERE = pathlib.Path(__file__).parent
# Ports of the servers, of the proxies before them, and of the proxies' counts.
POSTGRES, CLICKHOUSE, PROXIES, CONTROL = 23015, 23123, (23216, 23217), 23218
SECONDS_MAX = 60


class Client:
    """A side: a process that is connected to its sources and answers one query after the other."""

    def __init__(self, name: str, command: list[str], log: pathlib.Path):
        self.name, self.command, self.log = name, command, log
        self.process: subprocess.Popen | None = None
        # For each query what was measured, or the first line of the error.
        self.seconds: dict[int, list[float]] = {}
        self.cpu: dict[int, list[float]] = {}
        self.wire: dict[int, dict] = {}
        self.fault: dict[int, str] = {}

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("a"))
        ready = self.line(SECONDS_MAX)
        if not ready or "ready" not in ready:
            sys.exit(f"{self.name} does not start; see {self.log}")

    def line(self, seconds: float) -> dict | None:
        """The next line of its output; None when it ends or takes too long. It prints one line at a time."""
        text, end = bytearray(), time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not text.endswith(b"\n"):
                if not selector.select(end - time.monotonic()):
                    return None
                part = os.read(self.process.stdout.fileno(), 1 << 20)
                if not part:
                    return None
                text += part
        return json.loads(text)

    def ask(self, sql: str) -> dict:
        if self.process is None:
            self.start()
        before = process_cpu(self.process.pid)
        self.process.stdin.write(json.dumps({"sql": sql}).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.line(SECONDS_MAX)
        if answer is None:
            ended = self.process.poll() is not None
            self.stop()
            return {"error": "its process ended" if ended else f"no answer after {SECONDS_MAX} s"}
        answer["cpu"] = process_cpu(self.process.pid) - before
        return answer

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def process_cpu(pid: int) -> float:
    return sum(int(x) for x in stat(pid)[11:13]) / TICKS


class Counts:
    """The counting proxies."""

    def __init__(self) -> None:
        proxies = [f"{PROXIES[0]}:127.0.0.1:{POSTGRES}:postgres", f"{PROXIES[1]}:127.0.0.1:{CLICKHOUSE}:http"]
        self.process = subprocess.Popen([sys.executable, HERE / "proxy.py", *proxies, str(CONTROL)])
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.take()
                return
            time.sleep(0.1)
        sys.exit("the proxies do not start")

    def take(self) -> dict:
        """What was counted since the last call."""
        with socket.create_connection(("127.0.0.1", CONTROL), 10) as connection:
            return json.loads(connection.makefile().read())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def same(found: list[list], expected: list[list]) -> bool:
    """Whether the rows are the expected ones; numbers may differ by what their digits do not show."""

    def equal(one: str | None, other: str | None) -> bool:
        if one == other or one is None or other is None:
            return one == other
        try:
            a, b = decimal.Decimal(one), decimal.Decimal(other)
        except decimal.InvalidOperation:
            return False
        return abs(a - b) <= max(abs(b) * decimal.Decimal("1e-6"), decimal.Decimal("1e-5"))

    return len(found) == len(expected) and all(
        len(one) == len(other) and all(map(equal, one, other)) for one, other in zip(found, expected))


def configuration(path: pathlib.Path, pg: int, ch: int, data: pathlib.Path, name: str) -> pathlib.Path:
    """Headwater's configuration of the sources behind two ports."""
    path.write_text(
        f'[sources.pg]\nkind = "postgres"\nurl = "postgres://app:secret@127.0.0.1:{pg}/{name}"\nsslmode = "disable"\n'
        f'[sources.ch]\nkind = "clickhouse"\nurl = "http://127.0.0.1:{ch}"\nuser = "app"\npassword = "secret"\n'
        f'databases = "{name}"\n[sources.files]\nkind = "files"\nroot = "{data}/files"\n')
    return path


def clients(cache: pathlib.Path, bin: pathlib.Path, sf: str, ports: tuple[int, int], over_postgres: bool) -> list[Client]:
    data, name, logs = folder(cache, sf), database(sf), cache / "servers-federation"
    logs.mkdir(exist_ok=True)
    config = configuration(logs / f"headwater-{ports[0]}.toml", *ports, data, name)
    ours = [str(bin / "headwater-benchmarks"), "federation", "--config", str(config)]
    found = [Client("**Headwater**", ours, logs / "headwater.log")]
    if over_postgres:
        url = postgres_url(name).replace(f":{POSTGRES}/", f":{ports[0]}/")
        command = [sys.executable, str(HERE / "duckdb_side.py"), url, str(data / "files"), str(len(os.sched_getaffinity(0)))]
        return [*found, Client("DuckDB", command, logs / "duckdb.log")]
    peer = {
        "postgres": {"host": "127.0.0.1", "port": str(ports[0]), "user": "app", "pass": "secret", "db": name, "sslmode": "disable"},
        "clickhouse": {"url": f"http://127.0.0.1:{ports[1]}", "user": "app", "password": "secret", "database": name},
        "tables": ["orders", "customer"], "schema": name, "files": str(data / "files"),
    }
    return [
        *found,
        Client("Headwater without push-down", [*ours, "--without-push-down"], logs / "headwater.log"),
        Client("datafusion-federation", [str(bin / "federation-peer"), json.dumps(peer)], logs / "peer.log"),
    ]


def texts(sf: str, over_postgres: bool) -> dict[int, str]:
    """The queries; lineitem is in ClickHouse or in Postgres."""
    place = "pg.public." if over_postgres else f"ch.{database(sf)}."
    paths = sorted((TPCH / "queries").glob("q*.sql"))
    return {int(path.stem[1:]): path.read_text().replace("ch.tpch.", place) for path in paths}


def compare(cache: pathlib.Path, bin: pathlib.Path, sf: str, repeats: int, over_postgres: bool) -> list[Client]:
    """Bytes and statements through the proxies, once; then times without them, in turn."""
    expected, queries = answers(cache, sf), texts(sf, over_postgres)
    measured = clients(cache, bin, sf, (POSTGRES, CLICKHOUSE), over_postgres)
    counts = Counts()
    try:
        for client, counted in zip(measured, clients(cache, bin, sf, PROXIES, over_postgres)):
            for query, sql in queries.items():
                if counted.process is None:
                    counted.start()
                counts.take()
                answer = counted.ask(sql)
                client.wire[query] = counts.take()
                if "error" in answer:
                    client.fault[query] = answer["error"].splitlines()[0][:120]
                elif not same(answer["rows"], expected[query]["rows"]):
                    client.fault[query] = "another answer"
                note(f"{client.name}, query {query}: {client.fault.get(query, client.wire[query])}")
            counted.stop()
    finally:
        counts.stop()
    faults = {query: fault for query, fault in measured[0].fault.items()}
    if faults:
        sys.exit(f"Headwater has wrong answers: {faults}")
    for repeat in range(repeats):
        for i in range(len(measured)):
            client = measured[(i + repeat) % len(measured)]
            for query, sql in queries.items():
                if query not in client.fault or client.fault[query] == "another answer":
                    answer = client.ask(sql)
                    if "error" in answer:
                        client.fault[query] = answer["error"].splitlines()[0][:120]
                    else:
                        client.seconds.setdefault(query, []).append(answer["seconds"])
                        client.cpu.setdefault(query, []).append(answer["cpu"])
            note(f"{repeat + 1}/{repeats} {client.name}: {sum(t[-1] for t in client.seconds.values()):.2f} s")
            client.stop()
    return measured


def note(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def show(measured: list[Client], queries: list[int]) -> None:
    """A row a query; sums are over the queries that all sides answer."""
    names = [client.name for client in measured]
    whole = [q for q in queries if all(q in c.seconds and c.fault.get(q) is None for c in measured)]

    def cells(client: Client, query: int) -> list[str]:
        if query not in client.seconds:
            return ["failed", "", ""]
        wrong = " (wrong)" if query in client.fault else ""
        wire = client.wire[query]
        return [number(statistics.median(client.seconds[query]), 3) + wrong, bytes_text(wire), str(wire["statements"])]

    def total(client: Client) -> list[str]:
        wire = [client.wire[q] for q in whole]
        summed = {key: sum(w[key] for w in wire) for key in ["received", "sent", "statements"]}
        return [number(sum(statistics.median(client.seconds[q]) for q in whole), 3), bytes_text(summed), str(summed["statements"])]

    head = ["query"] + [f"{what} {name}" for name in names for what in ["seconds", "MB", "statements"]]
    rows = [[str(q)] + [cell for c in measured for cell in cells(c, q)] for q in queries]
    rows.append([f"sum of {len(whole)}"] + [cell for c in measured for cell in total(c)])
    table(head, rows)
    ours = measured[0]
    for other in measured[1:]:
        both = [q for q in queries if q in other.seconds and other.fault.get(q) is None]
        moved = [sum(c.wire[q]["received"] + c.wire[q]["sent"] for q in both) for c in (ours, other)]
        ratios = [statistics.median(ours.seconds[q]) / statistics.median(other.seconds[q]) for q in both]
        cpu = [sum(statistics.median(c.cpu[q]) for q in both) for c in (ours, other)]
        if both:
            slower = [str(q) for q, ratio in zip(both, ratios) if ratio > 1.1]
            print(f"- {other.name}: {moved[1] / max(moved[0], 1):.1f} times the bytes of Headwater over {len(both)} queries; Headwater's "
                  f"time is {statistics.geometric_mean(ratios):.2f} times its time (geometric mean), at worst {max(ratios):.2f} "
                  f"times (query {both[ratios.index(max(ratios))]}); more than 1.1 times for {', '.join(slower) or 'none'}; "
                  f"client CPU {cpu[0]:.2f} s and {cpu[1]:.2f} s.")
        for query, fault in other.fault.items():
            print(f"- {other.name}, query {query}: {re.sub('[|<>]', ' ', fault)}")
    print(flush=True)


def bytes_text(wire: dict) -> str:
    return number((wire["received"] + wire["sent"]) / 1e6, 3)


def scans(cache: pathlib.Path, bin: pathlib.Path, sf: str, repeats: int) -> None:
    """lineitem from ClickHouse to Arrow."""
    name, columns = database(sf), ["*", "l_orderkey, l_extendedprice, l_shipdate, l_comment"]
    rows = int(clickhouse(f"SELECT count() FROM {name}.lineitem"))
    server = int((cache / "servers/run/clickhouse.pid").read_text())
    for title, chosen in zip(["all 16 columns", f"four columns: {columns[1]}"], columns):
        theirs = f"SELECT {chosen} FROM {name}.lineitem"
        rust = [str(bin / "headwater-benchmarks"), "scan", "--kind", "clickhouse", "--url",
                f"http://app:secret@127.0.0.1:{CLICKHOUSE}", "--sql", f"SELECT {chosen} FROM ch.{name}.lineitem"]
        python = [sys.executable, str(HERE.parent / "clients.py")]
        curl = ["curl", "-sS", "-o", "/dev/null", f"http://app:secret@127.0.0.1:{CLICKHOUSE}/", "--data-binary",
                f"{theirs} FORMAT ArrowStream SETTINGS output_format_arrow_compression_method = 'none'"]
        measured = [
            Side("clickhouse-connect, Arrow stream", [*python, "clickhouse_connect_scan", str(CLICKHOUSE), theirs], server, rows),
            Side("ArrowStream to nowhere, curl", curl, server),
            *(Side(f"**Headwater**, {n} connection{'s' * (n > 1)}", [*rust, "--connections", str(n)], server, rows) for n in (1, 2)),
        ]
        in_turn(measured, repeats)
        print(f"### ClickHouse to Arrow, {title}; {rows} rows\n")
        reference = measured[0].median("seconds")
        table(["", "seconds", "fastest", "rate to clickhouse-connect", "client CPU s", "server CPU s", "peak MiB"], [
            [s.name, number(s.median("seconds")), number(min(r["seconds"] for r in s.runs)), number(reference / s.median("seconds")),
             number(s.median("client_cpu")), number(s.median("server_cpu")), mebibytes(s.median("peak_kib"))] for s in measured])


def measure(cache: pathlib.Path, bin: pathlib.Path, sf: str, repeats: int) -> None:
    print(f"## Queries over several sources\n\nTPC-H, scale factor {sf}; Postgres {psql('SHOW server_version')} and ClickHouse "
          f"{clickhouse('SELECT version()')} on this machine; medians of {repeats} runs. MB: bytes of both directions between the "
          "client and the servers.\n")
    queries = list(texts(sf, False))
    print("### lineitem in ClickHouse, orders and customer in Postgres, the rest in Parquet files\n")
    show(compare(cache, bin, sf, repeats, False), queries)
    print("### lineitem, orders and customer in Postgres, the rest in Parquet files\n")
    show(compare(cache, bin, sf, repeats, True), queries)
    scans(cache, bin, sf, repeats)
