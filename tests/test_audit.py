"""Who called what: each call is a line, whatever happens to the guard, the disk or the file."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

import opskit
from opskit.audit import AuditLog
from opskit.audit.columns import AUDIT_COLUMNS
from opskit.audit.options import Auditing
from opskit.audit.peer import _command
from opskit.errors import AuditError
from opskit.guard.policyfile import parse_policy
from opskit.guard.session import guarding

from .attacks import request
from .engines import IMAGE, PrivateEngine, UnixConnection, make_certificates
from .wires import Bare, WireEngine, client_of

POLICY = parse_policy(
    'allow = ["containers", "events", "exec", "secrets"]\npost = true\nforbid = ["privileged"]'
)
GET = request("GET /containers/json HTTP/1.1")


def answering(connection: Bare) -> None:
    """An engine that answers whatever it is asked."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            head = connection.until(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            connection.take(int(length or 0))
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[str]:
    with WireEngine(tmp_path, answering) as served:
        yield f"unix://{served.path}"


def settled(path: Path, count: int) -> list[dict[str, object]]:
    """The lines of a log, once there are so many."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = path.read_bytes().splitlines() if path.exists() else []
        if len(lines) >= count:
            return [json.loads(line) for line in lines]
        time.sleep(0.01)
    raise AssertionError(f"{count} lines wanted, there are {lines}")


@pytest.mark.live
def test_the_log_tells_who_did_what_and_what_came_of_it(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    with guarding(POLICY, upstream=private_engine.url, audit=file) as guard:
        env = {**private_engine.env, "DOCKER_HOST": guard.address}
        made = subprocess.run(
            ["docker", "run", "-i", "--rm", "-e", "DB_PASSWORD=hunter2", IMAGE, "wc", "-c"],
            input=b"x" * 1000,
            env=env,
            check=True,
            capture_output=True,
            timeout=60,
        )
        assert made.stdout == b"1000\n"
        refused = subprocess.run(
            ["docker", "run", "--privileged", IMAGE], env=env, check=False, capture_output=True
        )
        assert refused.returncode == 125
        with client_of(guard.address) as client:
            client.send(b"PRI * HTTP/2.0\r\n\r\n").rest()
        with client_of(guard.address) as client:
            client.send(GET[:-2] + b"Content-Length: 0\r\nContent-Length: 9\r\n\r\n").rest()
    assert b"hunter2" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    frame = opskit.audit.read(file)
    assert list(frame.columns) == [column.name for column in AUDIT_COLUMNS]
    assert frame["time"].is_monotonic_increasing
    by = frame.set_index("operation")
    create = by.loc["ContainerCreate"]
    assert create["status"].to_list() == [201, 403]
    assert create["allowed"].to_list() == [True, False]
    assert create["why"].to_list() == ["allow containers", "it asks for a privileged container"]
    assert create["who"].to_list() == ["root docker"] * 2
    assert create["body"].iloc[0]["Env"] == ["DB_PASSWORD=*******"]
    assert (
        create["command"]
        .iloc[0]
        .startswith("docker run -i --rm -e DB_PASSWORD=******* busybox:local")
    )
    assert (create["uid"] == os.getuid()).all()
    attach = by.loc["ContainerAttach"]
    assert attach["request_bytes"] == 1000
    assert attach["response_bytes"] >= len(b"1000\n")
    assert attach["end"] == "complete"
    assert not frame["open"].any()
    odd = frame[frame["method"].isna()]
    assert odd["status"].to_list() == [505, 400]
    assert odd["pid"].to_list() == [os.getpid()] * 2


def test_a_long_call_has_a_line_while_it_lasts(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    release = threading.Event()

    def streaming(connection: Bare) -> None:
        connection.until(b"\r\n\r\n")
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        release.wait(10)
        connection.send(b"0\r\n\r\n")

    with (
        WireEngine(tmp_path, streaming) as served,
        guarding(POLICY, upstream=f"unix://{served.path}", audit=file) as guard,
        client_of(guard.address) as client,
    ):
        client.send(request("GET /events HTTP/1.1")).until(b"{}\r\n")
        (line,) = settled(file, 1)
        assert (line["state"], line["status"]) == ("open", 200)
        row = opskit.audit.read(file).iloc[0]
        assert row["open"]
        assert row["status"] == 200
        release.set()
        client.until(b"0\r\n\r\n")
        settled(file, 2)
        frame = opskit.audit.read(file)
        assert len(frame) == 1
        assert not frame["open"].any()
        assert frame["seconds"].iloc[0] >= 1


def test_the_name_in_a_certificate_is_told(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    certificates = make_certificates(tmp_path / "certificates")
    file = tmp_path / "audit.jsonl"
    with guarding(
        POLICY, upstream=engine, listen_at="tcp://127.0.0.1:0", tls=certificates, audit=file
    ) as guard:
        port = int(guard.address.rpartition(":")[2])
        context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
            answer_over_tls(port, context)
        context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
        assert answer_over_tls(port, context).startswith(b"HTTP/1.1 200 ")
    frame = opskit.audit.read(file)
    assert frame["certificate"].isna().to_list() == [True, False]
    assert frame["why"].iloc[0].startswith("no TLS: ")
    assert not frame["allowed"].iloc[0]
    assert frame[["who", "certificate"]].iloc[1].to_list() == ["client", "client"]
    assert frame["address"].str.fullmatch(r"127\.0\.0\.1:\d+").all()


def answer_over_tls(port: int, context: ssl.SSLContext) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return Bare(secure).send(GET).until(b"{}")


def test_calls_are_refused_while_nothing_can_be_written(engine: str, tmp_path: Path) -> None:
    with audited(engine, tmp_path, limit=4096) as (running, connection, file):
        statuses = [get(connection) for _ in range(100)]
        assert set(statuses) == {200, 503}
        assert sorted(statuses) == statuses, "once refused, always refused"
        assert file.stat().st_size <= 4096
        frame = opskit.audit.read(file)
        assert frame.attrs["torn"] == 0
        # With space again it goes on, and nothing that was let through is missing
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
        assert get(connection) == 200
        statuses.append(200)
    frame = opskit.audit.read(file)
    assert frame.attrs["torn"] == 0
    assert len(frame) == statuses.count(200)


def test_calls_pass_all_the_same_where_that_is_wanted(engine: str, tmp_path: Path) -> None:
    with audited(engine, tmp_path, "--audit-optional", limit=4096) as (_, connection, _):
        assert {get(connection) for _ in range(50)} == {200}


@contextlib.contextmanager
def audited(
    engine: str, folder: Path, *words: str, limit: int = 0
) -> Iterator[tuple[subprocess.Popen[bytes], http.client.HTTPConnection, Path]]:
    """A guard as a process of its own, a connection to it, and its log."""
    file, path = folder / "audit.jsonl", folder / "guard.sock"
    command = [
        # -B: under the limit, what is compiled would be kept cut short, and break the next process
        *(
            sys.executable,
            "-B",
            "-m",
            "opskit",
            "guard",
            "--allow",
            "containers",
            "--audit",
            str(file),
        ),
        *("--listen", f"unix://{path}", "--upstream", engine, *words),
    ]

    def limited() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    with subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=limited) as running:  # noqa: PLW1509
        try:
            assert running.stderr
            while b"Ctrl-C" not in running.stderr.readline():
                assert running.poll() is None
            with contextlib.closing(UnixConnection(str(path), timeout=10)) as connection:
                yield running, connection, file
            running.terminate()
            assert running.wait(10) == 0
        finally:
            running.kill()


def get(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/containers/json")
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.mark.parametrize("fsync", ["interval", "always"])
def test_a_killed_guard_has_written_down_what_it_let_through(
    engine: str, tmp_path: Path, fsync: str
) -> None:
    file, answered = tmp_path / "audit.jsonl", 0
    for round in range(3):
        # Not closed by terminating: the process is killed in the middle of answering
        with (
            contextlib.suppress(AssertionError),
            audited(engine, tmp_path, "--audit-fsync", fsync) as (running, connection, _),
        ):
            threading.Timer(0.15 + round / 20, running.send_signal, [signal.SIGKILL]).start()
            with contextlib.suppress(OSError, http.client.HTTPException):
                while get(connection) == 200:
                    answered += 1
    frame = opskit.audit.read(file)
    assert answered > 20
    # The last call of each round may have been answered in the moment of the kill
    assert answered - 3 <= len(frame) <= answered + 3
    assert frame.attrs["torn"] == 0
    assert frame["call"].is_unique


def test_a_full_file_is_put_aside(engine: str, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    auditing = Auditing(file, rotate_bytes=4000)
    with guarding(POLICY, upstream=engine, audit=auditing) as guard, client_of(guard.address) as c:
        for _ in range(60):
            c.send(GET).until(b"{}")
    files = sorted(tmp_path.glob("audit*.jsonl"))
    assert len(files) > 3
    assert all(one.stat().st_size <= 4000 for one in files)
    assert len(opskit.audit.read(file)) == 60
    assert len(opskit.audit.read(file, rotated=False)) < 20


def test_only_so_many_files_are_kept(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", rotate_bytes=100, keep=2)
    for number in range(20):
        log.write(b'{"call": "%d", "time": "2026-01-01T00:00:00Z"}\n' % number)
    log.close()
    assert len(list(tmp_path.glob("audit-*.jsonl"))) == 2


def test_a_file_that_somebody_moves_is_begun_anew(tmp_path: Path) -> None:
    file, moved = tmp_path / "audit.jsonl", tmp_path / "moved"
    log = AuditLog(file, interval=0.02)
    log.write(b'{"call": "1"}\n')
    file.rename(moved)
    deadline = time.monotonic() + 5
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    log.write(b'{"call": "2"}\n')
    log.close()
    assert moved.read_bytes() == b'{"call": "1"}\n'
    assert file.read_bytes() == b'{"call": "2"}\n'


def test_a_line_that_a_failing_machine_cut_is_left_and_told(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    whole = b'{"call": "1", "time": "2026-01-01T00:00:00.000001Z", "method": "GET"}\n'
    file.write_bytes(whole + b'{"call": "2", "ti')
    log = AuditLog(file)
    log.write(whole.replace(b'"1"', b'"3"'))
    log.close()
    assert file.read_bytes().startswith(whole + b'{"call": "2", "ti\n')
    frame = opskit.audit.read(file)
    assert frame["call"].to_list() == ["1", "3"]
    assert frame.attrs["torn"] == 1


def test_a_log_that_cannot_be_written_stops_the_guard_before_it_starts(
    engine: str, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    held = AuditLog(file)
    link = tmp_path / "link.jsonl"
    link.symlink_to(file)
    for path, why in {
        file: "another process writes to it",
        link: "symbolic link",
        tmp_path / "none" / "x": "No such file",
        tmp_path: "Is a directory",
    }.items():
        with pytest.raises(AuditError, match=why), guarding(POLICY, upstream=engine, audit=path):
            pass
    held.close()
    with pytest.raises(AuditError, match="there is no audit log"):
        opskit.audit.read(tmp_path / "nothing.jsonl")
    assert opskit.audit.read(file).empty


def test_an_empty_log_has_the_columns_of_a_full_one(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    frame = opskit.audit.read(tmp_path / "empty.jsonl")
    line = '{"call":"1","time":"2026-01-01T00:00:00Z","uid":1,"allowed":true,"seconds":1.5}\n'
    (tmp_path / "full.jsonl").write_text(line)
    full = opskit.audit.read(tmp_path / "full.jsonl")
    assert frame.dtypes.to_list() == full.dtypes.to_list()
    assert full["uid"].to_list() == [1]


def test_bodies_can_be_left_out_and_secrets_named(engine: str, tmp_path: Path) -> None:
    body = json.dumps({"Cmd": ["deploy", "s3cr3t-word"]}).encode()
    sent = request(
        "POST /containers/a/exec?x=s3cr3t-word HTTP/1.1",
        "Content-Type: application/json",
        body=body,
    )
    for auditing, shown in (
        (Auditing(tmp_path / "a.jsonl", bodies=False), None),
        (Auditing(tmp_path / "b.jsonl", redact=("s3cr3t-word",)), {"Cmd": ["deploy", "*" * 11]}),
    ):
        with (
            guarding(POLICY, upstream=engine, audit=auditing) as guard,
            client_of(guard.address) as client,
        ):
            client.send(sent).until(b"{}")
        assert opskit.audit.read(auditing.path)["body"].to_list() == [shown]
    assert b"s3cr3t" not in (tmp_path / "b.jsonl").read_bytes()


def test_a_recorder_audits_too(engine: str, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "opskit", "record", "-o", str(tmp_path / "c.yaml")),
            *("--upstream", engine, "--audit", str(file), "--redact", "s3cr3t", "--"),
            *("sh", "-c", 'curl -s --unix-socket "${DOCKER_HOST#unix://}" http://d/x?y=s3cr3t'),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    assert done.stdout == b"{}"
    assert opskit.audit.read(file)["path"].to_list() == ["/x?y=******"]
    assert b"s3cr3t" not in file.read_bytes()


def test_the_picture_shows_who_did_what(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    rows = [
        {"certificate": "alice", "method": "GET", "status": 200, "allowed": True, "seconds": 90},
        {"certificate": "alice", "method": "POST", "status": 204, "allowed": True, "seconds": 0.1},
        {"address": "10.0.0.9:1", "method": "GET", "status": 403, "allowed": False, "seconds": 0},
        {"certificate": "ci", "method": "POST", "status": 409, "allowed": True, "seconds": 0.1},
        {"certificate": "ci", "status": 400, "allowed": False},
        {"certificate": "ci", "method": "GET", "state": "open"},
    ]
    with log.open("w") as lines:
        for number, row in enumerate(rows):
            told = {"time": f"2026-01-01T00:00:{number:02}Z", "call": str(number), **row}
            print(json.dumps(told), file=lines)
    frame = opskit.audit.read(log)
    ax = opskit.plot.audit(frame)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["ci", "alice", "10.0.0.9"]
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        *("read (2)", "changed (1)", "failed (1)", "denied (2)"),
    ]
    assert opskit.plot.audit(frame, top=1).get_yticklabels()[1].get_text() == "others"
    assert opskit.plot.audit(frame.iloc[:0]).get_legend() is None


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["curl", "-H", "X-Registry-Auth: c2VjcmV0"], "curl -H X-Registry-Auth: ********"),
        (["curl", "-H", "Authorization: Bearer abc"], "curl -H Authorization: **********"),
        (["curl", "-H", "Accept: text/plain"], "curl -H Accept: text/plain"),
        (["x", "http://d/build?a=%7B%22TOKEN%22%3A%22abc%22%7D"], '"***"'),
        (["git", "clone", "https://me:abc@host/x"], "git clone https://me:***@host/x"),
        (["docker", "login", "-p", "abc"], "docker login -p ***"),
        (["docker", "run", "secret-app:latest"], "docker run secret-app:latest"),
    ],
)
def test_a_command_line_shows_no_secret(words: list[str], shown: str) -> None:
    """What the log says of a client's process."""
    program = [sys.executable, "-c", "print(flush=True); input()", *words]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout
            assert running.stdout.readline() == b"\n"
            told = unquote(_command(running.pid))
        finally:
            running.kill()
    assert told.endswith(shown) or shown in told
    assert "c2VjcmV0" not in told
    assert "abc" not in told
