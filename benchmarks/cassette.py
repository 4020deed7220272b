"""Cassettes: opening, finding, replaying and writing them, beside vcrpy; and what a kill loses."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import vcr
import vcr.cassette
import vcr.request

import opskit
from benchmarks.harness import Bench, Want
from opskit.cassette.format import Cassette, load, save
from opskit.cassette.match import Index
from opskit.cassette.model import Body, Exchange, Framing, Piece, Request, Response
from opskit.cassette.recovery import recover
from tests.test_cassette_journal import bodies, kill_while_writing

__all__ = ["run"]

SIZES = (100, 1000, 5000)
VCR_SIZES = (100, 300, 1000)
HEADERS = [
    ("Api-Version", "1.41"),
    ("Content-Type", "application/json"),
    ("Docker-Experimental", "false"),
    ("Ostype", "linux"),
    ("Server", "Docker/20.10.24+dfsg1 (linux)"),
]


def run(bench: Bench) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        opening(bench, place)
        finding(bench, place)
        replaying(bench, place)
        many(bench, place)
        killed(bench, place)


def target(number: int) -> str:
    return f"/v1.41/containers/{hashlib.sha256(b'%d' % number).hexdigest()}/json"


def answer(number: int) -> bytes:
    """An inspect as large as they are, 5 KB."""
    draw = random.Random(number)
    body: dict[str, Any] = {
        "Id": target(number)[18:82],
        "State": {"Status": "running", "Pid": draw.randrange(100_000), "Health": None},
        "Name": f"/container-{number}",
        "HostConfig": {f"Option{i}": draw.choice([None, 0, "", [], False]) for i in range(90)},
        "Config": {
            "Env": [f"VARIABLE_{i}={draw.getrandbits(64):x}" for i in range(20)],
            "Labels": {f"com.example.label-{i}": f"{draw.getrandbits(96):x}" for i in range(20)},
        },
        "Mounts": [{"Source": f"/var/lib/{draw.getrandbits(128):x}"} for _ in range(10)],
    }
    return json.dumps(body).encode() + b"\n"


def exchanges(count: int) -> list[Exchange]:
    made = []
    for number in range(1, count + 1):
        data, order = answer(number), 4 * number
        headers = [*HEADERS, ("Content-Length", str(len(data)))]
        response = Response(200, "OK", headers, Framing.LENGTH, order=order + 1, at=number / 100)
        response.pieces = [Piece(order + 2, number / 100 + 0.001, "engine", data)]
        sent = [("Host", "localhost:2375"), ("User-Agent", "docker-sdk-python/7.2.0")]
        request = Request("GET", target(number), sent, order=order, at=number / 100)
        made.append(Exchange(number, request, response, end_order=order + 3))
    return made


def vcr_cassette(path: Path, count: int) -> Path:
    """The same content as vcrpy itself writes it."""
    cassette = vcr.cassette.Cassette(str(path))
    for exchange in exchanges(count):
        assert exchange.response is not None
        headers = {name: [value] for name, value in exchange.response.headers}
        body = {"string": exchange.response.body()}
        response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": body}
        uri = "http://localhost:2375" + exchange.request.target
        request = vcr.request.Request("GET", uri, None, dict(exchange.request.headers))
        cassette.append(request, response)
    cassette._save(force=True)
    return path


def opening(bench: Bench, place: Path) -> None:
    whole = Cassette(exchanges(SIZES[-1]))
    theirs = str(vcr_cassette(place / "vcr.yaml", SIZES[-1]))
    ours = {ending: save(whole, place / f"c.{ending}") for ending in ("yaml", "jsonl", "jsonl.gz")}
    first = "vcrpy, its own .yaml"
    cases = {first: lambda: vcr.cassette.Cassette.load(path=theirs)}
    for ending, path in ours.items():
        cases[f"load .{ending}"] = lambda path=path: load(path)
        cases[f"load .{ending} and index it"] = lambda path=path: Index(load(path).exchanges)
    wants = [Want("load .yaml", first, 1.0)]
    wants += [Want(f"load .jsonl{more}", first, 1 / 20) for more in ("", " and index it")]
    title = f"Opening {SIZES[-1]} exchanges ({Path(theirs).stat().st_size / 1e6:.1f} MB of YAML)"
    bench.compare(title, cases, wants=wants, rounds=3, warm_up=0)


def finding(bench: Bench, place: Path) -> None:
    rows: list[list[object]] = []
    for size in VCR_SIZES:
        path = str(vcr_cassette(place / f"vcr{size}.yaml", size))
        cassette = vcr.cassette.Cassette.load(path=path, record_mode="none")
        began = time.perf_counter()
        for number in range(1, size + 1):
            uri = "http://localhost:2375" + target(number)
            request = vcr.request.Request("GET", uri, None, {})
            assert cassette.can_play_response_for(request)
            cassette.play_response(request)
        rows.append(["vcrpy", size, *_each(time.perf_counter() - began, size)])
    for ending in ("yaml", "jsonl"):
        for size in SIZES:
            path = str(save(Cassette(exchanges(size)), place / f"find{size}.{ending}"))
            index = Index(load(path).exchanges)
            began = time.perf_counter()
            for number in range(1, size + 1):
                index.find("GET", target(number), [], Body())
            rows.append([f"opskit .{ending}", size, *_each(time.perf_counter() - began, size)])
    head = ("matching in one process", "requests", "together", "each")
    bench.table("Finding each of N distinct requests once", head, rows)


def _each(seconds: float, count: int) -> tuple[str, str]:
    return f"{seconds:.2f} s", f"{seconds / count * 1e6:.0f} µs"


def replaying(bench: Bench, place: Path) -> None:
    rows: list[list[object]] = []
    for size in SIZES:
        path = save(Cassette(exchanges(size)), place / f"replay{size}.jsonl")
        with opskit.replay(path) as engine:
            connection = _connected(engine.address)
            times = []
            began = time.perf_counter()
            for number in range(1, size + 1):
                start = time.perf_counter()
                connection.request("GET", target(number))
                assert len(connection.getresponse().read()) > 1000
                times.append(time.perf_counter() - start)
            together = time.perf_counter() - began
            connection.close()
        median = f"{statistics.median(times) * 1e6:.0f} µs"
        rows.append(["opskit, unix socket", size, *_each(together, size), median])
    for size in (*VCR_SIZES, SIZES[-1]) if bench.long else VCR_SIZES:
        path = vcr_cassette(place / f"over{size}.yaml", size)
        with vcr.use_cassette(str(path), record_mode="none"), requests.Session() as session:
            times = []
            began = time.perf_counter()
            for number in range(1, size + 1):
                start = time.perf_counter()
                session.get("http://localhost:2375" + target(number))
                times.append(time.perf_counter() - start)
            together = time.perf_counter() - began
        median = f"{statistics.median(times) * 1e6:.0f} µs"
        rows.append(["vcrpy in requests, tcp", size, *_each(together, size), median])
    head = ("", "requests", "together", "each", "median")
    bench.table("Replaying N distinct requests", head, rows)


def _connected(address: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(address.removeprefix("unix://"))
    return connection


MANY = """
import resource, sys, time
from opskit.cassette.format import load
from opskit.cassette.match import Index
from opskit.cassette.model import Body
def memory():  # without the pages of the file, which are the system's
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))
before = memory()
began = time.perf_counter()
cassette = load(sys.argv[1])
loaded = time.perf_counter()
index = Index(cassette.exchanges)
indexed = time.perf_counter()
for i in range(1000):
    index.find("GET", cassette.exchanges.request(i * 199).target, [], Body())
