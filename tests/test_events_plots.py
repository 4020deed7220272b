"""What timelines and rates look like: one lane or many, seconds or weeks, with nothing known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import opskit
from benchmarks.events_data import event_lines
from opskit.events.gaps import gap
from opskit.frames.events import event_row, events_frame, rows_frame
from opskit.plot.lanes import apart, bars

from .test_events_frame import sample
from .test_events_timeline import S, T, at


def labels(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def lanes(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def drawn(ax: Any) -> Any:
    ax.figure.canvas.draw()
    return ax


def many(count: int, containers: int) -> pd.DataFrame:
    return opskit.timeline(events_frame(map(json.loads, event_lines(count, containers))))


def test_a_session_is_a_lane_each_with_states_and_marks() -> None:
    ax = drawn(opskit.plot.timeline(opskit.timeline(events_frame(sample("docker-28.5.2")))))
    assert lanes(ax)[:2] == ["capweb", "capoom"]
    assert labels(ax) == [
        "created", "running", "paused", "stopped", "exit 0", "oom", "stop", "exec",
    ]  # fmt: skip
    assert isinstance(ax.figure, Figure)


def test_it_draws_into_axes_that_are_given() -> None:
    ax = Figure().subplots()
    assert opskit.plot.timeline(many(500, 5), ax) is ax
    assert opskit.plot.event_rate(events_frame(sample("docker-28.5.2")), ax=ax) is ax


def test_a_restart_loop_is_marked_with_its_count() -> None:
    raw = [at(0, "start")]
    for turn in range(5):
        raw += [at(9 * turn + 2, "die", exitCode="1"), at(9 * turn + 3, "start")]
    ax = drawn(opskit.plot.timeline(opskit.timeline(events_frame(raw))))
    assert [text.get_text() for text in ax.texts] == ["\N{MULTIPLICATION SIGN}5"]
    assert {"crash", "restart loop", "restarting"} <= set(labels(ax))


def test_gaps_and_clocks_go_across_all_lanes() -> None:
    rows = [event_row(at(-50, "create")), event_row(at(0, "start"))]
    rows += [gap(T + 10 * S, T + 20 * S, "restart", "x"), event_row(at(30, "pause"))]
    rows.append(event_row(at(5, "unpause")))
    ax = drawn(opskit.plot.timeline(opskit.timeline(rows_frame(rows))))
    assert {"events may be missing", "clock set back"} <= set(labels(ax))


def test_lanes_can_be_services_projects_images_or_engines() -> None:
    spans = many(2_000, 40)
    assert len(lanes(opskit.plot.timeline(spans, group="project"))) == 2
    assert lanes(opskit.plot.timeline(spans, group="service"))[0].startswith("shop0/service")
    assert len(lanes(opskit.plot.timeline(spans.assign(engine="vm"), group="engine"))) == 1
    with pytest.raises(ValueError, match="cannot group by 'colour'"):
        opskit.plot.timeline(spans, group="colour")
    with pytest.raises(ValueError, match="no mark 'boom'"):
        opskit.plot.timeline(spans, marks=["boom"])


def test_of_too_many_lanes_those_with_most_trouble_are_drawn() -> None:
    ax = drawn(opskit.plot.timeline(many(6_000, 230), limit=200))
    assert len(lanes(ax)) == 200
    assert "30 lanes more" in ax.get_title(loc="left")


@pytest.mark.parametrize("seconds", [10, 90, 600, 3_600, 86_400, 30 * 86_400])
def test_the_time_axis_reads_well_at_any_length(seconds: int) -> None:
    raw = [at(0, "start"), at(seconds / 2, "die", exitCode="1"), at(seconds, "start")]
    ax = drawn(opskit.plot.timeline(opskit.timeline(events_frame(raw))))
    ticks = [tick.get_text() for tick in ax.get_xticklabels() if tick.get_text()]
    assert 3 <= len(ticks) <= 9
    assert drawn(ax).xaxis.get_offset_text().get_text()  # the date


def test_a_part_can_be_shown() -> None:
    raw = [at(0, "start"), at(50, "pause"), at(100, "unpause")]
    since, until = (pd.Timestamp(T + n * S, tz="UTC") for n in (40, 60))
    ax = opskit.plot.timeline(opskit.timeline(events_frame(raw)), since=since, until=until)
    low, high = ax.get_xlim()
    assert (high - low) * 86_400 == pytest.approx(20, rel=0.1)
    assert set(labels(drawn(ax))) == {"running", "paused"}


def test_nothing_known_is_said_in_the_figure() -> None:
    empty = events_frame([])
    for ax in (
        opskit.plot.timeline(opskit.timeline(empty)),
        opskit.plot.event_rate(empty),
        opskit.plot.calendar(empty),
    ):
        assert "nothing known" in [text.get_text() for text in drawn(ax).texts]


def test_marks_that_coincide_are_spread_and_equal_ones_drawn_once() -> None:
    lane, when = np.zeros(6, dtype=int), np.array([0.0, 1, 2, 2, 500, 1000])
    what = np.array([0, 1, 2, 2, 0, 0])
    kept, off = apart(lane, when, what, width=50)
    assert kept.tolist() == [0, 1, 2, 4, 5]
    assert len(set(off[:3])) == 3
    assert off[3] == off[4] == 0
    assert abs(off).max() < 0.5


def test_bars_narrower_than_a_pixel_are_drawn_once_a_pixel() -> None:
    begin = np.arange(100_000, dtype=np.int64) * 10**6
    lane, left, right = bars(np.zeros(100_000, dtype=int), begin, begin + 10, 0, 10**11)
    assert len(lane) <= 1_601
    assert (right > left).all()


def test_rates_and_calendars_count_events() -> None:
    events = events_frame(map(json.loads, event_lines(3_000, 30)))
    ax = drawn(opskit.plot.event_rate(events, top=3))
    assert labels(ax)[0].startswith("exec_")
    assert labels(ax)[-1].startswith("other, ")
    assert sum(int(text.rpartition(", ")[2]) for text in labels(ax)) == len(events)
    hours = [at(day * 86_400 + hour * 3_600, "start") for day in range(20) for hour in (0, 9)]
    ax = drawn(opskit.plot.calendar(events_frame(hours)))
    assert ax.collections[0].get_array().sum() == 40
    assert len(lanes(ax)) in (20, 21)
    assert drawn(opskit.plot.calendar(opskit.incidents(events), value="incidents"))
