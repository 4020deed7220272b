"""Automation tried against an engine that misbehaves as it is told."""

from __future__ import annotations

import time

import pytest

import opskit
from opskit.cassette.format import Cassette, save
from opskit.errors import APIError, EngineLost, EngineUnresponsive
from opskit.wire import faults

from .tapes import Tape


@pytest.fixture
def cassette(tmp_path):
    tape = Tape()
    tape.asks("HEAD", "/_ping").answers()
    tape.exchanges[0].response.headers.append(("Api-Version", "1.45"))
    for target in ("/containers/json", "/containers/web/json", "/info"):
        tape.asks("GET", target).answers(b'{"Name": "%s"}' % (b"n" * 100))
    logs = tape.asks("GET", "/containers/web/logs").head()
    logs.says(b"first line\n").says(b"second line\n").ends()
    return save(Cassette(tape.exchanges), tmp_path / "small.jsonl")


def test_an_error_comes_as_often_as_it_is_told_to(cassette):
    wrong = [faults.error(503, "too busy", on="GET /containers/*/json", times=2)]
    with opskit.replay(cassette, faults=wrong) as engine:
        for _ in range(2):
            with pytest.raises(APIError, match="too busy") as refused:
                engine.get("/containers/web/json")
            assert refused.value.status == 503
            assert engine.get("/info")
        assert engine.get("/containers/web/json")


def test_a_chance_is_drawn_from_the_seed(cassette):
    def run(seed):
        wrong = [faults.error(chance=0.5, on="GET /info")]
        outcome = []
        with opskit.replay(cassette, faults=wrong, seed=seed) as engine:
            for _ in range(20):
                try:
                    outcome.append(bool(engine.get("/info")))
                except APIError:
                    outcome.append(False)
        return outcome

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 0 < sum(run(1)) < 20


def test_latency_comes_before_the_answer(cassette):
    with opskit.replay(cassette, faults=[faults.latency(0.3, on="GET /info")]) as engine:
        begun = time.monotonic()
        engine.get("/info")
        assert time.monotonic() - begun > 0.3


def test_a_slow_engine_meets_the_clients_timeout(cassette):
    with opskit.replay(cassette, faults=[faults.latency(30, on="GET /info")]) as engine:
        with pytest.raises(EngineUnresponsive):
            engine.get("/info", timeout=0.2)
        assert engine.get("/containers/json"), "and is usable after that"


@pytest.mark.parametrize("after", [0, 50])
def test_an_answer_is_cut_after_so_many_bytes(cassette, after):
    wrong = [faults.cut(after, on="GET /info", times=2)]
    told = pytest.raises(EngineLost, match=f"after {after} bytes")
    with opskit.replay(cassette, faults=wrong) as engine, told:
        engine.get("/info")


def test_a_stream_goes_silent(cassette):
    with (
        opskit.replay(cassette, faults=[faults.stall(16, on="GET */logs")]) as engine,
        engine.open_stream("/containers/web/logs", timeout=0.3) as stream,
    ):
        assert next(iter(stream)) == b"first line\n"
        with pytest.raises(EngineUnresponsive):
            next(iter(stream))
        assert engine.get("/info")


def test_a_connection_is_closed_without_an_answer(cassette):
    # The first refusal only ends the kept connection: a GET is asked again on a new one.
    with opskit.replay(cassette, faults=[faults.refuse(on="GET /info", times=2)]) as engine:
        engine.get("/containers/json")
        with pytest.raises(EngineLost, match="before its answer"):
            engine.get("/info")
        assert engine.get("/info")


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        faults.error(chance=2)
    with pytest.raises(ValueError, match="negative"):
        faults.cut(-1)
