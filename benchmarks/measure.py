"""Runs every side several times in turn and prints the tables as Markdown."""

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version

HERE = pathlib.Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the command's name; the first one is the state."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree_cpu(pid: int) -> float:
    """CPU seconds of a server: its process, the children that ended and those that live."""
    total = sum(int(x) for x in stat(pid)[11:15])
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = stat(int(entry.name))
                if int(fields[1]) == pid:
                    total += sum(int(x) for x in fields[11:15])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total / TICKS


def memory(pid: int, name: str) -> int:
    """VmRSS or VmHWM of a process, in KiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise RuntimeError(f"{pid} has no {name}")


@dataclass
class Side:
    """Something that is measured: a command that prints one line of JSON, or nothing (then its own run time counts)."""

    name: str
    command: list[str]
    server: int | None = None
    rows: int | None = None
    runs: list[dict] = field(default_factory=list)

    def run(self) -> None:
        before = tree_cpu(self.server) if self.server else 0.0
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            # A client's standard output is a pipe or a file; psql's is thrown away.
            target = subprocess.DEVNULL if self.command[0] == "psql" else out
            process = subprocess.Popen(self.command, stdout=target, stderr=errors)
            _, status, used = os.wait4(process.pid, 0)
            elapsed = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                errors.seek(0)
                sys.exit(f"{self.name} failed: {errors.read().decode()[-2000:]}")
            out.seek(0)
            text = out.read().decode().strip()
        result = json.loads(text.splitlines()[-1]) if text else {"seconds": elapsed}
        result.update(client_cpu=used.ru_utime + used.ru_stime, peak_kib=result.get("peak_kib", used.ru_maxrss))
        if self.server:
            result["server_cpu"] = tree_cpu(self.server) - before
        if self.rows is not None and result.get("rows", self.rows) != self.rows:
            sys.exit(f"{self.name} read {result['rows']} rows instead of {self.rows}")
        self.runs.append(result)

    def median(self, key: str) -> float | None:
        found = [r[key] for r in self.runs if key in r]
        return statistics.median(found) if found else None


def in_turn(sides: list[Side], repeats: int) -> None:
    """All sides once, then again, beginning with another one each time, so that what else the machine does hits all."""
    for repeat in range(repeats):
        for i in range(len(sides)):
            side = sides[(i + repeat) % len(sides)]
            side.run()
            shown = {k: round(v, 3) if isinstance(v, float) else v for k, v in side.runs[-1].items()}
            print(f"  {repeat + 1}/{repeats} {side.name}: {shown}", file=sys.stderr, flush=True)


def table(head: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def mebibytes(kib: float | None) -> str:
    return "" if kib is None else f"{kib / 1024:.0f}"


def machine() -> None:
    model = next((x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), platform.machine())
    total = int(open("/proc/meminfo").readline().split()[1]) / 1024 / 1024
    loads = " ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{len(os.sched_getaffinity(0))} cores ({model}), {total:.0f} GiB, Linux {platform.release()}; load at start {loads}.")
    names = ["duckdb", "clickhouse-connect", "connectorx", "adbc-driver-postgresql", "adbc-driver-flightsql", "pyarrow", "roapi", "pysail"]
    lock = (HERE / "federation/peer/Cargo.lock").read_text()
    locked = re.findall(r'name = "(datafusion|datafusion-federation|datafusion-table-providers)"\nversion = "([^"]+)"', lock)
    versions = [f"{name} {found}" for name, found in [*((n, version(n)) for n in names), *locked]]
    print(f"Versions: {', '.join(versions)}, Python {platform.python_version()}.\n")


def main() -> None:
    import federation
    import flight
    import optimizer
    import postgres

    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["postgres", "flight", "federation", "optimizer", "all"])
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--sf", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    given = parser.parse_args()
    machine()
    if given.what in ("postgres", "all"):
        postgres.measure(given.cache, given.bin, given.sf, given.repeats)
    if given.what in ("flight", "all"):
        flight.measure(given.cache, given.bin, given.rows, given.repeats)
    if given.what in ("federation", "all"):
        federation.measure(given.cache, given.bin, given.sf, given.repeats)
    if given.what in ("optimizer", "all"):
        optimizer.measure(given.cache, given.bin, given.sf, given.repeats)


if __name__ == "__main__":
    main()
