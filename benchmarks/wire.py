"""The relay: what recording adds to calls, stream frames and a large image; what replay takes."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness import Bench, Want
from tests.engines import PrivateEngine, UnixConnection

__all__ = ["run"]

IMAGE_BYTES = 1 << 30
FRAMES = 300
EVENTS = 100_000
MEMORY = 64
"""MiB that a large image may take in the relay."""


def run(bench: Bench) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder, PrivateEngine("wire") as engine:
        place = Path(folder)
        small_calls(bench, place, engine)
        frames(bench, place)
        image(bench, place, engine)
        events(bench, place)


@contextlib.contextmanager
def opskit(*words: str) -> Iterator[tuple[str, int]]:
    """An ``opskit record`` or ``replay`` that listens; gives its socket and process id."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/relay.sock"
        command = [sys.executable, "-m", "opskit", *words, "--listen", f"unix://{path}"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            while not os.path.exists(path):
                time.sleep(0.02)
            yield path, process.pid
        finally:
            process.terminate()
            process.wait()


def memory(pid: int, field: str = "VmHWM") -> float:
    """The most memory that a process has had so far, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def small_calls(bench: Bench, place: Path, engine: PrivateEngine) -> None:
    cassette = str(place / "small.jsonl")

    def asking(path: str, target: str) -> tuple[UnixConnection, str]:
        return UnixConnection(path), target

    def ask(connection: http.client.HTTPConnection, target: str) -> None:
        for _ in range(20):
            connection.request("GET", target)
            connection.getresponse().read()

    for target in ("/_ping", "/version"):
        with opskit("record", "-o", cassette, "--mode=all", "--upstream", engine.url) as (path, _):
            bare, recorded = asking(engine.socket, target), asking(path, target)
            medians = bench.compare(
                f"20 times GET {target}",
                {"bare": partial(ask, *bare), "recorded": partial(ask, *recorded)},
            )
        added = (medians["recorded"] - medians["bare"]) / 20 * 1e3
        print(f"- recording adds {added:.3f} ms to a call; {bench.wanted(0.5, added)}\n")
    with opskit("replay", cassette) as (path, _):
        replayed = asking(path, "/version")
        bench.compare(
            "Replay, 20 times GET /version",
            {"live": partial(ask, *bare), "replayed": partial(ask, *replayed)},
            wants=[Want("replayed", "live", 1.0)],
        )


class Ticking:
    """An engine whose stream says in each chunk when it was sent; no real one does."""

    def __init__(self, folder: Path, chunks: int, interval: float) -> None:
        self.path = str(folder / "ticking.sock")
        self._chunks, self._interval = chunks, interval
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.path)
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._follow, args=(client,), daemon=True).start()

    def _follow(self, client: socket.socket) -> None:
        with client:
            if not client.recv(65536).startswith(b"GET /events"):
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                return
            client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(self._chunks):
                if self._interval:
                    time.sleep(self._interval)
                line = b"%d %d %s\n" % (time.perf_counter_ns(), number, b"x" * 400)
                client.sendall(b"%x\r\n%b\r\n" % (len(line), line))
            client.sendall(b"0\r\n\r\n")

    def close(self) -> None:
        self._server.close()


def frames(bench: Bench, place: Path) -> None:
    engine = Ticking(place, FRAMES, 0.003)
    cassette = str(place / "ticks.jsonl")

    def delays(path: str) -> list[float]:
        with contextlib.closing(UnixConnection(path)) as connection:
            connection.request("GET", "/events")
            lines = connection.getresponse()
            return [
                (time.perf_counter_ns() - int(line.split()[0])) / 1e6
                for line in iter(lines.readline, b"")
            ]

    with opskit("record", "-o", cassette, "--mode=all", "--upstream", f"unix://{engine.path}") as (
        path,
        _,
    ):
        seen = {"bare": delays(engine.path), "recorded": delays(path)}
    engine.close()
    os.unlink(engine.path)
    rows = [
        (name, f"{statistics.median(d):.3f} ms", f"{sorted(d)[int(len(d) * 0.99)]:.3f} ms")
        for name, d in seen.items()
    ]
    bench.table(f"From the engine to the client, {FRAMES} frames", ("", "median", "p99"), rows)
    later = statistics.median(seen["recorded"]) - statistics.median(seen["bare"])
    print(f"- a frame comes {later:.3f} ms later; {bench.wanted(2.0, later)}\n")


def image(bench: Bench, place: Path, engine: PrivateEngine) -> None:
    """Save an image of 1 GiB: how fast, and how much memory the recorder takes for it."""
    build = (
        f"head -c {IMAGE_BYTES} /dev/urandom >blob && tar -cf - blob | "
        f"curl -sf --unix-socket {engine.socket} -X POST -T - "
        "'http://d/images/create?fromSrc=-&repo=large&tag=1'"
    )
    subprocess.run(["sh", "-c", build], cwd=place, check=True, stdout=subprocess.DEVNULL)
    (place / "blob").unlink()
    cassette = str(place / "image.jsonl")

    def save(path: str) -> float:
        began = time.perf_counter()
        command = ["curl", "-sf", "-o", "/dev/null", "--unix-socket", path]
        subprocess.run([*command, "http://d/images/large:1/get"], check=True)
        return time.perf_counter() - began

    save(engine.socket)
    rows, seconds = [], {}
    with opskit("record", "-o", cassette, "--mode=all", "--upstream", engine.url) as (path, pid):
        before = memory(pid)
        for name, where in (("bare", engine.socket), ("recorded", path)) * 2:
            seconds.setdefault(name, []).append(save(where))
        grown = memory(pid) - before
    with opskit("replay", cassette) as (path, replaying):
        seconds["replayed"] = [save(path)]
        replayed = memory(replaying)
    for name, times in seconds.items():
        rows.append((name, f"{min(times):.2f} s", f"{IMAGE_BYTES / 2**20 / min(times):.0f} MiB/s"))
    bench.table("Saving an image of 1 GiB", ("", "best of 2", "throughput"), rows)
    times = min(seconds["recorded"]) / min(seconds["bare"])
    print(f"- recording takes {times:.2f} times as long; {bench.wanted(2.0, times)}")
    print(f"- and {grown:.1f} MiB more memory; {bench.wanted(MEMORY, grown)}")
    print(f"- replaying it takes {replayed:.0f} MiB in all\n")


def events(bench: Bench, place: Path) -> None:
    """Record 100,000 events, and open them for replay."""
    engine = Ticking(place, EVENTS, 0.0)
    cassette = place / "events.jsonl"

    def read(path: str) -> int:
        with contextlib.closing(UnixConnection(path)) as connection:
            connection.request("GET", "/events")
            return sum(1 for _ in iter(connection.getresponse().readline, b""))

    upstream = f"unix://{engine.path}"
    with opskit("record", "-o", str(cassette), "--mode=all", "--upstream", upstream) as (path, pid):
        before, began = memory(pid), time.perf_counter()
        assert read(path) == EVENTS
        took, grown = time.perf_counter() - began, memory(pid) - before
    engine.close()
    script = (
        "import sys, time; from opskit.wire.session import open_cassette; began = time.time();"
        "session = open_cassette(sys.argv[1]); print(time.time() - began); session.close()"
    )
    opening = [sys.executable, "-c", script, str(cassette)]
    opened = float(subprocess.run(opening, check=True, capture_output=True, text=True).stdout)
    with opskit("replay", str(cassette)) as (path, _):
        began = time.perf_counter()
        assert read(path) == EVENTS
        replayed = time.perf_counter() - began
    rows = [
        ("recorded in", f"{took:.2f} s", ""),
        ("memory for it", f"{grown:.1f} MiB", bench.wanted(100, grown)),
        ("opened for replay in", f"{opened:.3f} s", bench.wanted(1.0, opened)),
        ("replayed in", f"{replayed:.2f} s", ""),
    ]
    size = cassette.stat().st_size / 2**20
    bench.table(f"{EVENTS:,} events ({size:.0f} MiB)", ("", "", "wanted"), rows)
