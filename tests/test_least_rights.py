"""The least rights that a session needs: worked out from its recording, tried, and used."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import opskit
from opskit.errors import PolicyError
from opskit.guard.asked import Asked
from opskit.guard.evidence import Evidence, gather
from opskit.guard.gojson import read_json
from opskit.guard.least import KINDS, fit
from opskit.guard.policyfile import parse_policy, read_policy
from opskit.guard.proxies import LINUXSERVER, TECNATIVA, TECNATIVA_NEXT, Haproxy, Regexes
from opskit.guard.session import guarding

from .engines import IMAGE, PrivateEngine
from .socketproxy import READING_ONLY, allow, socket_proxy
from .test_audit import answering
from .wires import WireEngine


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "opskit", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.live
def test_a_recorded_session_runs_again_under_its_least_rights(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    cassette, audit, rules = (tmp_path / name for name in ("s.yaml", "a.jsonl", "guard.toml"))
    (tmp_path / "data").mkdir()

    def session(address: str) -> None:
        def docker(*words: str) -> str:
            env = {**private_engine.env, "DOCKER_HOST": address}
            done = subprocess.run(
                ["docker", *words], env=env, check=True, capture_output=True, text=True, timeout=60
            )
            return done.stdout

        docker("ps")
        assert docker("run", "--rm", "-v", f"{tmp_path}/data:/d", IMAGE, "echo", "x") == "x\n"

    everything = parse_policy('[[rule]]\nallow = "/**"')
    with (
        guarding(everything, upstream=private_engine.url, audit=audit) as through,
        opskit.record(cassette, upstream=through.address) as engine,
    ):
        session(engine.address)
    shown = command("cassette", "policy", str(cassette), "--for", "guard")
    assert shown.returncode == 0
    rules.write_text(shown.stdout)
    policy = read_policy(rules)
    assert {str(rule) for rule in policy.allow} == {
        "GET /containers/json",
        "POST /containers/*/attach",
        "POST /containers/*/start",
        "POST /containers/*/wait",
        "POST /containers/create",
    }
    assert policy.mounts == (f"{tmp_path}/data",)
    assert "privileged" in policy.forbid
    with guarding(policy, upstream=private_engine.url) as guard:
        session(guard.address)
        assert guard.denied == 0
        with opskit.connect(guard.address) as engine, pytest.raises(opskit.errors.Forbidden):
            engine.images()
    # The audit log of the same session says the same
    audited, _ = gather([audit])
    assert fit("guard", audited).text == fit("guard", gather([cassette])[0]).text


def session(*requests: str, body: bytes = b"") -> list[Evidence]:
    """Evidence of a session of requests like ``POST /containers/web/start``."""
    found = []
    for request in requests:
        method, _, path = request.partition(" ")
        creates = path == "/containers/create"
        asked = Asked(method, path, body=read_json(body) if creates else None)
        pattern = re.sub(r"(?<=/containers/)(web|db)(?=/|$)", "*", path)
        found.append(Evidence(asked, pattern, True))
    return found


def lines(kind: str, evidence: list[Evidence]) -> list[str]:
    fitted = fit(kind, evidence)
    assert fitted.refused == []
    return fitted.text.splitlines()


def test_the_orders_of_the_proxies_make_different_settings() -> None:
    watching = session("GET /_ping", "GET /containers/json", "POST /containers/web/start")
    # Where single calls come before the check of the method, POST can stay off
    assert lines("linuxserver", watching) == [
        *("ALLOW_START=1", "CONTAINERS=1", "EVENTS=0", "VERSION=0"),
    ]
    # Where they come after it they need POST, and with that and the section they are no use
    assert lines("tecnativa", watching) == ["CONTAINERS=1", "POST=1", "EVENTS=0", "VERSION=0"]
    # The section can stay off where it is not needed otherwise
    assert lines("tecnativa", session("POST /containers/web/stop")) == [
        *("ALLOW_STOP=1", "POST=1", "EVENTS=0", "PING=0", "VERSION=0"),
    ]
    # What newer releases ask for beside it
    assert "ALLOW_EXEC=1" in lines("tecnativa", session("POST /containers/web/exec"))
    assert lines("tecnativa", session("DELETE /containers/web")) == [
        *("CONTAINERS=1", "DELETE=1", "POST=1", "EVENTS=0", "PING=0", "VERSION=0"),
    ]
    assert lines("wollomatic", watching) == [
        "SP_ALLOW_GET=(/v[0-9.]+)?(/_ping|/containers/json)",
        "SP_ALLOW_POST=(/v[0-9.]+)?(/containers/[^/]+/start)",
    ]
    assert lines("guard", watching) == [
        *("allow = []", "", "[[rule]]", 'allow = "POST /containers/*/start"'),
        *("", "[[rule]]", 'allow = "GET /containers/json"'),
    ]


def test_what_was_created_tells_what_can_be_forbidden() -> None:
    evidence = session(
        "POST /containers/create",
        body=b'{"HostConfig": {"CapAdd": ["NET_ADMIN"], "Binds": ["/srv/a:/a", "v:/b"]}}',
    )
    policy = parse_policy(fit("guard", evidence).text)
    assert "capabilities" not in policy.forbid
    assert {"privileged", "host-mounts", "host-namespaces"} <= policy.forbid
    assert policy.mounts == ("/srv/a",)
    assert "SP_ALLOWBINDMOUNTFROM=/srv/a" in lines("wollomatic", evidence)
    assert fit("wollomatic", session("POST /networks/create")).notes == []
    volumes = fit("wollomatic", session("POST /volumes/create"))
    assert "BINDMOUNT" not in volumes.text
    assert "a folder of the host pass" in volumes.notes[0]
    everything = session("POST /containers/create", body=b'{"HostConfig": {"VolumesFrom": ["x"]}}')
    assert "host-mounts" not in parse_policy(fit("guard", everything).text).forbid


def test_what_cannot_be_let_through_is_told() -> None:
    evidence = session("GET /libpod/info", "GET /info")
    assert fit("tecnativa", evidence).refused == ["GET /libpod/info"]  # since its newer releases
    assert fit("linuxserver", evidence).refused == ["GET /libpod/info"]
    assert fit("guard", evidence).refused == []


@pytest.mark.parametrize("kind", KINDS)
def test_taking_any_setting_away_would_refuse_something(kind: str) -> None:
    evidence, odd = gather(sorted(Path("cassettes").glob("*.yaml")))
    assert odd == []
    fitted = fit(kind, evidence)
    assert fitted.refused == []
    if kind in ("tecnativa", "linuxserver"):
        proxies = [TECNATIVA, TECNATIVA_NEXT] if kind == "tecnativa" else [LINUXSERVER]
        on = {line.removesuffix("=1") for line in fitted.text.splitlines() if line.endswith("=1")}
        off = {line.removesuffix("=0") for line in fitted.text.splitlines() if line.endswith("=0")}
        on |= set(Haproxy.defaults) - off
        for name in on:
            assert not all(
                proxy.allows(on - {name}, one.method, one.asked.path)
                for proxy in proxies
                for one in evidence
            ), name


def test_the_patterns_fit_whole_paths_only() -> None:
    evidence = session("GET /containers/web/json", "GET /info")
    pattern = fit("wollomatic", evidence).text.partition("=")[2].strip()
    proxy = Regexes({"GET": pattern})
    assert proxy.allows("GET", "/v1.41/containers/x/json")
    assert not proxy.allows("GET", "/containers/x/json/y")
    assert not proxy.allows("GET", "/x/info")
    assert not proxy.allows("POST", "/info")


def rules_of(proxy: Haproxy, on: set[str]) -> Iterator[str]:
    """The rules of a proxy's configuration with these variables set, in its order."""
    prefix = r"(/v[\d\.]+)?" + (r"(/\w+)?" if proxy.anywhere else "")
    calls = [
        allow(f"{prefix}/containers/[a-zA-Z0-9_.-]+/{call}")
        for name, call in proxy.calls.items()
        if name in on
    ]
    if proxy.calls_first:
        yield from calls
    methods = [m for m in proxy.methods if m in on]
    if "POST" not in on or len(proxy.methods) > 1:
        yield READING_ONLY + "".join(f" || {{ method {method} }}" for method in methods)
    for name, call in (proxy.gated or {}).items():
        if name not in on:
            path = rf"^(/v[\d\.]+)?/containers/[a-zA-Z0-9_.-]+/{call}"
            yield f"http-request deny if {{ path,url_dec -m reg -i {path} }}"
    if not proxy.calls_first:
        yield from calls
    yield from (
        allow(f"{prefix}/{'_ping' if name == 'PING' else name.lower()}")
        for name in sorted(on)
        if not name.startswith("ALLOW_") and name not in ("POST", "DELETE", "PUT")
    )


