"""The sampler's memory: bounded by the window, however long it runs and whoever comes and goes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from opskit.frames.readings import NOTHING, Reading
from opskit.frames.stats import COLUMNS
from opskit.stats import window as module
from opskit.stats.window import NOT_ASKED, ROW_BYTES, Said, Window

SECOND = 1_000_000_000
BEGIN = 1_795_000_000 * SECOND


class Clock:
    """The monotonic clock, to be moved by hand."""

    def __init__(self) -> None:
        self.ns = 0

    def monotonic_ns(self) -> int:
        return self.ns

    def time_ns(self) -> int:
        return BEGIN + self.ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def reading(second: int, cpu: float, memory: int = 1000) -> Reading:
    return NOTHING._replace(
        time=BEGIN + second * SECOND,
        cpu=int(cpu * SECOND),
        system=2 * second * SECOND + 1,
        cpus=2,
        memory=memory,
        limit=10_000,
    )


def test_a_sample_takes_less_than_200_bytes() -> None:
    assert ROW_BYTES <= 200


def test_samples_older_than_the_window_go(clock: Clock) -> None:
    window = Window(60)
    track = window.track("a" * 64, "web", "")
    for second in range(20_000):
        clock.ns = second * SECOND
        window.add(track, reading(second, second / 4), Said.NOTHING, NOT_ASKED)
    series = window.frame()
    assert len(series) == 61
    assert series.cpu_percent.notna().all()
    assert series.cpu_percent.iloc[-1] == pytest.approx(25)
    assert window.nbytes <= 4 * 1024 * ROW_BYTES
    assert len(window.frame(last=10)) == 11


def test_containers_that_come_and_go_for_days_leave_nothing_behind(clock: Clock) -> None:
    window = Window(60)
    stays = window.track("0" * 64, "stays", "")
    for number in range(3000):
        clock.ns = number * 10 * SECOND
        brief = window.track(f"{number:064x}", f"brief-{number}", "")
        for track in (stays, brief):
            window.add(track, reading(number * 10, number), Said.NOTHING, NOT_ASKED)
        window.say(brief, Said.REMOVED)
        brief.live, brief.gone = False, True
    assert len(window.tracks) < 1500
    assert list(window.latest(stale=60).name) == ["stays"]
    series = window.frame()
    assert set(series.name) == {"stays", *(f"brief-{n}" for n in range(2993, 3000))}
    assert series[series.name == "stays"].cpu_percent.notna().all()
    brief = series[series.name == "brief-2999"]
    assert brief.cpu_percent.isna().all()
    assert list(brief.note) == ["no earlier sample to compare with", "removed"]


def test_what_came_before_a_gap_or_a_stop_is_not_compared_with(clock: Clock) -> None:
    window = Window(600)
    track = window.track("a" * 64, "web", "")
    steps = [(0, None), (1, None), (2, Said.NO_ANSWER), (9, None), (10, None), (11, Said.STOPPED),
             (12, Said.RESTARTED), (13, None)]  # fmt: skip
    for second, said in steps:
        clock.ns = second * SECOND
        if said in (Said.NO_ANSWER, Said.STOPPED):
            window.say(track, said)
        else:
            window.add(track, reading(second, second / 10), said or Said.NOTHING, np.nan)
    series = window.frame()
    assert [pd.notna(value) for value in series.cpu_percent] == [
        False, True, False, False, True, False, False, True,
    ]  # fmt: skip
    assert series.memory_bytes.isna().sum() == 2
    assert list(series.note[[2, 5, 6]]) == [
        "the engine did not answer", "stopped", "restarted: its counters began anew",
    ]  # fmt: skip


def test_a_quota_that_is_learnt_later_holds_for_the_samples_before(clock: Clock) -> None:
    window = Window(600)
    track = window.track("a" * 64, "web", "")
    for second in range(3):
        clock.ns = second * SECOND
        window.add(track, reading(second, second / 10), Said.NOTHING, NOT_ASKED)
    assert window.frame().cpu_percent_quota.isna().all()
    window.fill_limit(track, 0.2)
    assert window.frame().cpu_percent_quota.iloc[1] == pytest.approx(50)
    assert window.latest(stale=5).cpu_limit[0] == 0.2


def test_a_stale_sample_says_how_old_it_is(clock: Clock) -> None:
    window = Window(600)
    window.add(window.track("a" * 64, "web", ""), reading(0, 1), Said.NOTHING, NOT_ASKED)
    clock.ns = 12 * SECOND
    assert window.latest(stale=3).note[0] == "no sample for 12 s"


def test_an_empty_window_gives_empty_frames_with_all_columns() -> None:
    window = Window(60)
    for frame in (window.frame(), window.latest(stale=3)):
        assert list(frame.columns) == [column.name for column in COLUMNS]
        assert len(frame) == 0
    pd.testing.assert_series_equal(window.frame().dtypes, window.latest(3).dtypes)
