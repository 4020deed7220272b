"""Through the relay, client and engine see each other's bytes as if it were not there."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from .wires import WireEngine, client_of, relay_to, through_a_relay

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
GET = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"


def answering(answer, *, requests=1):
    """A script: answer each of so many requests without a body."""

    def script(client):
        for _ in range(requests):
            client.until(b"\r\n\r\n")
            client.send(answer)

    return script


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        pytest.param(GET, OK, id="length"),
        pytest.param(
            GET,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
            b"3;x=1\r\nabc\r\n0001\r\nd\r\n0\r\nTrailer: t\r\n\r\n",
            id="chunks, extensions and trailers",
        ),
        pytest.param(
            b"HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
            id="HEAD has no body",
        ),
        pytest.param(GET, b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", id="304"),
        pytest.param(GET, b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", id="no reason"),
        pytest.param(
            GET, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, id="1xx is passed on"
        ),
        pytest.param(
            b'GET /containers/json?filters={"label":["\xc3\xa9=1"]} HTTP/1.1\r\nHost: d\r\n\r\n',
            OK,
            id="a target that nobody encoded",
        ),
    ],
)
def test_an_answer_arrives_byte_for_byte_and_the_connection_is_kept(tmp_path, request_, answer):
    with WireEngine(tmp_path, answering(answer, requests=3)) as engine, relay_to(engine) as relay:
        with client_of(relay.address) as client:
            for _ in range(3):
                client.send(request_)
                assert client.take(len(answer)) == answer
        assert engine.connections == 1


def test_pipelined_requests_are_answered_in_order(tmp_path):
    def script(client):
        for number in range(5):
            head = client.until(b"\r\n\r\n")
            assert b"GET /%d " % number in head
            client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)

    with through_a_relay(tmp_path, script) as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: d\r\n\r\n" % n for n in range(5)))
        assert [client.until(b"\r\n\r\n") and client.take(1) for _ in range(5)] == [
            b"%d" % n for n in range(5)
        ]


def test_an_http_1_0_client_reads_to_the_end_of_the_connection(tmp_path):
    answer = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it"
    with through_a_relay(tmp_path, answering(answer)) as client:
        client.send(b"GET /_ping HTTP/1.0\r\n\r\n")
        assert client.rest() == answer


def test_each_chunk_of_a_stream_arrives_when_it_was_sent(tmp_path):
    go = threading.Event()

    def script(client):
        client.until(b"\r\n\r\n")
        client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            assert go.wait(10)
            go.clear()
            client.send(b"4\r\ntick\r\n")
        client.send(b"0\r\n\r\n")

    with through_a_relay(tmp_path, script) as client:
        client.send(GET)
        client.until(b"\r\n\r\n")
        for _ in range(3):
            assert client.data == b""
            go.set()
            assert client.until(b"tick\r\n") == b"4\r\ntick\r\n"
        assert client.take(5) == b"0\r\n\r\n"


def test_the_engine_is_asked_before_a_body_that_waits_for_its_consent(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert client.take(5) == b"hello"
        client.send(OK)

    with through_a_relay(tmp_path, script) as client:
        client.send(
            b"POST /x HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        client.until(b"100 Continue\r\n\r\n")
        client.send(b"hello")
        assert client.take(len(OK)) == OK


def test_an_answer_that_comes_before_the_upload_is_complete_is_seen(tmp_path):
    refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    with through_a_relay(tmp_path, answering(refusal)) as client:
        client.send(b"POST /build HTTP/1.1\r\nHost: d\r\nContent-Length: 100000000\r\n\r\n")
        client.send(bytes(100_000))
        assert client.rest() == refusal


def test_a_large_upload_waits_for_a_slow_engine(tmp_path):
    size, gathered = 64 * 1024 * 1024, []
    slow = threading.Event()

    def script(client):
        client.until(b"\r\n\r\n")
        assert slow.wait(10)
        left = size - len(client.data)
        while left:
            left -= len(client.sock.recv(1 << 20))
        client.send(OK)

    def upload(client):
        sent = 0
        client.sock.settimeout(0.5)
        try:
            while sent < size:
                sent += client.sock.send(bytes(min(1 << 20, size - sent)))
        except TimeoutError:
            gathered.append(sent)
            slow.set()
            client.sock.settimeout(10)
            client.send(bytes(size - sent))

    with through_a_relay(tmp_path, script) as client:
        client.send(b"POST /load HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % size)
        upload(client)
        assert client.take(len(OK)) == OK
    assert gathered[0] < 4 * 1024 * 1024, "the relay took in what the engine did not read"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", id="101"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n", id="200"
        ),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_hijacked_connection_is_two_way_and_half_closes(tmp_path, answer, framing):
    if framing == "length":
        body = b"Content-Length: 2\r\n\r\n{}"
    else:
        body = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    start = b"POST /v1.41/exec/abc/start HTTP/1.1\r\nHost: d\r\n" + body

    def script(client):
        assert client.one_read() == start, "head and body must come in one read"
        client.send(answer + b"prompt> ")
        assert client.rest() == b"stdin", "and then the client's half-close"
        client.send(b"output after that")

    with through_a_relay(tmp_path, script) as client:
        client.send(start[:40]).send(start[40:])
        assert client.one_read() == answer, "the stream must not come with the head"
        assert client.take(8) == b"prompt> "
        client.send(b"std").send(b"in").half_close()
        assert client.rest() == b"output after that"


def test_stdin_sent_ahead_of_the_answer_reaches_the_engine_after_it(tmp_path):
    def script(client):
        assert client.one_read().endswith(b"\r\n\r\n")
        client.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n")
        assert client.take(5) == b"early"

    with through_a_relay(tmp_path, script) as client:
        client.send(b"POST /containers/c/attach HTTP/1.1\r\nHost: d\r\n\r\nearly")
        client.until(b"\r\n\r\n")
        assert client.rest() == b""


def test_an_engine_that_dies_in_the_middle_ends_the_answer_there(tmp_path):
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n4\r\nti"
    with through_a_relay(tmp_path, answering(cut)) as client:
        client.send(GET)
        assert client.rest() == cut


def test_an_engine_that_closed_a_kept_connection_is_dialled_again(tmp_path):
    with WireEngine(tmp_path, answering(OK)) as engine, relay_to(engine) as relay:
        with client_of(relay.address) as client:
            for _ in range(3):
                client.send(GET)
                assert client.take(len(OK)) == OK
                time.sleep(0.05)
        assert engine.connections == 3


def test_without_an_engine_the_client_is_told_so(tmp_path):
    with WireEngine(tmp_path, answering(OK)) as engine, relay_to(engine) as relay:
        engine.close()
        with client_of(relay.address) as client:
            told = client.send(GET).rest()
    assert told.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"X-Opskit-Error: EngineNotFound" in told
    assert b"nobody listens there" in told


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x15\x03\x01\x00\x02\r\n\r\n"]
)
def test_what_is_no_engine_is_told_apart(tmp_path, answer):
    with through_a_relay(tmp_path, answering(answer)) as client:
        told = client.send(GET).rest()
    assert told.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"is not HTTP" in told


def test_a_client_that_leaves_takes_the_engines_connection_along(tmp_path):
    left = threading.Event()

    def script(client):
        client.until(b"\r\n\r\n")
        client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n")
        assert client.rest() == b""
        left.set()

    with through_a_relay(tmp_path, script) as client:
        client.send(GET).until(b"tick\r\n")
        client.close()
        assert left.wait(5)


def test_a_half_closing_client_still_gets_its_answer(tmp_path):
    def script(client):
        assert client.rest() == GET
        client.send(OK)

    with through_a_relay(tmp_path, script) as client:
        assert client.send(GET).half_close().rest() == OK


def test_stopping_the_relay_ends_open_streams_and_leaves_no_thread(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n")
        client.rest()

    before = threading.active_count()
    with WireEngine(tmp_path, script) as engine:
        with relay_to(engine) as relay, client_of(relay.address) as client:
            client.send(GET).until(b"tick\r\n")
            relay.stop()
            assert client.rest() == b""
        path = relay.address.removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as late, pytest.raises(FileNotFoundError):
        late.connect(path)
    assert threading.active_count() == before
