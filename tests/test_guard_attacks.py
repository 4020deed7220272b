"""Calls that try to get past a guard; what reached the engine, its own log tells."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from opskit.address import resolve
from opskit.guard.creation import FORBIDDABLE
from opskit.guard.policyfile import parse_policy
from opskit.guard.rules import Policy
from opskit.guard.service import Guard
from opskit.wire.forward import Forwarder
from opskit.wire.listen import listen
from opskit.wire.relay import Relay
from opskit.wire.upstream import dialler

from .attacks import ALLOWED, BODIES, FORMS, RAW, request
from .engines import PrivateEngine
from .wires import Bare, WireEngine, client_of

READING = parse_policy('allow = ["containers"]')
CREATING = parse_policy(
    'allow = ["containers", "volumes", "exec", "build", "plugins", "services", "swarm"]\n'
    "post = true\n"
    f"forbid = {sorted(FORBIDDABLE)}"
)
_CALLED = re.compile(  # as 20.10 and 26 log it at debug level, and as 28 does
    r'msg="Calling (?P<method>[A-Za-z]+) (?P<path>[^ "]+)"'
    r'|msg="handling (?P<verb>[A-Za-z]+) request".*? request-url="?(?P<url>[^ "]+)'
)


@dataclass
class Watched:
    """An engine that logs each call it handles, behind a guard."""

    engine: PrivateEngine
    reading: Relay
    creating: Relay

    def calls(self, start: int) -> list[str]:
        """The calls that its log tells of, from an offset on."""
        with open(self.engine.folder / "log", "rb") as log:
            log.seek(start)
            text = log.read().decode()
        found = (match.groupdict() for match in _CALLED.finditer(text))
        return [f"{m['method'] or m['verb']} {m['path'] or m['url']}" for m in found]

    def offset(self) -> int:
        return (self.engine.folder / "log").stat().st_size

    def objects(self) -> tuple[object, ...]:
        """What there is on the engine, and whether the victim is as it was."""
        victim = self.engine.api("GET", "/containers/victim/json")["State"]
        names = [one["Id"] for one in self.engine.api("GET", "/containers/json", all="1")]
        volumes = [one["Name"] for one in self.engine.api("GET", "/volumes")["Volumes"] or []]
        return sorted(names), sorted(volumes), victim["Pid"], victim["StartedAt"]


def guard(url: str, policy: Policy) -> Relay:
    forwarder = Forwarder(dialler(resolve(url)))
    return Relay(Guard(forwarder, policy), listen(), head_timeout=0.3, body_timeout=0.3)


@pytest.fixture(scope="module")
def watched(make_engine, request) -> Iterator[Watched]:
    if request.config.getoption("--docker") == "podman":
        pytest.skip("Podman's log does not tell of each call")
    with (
        make_engine("attacked", flags=("--debug",)) as engine,
        guard(engine.url, READING) as reading,
        guard(engine.url, CREATING) as creating,
    ):
        engine.run(name="victim")
        engine.run(name="linked", Links=["victim:alias"])
        yield Watched(engine, reading, creating)


def tell(address: str, sent: bytes) -> bytes:
    """What comes back from raw bytes, until the other side closes or is done."""
    with client_of(address) as client:
        client.sock.settimeout(3)
        try:
            client.send(sent).half_close()
            return client.rest()
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            return client.data


@pytest.mark.live
def test_no_attack_reaches_the_engine(watched: Watched) -> None:
    before = watched.objects()
    start = watched.offset()
    watched.engine.api("GET", "/_ping")
    assert watched.calls(start) == ["GET /_ping"], "the log would tell of a call"
    passed = []
    for name, sent in RAW:
        start = watched.offset()
        tell(watched.reading.address, sent)
        passed += [(name, call) for call in watched.calls(start) if call != ALLOWED]
    assert passed == []
    assert watched.objects() == before


@pytest.mark.live
def test_nothing_forbidden_is_created(watched: Watched) -> None:
    before = watched.objects()
    passed = []
    kind = "Content-Type: application/json"
    attacks = [(n, request(f"POST {path} HTTP/1.1", kind, body=body)) for n, path, body in BODIES]
    for name, sent in [*attacks, *FORMS]:
        start = watched.offset()
        told = tell(watched.creating.address, sent)
        passed += [(name, call) for call in watched.calls(start)]
        assert told.startswith(b"HTTP/1.1 403 "), name
    assert passed == []
    assert watched.objects() == before


@pytest.mark.live
def test_the_same_attacks_work_without_a_guard(watched: Watched) -> None:
    """Else the tests above would show nothing."""
    start = watched.offset()
    for path in ("/networks", "/v1.41%2fnetworks", "/%6e%65%74%77%6f%72%6b%73"):
        tell(watched.engine.url, request(f"GET {path} HTTP/1.1"))
    assert len(watched.calls(start)) == 3
    bodies = {name: body for name, _, body in BODIES}
    for name in ("create: letters that fold", "create: other case", "create: privileged"):
        sent = request(
            "POST /containers/create HTTP/1.1",
            "Content-Type: application/json",
            body=bodies[name],
        )
        made = tell(watched.engine.url, sent)
        assert b" 201 " in made, name
        id = re.search(rb'"Id":"([0-9a-f]+)"', made)
        assert id
        config = watched.engine.api("GET", f"/containers/{id[1].decode()}/json")["HostConfig"]
        assert config["Privileged"], name
        watched.engine.api("DELETE", f"/containers/{id[1].decode()}")


def heard(tmp_path: Path, policy: Policy, sent: bytes) -> bytes:
    """The bytes that reach an engine behind a guard."""
    got: list[bytes] = []

    def engine(connection: Bare) -> None:
        connection.sock.settimeout(2)
        while data := connection.sock.recv(65536):
            got.append(data)
            if data.endswith(b"\r\n\r\n"):
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    with WireEngine(tmp_path, engine) as served, guard(f"unix://{served.path}", policy) as relay:
        tell(relay.address, sent)
    return b"".join(got)


@pytest.mark.parametrize(
    ("sent", "reaching"),
    [
        ("GET /containers/json", "GET /containers/json"),
        ("GET http://elsewhere/containers/json?all=1", "GET /containers/json?all=1"),
        ("GET /v1.41%2fcontainers%2fjson", "GET /v1.41/containers/json"),
        ("GET /%63ontainers/json", "GET /containers/json"),
        ("GET /containers/a%3Fb%23c/json", "GET /containers/a%3Fb%23c/json"),
        ("GET /containers/json?filters=%7B%7D", "GET /containers/json?filters=%7B%7D"),
    ],
)
def test_what_goes_on_is_written_anew(tmp_path: Path, sent: str, reaching: str) -> None:
    got = heard(tmp_path, READING, request(f"{sent} HTTP/1.1", "X-Kept: as it was"))
    assert got == f"{reaching} HTTP/1.1\r\nHost: docker\r\nX-Kept: as it was\r\n\r\n".encode()


def test_a_head_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with (
        WireEngine(tmp_path, lambda _: pytest.fail("it reached the engine")) as served,
        guard(f"unix://{served.path}", READING) as relay,
        client_of(relay.address) as client,
    ):
        client.send(b"GET /containers/json HTTP/1.1\r\n")
        client.sock.settimeout(0.02)
        for number in range(200):
            client.send(b"X-%d: slow\r\n" % number)
            with contextlib.suppress(TimeoutError):
                assert client.one_read().startswith(b"HTTP/1.1 408 ")
                break
        else:
            pytest.fail("a slow client is never given up")


def test_denied_is_said_in_the_engines_form(tmp_path: Path) -> None:
    with (
        WireEngine(tmp_path, lambda _: pytest.fail("it reached the engine")) as served,
        guard(f"unix://{served.path}", READING) as relay,
        client_of(relay.address) as client,
    ):
        for _ in range(3):  # the connection stays good for more
            head = client.send(request("POST /containers/x/kill HTTP/1.1")).until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json")
            assert b"only reading is allowed" in client.until(b"}\n")
