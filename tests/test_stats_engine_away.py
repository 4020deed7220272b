"""Stats while the engine stalls, dies or restarts: what is known stays, and the gap is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

import opskit
from opskit import Engine
from opskit.errors import EngineLost, EngineNotFound, EngineUnresponsive
from tests.engines import PrivateEngine
from tests.waiting import eventually

pytestmark = pytest.mark.live


@pytest.fixture
def private(fresh_engine: PrivateEngine) -> PrivateEngine:
    for name in ("one", "two"):
        fresh_engine.run("sleep 1000", name)
    return fresh_engine


@pytest.fixture
def engine(private: PrivateEngine) -> Iterator[Engine]:
    with opskit.connect(private.url, timeout=20) as engine:
        yield engine


def test_a_sampler_survives_the_engine_and_says_where_the_gap_is(
    private: PrivateEngine, engine: Engine
) -> None:
    with engine.sampler() as sampler:
        assert sampler.wait()
        private.kill()
        eventually(lambda: len(sampler.gaps) == 1)
        assert sampler.gaps.end.isna().all()
        away = sampler.latest()
        assert list(away.name) == ["one", "two"]
        assert away.memory_bytes.isna().all()
        assert away.note.eq("the engine did not answer").all()
        with pytest.raises(EngineNotFound):
            engine.stats()
        private.start()
        private.api("POST", "/containers/one/start")
        eventually(lambda: sampler.gaps.end.notna().all())
        eventually(lambda: "one" in set(sampler.latest().name) and sampler.warm)
        back = sampler.latest().set_index("name")
        assert back.memory_bytes["one"] > 0
        series = sampler.frame()
        one = series[series.name == "one"]
        assert one.cpu_percent.dropna().between(0, 100).all()
        (gap,) = sampler.gaps.itertuples()
        assert 0.3 < (gap.end - gap.start).total_seconds() < 30
        assert len(one[one.time.between(gap.start, gap.end) & one.memory_bytes.notna()]) <= 1


def test_an_engine_that_dies_in_mid_series_leaves_what_was_sampled(
    private: PrivateEngine, engine: Engine
) -> None:
    threading.Timer(2.5, private.kill).start()
    with pytest.warns(UserWarning, match="the engine was away"):
        series = engine.stats(duration="4s")
    assert set(series.name) == {"one", "two"}
    assert series.memory_bytes.notna().sum() >= 4
    assert series.note.iloc[-1] == "the engine did not answer"
    ((start, end, _reason),) = series.attrs["gaps"]
    assert start > 0
    assert end is None


def test_a_snapshot_of_an_engine_that_dies_is_an_error(
    private: PrivateEngine, engine: Engine
) -> None:
    threading.Timer(0.5, private.kill).start()
    with pytest.raises((EngineLost, EngineNotFound)):  # in mid stream, or between two questions
        engine.stats(interval="3s")


def test_a_stalled_engine_is_waited_for_and_no_longer_than_said(
    private: PrivateEngine, engine: Engine
) -> None:
    private.pause()
    try:
        began = time.monotonic()
        with pytest.raises(EngineUnresponsive):
            opskit.connect(private.url, timeout=1).stats()
        assert time.monotonic() - began < 4
    finally:
        private.resume()
    engine.stats()
    threading.Timer(0.3, private.pause).start()
    threading.Timer(2.5, private.resume).start()
    stats = engine.stats(interval="1s")
    assert stats.cpu_percent.notna().all()
    threading.Timer(0.3, private.pause).start()
    try:
        with pytest.raises(EngineUnresponsive, match="2 of 2 containers"):
            engine.stats(interval="5s", timeout=1.5)
    finally:
        private.resume()


def test_a_stall_in_a_series_is_a_gap_and_the_figures_after_it_are_right(
    private: PrivateEngine, engine: Engine
) -> None:
    private.run(["sh", "-c", "while :; do :; done"], "burner", NanoCpus=200_000_000)
    with engine.sampler() as sampler:
        assert sampler.wait()
        private.pause()
        eventually(lambda: len(sampler.gaps) == 1)
        assert sampler.latest().note.str.startswith("no sample for").all()
        assert not sampler.warm
        private.resume()
        eventually(lambda: sampler.gaps.end.notna().all())
        time.sleep(1.5)
        series = sampler.frame()
    burner = series[series.name == "burner"]
    assert burner.interval_seconds.max() > 4
    assert burner.cpu_percent_wall.dropna().between(0, 30).all()
    assert burner.note.iloc[1:].eq("").all()


def test_a_sampler_of_an_engine_that_is_not_there_is_an_error(
    private: PrivateEngine, engine: Engine
) -> None:
    private.kill()
    with pytest.raises(EngineNotFound):
        engine.sampler()


def test_a_sampler_that_nobody_holds_any_more_ends(engine: Engine) -> None:
    sampler = engine.sampler()
    thread = sampler._thread
    engine._samplers = ()
    del sampler
    eventually(lambda: not thread.is_alive())
