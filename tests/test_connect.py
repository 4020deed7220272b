"""Connecting: what a user sees when it works, and when engine, socket or answer are bad."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import opskit
from opskit import errors

from .engines import PrivateEngine, make_certificates


@contextlib.contextmanager
def server(path: Path, answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """A stand-in for servers that no real engine can play: answers each request with bytes.

    None as an answer keeps the connection open and silent.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            request = connection.recv(65536)
            reply = answer(request)
            if reply is None:
                held.append(connection)
            else:
                with contextlib.suppress(OSError):
                    connection.sendall(reply)
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"unix://{path}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for connection in held:
            connection.close()


def reply(status: str, body: bytes, kind: str = "application/json", length: int = -1) -> bytes:
    size = len(body) if length < 0 else length
    head = f"HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {size}\r\n\r\n".encode() + body


PING = reply("200 OK", b"")


def answering(raw: bytes | None) -> Callable[[bytes], bytes | None]:
    """A server whose ping works and whose other answers are ``raw``."""
    return lambda request: PING if request.startswith(b"HEAD /_ping") else raw


@pytest.mark.live
@pytest.mark.docker_only("Podman has a new id in each answer")
def test_connect_agrees_on_a_version_and_calls_decode(private_engine: PrivateEngine) -> None:
    with opskit.connect(private_engine.url) as engine:
        about = engine.get("/version")
        assert engine.api_version == min(about["ApiVersion"], "1.55")
        assert engine.engine_version == about["Version"]
        assert engine.get("/_ping") == "OK"
        assert engine.get(f"/v{engine.api_version}/info")["ID"] == engine.get("info")["ID"]
        assert engine.head("/_ping")["api-version"] == about["ApiVersion"]
        made = engine.post("/volumes/create", {"Name": "connected", "Labels": {"a": "b"}})
        assert made["Name"] == "connected"
        listed = engine.get("/volumes", filters={"label": "a=b"})
        assert [v["Name"] for v in listed["Volumes"]] == ["connected"]
        assert engine.delete("/volumes/connected") is None


@pytest.mark.live
def test_a_thousand_urls_need_one_connection(private_engine: PrivateEngine) -> None:
    with opskit.connect(private_engine.url) as engine:
        for number in range(1000):
            engine.get("/_ping", number=number)
        assert engine.transport.dialled == 1
        for number in range(100):
            engine.request("GET", "/_ping", params={"number": number})
        assert engine._mounted().pool.num_connections == 1
        for _ in range(20):
            engine.sdk.version()
            engine.sdk.containers.list()
        assert engine._mounted().pool.num_connections == 1


@pytest.mark.live
def test_many_calls_are_answered_in_order_errors_in_place(private_engine: PrivateEngine) -> None:
    with opskit.connect(private_engine.url) as engine:
        paths = ["/_ping", "/containers/no-such/json", "/version"] * 40
        answers = engine.get_many(paths)
        assert answers[0] == "OK"
        assert isinstance(answers[1], errors.NotFound)
        assert answers[1].status == 404
        assert [a["Version"] for a in answers[2::3]] == [engine.engine_version] * 40
        assert engine.transport.dialled == 1


@pytest.mark.live
@pytest.mark.docker_only("Podman takes any version")
def test_a_version_out_of_range_is_refused_with_the_range(private_engine: PrivateEngine) -> None:
    with pytest.raises(errors.VersionMismatch, match=r"speaks API 1\.\d+ to 1\.\d+, not 1\.99"):
        opskit.connect(private_engine.url, api_version="1.99")
    with opskit.connect(private_engine.url, api_version="1.40") as engine:
        assert engine.api_version == "1.40"
        with pytest.raises(errors.VersionMismatch, match="too new"):
            engine.get("/v9.99/info")


