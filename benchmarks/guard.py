"""What guard and audit cost, what they withstand, and how many engines a fleet asks at once."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import opskit
from benchmarks.harness import Bench
from opskit.fleets import Fleet
from tests.engines import PrivateEngine, UnixConnection

__all__ = ["run"]

STREAMS = 200
REFUSALS_SECONDS = 5.0
KILLS = 100
ENGINES = 200
ALLOWED = "containers,events,info"
CASSETTE = Path(__file__).parent.parent / "cassettes" / "shop.yaml"


def run(bench: Bench) -> None:
    folder = Path(tempfile.mkdtemp(prefix="opskit-bench-"))
    try:
        with PrivateEngine("guarded") as engine:
            engine.fill(5)
            latency(bench, engine, folder)
            streams(bench, engine, folder)
            refusals(bench, engine, folder)
            kills(bench, engine, folder)
        fleet_of_three(bench, folder)
        fleet_of_many(bench, folder)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def guarded(engine: PrivateEngine, folder: Path, *words: str) -> Iterator[tuple[str, int]]:
    """A guard as a process of its own: its socket's path and its process id."""
    path = folder / "guard.sock"
    command = [
        *(sys.executable, "-m", "opskit", "guard", "--allow", ALLOWED),
        *("--listen", f"unix://{path}", "--upstream", engine.url, *words),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
        try:
            assert running.stderr
            while b"Ctrl-C" not in running.stderr.readline():
                if running.poll() is not None:
                    raise RuntimeError("the guard does not start")
            threading.Thread(target=running.stderr.read, daemon=True).start()
            yield str(path), running.pid
        finally:
            running.kill()


def ask(connection: http.client.HTTPConnection, path: str = "/_ping") -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def memory(pid: int) -> float:
    """Resident memory of a process, in megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def latency(bench: Bench, engine: PrivateEngine, folder: Path) -> None:
    log = folder / "latency.jsonl"
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(guarded(engine, folder))[0]
        (folder / "second").mkdir()
        both = stack.enter_context(guarded(engine, folder / "second", "--audit", str(log)))[0]
        paths = {"engine": engine.socket, "guard": plain, "guard and audit": both}
        clients = {
            name: stack.enter_context(contextlib.closing(UnixConnection(path)))
            for name, path in paths.items()
        }
        cases = {name: lambda c=client: ask(c) for name, client in clients.items()}
        medians = bench.compare("GET /_ping, kept alive", cases, rounds=1000, warm_up=50)
    added = {
        name: (medians[name] - medians["engine"]) * 1e3 for name in ("guard", *list(cases)[2:])
    }
    rows = [(name, f"{value:.2f}", bench.wanted(1.0, value)) for name, value in added.items()]
    bench.table("added to a small call", ("", "ms", "wanted"), rows)


def streams(bench: Bench, engine: PrivateEngine, folder: Path) -> None:
    with (
        guarded(engine, folder, "--audit", str(folder / "streams.jsonl")) as (path, pid),
        contextlib.closing(UnixConnection(path)) as one,
        contextlib.ExitStack() as held,
    ):
        ask(one)
        before, idle = memory(pid), timed(one)
        connections = []
        for _ in range(STREAMS):
            connection = held.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(path)
            connection.sendall(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
            connections.append(connection)
        for connection in connections:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        engine.api("POST", "/containers/busy-0000/pause")
        engine.api("POST", "/containers/busy-0000/unpause")
        for connection in connections:
            assert b'"pause"' in connection.recv(4096)
        busy, after = timed(one), memory(pid)
    rows = [("GET /_ping, ms", f"{idle * 1e3:.2f}", f"{busy * 1e3:.2f}")]
    rows.append(("memory of the guard, MB", f"{before:.0f}", f"{after:.0f}"))
    bench.table(f"{STREAMS} streams held, each with its events", ("", "without", "with"), rows)


def timed(connection: http.client.HTTPConnection, count: int = 300) -> float:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        ask(connection)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def refusals(bench: Bench, engine: PrivateEngine, folder: Path) -> None:
    request = b"GET /networks HTTP/1.1\r\nHost: docker\r\n\r\n"
    batch = 50
    with guarded(engine, folder, "--audit", str(folder / "refused.jsonl")) as (path, pid):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        connection.sendall(request)
        length = len(connection.recv(65536))
        samples: list[float] = []
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < REFUSALS_SECONDS:
            connection.sendall(request * batch)
            rest = length * batch
            while rest > 0:
                rest -= len(connection.recv(min(rest, 65536)))
            count += batch
            if count % 2000 == 0:
                samples.append(memory(pid))
        rate = count / (time.perf_counter() - began)
        connection.close()
    first, last = samples[len(samples) // 4], samples[-1]
    rows = [
        ("refused a second", f"{rate:.0f}", "at least 2000: " + ok(rate >= 2000)),
        ("memory after a quarter, MB", f"{first:.1f}", ""),
        ("memory at the end, MB", f"{last:.1f}", "no growth: " + ok(last < first * 1.05)),
    ]
    bench.table(f"{count} calls refused and audited", ("", "", "wanted"), rows)


def ok(reached: bool) -> str:
    return "reached" if reached else "MISSED"


def kills(bench: Bench, engine: PrivateEngine, folder: Path) -> None:
    log = folder / "killed.jsonl"
    answered = old = 0
    for number in range(KILLS):
        with guarded(engine, folder, "--audit", str(log)) as (path, pid):
            threading.Timer(0.1 + number % 10 / 40, os.kill, [pid, signal.SIGKILL]).start()
            times = []
            with (
                contextlib.closing(UnixConnection(path)) as connection,
                contextlib.suppress(OSError, http.client.HTTPException),
            ):
                while ask(connection) == 200:
                    times.append(time.perf_counter())
            answered += len(times)
            old += max(0, len(times) - 1)  # the last may have been answered in that moment
    frame = opskit.audit.read(log)
    rows = [
        ("calls answered", answered, ""),
        ("lines of them", len(frame), f"at least {old}: " + ok(len(frame) >= old)),
        ("lines torn", frame.attrs["torn"], "none: " + ok(frame.attrs["torn"] == 0)),
    ]
    bench.table(f"kill -9, {KILLS} times under load", ("", "", "wanted"), rows)


def fleet_of_three(bench: Bench, folder: Path) -> None:
    """On this machine three engines share its cores; elsewhere each has its own."""
    with contextlib.ExitStack() as stack:
        engines = [stack.enter_context(PrivateEngine(f"fleet{n}")) for n in range(3)]
        for engine in engines:
            engine.fill(10)
        factor = compared(bench, "three private engines", [engine.url for engine in engines])
        bare = bare_factor(bench, engines)
    rows = [("engines that share these cores", f"{factor:.2f}", "")]
    rows.append(("the same, bytes alone: what sharing costs", f"{bare:.2f}", ""))
    with replaying(CASSETTE, folder, 3, latency=0.02) as addresses:
        factor = compared(bench, "three engines that take 20 ms", addresses)
    rows.append(("engines with cores of their own", f"{factor:.2f}", bench.wanted(1.3, factor)))
    bench.table("a fleet of three, times the slowest", ("", "", "wanted"), rows)


def compared(bench: Bench, title: str, addresses: list[str]) -> float:
    """How much longer the fleet's call takes than the same of the slowest engine."""
    with contextlib.ExitStack() as stack:
        connected = [stack.enter_context(opskit.connect(address)) for address in addresses]
        fleet = stack.enter_context(opskit.fleet(addresses))
        cases = {f"engine {n}": engine.containers for n, engine in enumerate(connected)}
        cases["all three"] = fleet.containers
        medians = bench.compare(f"fleet.containers(): {title}", cases, rounds=100)
        return medians.pop("all three") / max(medians.values())


def bare_factor(bench: Bench, engines: list[PrivateEngine]) -> float:
    """How much longer three engines take than one until all have answered a bare request."""
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(contextlib.closing(UnixConnection(engine.socket)))
            for engine in engines
        ]

        def asked(clients: list[UnixConnection]) -> None:
            for client in clients:
                client.request("GET", "/containers/json")
            for client in clients:
                client.getresponse().read()

        cases = {"one engine": lambda: asked(clients[:1]), "all three": lambda: asked(clients)}
        medians = bench.compare("GET /containers/json, bytes only", cases, rounds=100)
        return medians["all three"] / medians["one engine"]


