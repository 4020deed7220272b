"""Working through a docker-socket-proxy: what it lets through works, what not is told how."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

import opskit
from opskit.engine.replies import api_error
from opskit.errors import Forbidden
from opskit.guard.proxies import TECNATIVA
from opskit.transport import Reply

from .engines import IMAGE, PrivateEngine
from .socketproxy import socket_proxy
from .test_least_rights import rules_of

READING = {"CONTAINERS", "EVENTS", "PING", "VERSION"}


@pytest.mark.live
def test_what_is_refused_is_told_with_the_section_to_allow(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    private_engine.run(name="proxied")
    rules = list(rules_of(TECNATIVA, READING))
    with (
        socket_proxy(tmp_path, private_engine.socket, rules) as address,
        opskit.connect(address) as engine,
    ):
        assert "proxied" in set(engine.containers()["name"])
        assert not engine.events(type="container", container="proxied").empty
        with pytest.raises(Forbidden, match="allows it with NETWORKS=1, opskit guard with --allow"):
            engine.networks()
        with pytest.raises(Forbidden, match=r"CONTAINERS=1 and POST=1 .* ALLOW_RESTARTS=1"):
            engine.post("/containers/proxied/restart", t=0)
        with pytest.raises(Forbidden, match="with SYSTEM=1"):
            engine.disk_usage()


@pytest.mark.live
def test_a_proxy_that_hides_the_version_is_told_so(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    rules = list(rules_of(TECNATIVA, {"CONTAINERS"}))
    with (
        socket_proxy(tmp_path, private_engine.socket, rules) as address,
        pytest.raises(Forbidden, match="VERSION=1"),
    ):
        opskit.connect(address)


@pytest.mark.live
def test_streams_and_recordings_pass_through_it(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    private_engine.run(name="streamed")
    rules = list(rules_of(TECNATIVA, READING | {"POST", "EXEC", "IMAGES"}))
    with socket_proxy(tmp_path, private_engine.socket, rules) as address:
        with opskit.connect(address) as engine:
            assert engine.exec("streamed", ["echo", "hi"]).text == "hi\n"
            threading.Timer(0.3, private_engine.run, ["true", "proxied-start"]).start()
            for event in engine.watch(timeout=20):
                if event["name"] == "proxied-start" and event["action"] == "start":
                    break
        cassette = tmp_path / "through.yaml"

        def run(env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
            command = ["docker", "run", "--rm", "-i", IMAGE, "cat"]
            return subprocess.run(
                command, check=False, input=b"said", env=env, capture_output=True, timeout=60
            )

        with opskit.record(cassette, upstream=address) as engine:
            env = {**private_engine.env, "DOCKER_HOST": engine.address}
            said = run(env)
            assert said.stdout == b"said", said.stderr
        with opskit.replay(cassette) as engine:
            env["DOCKER_HOST"] = engine.address
            again = run(env)
            assert again.stdout == b"said", again.stderr


@pytest.mark.parametrize("status", [403, 405])
def test_a_proxy_with_regular_expressions_is_told_the_expression(status: int) -> None:
    body = b"Forbidden\n" if status == 403 else b"Method Not Allowed\n"
    reply = Reply(status, "", {"content-type": "text/plain; charset=utf-8"}, body)
    error = api_error(reply, "POST /v1.41/containers/web/start?x=1", "tcp://proxy:2375")
    assert isinstance(error, Forbidden)
    assert "-allowPOST=(/v[0-9.]+)?/containers/web/start" in error.remedy


def test_what_no_section_has_is_told_too() -> None:
    reply = Reply(403, "", {"content-type": "text/html"}, b"<html><h1>403 Forbidden</h1></html>")
    error = api_error(reply, "GET /libpod/info", "tcp://proxy:2375")
    assert "=1" not in error.remedy
    assert "403 Forbidden" in str(error)
    assert "403 403" not in str(error)