@pytest.mark.parametrize(
    ("proxy", "on"),
    [
        (TECNATIVA, {"CONTAINERS", "PING"}),
        (TECNATIVA, {"CONTAINERS", "POST", "INFO", "EVENTS"}),
        (TECNATIVA, {"ALLOW_RESTARTS", "POST", "VERSION"}),
        (TECNATIVA_NEXT, {"CONTAINERS", "POST", "ALLOW_EXEC", "ALLOW_LOGS"}),
        (TECNATIVA_NEXT, {"CONTAINERS", "DELETE", "ALLOW_START"}),
        (LINUXSERVER, {"ALLOW_START", "ALLOW_RESTARTS", "PING"}),
        (LINUXSERVER, {"CONTAINERS", "ALLOW_PAUSE", "IMAGES"}),
    ],
)
def test_a_real_haproxy_decides_as_the_simulation_does(
    proxy: Haproxy, on: set[str], tmp_path: Path
) -> None:
    paths = [
        *("/_ping", "/v1.41/_ping", "/version", "/info", "/v1.41/x/info", "/infos", "/INFO"),
        *("/containers/json", "/v1.41/containers/web/json", "/containers/web/start", "/events"),
        *("/containers/web/stop", "/containers/web/kill", "/containers/web/startle", "/images/x"),
        *("/containers/web/exec", "/containers/web/logs", "/containers/web/pause", "/networks"),
        *("/containers%2fweb%2fstart", "/containers/a%20b/start", "/v1.41/v1.41/info", "/x/y/info"),
    ]
    with (
        WireEngine(tmp_path, answering) as engine,
        socket_proxy(tmp_path, engine.path, list(rules_of(proxy, on))) as address,
    ):
        for method in ("GET", "HEAD", "POST", "DELETE", "PUT"):
            for path in paths:
                decoded = path.replace("%2f", "/").replace("%20", " ")
                real = status(address, method, path) == 200
                assert real == proxy.allows(on, method, decoded), (method, path)


def status(address: str, method: str, path: str) -> int:
    url = address.replace("tcp://", "http://") + path
    asked = urllib.request.Request(url, method=method, headers={"Connection": "close"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_files_that_tell_nothing_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text('{"time": "2026-01-01T00:00:00Z", "call": "1"}\n')
    with pytest.raises(PolicyError, match="no request in"):
        gather([tmp_path / "empty.jsonl"])
    shown = command("cassette", "policy", str(tmp_path / "none.yaml"))
    assert shown.returncode == 1
    assert "none.yaml" in shown.stderr


def test_denied_calls_of_an_audit_log_are_not_needed(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    line = '{"time": "2026-01-01T00:00:0%dZ", "call": "%d", "method": "GET", "path": "%s", %s}\n'
    log.write_text(
        line % (1, 1, "/info", '"allowed": true')
        + line % (2, 2, "/networks", '"allowed": false')
        + line % (3, 3, "/containers/../x", '"allowed": true')
    )
    evidence, odd = gather([log])
    assert [one.pattern for one in evidence] == ["/info"]
    assert len(odd) == 1
