"""A user turns events into stories: what each container was, for how long, and what ended it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.events_data import event_lines
from opskit.events.gaps import gap
from opskit.events.query import instant
from opskit.events.timeline import COLUMNS, timeline
from opskit.frames.events import event_row, events_frame, rows_frame

from .scripted import event
from .test_events_frame import SAMPLES, sample

S = 10**9
T = 1_700_000_000 * S


def at(seconds: float, action: str, ident: str = "c1", **attributes: str) -> dict[str, Any]:
    return event(action, T + int(seconds * S), ident, **attributes)


def story(*events: dict[str, Any], inspect: Any = None) -> pd.DataFrame:
    return timeline(events_frame(events), inspect)


def spans(frame: pd.DataFrame) -> list[tuple[str, float | None, str | None]]:
    part = frame[frame["kind"].eq("span")]
    return [
        (what, None if np.isnan(seconds) else round(seconds, 3), None if pd.isna(by) else by)
        for what, seconds, by in zip(
            part["what"], part["duration_seconds"], part["ended_by"], strict=True
        )
    ]


def marks(frame: pd.DataFrame) -> list[str]:
    return frame.loc[frame["kind"].eq("marker"), "what"].tolist()


def test_a_whole_life_is_a_row_of_spans_each_with_its_end() -> None:
    frame = story(
        at(0, "create"),
        at(1, "start"),
        at(5, "health_status: unhealthy"),
        at(8, "pause"),
        at(9, "unpause"),
        at(12, "health_status: healthy"),
        at(20, "die", exitCode="3"),
        at(90, "destroy"),
    )
    assert spans(frame) == [
        ("created", 1, "start"),
        ("running", 4, "unhealthy"),
        ("unhealthy", 3, "pause"),
        ("paused", 1, "unpause"),
        ("unhealthy", 3, "healthy"),
        ("running", 8, "exit"),
        ("stopped", 70, "destroy"),
    ]
    assert frame.loc[5, ["exit_code", "exit_code_trusted", "run"]].tolist() == [3, True, 1]
    assert not frame[["open_begin", "open_end"]].any().any()


def test_what_the_events_do_not_show_is_open_and_marked_so() -> None:
    frame = story(at(0, "create", "x"), at(3, "die", exitCode="0"), at(5, "kill", "c2", signal="1"))
    rows = frame[frame["kind"].eq("span")].set_index("id")
    assert rows.loc["c1", "what"].tolist() == ["running", "stopped"]
    assert rows.loc["c1", "open_begin"].tolist() == [True, False]
    assert rows.loc["c1", "open_end"].tolist() == [False, True]
    assert rows.loc["c1", "begin"].iloc[0] == instant(T)
    assert rows.loc["c2", ["what", "open_begin", "open_end"]].tolist() == ["running", True, True]
    assert rows.loc["x", ["what", "open_end", "end"]].tolist()[:2] == ["created", True]


@pytest.mark.parametrize(
    ("events", "by", "signal"),
    [
        ([at(1, "die", exitCode="1")], "exit", None),
        ([at(1, "oom"), at(1.1, "die", exitCode="137")], "oom", None),
        ([at(1, "die", exitCode="137"), at(1.3, "oom")], "oom", None),
        ([at(1, "oom"), at(9, "die", exitCode="1")], "exit", None),  # a child was killed
        ([at(1, "kill", signal="9"), at(1.1, "die", exitCode="137")], "kill", 9),
        ([at(1, "kill", signal="15"), at(2, "die", exitCode="0"), at(2, "stop")], "stop", 15),
        ([at(1, "kill", signal="15"), at(11, "kill", signal="9"), at(11, "stop"),
          at(11.1, "die", exitCode="137")], "stop", 9),
        ([at(1, "kill", signal="1"), at(60, "die", exitCode="1")], "exit", None),  # a reload
    ],
)  # fmt: skip
def test_a_death_is_ascribed_to_what_came_before_it(
    events: list[dict[str, Any]], by: str, signal: int | None
) -> None:
    frame = story(at(0, "start"), *events)
    died = frame[frame["kind"].eq("span")].iloc[0]
    assert died["ended_by"] == by
    assert died["signal"] is pd.NA if signal is None else died["signal"] == signal


def test_a_restart_loop_is_one_story_with_its_runs_counted() -> None:
    events = [at(0, "create"), at(0.5, "start")]
    for turn in range(4):
        events += [at(10 * turn + 2, "die", exitCode="1"), at(10 * turn + 3, "start")]
    frame = story(*events)
    assert spans(frame)[1:5] == [
        ("running", 1.5, "exit"),
        ("restarting", 1, "start"),
        ("running", 9, "exit"),
        ("restarting", 1, "start"),
    ]
    running = frame[frame["what"].eq("running")]
    assert running["run"].tolist() == [1, 2, 3, 4, 5]
    loop = frame[frame["what"].eq("restart loop")].iloc[0]
    assert (loop["count"], loop["begin"], loop["end"]) == (
        4,
        instant(T + 2 * S),
        instant(T + 33 * S),
    )


def test_a_stop_and_a_later_start_by_hand_are_no_restarting() -> None:
    stopped = story(at(0, "start"), at(1, "kill", signal="15"), at(1.1, "die", exitCode="0"),
                    at(1.2, "stop"), at(5, "start"))  # fmt: skip
    assert [what for what, _, _ in spans(stopped)] == ["running", "stopped", "running"]
    late = story(at(0, "start"), at(1, "die", exitCode="0"), at(500, "start"))
    assert [what for what, _, _ in spans(late)] == ["running", "stopped", "running"]
    by_hand = story(at(0, "start"), at(1, "kill", signal="15"), at(1.1, "die", exitCode="0"),
                    at(1.2, "stop"), at(1.5, "start"), at(1.5, "restart"))  # fmt: skip
    assert [what for what, _, _ in spans(by_hand)] == ["running", "restarting", "running"]
    assert "restart loop" not in marks(by_hand)


def test_containers_that_follow_each_other_under_one_name_are_one_story() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    old, new = {**labels, "name": "shop-web-1"}, {**labels, "name": "aaaabbbbcccc_shop-web-1"}
    frame = story(
        at(0, "start", "old", **old),
        at(10, "create", "new", **new),
        at(11, "kill", "old", **old, signal="15"),
        at(11.2, "die", "old", **old, exitCode="0"),
        at(11.3, "stop", "old", **old),
        at(11.5, "destroy", "old", **old),
        at(12, "start", "new", **new),
    )
    assert frame["story"].unique().tolist() == ["shop-web-1"]
    assert (frame["project"].unique(), frame["service"].unique()) == (["shop"], ["web"])
    assert frame[frame["what"].eq("running")]["run"].tolist() == [1, 2]


def test_execs_pulls_networks_ooms_and_signals_are_markers() -> None:
    frame = timeline(events_frame(sample("docker-28.5.2")))
    found = frame[frame["kind"].eq("marker")]
    assert found["what"].value_counts().to_dict() == {
        "connect": 3, "disconnect": 3, "kill": 2, "exec": 2, "oom": 1,
    }  # fmt: skip
    execs = found[found["what"].eq("exec")]
    assert execs["detail"].tolist() == [
        "sh -c echo hi; echo oops >&2; exit 7",
        "rm /www/index.html",
    ]
    assert execs["exit_code"].tolist() == [7, 0]
    assert (execs["duration_seconds"] > 0).all()
    pull = timeline(events_frame(sample("podman-5.4.2")))
    assert pull.loc[pull["what"].eq("pull"), "name"].tolist() == ["127.0.0.1:1/none:1"]


def test_health_that_comes_and_goes_is_flapping() -> None:
    turns = [at(60 * n, f"health_status: {'un' * (n % 2)}healthy") for n in range(6)]
    frame = story(at(-1, "start"), *turns)
    flapping = frame[frame["what"].eq("flapping")].iloc[0]
    assert flapping["count"] == 6
    assert "flapping" not in marks(story(at(-1, "start"), *turns[:3]))


def test_an_exec_that_runs_all_the_time_is_taken_for_a_probe() -> None:
    events = [at(n, "exec_start: check", execID=f"e{n}") for n in range(6)]
    assert marks(story(*events)) == []
    assert marks(story(*events[:3])) == ["exec"] * 3


def test_an_engine_restart_ends_what_ran_and_is_marked() -> None:
    rows = [event_row(e) for e in (at(0, "start"), at(0, "start", "c2"), at(0, "start", "c3"))]
    rows.append(gap(T + 10 * S, T + 12 * S, "restart", "the engine restarted"))
    found = {**rows[1], "type": "reconcile", "action": "exited", "time": T + 12 * S}
    rows += [found, *map(event_row, [
        at(12.5, "kill", signal="9"), at(12.6, "die", exitCode="137"), at(12.7, "stop"),
        at(13, "start"),
    ])]  # fmt: skip
    frame = timeline(rows_frame(rows))
    ended = frame[frame["kind"].eq("span")].groupby("id")["ended_by"].first().dropna()
    assert ended.to_dict() == {"c1": "engine restart", "c2": "engine restart"}
    assert frame.loc[frame["id"].eq("c3"), "open_end"].all()
    assert frame.loc[frame["id"].eq("c1"), "what"].tolist()[1] in ("restarting", "kill")
    missing = frame[frame["what"].eq("gap")].iloc[0]
    assert (missing["duration_seconds"], missing["detail"]) == (2, "the engine restarted")


def test_inspect_tells_what_was_before_the_events() -> None:
    def inspect(ident: str, begun: float, ended: float | None = None) -> dict[str, Any]:
        state = {
            "StartedAt": instant(T + int(begun * S)).isoformat(),
            "FinishedAt": instant(T + int(ended * S)).isoformat()
            if ended
            else "0001-01-01T00:00:00Z",
            "ExitCode": 5,
            "Running": ended is None,
        }
        labels = {"com.docker.compose.service": "db"}
        return {"Id": ident, "Name": "/db", "Created": state["StartedAt"], "State": state,
                "Config": {"Image": "db:1", "Labels": labels}}  # fmt: skip

    frame = story(
        at(100, "die", exitCode="1"),
        at(0, "exec_start: x", "quiet"),
        inspect=[
            inspect("c1", 40),
            inspect("idle", 10),
            inspect("gone", 10, 20),
            inspect("short", 10, 9.99),  # Docker 20.10 has noted such ends
        ],
    )
    rows = frame[frame["kind"].eq("span") & frame["what"].ne("created")].set_index("id")
    assert rows.loc["c1", "duration_seconds"].iloc[0] == 60
    assert not rows.loc["c1", "open_begin"].any()
    assert rows.loc["idle", ["what", "name", "service", "open_end"]].tolist() == [
        "running", "db", "db", True,
    ]  # fmt: skip
    assert rows.loc["gone", "exit_code"].iloc[0] == 5
    assert rows.loc["short", "what"].tolist() == ["running", "stopped"]
    assert bool(rows.loc["quiet", "open_begin"])


def test_no_events_make_an_empty_timeline_of_the_same_shape() -> None:
    empty, full = timeline(events_frame([])), timeline(events_frame(sample("docker-28.5.2")))
    assert list(empty.columns) == [column.name for column in COLUMNS]
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


def test_without_events_inspect_alone_tells_what_is() -> None:
    state = {"StartedAt": instant(T).isoformat(), "FinishedAt": "0001-01-01T00:00:00Z"}
    idle = {"Id": "idle", "Name": "/db", "Created": state["StartedAt"],
            "State": {**state, "Running": True}, "Config": {"Image": "db:1"}}  # fmt: skip
    frame = timeline(events_frame([]), [idle])
    assert frame.iloc[-1][["what", "name", "open_end"]].tolist() == ["running", "db", True]


def test_events_out_of_order_tell_the_same_story() -> None:
    raw = sample("docker-28.5.2")
    told = timeline(events_frame(raw))
    mixed = [raw[n] for n in np.random.default_rng(3).permutation(len(raw))]
    again = timeline(events_frame(mixed))
    keys = ["begin", "id", "what", "detail"]
    pd.testing.assert_frame_equal(
        again.sort_values(keys, ignore_index=True), told.sort_values(keys, ignore_index=True)
    )


def test_a_clock_set_back_keeps_the_story_and_makes_no_negative_time() -> None:
    frame = story(
        at(-100, "create", "other"), at(0, "start"), at(30, "pause"),
        at(-40, "unpause"), at(-20, "die", exitCode="0"),
    )  # fmt: skip
    mine = frame[frame["id"].eq("c1")].set_index("what")
    assert mine.loc["running", "ended_by"].tolist() == ["exit", "pause"]
    assert mine["duration_seconds"].dropna().tolist() == [20, 30]
    clock = frame[frame["what"].eq("clock")].iloc[0]
    assert clock["detail"] == "set back by 70.0 s"


def test_odd_events_do_not_break_the_story() -> None:
    frame = story(
        {"Type": "container", "Action": "die", "timeNano": T},
        {"Type": "container", "Action": "start", "Actor": {"ID": "n"}},
        {"Type": "ufo", "Action": "start", "Actor": {"ID": "u"}, "timeNano": T},
        at(1, "start"),
        at(1, "start"),
        at(1, "die", exitCode="0"),
        at(1, "unheard-of"),
    )
    assert spans(frame) == [
        ("running", 0, "unseen"),
        ("running", 0, "exit"),
        ("stopped", None, None),
    ]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.ndjson")), ids=lambda path: path.stem)
def test_spans_of_a_container_never_overlap(path: Path) -> None:
    check_no_overlap(timeline(events_frame(sample(path.stem))))


def test_spans_of_many_containers_never_overlap() -> None:
    frame = timeline(events_frame(map(json.loads, event_lines(20_000, 100))))
    check_no_overlap(frame)
    assert set(frame["ended_by"].dropna()) >= {"exit", "oom", "stop", "start", "pause", "destroy"}


def check_no_overlap(frame: pd.DataFrame) -> None:
    for _, part in frame[frame["kind"].eq("span")].groupby("id"):
        ends = part["end"].fillna(pd.Timestamp.max.tz_localize("UTC"))
        assert (part["begin"].to_numpy()[1:] >= ends.to_numpy()[:-1]).all()
        assert part["open_end"].sum() <= 1
