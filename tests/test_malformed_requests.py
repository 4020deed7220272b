"""Clients that do not speak HTTP, or speak it so that two readers could disagree."""

from __future__ import annotations

import contextlib
import os
import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opskit.address import resolve
from opskit.cassette.match import Index
from opskit.cassette.model import Body, Exchange, Framing, Piece, Request, Response
from opskit.cassette.pace import Instant
from opskit.wire import http1, relay
from opskit.wire.bodies import Chunked
from opskit.wire.forward import Forwarder
from opskit.wire.listen import listen
from opskit.wire.replay import Player
from opskit.wire.upstream import dialler

from .wires import client_of

CASES = int(os.environ.get("OPSKIT_FUZZ_CASES", "2000"))
MUTANTS = 20
GET = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"


@pytest.fixture(scope="module")
def replay():
    """A relay in front of a cassette that knows /_ping."""
    response = Response(200, "OK", [], Framing.LENGTH, [Piece(3, 0.0, "engine", b"OK")], order=2)
    known = Exchange(1, Request("GET", "/_ping", body=Body(), order=1), response, end_order=4)
    player = Player(Index([known]), Instant())
    with relay.Relay(player, listen(), head_timeout=0.3, body_timeout=0.3) as running:
        yield running


def told(replay, sent):
    with client_of(replay.address) as client:
        return client.send(sent).rest()


