"""Asking the doctor: which engine, can I reach it, what to do."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import opskit
from opskit.checks.commands import doctor as command

OK_ENGINE = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "DOCKER_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into, as /run is and a test's own folder is not."""
    folder = Path(tempfile.mkdtemp(prefix="opskit-doctor-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def serve(answer: bytes, path: str = "") -> tuple[socket.socket, str]:
    """A server that says the same whatever it is asked; the caller closes it."""
    if path:
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
        address = f"unix://{path}"
    else:
        server = socket.create_server(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                with server.accept()[0] as sock, contextlib.suppress(ConnectionError):
                    sock.recv(4096)
                    sock.sendall(answer)

    threading.Thread(target=run, daemon=True).start()
    return server, address


def checks(address: str, **options: float) -> dict[str, tuple[str, str, str]]:
    frame = opskit.doctor(address, **options)
    assert list(frame.columns) == ["check", "status", "detail", "remedy"]
    assert not frame[["check", "status", "detail"]].isna().any().any()
    remedies = frame.remedy.fillna("")
    assert (remedies[frame.status != "ok"] != "").all(), "what is wrong needs something to do"
    return {
        row.check: (row.status, row.detail, remedy)
        for row, remedy in zip(frame.itertuples(), remedies, strict=True)
    }


@pytest.mark.live
def test_a_healthy_engine(private_engine):
    found = checks(private_engine.url)
    assert list(found) == ["address", "socket", "permission", "answer", "engine", "api version"]
    assert {status for status, _, _ in found.values()} == {"ok"}
    daemon = {"docker": "dockerd", "podman": "podman"}[private_engine.kind]
    assert f"{daemon} (pid {private_engine.pid})" in found["answer"][1]
    assert "API 1." in found["engine"][1]


@pytest.mark.live
def test_the_command_prints_a_line_each_and_ends_well(private_engine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", private_engine.url)
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == (
        f"ok    address: {private_engine.url} (chosen by: DOCKER_HOST)"
    )


@pytest.mark.live
def test_a_stopped_daemon_is_told_from_a_hung_one(fresh_engine):
    fresh_engine.pause()
    try:
        status, detail, remedy = checks(fresh_engine.url, timeout=0.5)["answer"]
    finally:
        fresh_engine.resume()
    assert status == "fail"
    assert f"(pid {fresh_engine.pid}) is stopped" in detail
    assert f"kill -CONT {fresh_engine.pid}" in remedy
    assert checks(fresh_engine.url)["answer"][0] == "ok"


@pytest.mark.live
def test_a_killed_daemon_leaves_a_socket_that_nobody_listens_on(fresh_engine):
    fresh_engine.kill()
    found = checks(fresh_engine.url)
    assert found["socket"][0] == "ok"
    status, detail, remedy = found["answer"]
    assert (status, "nobody listens" in detail) == ("fail", True)
    assert "start the engine" in remedy


def test_no_socket(tmp_path):
    status, detail, remedy = checks(f"unix://{tmp_path}/docker.sock")["socket"]
    assert (status, "is not there" in detail) == ("fail", True)
    assert "start the engine" in remedy or "DOCKER_HOST=" in remedy


def test_no_socket_but_a_rootless_one(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    server, address = serve(OK_ENGINE, str(tmp_path / "docker.sock"))
    with server:
        remedy = checks("unix:///nowhere/docker.sock")["socket"][2]
    if not os.path.exists("/var/run/docker.sock"):
        assert f"DOCKER_HOST={address}" in remedy


@pytest.mark.parametrize("kind", ["a file", "a folder"])
def test_something_else_where_the_socket_should_be(tmp_path, kind):
    path = tmp_path / "docker.sock"
    path.touch() if kind == "a file" else path.mkdir()
    status, detail, _ = checks(f"unix://{path}")["socket"]
    assert (status, f"is {kind}, not a socket" in detail) == ("fail", True)


@contextlib.contextmanager
def another_user(uid: int = 65534) -> Iterator[None]:
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
@pytest.mark.parametrize(
    ("mode", "status", "detail", "remedy"),
    [
        (0o660, "fail", "is neither its owner nor in group", "usermod -aG"),
        (0o600, "fail", "is neither its owner", "sudo"),
        (0o666, "ok", "open to everybody", ""),
    ],
)
def test_permission_of_another_user(open_folder, mode, status, detail, remedy):
    path = open_folder / "docker.sock"
    server, address = serve(OK_ENGINE, str(path))
    path.chmod(mode)
    opskit.doctor(address)  # all is imported before this user may not read it
    with server, another_user():
        found = checks(address)
    assert found["permission"][0] == status
    assert detail in found["permission"][1]
    assert remedy in found["permission"][2]


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_a_folder_that_this_user_may_not_look_into(open_folder):
    open_folder.chmod(0o700)
    server, address = serve(OK_ENGINE, str(open_folder / "docker.sock"))
    opskit.doctor(address)
    with server, another_user():
        status, detail, _ = checks(address)["permission"]
    assert (status, f"may not look into {open_folder}" in detail) == ("fail", True)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", ""),
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n", "nginx answers, but"),
        (b"HTTP/1.1 503 No\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n", "503"),
    ],
)
def test_somebody_else_listens(answer, detail):
    server, address = serve(answer)
    with server:
        found = checks(address, timeout=2)
    assert found["answer"][0] == "fail"
    assert detail in found["answer"][1]


def test_an_engine_older_than_opskit_takes():
    body = b'{"Version":"19.03.15","ApiVersion":"1.40","MinAPIVersion":"1.12"}'
    answer = b"HTTP/1.1 200 OK\r\nApi-Version: 1.40\r\nConnection: close\r\n"
    head = answer + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    server, address = serve(head + body)
    with server:
        found = checks(address)
    assert list(found)[-1] == "api version"
    assert found["api version"][0] == "fail"
    assert "upgrade the engine" in found["api version"][2]


def test_plain_tcp_is_warned_of_and_a_proxy_too(monkeypatch):
    server, address = serve(OK_ENGINE)
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy:3128")
    with server:
        near, far = checks(address), checks("tcp://engine.invalid:2375")
    assert near["tls"][0] == "warn"
    assert near["proxy"][0] == "ok"
    assert far["proxy"][0] == "warn"
    assert "NO_PROXY=engine.invalid" in far["proxy"][2]
    assert "secret" not in str(far)
    assert far["answer"][0] == "fail"
    assert near["engine"][0] == "fail", "an empty answer to /version"


def test_settings_that_contradict_each_other(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    frame = opskit.doctor()
    assert frame.loc[0, "detail"].endswith("(chosen by: DOCKER_HOST)")
    assert frame.loc[1, "detail"].startswith("DOCKER_HOST and DOCKER_CONTEXT are both set")


def test_a_context_that_is_not_there(monkeypatch):
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    frame = opskit.doctor()
    assert list(frame.status) == ["fail"]
    assert "elsewhere" in frame.loc[0, "detail"]


def test_the_command_fails_where_a_check_fails(tmp_path):
    done = CliRunner().invoke(command, [f"unix://{tmp_path}/docker.sock"])
    assert done.exit_code == 1
    assert "\n      -> " in done.output
