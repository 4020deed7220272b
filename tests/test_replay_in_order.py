"""Replays keep the order of the recording: causes come first, and nobody waits for ever."""

from __future__ import annotations

import contextlib
import time

import pytest

from opskit.cassette import causal
from opskit.cassette.model import End, Framing

from .tapes import Tape
from .wires import client_of

CHUNK = b"%x\r\n%b\r\n"


def chunk(data):
    return CHUNK % (len(data), data)


def ask(client, method, target, body=b""):
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return client.send(b"%s %s HTTP/1.1\r\nHost: d\r\n%s\r\n%s" % (method, target, length, body))


def status(client):
    return int(client.until(b"\r\n\r\n").split(b" ")[1])


def silent(client, seconds=0.05):
    """Whether nothing arrives for a moment."""
    client.sock.settimeout(seconds)
    try:
        client.data += client.sock.recv(65536)
    except TimeoutError:
        return not client.data
    finally:
        client.sock.settimeout(10)
    return False


@pytest.fixture
def start():
    """Clients of one replay, closed with it."""
    with contextlib.ExitStack() as stack:

        def begin(tape, clients=1, pace="causal"):
            relay = stack.enter_context(tape.replayed(pace))
            return [stack.enter_context(client_of(relay.address)) for _ in range(clients)]

        yield begin


def events_of_two_calls():
    tape = Tape()
    events = tape.asks("GET", "/events").head()
    for name in ("one", "two"):
        call = tape.asks("POST", f"/containers/{name}/start")
        events.says(b"start %s\n" % name.encode())
        call.answers(status=204)
        tape.later(0.1)
    return tape, events


def test_an_event_follows_the_call_that_caused_it(start):
    tape, _ = events_of_two_calls()
    events, client = start(tape, 2)
    assert status(ask(events, b"GET", b"/events")) == 200
    for name in (b"one", b"two"):
        assert silent(events)
        assert status(ask(client, b"POST", b"/containers/%s/start" % name)) == 204
        assert events.until(b"\n\r\n") == chunk(b"start %s\n" % name)
    assert silent(events), "the stream was open when the recording ended, and is held open"


def test_wait_does_not_answer_before_the_output_that_came_first(start):
    tape = Tape()
    attach = tape.asks("POST", "/containers/c/attach").head(framing=Framing.HIJACK)
    wait = tape.asks("POST", "/containers/c/wait").head()
    tape.asks("POST", "/containers/c/start").answers(status=204)
    attach.says(b"output")
    attach.ends()
    wait.says(b'{"StatusCode":0}').ends()
    attached, waiting, client = start(tape, 3)
    assert status(ask(attached, b"POST", b"/containers/c/attach")) == 101
    assert status(ask(waiting, b"POST", b"/containers/c/wait")) == 200
    assert silent(waiting)
    assert silent(attached)
    ask(client, b"POST", b"/containers/c/start")
    assert waiting.until(b"0}\r\n") == chunk(b'{"StatusCode":0}')
    assert attached.one_read() == b"output", "it was there before"


def test_what_a_container_says_follows_what_it_heard(start):
    tape = Tape()
    attach = tape.asks("POST", "/exec/e/start").head(framing=Framing.HIJACK)
    attach.says(b"$ ").hears(b"ls\n").says(b"file\n$ ").hears(None).says(b"bye").ends()
    (client,) = start(tape)
    assert status(ask(client, b"POST", b"/exec/e/start")) == 101
    assert client.take(2) == b"$ "
    assert silent(client)
    client.send(b"l")
    assert silent(client)
    client.send(b"s\n")
    assert client.take(7) == b"file\n$ "
    assert silent(client)
    assert client.half_close().rest() == b"bye"


def test_a_client_that_leaves_out_calls_still_gets_all_events(start):
    tape, _ = events_of_two_calls()
    (events,) = start(tape)
    ask(events, b"GET", b"/events").until(b"\r\n\r\n")
    assert events.until(b"one\n\r\n") == chunk(b"start one\n")
    assert events.until(b"two\n\r\n") == chunk(b"start two\n")


def test_a_call_that_was_passed_over_is_not_waited_for(start, monkeypatch):
    monkeypatch.setattr(causal, "GRACE", 60.0)
    tape, _ = events_of_two_calls()
    events, client = start(tape, 2)
    ask(events, b"GET", b"/events").until(b"\r\n\r\n")
    assert status(ask(client, b"POST", b"/containers/two/start")) == 204
    assert events.until(b"two\n\r\n") == chunk(b"start one\n") + chunk(b"start two\n")
    assert status(ask(client, b"POST", b"/containers/one/start")) == 204, "late, but answered"


