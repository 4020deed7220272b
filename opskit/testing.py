"""The pytest plugin: tests of docker automation, run against cassettes.

>>> @pytest.mark.cassette("shop")
... def test_the_shop_runs(engine):
...     assert len(engine.containers()) == 3

A test with the mark, or with one of the fixtures, is answered from a cassette: ``DOCKER_HOST``
leads every client there while it runs. ``engine`` is an `opskit.Engine` on it, ``docker_host``
its address. Cassettes lie in ``cassettes/`` beside the test file (fixture ``cassette_dir``); a
test without a name in its mark has ``cassettes/<module>/<test>.yaml``. The mark's keywords are
those of `opskit.replay`.

``--record-mode=none|once|new_episodes|all``
    What is done with cassettes; by default (``none``) they are only replayed.
``--block-engine``
    No test reaches an engine, with or without a cassette.

Exchanges that no test of a run has played are listed at its end, and where all tests were run,
also cassettes that none has used.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opskit.unplayed import Unplayed

if TYPE_CHECKING:
    from opskit.engine import Engine
    from opskit.wire.session import Recording, Replay

__all__ = ["cassette_dir", "docker_host", "engine"]

_MODES = ("none", "once", "new_episodes", "all")
_BUSY = 60.0
_PASSED = pytest.StashKey[bool]()
_NOWHERE = "unix:///nonexistent/opskit-blocks-the-engine.sock"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("opskit", "docker automation against cassettes")
    with contextlib.suppress(ValueError):  # pytest-recording has it too, with the same words
        group.addoption(
            "--record-mode",
            choices=_MODES,
            default="none",
            help="Record cassettes: none (default) only replays, once records missing ones, "
            "new_episodes adds what is missing, all records anew.",
        )
    group.addoption(
        "--block-engine", action="store_true", help="Let no test reach a Docker Engine."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, block the engine if asked to, and begin to count."""
    config.addinivalue_line(
        "markers",
        "cassette(name=None, *, pace, match, faults, seed): answer the test's calls to the "
        "engine from this cassette; keywords as for opskit.replay.",
    )
    config.pluginmanager.register(Unplayed(), "opskit-unplayed")
    if config.getoption("--block-engine"):
        if _mode(config) != "none":
            raise pytest.UsageError("--block-engine and --record-mode contradict each other")
        _block()


def _mode(config: pytest.Config) -> str:
    return config.getoption("--record-mode") or "none"


def _block() -> None:
    import sys

    from opskit.address import SYSTEM_SOCKET, resolve
    from opskit.errors import AddressError

    blocked = {SYSTEM_SOCKET, "/run/docker.sock"}
    try:
        address = resolve()
        blocked.add(address.path or f"{address.host}:{address.port}")
    except AddressError:
        pass  # what cannot be read leads nowhere
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        os.environ.pop(name, None)
    os.environ["DOCKER_HOST"] = _NOWHERE

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            where = args[1]
            name = f"{where[0]}:{where[1]}" if isinstance(where, tuple) else where
            if name in blocked:
                raise RuntimeError(f"--block-engine: a test connects to the engine at {name}")

    sys.addaudithook(refuse)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test itself passed."""
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture
def cassette_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of the test's cassette: ``cassettes`` beside the test file."""
    return request.path.parent / "cassettes"


@pytest.fixture
def docker_host(request: pytest.FixtureRequest, cassette_dir: Path) -> Iterator[str]:
    """The address where the test's cassette answers, or is recorded; also in ``DOCKER_HOST``."""
    from opskit.wire import session
    from opskit.wire.environment import docker_host

    path, options = _cassette_of(request, cassette_dir)
    counter: Any = request.config.pluginmanager.get_plugin("opskit-unplayed")
    counter.uses(path, cassette_dir)
    running = _open(path, _mode(request.config), options)
    with docker_host(running.address):
        yield running.address
    passed = request.node.stash.get(_PASSED, False)
    if isinstance(running, session.Replay):
        running.close()
        unplayed = [request for _, request in running.unplayed()]
        counter.add(path, unplayed, complete=passed)
    elif passed or not path.exists():
        running.close()
    else:
        running.set_aside()


@pytest.fixture
def engine(docker_host: str) -> Iterator[Engine]:
    """An `opskit.Engine` connected to the test's cassette."""
    import opskit

    with opskit.connect(docker_host) as engine:
        yield engine


@pytest.fixture(autouse=True)
def _marked(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("cassette"):
        request.getfixturevalue("docker_host")


def _cassette_of(request: pytest.FixtureRequest, folder: Path) -> tuple[Path, dict[str, Any]]:
    mark = request.node.get_closest_marker("cassette")
    options = dict(mark.kwargs) if mark else {}
    name = mark.args[0] if mark and mark.args else options.pop("name", None)
    if name is None:
        test = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name).strip("-")
        name = f"{request.path.stem}/{test}"
    path = folder / name
    if not re.search(r"\.(yaml|yml|jsonl|jsonl\.gz)$", path.name):
        path = path.with_name(path.name + ".yaml")
    return path, options


def _open(path: Path, mode: str, options: dict[str, Any]) -> Recording | Replay:
    import time

    from opskit.errors import CassetteBusy
    from opskit.wire.session import open_cassette, open_recording

    if mode == "none" or (mode == "once" and path.exists()):
        if not path.exists():
            pytest.fail(f"no cassette {path}: record it with --record-mode=once", pytrace=False)
        return open_cassette(path, **options)
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + _BUSY
    while True:
        try:
            return open_recording(path, mode=mode)
        except CassetteBusy:  # another test, in another process, records the same cassette
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