def fleet_of_many(bench: Bench, folder: Path) -> None:
    with replaying(CASSETTE, folder, ENGINES) as addresses, opskit.fleet(addresses) as fleet:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            frame = fleet.containers()
            times.append(time.perf_counter() - began)
        assert frame["engine"].nunique() == ENGINES
        assert isinstance(fleet, Fleet)
    rows = [
        ("first, with connecting, s", f"{times[0]:.2f}", bench.wanted(2, times[0])),
        ("then, s", f"{min(times[1:]):.2f}", bench.wanted(2, min(times[1:]))),
    ]
    bench.table(f"a fleet of {ENGINES} replayed engines", ("", "", "wanted"), rows)


_SERVE = """
import sys
from opskit.wire.faults import latency
from opskit.wire.session import open_cassette
cassette, seconds, *paths = sys.argv[1:]
faults = [latency(float(seconds))] if float(seconds) else []
sessions = [open_cassette(cassette, listen_at=f"unix://{p}", faults=faults) for p in paths]
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def replaying(
    cassette: Path, folder: Path, count: int, *, latency: float = 0.0
) -> Iterator[list[str]]:
    """So many replay servers, in a process of their own; each waits before it answers."""
    paths = [str(folder / f"{number}.sock") for number in range(count)]
    command = [sys.executable, "-c", _SERVE, str(cassette), str(latency), *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout
            running.stdout.readline()
            yield [f"unix://{path}" for path in paths]
        finally:
            running.kill()