@pytest.mark.live
def test_read_only_refuses_before_anything_is_sent(private_engine: PrivateEngine) -> None:
    with opskit.connect(private_engine.url, read_only=True) as engine:
        before = engine.transport.dialled
        for change in (
            lambda: engine.post("/volumes/create", {"Name": "never"}),
            lambda: engine.delete("/volumes/never"),
            lambda: engine.request("PUT", "/volumes/never"),
            lambda: engine.open_stream("/build", method="POST"),
            lambda: engine.sdk.volumes.create("never"),
            lambda: engine.get("/containers/web/attach/ws", stdin=True),  # types into it
            lambda: engine.get("/containers/web/%61ttach/%77s", stdin=True),
            lambda: engine.get("/containers/web/alias/attach/ws", stdin=True),
            lambda: engine.open_stream("/containers/web/attach%2Fws?stdin=1"),
            lambda: engine.sdk.api._get(engine.sdk.api._url("/containers/web/attach/ws")),
        ):
            with pytest.raises(errors.ReadOnlyEngine, match="read_only=True"):
                change()
        assert engine.transport.dialled == before
        assert "never" not in str(engine.get("/volumes"))
        assert engine.get("/containers/json", filters={"name": "attach/ws"}) == []


@pytest.mark.live
@pytest.mark.docker_only("Podman has other words for events")
def test_a_stream_gives_lines_as_they_come_and_closes_from_another_thread(
    private_engine: PrivateEngine,
) -> None:
    with opskit.connect(private_engine.url) as engine, engine.open_stream("/events") as stream:
        lines = stream.lines()
        engine.post("/volumes/create", {"Name": "streamed"})
        assert b"streamed" in next(lines)
        engine.delete("/volumes/streamed")
        assert b"destroy" in next(lines)
        threading.Timer(0.2, stream.close).start()
        begun = time.monotonic()
        assert list(lines) == []
        assert time.monotonic() - begun < 5


@pytest.mark.live
def test_a_stopped_daemon_is_unresponsive_within_the_timeout_and_usable_afterwards(
    fresh_engine: PrivateEngine,
) -> None:
    with opskit.connect(fresh_engine.url, timeout=0.5) as engine:
        assert engine.get("/_ping") == "OK"
        fresh_engine.pause()
        begun = time.monotonic()
        try:
            with pytest.raises(errors.EngineUnresponsive, match=r"within 0\.5 s"):
                engine.get("/version")
            with pytest.raises(errors.EngineUnresponsive):
                engine.request("GET", "/version")
            with pytest.raises(errors.EngineUnresponsive):
                opskit.connect(fresh_engine.url, timeout=0.5)
        finally:
            fresh_engine.resume()
        assert time.monotonic() - begun < 5
        assert engine.get("/_ping", timeout=20) == "OK"


@pytest.mark.live
def test_a_killed_daemon_ends_streams_and_is_found_again(fresh_engine: PrivateEngine) -> None:
    with opskit.connect(fresh_engine.url) as engine:
        stream = engine.open_stream("/events")
        fresh_engine.kill()
        with pytest.raises(errors.EngineLost, match="in the middle"):
            list(stream)
        with pytest.raises(errors.EngineNotFound, match="nobody listens"):
            engine.get("/version")
        fresh_engine.start()
        assert engine.get("/_ping") == "OK"
        assert engine.sdk.ping()


@pytest.mark.live
def test_a_kept_connection_that_went_stale_is_replaced(fresh_engine: PrivateEngine) -> None:
    with opskit.connect(fresh_engine.url) as engine:
        assert engine.post("/volumes/create", {"Name": "before"})
        fresh_engine.restart()
        assert engine.post("/volumes/create", {"Name": "after"})["Name"] == "after"


@pytest.mark.live
def test_tls_wants_the_right_files(engines: Callable[..., PrivateEngine], tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    make_certificates(ours, "IP:127.0.0.1")
    make_certificates(others)
    engine = engines("tls", tls=ours)

    def connect(folder: Path, url: str = engine.tls_url) -> opskit.Engine:
        env = {"DOCKER_HOST": url, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}
        # Bundles of the environment must not lead opskit astray.
        env["REQUESTS_CA_BUNDLE"] = env["CURL_CA_BUNDLE"] = "/etc/ssl/certs/ca-certificates.crt"
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            return opskit.connect(timeout=10)

    with connect(ours) as secured:
        assert secured.get("/_ping") == "OK"
        assert secured.request("GET", "/version").json()["Version"] == secured.engine_version
        assert secured.sdk.ping()
    with pytest.raises(errors.TLSError, match="authority"):
        connect(others)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "ca.pem").write_bytes((ours / "ca.pem").read_bytes())
    with pytest.raises(errors.TLSError, match="client certificate"):
        connect(bare)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "ca.pem").write_bytes((ours / "ca.pem").read_bytes())
    for name in ("cert.pem", "key.pem"):
        (mixed / name).write_bytes((others / name).read_bytes())
    with pytest.raises(errors.TLSError):
        connect(mixed)
    port = engine.tls_url.rpartition(":")[2]
    with pytest.raises(errors.TLSError, match="for another name"):
        connect(ours, f"tcp://localhost:{port}")
    with pytest.raises(errors.EngineError, match="HTTPS server"):
        opskit.connect(engine.tls_url).get("/info")


