"""What a recording keeps of streams and hijacked connections, and how their ends are told apart."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

import opskit
from opskit.cassette.format import load
from opskit.cassette.model import End, Framing
from opskit.wire.session import open_cassette, open_recording

from .engines import IMAGE
from .wires import WireEngine, client_of, tells_its_version

GET = b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextlib.contextmanager
def recording(tmp_path, *scripts):
    """A client of a recorder of an engine that follows scripts."""

    with WireEngine(tmp_path, tells_its_version, *scripts) as engine:
        session = open_recording(tmp_path / "it.jsonl", upstream=f"unix://{engine.path}")
        with client_of(session.address) as client:
            yield client, session


def recorded(tmp_path, number=0):
    return load(tmp_path / "it.jsonl").exchanges[number]


def pieces(exchange):
    return [(piece.side, piece.data) for piece in exchange.response.pieces]


def test_chunks_are_kept_as_they_came(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.send(CHUNKS + b"3\r\none\r\n3\r\n")
        time.sleep(0.05)
        client.send(b"two\r\n5\r\nthree\r\n0\r\n\r\n")

    with recording(tmp_path, script) as (client, session):
        client.send(GET).until(b"0\r\n\r\n")
        session.close()
    exchange = recorded(tmp_path)
    assert pieces(exchange) == [("engine", b"one"), ("engine", b"two"), ("engine", b"three")]
    assert (exchange.end, exchange.response.framing) == (End.COMPLETE, Framing.CHUNKED)


def test_a_client_that_leaves_is_recorded_as_that(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.send(CHUNKS + b"3\r\none\r\n")
        client.rest()

    with recording(tmp_path, script) as (client, session):
        client.send(GET).until(b"one\r\n")
        client.close()
        time.sleep(0.1)
        session.close()
    assert recorded(tmp_path).end is End.CLIENT_LEFT
    assert pieces(recorded(tmp_path)) == [("engine", b"one")]


def test_an_engine_that_dies_is_recorded_as_that(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.send(CHUNKS + b"3\r\none\r\n9\r\nhalf")

    with recording(tmp_path, script) as (client, session):
        assert client.send(GET).rest().endswith(b"half")
        session.close()
    assert recorded(tmp_path).end is End.ENGINE_LOST
    assert pieces(recorded(tmp_path)) == [("engine", b"one"), ("engine", b"half")]


def test_a_stream_that_is_open_when_the_recording_stops(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.send(CHUNKS + b"3\r\none\r\n")
        client.rest()

    with recording(tmp_path, script) as (client, session):
        client.send(GET).until(b"one\r\n")
        session.close()
    assert recorded(tmp_path).end is End.RECORDING_STOPPED


def test_both_directions_of_a_hijacked_connection_and_its_half_close(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.send(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        assert client.take(4) == b"ping"
        client.send(b"pong")
        assert client.rest() == b""
        client.send(b"bye")

    request = (
        b"POST /containers/c/attach HTTP/1.1\r\nHost: d\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
    with recording(tmp_path, script) as (client, session):
        client.send(request).until(b"\r\n\r\n")
        client.send(b"ping")
        assert client.take(4) == b"pong"
        assert client.half_close().rest() == b"bye"
        session.close()
    assert pieces(recorded(tmp_path)) == [
        ("client", b"ping"),
        ("engine", b"pong"),
        ("client", None),
        ("engine", b"bye"),
        ("engine", None),
    ]
    replay = open_cassette(tmp_path / "it.jsonl")
    with contextlib.closing(replay), client_of(replay.address) as client:
        assert client.send(request).one_read().endswith(b"\r\n\r\n")
        client.send(b"ping")
        assert client.take(4) == b"pong"
        assert client.half_close().rest() == b"bye"


def test_what_cannot_be_replayed_passes_and_is_noted(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert client.take(3) == b"PRI"
        client.send(b"\x00\x00\x00\x04")

    request = b"POST /session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with recording(tmp_path, script) as (client, session):
        client.send(request).until(b"\r\n\r\n")
        client.send(b"PRI")
        assert client.rest() == b"\x00\x00\x00\x04"
        session.close()
    exchange = recorded(tmp_path)
    assert not exchange.replayable
    assert exchange.response.pieces == []
    replay = open_cassette(tmp_path / "it.jsonl")
    with contextlib.closing(replay), client_of(replay.address) as client:
        told = client.send(request).rest()
    assert told.startswith(b"HTTP/1.1 501 ")
    assert b"BuildKit" in told


def test_an_upload_is_kept_as_digest_and_length(tmp_path):
    def script(client):
        client.until(b"\r\n\r\n")
        client.take(3000)
        client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with recording(tmp_path, script) as (client, session):
        client.send(
            b"PUT /containers/c/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 3000\r\n\r\n"
        )
        client.send(bytes(3000)).until(b"\r\n\r\n")
        session.close()
    body = recorded(tmp_path).request.body
    assert (body.data, body.length, len(body.sha256)) == (None, 3000, 64)


def test_an_engine_that_hangs_up_without_an_answer_is_recorded_as_that(tmp_path):
    with recording(tmp_path, lambda client: None) as (client, session):
        assert client.send(GET).rest() == b"", "closed without an answer"
        session.close()
    assert recorded(tmp_path).response is None
    assert recorded(tmp_path).end is End.ENGINE_LOST


@pytest.mark.live
def test_events_are_recorded_while_a_container_runs(private_engine, tmp_path):
    def follow(engine, found):
        with engine.open_stream("/events", filters={"label": "watched"}) as events:
            ready.set()
            for chunk in events:
                found.append(chunk)
                if b'"die"' in chunk:
                    return

    found = {}
    cassette = tmp_path / "events.jsonl"
    for mode in (opskit.record, opskit.replay):
        options = {"upstream": private_engine.url} if mode is opskit.record else {}
        with mode(cassette, **options) as engine:
            ready = threading.Event()
            seen = found.setdefault(mode, [])
            thread = threading.Thread(target=follow, args=(engine, seen))
            thread.start()
            assert ready.wait(10)
            assert seen == []
            spec = {"Image": IMAGE, "Cmd": ["true"], "Labels": {"watched": "1"}}
            ident = engine.post("/containers/create", spec)["Id"]
            engine.post(f"/containers/{ident}/start")
            engine.post(f"/containers/{ident}/wait")
            thread.join(10)
            assert not thread.is_alive()
            engine.delete(f"/containers/{ident}")
    assert found[opskit.replay] == found[opskit.record] != []


@pytest.mark.live
def test_a_killed_engine_ends_the_replay_as_it_ended_the_recording(fresh_engine, tmp_path):
    cassette = tmp_path / "killed.jsonl"
    session = open_recording(cassette, upstream=fresh_engine.url)
    with client_of(session.address) as client:
        client.send(GET).until(b"\r\n\r\n")
        fresh_engine.kill()
        assert client.rest() == b""
    session.close()
    exchange = load(cassette).exchanges[0]
    assert exchange.end is End.ENGINE_LOST
    replay = open_cassette(cassette)
    with contextlib.closing(replay), client_of(replay.address) as client:
        client.send(GET).until(b"\r\n\r\n")
        assert client.rest() == b""


@pytest.mark.live
def test_attach_over_a_websocket(private_engine, tmp_path):
    """Frames of the engine play again; the handshake answers this client's own key."""
    spec = {"Image": IMAGE, "Cmd": ["sh", "-c", "read x; echo got $x"], "OpenStdin": True}
    ident = private_engine.api("POST", "/containers/create", spec)["Id"]
    private_engine.api("POST", f"/containers/{ident}/start")
    masked = bytes([0x81, 0x80 | 3, 0, 0, 0, 0]) + b"yo\n"

    def talk(address, key):
        with client_of(address) as client:
            client.send(
                f"GET /containers/{ident}/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n"
                "Host: d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://d\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
            )
            head = client.until(b"\r\n\r\n").lower()
            client.send(masked)
            return head.split(b"sec-websocket-accept: ")[1].split(b"\r\n")[0], client.until(b"yo")

    session = open_recording(tmp_path / "ws.jsonl", upstream=private_engine.url)
    first = talk(session.address, "dGhlIHNhbXBsZSBub25jZQ==")
    session.close()
    replay = open_cassette(tmp_path / "ws.jsonl")
    with contextlib.closing(replay):
        again = talk(replay.address, "dGhlIHNhbXBsZSBub25jZQ==")
        assert again == first
        assert first[0].lower() == b"s3pplmbitxaq9kygzzhzrbk+xoo="
