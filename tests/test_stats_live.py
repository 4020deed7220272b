"""Stats of real containers: what they burn, hold and send, and what happens to them meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from opskit import Engine
from opskit.errors import NotFound
from opskit.frames.stats import COLUMNS
from tests.engines import PrivateEngine

pytestmark = pytest.mark.live
MIB = 2**20
BURN = ["sh", "-c", "while :; do :; done"]
HOLD = ["sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=40 2>/dev/null; exec sleep 1000"]


@pytest.fixture
def engine(emptied_engine: PrivateEngine, live_engine: Engine) -> Engine:
    return live_engine


@pytest.fixture
def run(emptied_engine: PrivateEngine) -> Callable[..., str]:
    return emptied_engine.run


@pytest.fixture
def at_once(engine: Engine, emptied_engine: PrivateEngine) -> bool:
    return emptied_engine.kind == "podman" or int(engine.engine_version.split(".")[0]) >= 23


def test_a_container_at_its_quota_and_one_that_holds_memory(
    engine: Engine, run: Callable[..., str], emptied_engine: PrivateEngine
) -> None:
    run(BURN, "burner", NanoCpus=100_000_000)  # a busy machine has that much left
    run(HOLD, "holder", Memory=96 * MIB, ShmSize=64 * MIB)
    run("sleep 1000", "idle", NetworkMode="host")
    time.sleep(1)
    for _ in range(8):  # an engine that was held up reads the host's counter late
        stats = engine.stats(interval="1s").set_index("name")
        assert list(stats.index) == ["burner", "holder", "idle"]
        burner, holder, idle = (stats.loc[name] for name in stats.index)
        steady = abs(burner.cpu_percent - burner.cpu_percent_wall) < 3 and idle.cpu_percent < 1
        if steady and not burner.throttled_percent <= 0:
            break
    assert 1 < burner.cpu_percent_wall < 18  # a busy machine may give it less than its quota
    assert burner.cpu_percent_quota == pytest.approx(burner.cpu_percent_wall * 10)
    assert burner.cpu_limit == 0.1
    if emptied_engine.kind != "podman":  # whose host counter has holes, and which counts no periods
        assert burner.cpu_percent == pytest.approx(burner.cpu_percent_wall, abs=3)
        assert burner.throttled_percent > 0
        assert idle.note == "on the host's network"
    assert holder.memory_bytes == pytest.approx(40 * MIB, abs=MIB)
    assert holder.memory_limit_bytes == 96 * MIB
    assert holder.memory_percent == pytest.approx(holder.memory_bytes / (96 * MIB) * 100)
    assert idle.cpu_percent < 1
    assert pd.isna(idle.network_rx_bytes)
    assert stats.pids.eq(1).all()


def test_the_second_call_knows_what_kind_of_engine_it_is(
    engine: Engine, run: Callable[..., str], at_once: bool
) -> None:
    run("sleep 1000", "idle")
    engine.stats()
    assert engine._stats_at_once is at_once


def test_stats_of_what_does_not_run_say_so_and_of_nobody_are_an_error(
    engine: Engine, run: Callable[..., str], emptied_engine: PrivateEngine
) -> None:
    id_ = run("true", "done")
    emptied_engine.api("POST", f"/containers/{id_}/wait")
    run("sleep 1000", "other")
    (row,) = engine.stats("done").itertuples()
    assert (row.name, row.id, row.note) == ("done", id_, "exited")
    assert pd.isna(row.cpu_percent)
    assert pd.isna(row.memory_bytes)
    assert list(engine.stats([id_[:12], "/other"]).name) == ["done", "other"]
    with pytest.raises(NotFound, match="nobody"):
        engine.stats("nobody")


def test_a_filter_that_matches_nothing_gives_the_empty_frame(
    engine: Engine, run: Callable[..., str]
) -> None:
    run("sleep 1000", "web", labels={"app": "web"})
    assert list(engine.stats(filters={"label": "app=web"}).name) == ["web"]
    nothing = engine.stats(filters={"label": "app=none"})
    assert list(nothing.columns) == [column.name for column in COLUMNS]
    assert len(nothing) == len(engine.stats([])) == 0


def test_a_paused_container_shows_what_it_holds(
    engine: Engine, run: Callable[..., str], emptied_engine: PrivateEngine
) -> None:
    id_ = run("sleep 1000", "frozen")
    emptied_engine.api("POST", f"/containers/{id_}/pause")
    (row,) = engine.stats("frozen").itertuples()  # Podman lists it only when all are asked for
    assert row.note == "paused"
    assert row.memory_bytes > 0
    assert row.cpu_percent == 0


def test_a_container_that_vanishes_while_it_is_asked(
    engine: Engine, run: Callable[..., str], emptied_engine: PrivateEngine
) -> None:
    id_ = run("sleep 1000", "short")
    run("sleep 1000", "stays")
    timer = threading.Timer(
        0.3, emptied_engine.api, ("DELETE", f"/containers/{id_}"), {"force": "1"}
    )
    timer.start()
    stats = engine.stats(interval="2s").set_index("name")
    timer.join()
    assert stats.note["stays"] == ""
    assert stats.note["short"] in ("not running", "removed")
    assert pd.isna(stats.cpu_percent["short"])


@pytest.fixture
def busy_while(
    emptied_engine: PrivateEngine,
) -> Iterator[Callable[[list[tuple[float, Callable[[], Any]]]], None]]:
    """Do things at given seconds from now, beside the test."""
    threads: list[threading.Thread] = []

    def plan(steps: list[tuple[float, Callable[[], Any]]]) -> None:
        def act() -> None:
            began = time.monotonic()
            for at, do in steps:
                time.sleep(max(0.0, began + at - time.monotonic()))
                do()

        threads.append(threading.Thread(target=act))
        threads[-1].start()

    yield plan
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("interval", ["1s", "2s"], ids=["by streams", "by one-shot answers"])
def test_in_a_series_containers_come_and_go_and_none_is_missed(
    engine: Engine,
    run: Callable[..., str],
    emptied_engine: PrivateEngine,
    busy_while: Callable[..., None],
    interval: str,
) -> None:
    api = emptied_engine.api
    run(BURN, "steady", NanoCpus=200_000_000)
    run(BURN, "again", NanoCpus=200_000_000)
    frozen = run("sleep 1000", "frozen")
    run("sleep 1000", "leaves")
    busy_while(
        [
            (1.5, lambda: run("sleep 1000", "comes")),
            (2.0, lambda: api("POST", "/containers/again/restart", t="0")),
            (2.2, lambda: api("POST", f"/containers/{frozen}/pause")),
            (2.4, lambda: api("DELETE", "/containers/leaves", force="1")),
            (2.6, lambda: api("POST", "/containers/steady/rename", name="renamed")),
        ]
    )
    began = time.time()
    series = engine.stats(duration="8s", interval=interval)
    by = dict(iter(series.groupby("name", sort=False)))
    assert set(by) == {"renamed", "again", "frozen", "leaves", "comes"}
    assert by["leaves"].note.iloc[-1] in ("stopped", "removed")
    assert by["leaves"].iloc[-1][["cpu_percent", "memory_bytes"]].isna().all()
    assert by["frozen"].note.iloc[-1] == "paused"
    assert by["frozen"].memory_bytes.iloc[-1] > 0
    assert by["comes"].time.iloc[0].timestamp() - began < 1.5 + 2 * float(interval[0]) + 0.5
    restarts = by["again"].note.str.startswith("restarted")
    assert restarts.sum() == 1
    assert by["again"].cpu_percent[restarts].isna().all()
    known = series.cpu_percent.dropna()
    assert known.between(0, 60).all()
    assert 1 < by["renamed"].cpu_percent_wall.mean() < 25
    rates = [column for column in series if "per_second" in column]
    assert not (series[rates] < 0).any(axis=None)
    assert series.time.diff().dt.total_seconds().min() > -2


def test_a_sampler_answers_without_asking(
    engine: Engine, run: Callable[..., str], emptied_engine: PrivateEngine
) -> None:
    run(BURN, "burner", NanoCpus=300_000_000)
    with engine.sampler(window="1m") as sampler:
        assert sampler.wait()
        dialled = engine.transport.dialled
        latest = engine.stats()
        assert engine.transport.dialled == dialled
        assert 1 < latest.cpu_percent_wall[0] < 40
        run("sleep 1000", "new")
        deadline = time.monotonic() + 5
        while "new" not in set(sampler.latest().name) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(sampler.latest().name) == ["burner", "new"]
        assert sampler.warm or sampler.wait()
        time.sleep(1.2)
        assert len(sampler.frame("1s")) < len(sampler.frame())
        assert list(engine.stats("burner").name) == ["burner"]
    assert not sampler.running
    assert len(sampler.frame()) >= 3
    assert len(sampler.gaps) == 0


def test_sample_gives_a_frame_every_interval(engine: Engine, run: Callable[..., str]) -> None:
    run(BURN, "burner", NanoCpus=300_000_000)
    frames = list(engine.sample(duration="2.5s"))
    assert len(frames) == 3
    assert all(frame.cpu_percent.notna().all() for frame in frames)
    times = [frame.time[0] for frame in frames]
    assert times == sorted(times)


def test_an_interval_that_the_engine_cannot_keep_is_said(
    engine: Engine, run: Callable[..., str], at_once: bool
) -> None:
    run("sleep 1000", "idle")
    if at_once:
        series = engine.stats(duration="1.2s", interval="300ms")
        assert series.interval_seconds.mean() == pytest.approx(0.3, abs=0.1)
    else:
        with pytest.warns(UserWarning, match=r"samples once in 1 s .* 1 s is taken"):
            series = engine.stats(duration="2s", interval="300ms")
        assert series.attrs["interval_seconds"] == 1


def test_a_length_of_time_that_is_none_is_an_error(engine: Engine) -> None:
    for wrong in ("soon", "-1s", 0, float("nan")):
        with pytest.raises(ValueError, match="is no length of time"):
            engine.stats(interval=wrong)
        with pytest.raises(ValueError, match="is no length of time"):
            engine.stats(duration=wrong)


def test_an_interrupt_ends_a_series_and_its_sampler(
    engine: Engine, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sleep 1000", "idle")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("opskit.stats.series.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        engine.stats(duration="1m", progress=False)
    assert not any(sampler.running for sampler in engine._samplers)
