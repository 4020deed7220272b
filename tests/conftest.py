"""Fixtures: private Docker Engines, and a guard around every engine that was here before."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .engines import EngineMissing, PrivateEngine
from .releases import RELEASES, engine_of

if TYPE_CHECKING:
    from opskit import Engine

REQUIRED = "OPSKIT_REQUIRE_ENGINE"
SHARED = pytest.StashKey[PrivateEngine]()
FOREIGN = frozenset(
    path
    for path in (
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/podman/podman.sock",
        f"/run/user/{os.getuid()}/docker.sock",
        os.environ.get("DOCKER_HOST", "").removeprefix("unix://"),
    )
    if path.startswith("/")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--docker",
        choices=sorted(RELEASES),
        help="run the live tests against this release, unpacked from Debian's packages beside the "
        "system (or taken from the folder that OPSKIT_DOCKER_ROOT names); default: installed one",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let no test reach an engine by accident: a test that wants one names its address."""
    for name in [name for name in os.environ if name.startswith(("DOCKER_", "OPSKIT_NOTEBOOK"))]:
        del os.environ[name]
    os.environ["DOCKER_HOST"] = "unix:///nonexistent/opskit-tests-have-no-engine.sock"
    os.environ["DOCKER_CONFIG"] = "/nonexistent/opskit-tests"
    sys.addaudithook(_refuse_foreign_engines)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a run in the background of a shell ignores it, and so would what tests interrupt
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _refuse_foreign_engines(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and args[1] in FOREIGN and _is_socket(args[1]):
        raise RuntimeError(f"a test connects to {args[1]}, an engine that was here before it")


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip on Podman what its Docker API cannot do or says in another way."""
    if config.getoption("--docker") == "podman":
        for item in items:
            if marker := item.get_closest_marker("docker_only"):
                item.add_marker(pytest.mark.skip(reason=marker.args[0]))


@pytest.fixture(scope="session")
def make_engine(request: pytest.FixtureRequest) -> Callable[..., PrivateEngine]:
    """Factory of private engines that are not started yet; the caller closes them.

    Skips where none can run, unless OPSKIT_REQUIRE_ENGINE=1.
    """
    release = request.config.getoption("--docker")

    def make(name: str = "test", **options: Any) -> PrivateEngine:
        try:
            return engine_of(release, name, **options)
        except EngineMissing as missing:
            if os.environ.get(REQUIRED) == "1":
                pytest.fail(f"{missing}, and {REQUIRED}=1 forbids to skip")
            pytest.skip(f"no private engine: {missing}")

    return make


@pytest.fixture(scope="session")
def private_engine(
    make_engine: Callable[..., PrivateEngine], request: pytest.FixtureRequest
) -> Iterator[PrivateEngine]:
    """The run's own Docker Engine, with the image busybox:local; emptied after each file."""
    with make_engine("run") as engine:
        request.config.stash[SHARED] = engine
        yield engine
        del request.config.stash[SHARED]


@pytest.fixture(scope="module", autouse=True)
def _leave_nothing_to_the_next_file(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if engine := request.config.stash.get(SHARED, None):
        engine.remove_all()


@pytest.fixture(scope="session")
def live_engine(private_engine: PrivateEngine) -> Iterator[Engine]:
    """An `opskit.Engine` connected to the private engine."""
    import opskit

    with opskit.connect(private_engine.url) as engine:
        yield engine


@pytest.fixture
def fresh_engine(make_engine: Callable[..., PrivateEngine]) -> Iterator[PrivateEngine]:
    """An engine of this test's own, to be killed, paused or filled."""
    with make_engine("fresh") as engine:
        yield engine


@pytest.fixture
def engines(make_engine: Callable[..., PrivateEngine]) -> Iterator[Callable[..., PrivateEngine]]:
    """Start engines with options of one's own (``tls=``, ``flags=``); closed after the test."""
    with ExitStack() as stack:

        def start(name: str = "own", **options: Any) -> PrivateEngine:
            return stack.enter_context(make_engine(name, **options))

        yield start


@pytest.fixture
def emptied_engine(private_engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """The run's engine with no container, volume or own network, before and after the test."""
    private_engine.remove_all()
    yield private_engine
    private_engine.remove_all()


@pytest.fixture
def samples() -> Path:
    """Folder of recorded answers of many engines, one folder each."""
    return Path(__file__).parent / "samples"