found = time.perf_counter()
used = memory() - before
print(loaded - began, indexed - loaded, (found - indexed) / 1000, used / 1024)
"""


def many(bench: Bench, place: Path) -> None:
    """200,000 exchanges, and a stream of 100,000 events."""
    path = place / "many.jsonl"
    _write_many(path, 200_000)
    figures = _in_a_process(MANY, str(path))
    loaded, indexed, found, memory = (float(figure) for figure in figures)
    size = f"{path.stat().st_size / 1e6:.0f} MB"
    spent = [f"{loaded:.2f} s", f"{indexed:.2f} s", f"{found * 1e6:.0f} µs", f"{memory:.0f} MiB"]
    rows = [["200,000 exchanges", size, *spent]]
    path.unlink()
    head = ("", "file", "load", "index", "find one", "memory")
    bench.table("A large cassette", head, rows)
    recorded = _in_a_process(EVENTS, str(place / "events.jsonl"))
    head = ("recorded, per event", "closed", "extra memory", "opened to replay")
    each, closed, extra, opened = (float(figure) for figure in recorded)
    row = [f"{each * 1e6:.0f} µs", f"{closed:.2f} s", f"{extra:.0f} MiB", f"{opened:.2f} s"]
    bench.table("A stream of 100,000 events (42 MB)", head, [row])


def _write_many(path: Path, count: int) -> None:
    made = exchanges(500)

    def all_of_them() -> Iterator[tuple[Exchange, Any]]:
        from opskit.cassette.records import spool_of

        for number in range(1, count + 1):
            exchange = made[number % 500]
            exchange.number = number
            exchange.request.target = target(number)
            assert exchange.response is not None
            yield exchange, spool_of(exchange.response)

    from opskit.cassette.format import write

    write(path, all_of_them(), {})


EVENTS = """
import resource, sys, time
from pathlib import Path
from opskit.cassette.format import load
from opskit.cassette.journal import Journal
from opskit.cassette.match import Index
from opskit.cassette.model import *
from opskit.cassette.redact import Redactor
event = (
    b'{"status":"start","id":"%064d","Type":"container","Action":"start","Actor":{"ID":"%064d",'
    b'"Attributes":{"image":"busybox:local","name":"web-%06d","com.example.project":"shop",'
    b'"pad":"' + b"x" * 90 + b'"}},"scope":"local","time":1795500000,"timeNano":1795%015d}\\n'
)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
journal = Journal(Path(sys.argv[1]), mode="all", redactor=Redactor(["secret"]), metadata={})
journal.request(1, Request("GET", "/v1.41/events"))
kind = [("Content-Type", "application/json")]
journal.response(1, Response(200, "OK", kind, Framing.CHUNKED, order=1))
began = time.perf_counter()
for i in range(100_000):
    journal.piece(1, Piece(i + 2, i / 1000, "engine", event % (i, i, i, i)))
said = time.perf_counter()
journal.close()
closed = time.perf_counter()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
cassette = load(sys.argv[1])
match = Index(cassette.exchanges).find("GET", "/events", [], Body())
assert len(match.exchange.response.pieces) == 100_000
opened = time.perf_counter()
print((said - began) / 100_000, closed - said, memory / 1024, opened - closed)
"""


def _in_a_process(code: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def killed(bench: Bench, place: Path, times: int = 200) -> None:
    """kill -9 at random moments of a busy recording: what `recover` gives."""
    path = place / "killed.jsonl"
    save(Cassette(exchanges(3)), path)
    before = path.read_bytes()
    finished = lost = damaged = 0
    for seed in range(times):
        done = kill_while_writing(path, seed, "all", random.Random(seed).uniform(0, 0.2))
        damaged += path.read_bytes() != before
        recovered = recover(path)
        found = bodies(recovered)
        recovered.unlink()
        finished += len(done)
        lost += sum(number not in found or len(found[number][0]) != n for number, n in done.items())
    head = ("killed", "exchanges finished", "of them lost", "previous cassette damaged")
    bench.table("kill -9 while recording", head, [[times, finished, lost, damaged]])