def test_no_socket_and_nobody_listening_say_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(
        errors.EngineNotFound, match=r"the socket does not exist[^>]*\n  -> .*start"
    ):
        opskit.connect(f"unix://{tmp_path}/none.sock")
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(dead))
    with pytest.raises(errors.EngineNotFound, match="nobody listens"):
        opskit.connect(str(dead))
    (tmp_path / "file").touch()
    with pytest.raises(errors.EngineNotFound):
        opskit.connect(str(tmp_path / "file"))
    with pytest.raises(errors.EngineNotFound, match="nobody listens"):
        opskit.connect("tcp://127.0.0.1:1")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_socket_without_permission_names_the_group() -> None:
    # Another user's process: this one may open everything.
    program = (
        "import opskit, os, sys\n"
        "from opskit import errors\n"
        "import opskit.engine.connecting, opskit.response, opskit.dial, opskit.transport\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: opskit.connect(sys.argv[1])\n"
        "except errors.PermissionDenied as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # pytest's own folders are closed to others, by any run
        held = Path(folder, "held.sock")
        with server(held, answering(None)):
            held.chmod(0o660)
            result = subprocess.run(
                [sys.executable, "-c", program, str(held)],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
    assert "may not open" in result.stdout, result.stderr
    assert "join the group 'root'" in result.stdout


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", errors.BadResponse, "does not speak HTTP"),
        (
            reply("200 OK", b"<html><body>Welcome</body></html>", "text/html"),
            errors.BadResponse,
            "web page",
        ),
        (reply("200 OK", b'{"Containers": [1, 2'), errors.BadResponse, "not complete JSON"),
        (reply("200 OK", b'{"Containers": [1, 2', length=500), errors.EngineLost, "after 20 bytes"),
        (b"", errors.EngineLost, "before its answer"),
        (
            reply(
                "403 Forbidden", b"<html><body><h1>403 Forbidden</h1></body></html>", "text/html"
            ),
            errors.Forbidden,
            "CONTAINERS=1",
        ),
        (
            reply("503 Service Unavailable", b"<html><h1>503 no server</h1></html>", "text/html"),
            errors.APIError,
            "is the engine running",
        ),
    ],
    ids=["no-http", "html", "cut-json", "cut-body", "hang-up", "proxy-403", "proxy-503"],
)
def test_bad_answers_are_told_apart_and_the_engine_stays_usable(
    tmp_path: Path, raw: bytes, kind: type[errors.OpskitError], words: str
) -> None:
    answers = {"now": raw}
    path = tmp_path / "bad.sock"
    with (
        server(path, lambda r: PING if r.startswith(b"HEAD /_ping") else answers["now"]) as url,
        opskit.connect(url, timeout=5) as engine,
    ):
        with pytest.raises(kind, match=words) as caught:
            engine.get("/containers/json")
        assert "\n  -> " in str(caught.value)
        answers["now"] = reply("200 OK", b"[]")
        assert engine.get("/containers/json") == []


def test_an_engine_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = PING.replace(b"1.41", b"1.24")
    with (
        server(tmp_path / "old.sock", lambda _: old) as url,
        pytest.raises(errors.VersionMismatch, match=r"upgrade the engine"),
    ):
        opskit.connect(url, timeout=5)


def test_connecting_leaves_no_socket_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with server(tmp_path / "x.sock", answering(b"nonsense")) as url:
        for _ in range(5):
            engine = opskit.connect(url, timeout=5)
            with pytest.raises(errors.BadResponse):
                engine.get("/info")
            engine.close()
    assert len(os.listdir("/proc/self/fd")) == before
