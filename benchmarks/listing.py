"""Listing and raw calls: opskit beside bare bytes, http.client, docker-py and the CLI."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import docker

import opskit
from benchmarks.harness import Bench, Want
from tests.engines import PrivateEngine, UnixConnection

__all__ = ["bare_get", "dials", "run"]

BARE = "bare bytes, kept-alive socket"
FRAME = "engine.containers()"
DETAIL = "engine.containers(detail=True)"
SDK = "docker-py containers.list()"
CLI = "docker ps --format json"


def run(bench: Bench) -> None:
    """Print the tables."""
    private = bench.busy_engine()
    with ExitStack() as stack:
        engine = stack.enter_context(opskit.connect(private.url))
        sdk = docker.DockerClient(private.url)
        stack.callback(sdk.close)
        listing(bench, private, engine, sdk, stack)
        raw_calls(bench, private, engine, stack)
        connections(bench, private)
        replay(bench, private, stack)
    imports(bench)


def listing(
    bench: Bench,
    private: PrivateEngine,
    engine: opskit.Engine,
    sdk: docker.DockerClient,
    stack: ExitStack,
) -> None:
    cases: dict[str, Callable[[], object]] = {
        BARE: stack.enter_context(bare_get(private.socket, "/containers/json")),
        FRAME: engine.containers,
        DETAIL: lambda: engine.containers(detail=True),
        "docker-py containers.list(sparse=True)": lambda: sdk.containers.list(sparse=True),
        SDK: sdk.containers.list,
    }
    wants = [Want(FRAME, BARE, 1.5), Want(FRAME, SDK, 1 / 15), Want(DETAIL, seconds=0.025)]
    if shutil.which("docker"):
        command = ("docker", "ps", "--no-trunc", "--format", "{{json .}}")
        cases[CLI] = lambda: subprocess.run(
            command, env=private.env, check=True, capture_output=True
        )
        wants.append(Want(FRAME, CLI, 1 / 4))
    title = f"All of {bench.containers} running containers"
    bench.compare(title, cases, wants=wants)


def raw_calls(
    bench: Bench, private: PrivateEngine, engine: opskit.Engine, stack: ExitStack
) -> None:
    connection = UnixConnection(private.socket)
    stack.callback(connection.close)
    name = "busy-0000"

    def bare(path: str) -> bytes:
        connection.request("GET", path)
        return connection.getresponse().read()

    for path in ("/_ping", f"/containers/{name}/json"):
        asked, again = "engine.get", "engine.request"
        bench.compare(
            f"GET {path.replace(name, 'NAME')}",
            {
                "http.client, kept-alive": lambda: bare(path),  # noqa: B023  called in this turn
                asked: lambda: engine.get(path),  # noqa: B023
                again: lambda: engine.request("GET", path),  # noqa: B023
            },
            wants=[Want(asked, "http.client, kept-alive", 2)],
            rounds=400,
        )


def connections(bench: Bench, private: PrivateEngine) -> None:
    count = 1000
    rows = []
    with opskit.connect(private.url) as engine, dials() as dialled:
        for number in range(count):
            engine.get("/containers/json", limit=1, filters={"name": [f"none-{number}"]})
        rows.append(("engine.get", dialled(), bench.wanted(10, dialled())))
    with opskit.connect(private.url) as engine, dials() as dialled:
        for number in range(count):
            engine.request("GET", "/containers/json", params={"limit": 1, "n": number})
        rows.append(("engine.request", dialled(), bench.wanted(10, dialled())))
    sdk = docker.DockerClient(private.url)
    with dials() as dialled:
        for number in range(count):
            sdk.api.containers(limit=1, filters={"name": [f"none-{number}"]})
        rows.append(("docker-py", dialled(), ""))
    sdk.close()
    bench.table(f"Connections for {count} distinct URLs", ("", "dialled", "wanted"), rows)


def replay(bench: Bench, private: PrivateEngine, stack: ExitStack) -> None:
    """A replayed GET beside the live engine's cheapest answers."""
    path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "listing.yaml"
    with opskit.record(path, upstream=private.url) as recorded:
        recorded.get("/version")
        recorded.get("/containers/json")
    live = stack.enter_context(opskit.connect(private.url))
    replayed = stack.enter_context(opskit.connect(cassette=path))
    asked = "replayed GET /version"
    bench.compare(
        "Replay",
        {
            "live GET /version": lambda: live.get("/version"),
            asked: lambda: replayed.get("/version"),
            "live GET /containers/json": lambda: live.get("/containers/json"),
            "replayed GET /containers/json": lambda: replayed.get("/containers/json"),
        },
        wants=[Want(asked, "live GET /version", 1)],
        rounds=400,
    )


def imports(bench: Bench) -> None:
    """A fresh process each time."""

    def fresh(code: str) -> Callable[[], object]:
        return lambda: subprocess.run((sys.executable, "-c", code), check=True)

    base = "import requests"
    medians = bench.compare(
        "Import in a fresh process",
        {base: fresh(base), "import requests, opskit": fresh("import requests, opskit")}
        | {"import opskit": fresh("import opskit"), "pass": fresh("pass")},
        rounds=20,
    )
    more = (medians["import requests, opskit"] - medians[base]) * 1e3
    heavy = "{'pandas', 'matplotlib', 'ipywidgets', 'docker'}"
    code = f"import sys, opskit; print(len({heavy} & set(sys.modules)))"
    loaded = int(subprocess.check_output((sys.executable, "-c", code)))
    rows = [
        ("ms more than requests alone", f"{more:.1f}", bench.wanted(60, more)),
        ("heavy libraries loaded", loaded, bench.wanted(0, loaded)),
    ]
    bench.table("What import opskit costs", ("", "value", "wanted"), rows)


@contextmanager
def bare_get(path: str, target: str) -> Iterator[Callable[[], bytes]]:
    """The least that a client can do: write a request, read what is answered until its end."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        request = f"GET {target} HTTP/1.1\r\nHost: d\r\n\r\n".encode()

        def get() -> bytes:
            sock.sendall(request)
            data = b""
            while not data.endswith(b"\r\n0\r\n\r\n"):
                data += sock.recv(1 << 20)
            return data

        yield get


@contextmanager
def dials() -> Iterator[Callable[[], int]]:
    """Count this process's connections to unix sockets."""
    counted = [0]
    watching = [True]

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching[0] and event == "socket.connect" and isinstance(args[1], str | bytes):
            counted[0] += 1

    sys.addaudithook(hook)
    yield lambda: counted[0]
    watching[0] = False
