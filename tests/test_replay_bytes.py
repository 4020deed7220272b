"""What a client reads from a replay is what it read while recording, byte for byte."""

from __future__ import annotations

import contextlib
import re

import pytest

from opskit.cassette.format import load
from opskit.wire.session import open_cassette, open_recording

from .wires import WireEngine, client_of, tells_its_version

HEAD = b"HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nX-Twice: a\r\nX-Twice: b\r\nDate: Tue\r\n"
LENGTH = HEAD + b"Content-Length: 5\r\n\r\nhello"
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"
GET = b"GET /x?a=%20b HTTP/1.1\r\nHost: d\r\n\r\n"
_HOP_BY_HOP = re.compile(rb"(?im)^(connection|content-length|transfer-encoding|date): [^\r]*\r\n")

CASES = {
    "length": (GET, LENGTH),
    "chunks": (GET, CHUNKS),
    "empty": (GET, HEAD + b"Content-Length: 0\r\n\r\n"),
    "HEAD": (GET.replace(b"GET", b"HEAD"), HEAD + b"Content-Length: 5000\r\n\r\n"),
    "HEAD without length": (GET.replace(b"GET", b"HEAD"), HEAD + b"\r\n"),
    "204": (GET, b"HTTP/1.1 204 No Content\r\nApi-Version: 1.45\r\n\r\n"),
    "304": (GET, b"HTTP/1.1 304 Not Modified\r\nEtag: x\r\n\r\n"),
    "redirect": (
        GET,
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n",
    ),
    "error": (GET, b"HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n" + b'{"message":"no"}\n'),
    "a reason of its own": (GET, b"HTTP/1.1 409 What \xe9lse\r\nContent-Length: 0\r\n\r\n"),
    "no reason": (GET, b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
    "bytes that are no text": (GET, HEAD + b"Content-Length: 6\r\n\r\n\x00\xff\xfe\r\n\x80"),
    "large": (GET, HEAD + b"Content-Length: 3000000\r\n\r\n" + b"0123456789" * 300000),
    "many chunks": (
        GET,
        HEAD
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"800\r\n%b\r\n" % bytes(2048) * 2000
        + b"0\r\n\r\n",
    ),
    "a body": (
        b'POST /x HTTP/1.1\r\nHost: d\r\nContent-Length: 7\r\n\r\n{"a":1}',
        b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
    ),
    "a chunked body": (
        b"POST /y HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n',
        LENGTH,
    ),
}


def without_hop_by_hop(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return _HOP_BY_HOP.sub(b"", head + b"\r\n"), body


@pytest.mark.parametrize("ending", ["yaml", "jsonl"])
@pytest.mark.parametrize("case", CASES)
def test_the_same_bytes_come_again(tmp_path, case, ending):
    request, answer = CASES[case]
    if ending == "yaml" and case == "many chunks":
        pytest.skip("the same as the other")

    def engine(client):
        assert client.take(len(request)) == request
        client.send(answer)

    cassette = tmp_path / f"it.{ending}"
    heard = []
    with WireEngine(tmp_path, tells_its_version, engine) as upstream:
        recording = open_recording(cassette, upstream=f"unix://{upstream.path}")
        with client_of(recording.address) as client:
            client.send(request)
            heard.append(client.take(len(answer)))
        recording.close()
    assert heard[0] == answer
    with (
        contextlib.closing(open_cassette(cassette)) as replay,
        client_of(replay.address) as client,
    ):
        client.send(request)
        head = client.until(b"\r\n\r\n")
        body = client.take(len(answer) - answer.index(b"\r\n\r\n") - 4)
        assert without_hop_by_hop(head + body) == without_hop_by_hop(answer)
        assert head.count(b"Content-Length") == answer[:200].count(b"Content-Length")
        assert client.data == b""


@pytest.fixture
def replay(tmp_path):
    """A replay of one LENGTH and one CHUNKS answer."""

    def engine(client):
        for answer in (LENGTH, CHUNKS):
            client.until(b"\r\n\r\n")
            client.send(answer)

    with WireEngine(tmp_path, tells_its_version, engine) as upstream:
        recording = open_recording(tmp_path / "it.yaml", upstream=f"unix://{upstream.path}")
        with client_of(recording.address) as client:
            client.send(GET.replace(b"/x", b"/length")).take(len(LENGTH))
            client.send(GET.replace(b"/x", b"/chunks")).take(len(CHUNKS))
        recording.close()
    assert len(load(tmp_path / "it.yaml").exchanges) == 2
    with contextlib.closing(open_cassette(tmp_path / "it.yaml")) as session:
        yield session


def test_pipelined_requests_are_answered_in_order(replay):
    with client_of(replay.address) as client:
        client.send((GET.replace(b"/x", b"/chunks") + GET.replace(b"/x", b"/length")) * 20)
        for _ in range(20):
            client.until(b"5\r\nthree\r\n0\r\n\r\n")
            client.until(b"hello")


@pytest.mark.parametrize("path", [b"/length", b"/chunks"])
def test_an_older_client_gets_the_body_and_the_end(replay, path):
    with client_of(replay.address) as client:
        answer = client.send(b"GET %s?a=%%20b HTTP/1.0\r\n\r\n" % path).rest()
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"chunked" not in answer
    assert answer.endswith(b"\r\n\r\nhello" if path == b"/length" else b"\r\n\r\nonethree")


def test_a_client_that_wants_to_close_is_closed(replay):
    with client_of(replay.address) as client:
        request = GET.replace(b"/x", b"/length").replace(b"Host", b"Connection: close\r\nHost")
        assert b"Connection: close" in client.send(request).until(b"\r\n\r\n")
        assert client.rest() == b"hello"


def test_a_client_that_waits_for_consent_gets_it(replay):
    with client_of(replay.address) as client:
        client.send(
            b"POST /z HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.send(b"{}").until(b"\r\n\r\n").startswith(b"HTTP/1.1 501 ")