def head(*lines):
    return b"\r\n".join([b"POST /x HTTP/1.1", b"Host: d", *lines, b"", b""])


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(b"Content-Length: 1", b"Content-Length: 2") + b"a", 400),
        (head(b"Content-Length: 1", b"Content-Length: 1") + b"a", 400),
        (head(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
        (head(b"Transfer-Encoding: chunked", b"Content-Length: 3") + b"0\r\n\r\n", 400),
        (head(b"Transfer-Encoding: gzip, chunked"), 400),
        (head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
        (head(b"Content-Length: +1") + b"a", 400),
        (head(b"Content-Length: 1, 1") + b"a", 400),
        (head(b"Content-Length: 99999999999999999999"), 400),
        (head(b"Content-Length:"), 400),
        (head(b"Transfer-Encoding : chunked"), 400),
        (head(b"X: a", b" folded"), 400),
        (head(b"X: a\x00b"), 400),
        (head(b"X: a\rb"), 400),
        (head(b"X: a\nb"), 400),
        (head(b": nameless"), 400),
        (head(b"no colon"), 400),
        (head(b"Host: another"), 400),
        (b"GET /_ping HTTP/1.1\nHost: d\n\n", 400),
        (b"GET  /_ping HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"GET _ping HTTP/1.1\r\nHost: d\r\n\r\n", 400),
        (b"G\x01T / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/3\r\n\r\n", 505),
        (b"GET /_ping HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (head(b"Transfer-Encoding: chunked") + b"5 \t;x\nhello\r\n", 400),
        (head(b"Transfer-Encoding: chunked") + b"-5\r\nhello\r\n", 400),
        (head(b"Transfer-Encoding: chunked") + b"fffffffffffffffff\r\n", 400),
        (head(b"Transfer-Encoding: chunked") + b"3\r\nhello\r\n", 400),
        (head(b"Transfer-Encoding: chunked") + b"3;" + b"x" * 5000 + b"\r\n", 400),
        (head(b"Transfer-Encoding: chunked") + b"0\r\nbad trailer\r\n\r\n", 400),
        (head(*[b"X: y"] * 300), 431),
        (head(b"X: " + b"y" * (1 << 20)), 431),
        (b"GET /" + b"y" * (1 << 21), 431),
        (b"\r\n" * 5 + GET, 400),
        (b"GET /_ping HTTP/1.1\r\nHost: d\r\n", 408),
        (b"G", 408),
    ],
)
def test_what_is_malformed_is_refused_and_the_connection_closed(replay, sent, status):
    answer = told(replay, sent + GET if status != 408 else sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"\r\n\r\n") == 1, "nothing after it is looked at"
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\r\n" + GET, id="an empty line before the request"),
        pytest.param(GET[:-2] + b"X-Empty:\r\nX-Tab:\ta\t\r\nX-Latin: \xe9\r\n\r\n", id="values"),
        pytest.param(b"GET http://d/_ping HTTP/1.1\r\nHost: d\r\n\r\n", id="absolute"),
        pytest.param(GET[:-2] + b"Content-Length: 0\r\n\r\n", id="no body, said"),
        pytest.param(b"GET /_ping HTTP/1.0\r\n\r\n", id="without host, as in HTTP/1.0"),
    ],
)
def test_what_is_only_unusual_is_answered(replay, sent):
    with client_of(replay.address) as client:
        assert client.send(sent).until(b"\r\n\r\n").startswith(b"HTTP/1.")
        assert client.take(2) == b"OK"


def test_a_client_that_never_sends_its_body_is_given_up(replay):
    with client_of(replay.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: d\r\nContent-Length: 10\r\n\r\nabc")
        assert client.rest().startswith(b"HTTP/1.1 408 ")


def test_a_client_may_stay_silent_between_requests(replay):
    with client_of(replay.address) as client:
        for _ in range(2):
            client.send(GET).until(b"OK")
            time.sleep(0.5)


PARTS = [
    *(b"GET ", b"POST ", b"HEAD ", b"/_ping", b"/x?y=1", b" HTTP/1.1", b" HTTP/1.0", b"\r\n"),
    *(b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"Host: d\r\n", b"Content-Length: "),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
    *(b"Expect: 100-continue\r\n", b"Connection: Upgrade\r\nUpgrade: tcp\r\n", b"X-Y: z\r\n"),
    *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"hello", b"ffffffff\r\n", b"-1", b"\xff\xfe", b"{}", GET),
]
bytes_like_http = st.lists(st.sampled_from(PARTS) | st.binary(max_size=6), max_size=14).map(
    b"".join
)


def mutants(sent, seed):
    """The same with parts cut out, doubled, moved, or flipped, and where to cut it in two."""
    chance = random.Random(seed)
    for _ in range(MUTANTS):
        mutant = bytearray(sent)
        for _ in range(chance.randrange(4)):
            start, stop = sorted(chance.choices(range(len(mutant) + 1), k=2))
            part = bytes(mutant[start:stop])
            mutant[start:stop] = chance.choice(
                [b"", part * 2, part[::-1], part.lower(), chance.choice(PARTS), part + b"\r\n"]
            )
        yield bytes(mutant), chance.randrange(len(mutant) + 1)


@pytest.fixture(scope="module")
def forwarding(replay):
    """A relay in front of that relay: requests are also read, forwarded and read again."""
    forwarder = Forwarder(dialler(resolve(replay.address)))
    with relay.Relay(forwarder, listen(), head_timeout=0.3, body_timeout=0.3) as running:
        yield running


@given(sent=bytes_like_http, seed=st.integers(0, 2**32))
@settings(
    max_examples=max(1, CASES // MUTANTS),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_a_client_sends_it_gets_an_answer_or_the_end(replay, forwarding, sent, seed):
    for place, (mutant, cut) in enumerate(mutants(sent, seed)):
        with client_of((replay, forwarding)[place % 2].address) as client:
            with contextlib.suppress(BrokenPipeError):
                client.send(mutant[:cut]).send(mutant[cut:]).half_close()
            answer = client.rest()
        while answer:
            end = http1.find_head(answer)
            head = http1.parse_response(answer[:end])
            if head.lists("connection", "close"):
                break
            answer = answer[end + (head.length() or 0) :]


@given(sent=bytes_like_http)
@settings(max_examples=CASES // MUTANTS, deadline=None)
def test_a_body_is_read_the_same_however_it_is_cut(sent):
    def read(parts):
        body, used, pieces = Chunked(), 0, b""
        try:
            for part in parts:
                count, found = body.feed(part)
                used += count
                pieces += b"".join(found)
                if body.done:
                    return used, pieces
        except http1.Malformed as error:
            return str(error)
        return used, pieces + body.rest()

    assert read([sent]) == read([sent[i : i + 1] for i in range(len(sent))])


def test_no_client_and_no_socket_is_left_behind(replay, forwarding):
    def left():
        return replay.connections + forwarding.connections

    assert settles(left, 0)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        told(forwarding, GET[:-4] + b"\x00")
    assert settles(left, 0)
    assert settles(lambda: len(os.listdir("/proc/self/fd")), before)


def settles(count, most):
    deadline = time.monotonic() + 5
    while count() > most and time.monotonic() < deadline:
        time.sleep(0.01)
    return count() <= most