def test_ordinary_answers_wait_for_no_call(start, monkeypatch):
    monkeypatch.setattr(causal, "GRACE", 60.0)
    tape, _ = events_of_two_calls()
    tape.asks("GET", "/containers/json").answers(b"[]")
    tape.asks("POST", "/containers/create").answers(b"{}", 201)
    events, client = start(tape, 2)
    ask(events, b"GET", b"/events").until(b"\r\n\r\n")
    for _ in range(3):
        assert status(ask(client, b"GET", b"/containers/json")) == 200
        client.take(2)
    assert status(ask(client, b"POST", b"/containers/create")) == 201


def test_two_clients_may_swap_their_calls(start):
    tape = Tape()
    streams = [
        tape.asks("POST", f"/containers/{name}/attach").head(framing=Framing.HIJACK)
        for name in ("a", "b")
    ]
    for name, stream in zip("ab", streams, strict=True):
        tape.asks("POST", f"/containers/{name}/start").answers(status=204)
        stream.says(b"output of " + name.encode())
    for stream in streams:
        stream.ends()
    one, two, client = start(tape, 3)
    for attached, name in ((one, b"a"), (two, b"b")):
        assert status(ask(attached, b"POST", b"/containers/%s/attach" % name)) == 101
    assert status(ask(client, b"POST", b"/containers/b/start")) == 204
    assert two.take(11) == b"output of b"
    assert status(ask(client, b"POST", b"/containers/a/start")) == 204
    assert one.rest() == b"output of a"
    assert two.rest() == b""


def test_a_client_that_does_not_read_a_stream_does_not_hold_up_the_others(start):
    tape = Tape()
    logs = tape.asks("GET", "/containers/c/logs?follow=1").head()
    for _ in range(64):
        logs.says(bytes(65536))
    tape.asks("GET", "/version").answers(b"{}")
    reading, client = start(tape, 2)
    ask(reading, b"GET", b"/containers/c/logs?follow=1")
    assert status(ask(client, b"GET", b"/version")) == 200
    assert len(reading.until(chunk(bytes(65536))[-100:])) > 65536


def test_a_repeated_stream_plays_again(start):
    tape, events = events_of_two_calls()
    events.ends()
    clients = start(tape, 3)
    for name in (b"one", b"two"):
        ask(clients[2], b"POST", b"/containers/%s/start" % name).until(b"\r\n\r\n")
    for client in clients[:2]:
        ask(client, b"GET", b"/events").until(b"\r\n\r\n")
        assert client.until(b"0\r\n\r\n") == chunk(b"start one\n") + chunk(b"start two\n") + (
            b"0\r\n\r\n"
        )


def test_a_client_that_leaves_a_held_stream_leaves_nothing_behind(start):
    tape, _ = events_of_two_calls()
    events, client = start(tape, 2)
    ask(events, b"GET", b"/events").until(b"\r\n\r\n")
    events.close()
    assert status(ask(client, b"POST", b"/containers/two/start")) == 204


def test_a_stream_that_the_client_left_is_held_open(start):
    tape = Tape()
    tape.asks("GET", "/events").head().says(b"one\n").ends(End.CLIENT_LEFT)
    (client,) = start(tape)
    ask(client, b"GET", b"/events").until(b"one\n\r\n")
    assert silent(client, 0.2)


def test_a_stream_whose_engine_died_ends_where_it_died(start):
    tape = Tape()
    tape.asks("GET", "/events").head().says(b"one\n").ends(End.ENGINE_LOST)
    (client,) = start(tape)
    ask(client, b"GET", b"/events").until(b"\r\n\r\n")
    assert client.rest() == chunk(b"one\n"), "without the last chunk"


def test_an_engine_that_never_answered_closes_again(start):
    tape = Tape()
    tape.asks("GET", "/info").ends(End.ENGINE_LOST)
    (client,) = start(tape)
    assert ask(client, b"GET", b"/info").rest() == b""


def test_the_recorded_pace_takes_as_long(start):
    tape = Tape()
    events = tape.asks("GET", "/events").head()
    tape.later(0.3)
    events.says(b"late\n")
    (client,) = start(tape, pace="recorded")
    ask(client, b"GET", b"/events").until(b"\r\n\r\n")
    begun = time.monotonic()
    client.until(b"late\n\r\n")
    assert time.monotonic() - begun > 0.2


def test_the_instant_pace_waits_for_nothing(start):
    tape, _ = events_of_two_calls()
    (events,) = start(tape, pace="instant")
    ask(events, b"GET", b"/events")
    assert events.until(b"two\n\r\n").endswith(chunk(b"start one\n") + chunk(b"start two\n"))
