"""A user asks what went wrong last night: one row an incident, with evidence and recovery."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from benchmarks.events_data import event_lines
from opskit.events.gaps import gap
from opskit.events.incidents import COLUMNS, incidents
from opskit.frames.events import event_row, events_frame, rows_frame

from .test_events_frame import sample
from .test_events_timeline import S, T, at


def found(*events: dict[str, Any]) -> pd.DataFrame:
    return incidents(events_frame(events))


def test_a_restart_loop_is_one_incident_with_its_deaths_as_evidence() -> None:
    raw = [at(0, "create"), at(1, "start")]
    for turn in range(4):
        raw += [at(10 * turn + 2, "die", exitCode="3"), at(10 * turn + 3, "start")]
    raw.append(at(200, "pause"))
    events = events_frame(raw)
    (row,) = incidents(events).to_dict("records")
    assert (row["kind"], row["count"], row["exit_code"], row["name"]) == (
        "restart loop",
        4,
        3,
        "web",
    )
    assert row["summary"] == (
        "web restarted 4 times in 31.0 s, last exit code 3; back after 31.0 s"
    )
    assert row["recovery_seconds"] == 31
    assert events.loc[row["evidence"], "action"].tolist() == ["die"] * 4


def test_a_loop_for_lack_of_memory_says_so_and_that_it_is_not_over() -> None:
    raw = [at(0, "start")]
    for turn in range(3):
        raw += [at(5 * turn + 2, "oom"), at(5 * turn + 2.1, "die", exitCode="137")]
        raw += [at(5 * turn + 3, "start")]
    (row,) = found(*raw).to_dict("records")
    assert row["summary"].endswith("out of memory 3 times; not back since")
    assert pd.isna(row["recovered"])
    assert len(row["evidence"]) == 6


@pytest.mark.parametrize(
    ("events", "kind", "words"),
    [
        ([at(1, "die", exitCode="1")], "crash", "web ended by itself with exit code 1"),
        ([at(1, "oom"), at(1, "die", exitCode="137")], "oom", "web was killed for lack of memory"),
        ([at(1, "kill", signal="9"), at(1, "die", exitCode="137")], "killed", "web was killed by"),
    ],
)
def test_single_deaths_are_incidents_with_recovery(
    events: list[dict[str, Any]], kind: str, words: str
) -> None:
    frame = found(at(0, "create"), at(0, "start"), *events, at(4, "start"), at(90, "pause"))
    assert frame["kind"].tolist() == [kind]
    assert frame["summary"].iloc[0].startswith(words)
    assert frame["recovery_seconds"].tolist() == [3]


def test_what_somebody_asked_for_is_no_incident() -> None:
    assert found(at(0, "start"), at(1, "die", exitCode="0")).empty
    assert found(at(0, "start"), at(1, "kill", signal="15"), at(2, "die", exitCode="0"),
                 at(2, "stop")).empty  # fmt: skip
    assert found(at(0, "start"), at(1, "kill", signal="9"), at(1, "die", exitCode="137"),
                 at(1, "destroy")).empty  # fmt: skip


def test_bad_health_is_an_incident_until_it_is_good_again() -> None:
    frame = found(
        at(0, "start"), at(10, "health_status: unhealthy"), at(25, "health_status: healthy")
    )
    assert frame["kind"].tolist() == ["unhealthy"]
    assert frame["recovery_seconds"].tolist() == [15]
    paused = found(
        at(0, "start"), at(10, "health_status: unhealthy"), at(12, "pause"), at(14, "unpause"),
        at(25, "health_status: healthy"),
    )  # fmt: skip
    assert paused["kind"].tolist() == ["unhealthy"]
    assert paused["recovery_seconds"].tolist() == [15]
    turns = [at(60 * n, f"health_status: {'un' * (n % 2)}healthy") for n in range(7)]
    assert found(at(-1, "start"), *turns)["kind"].tolist() == ["flapping"]


def test_gaps_engine_restarts_and_failed_pulls_are_incidents() -> None:
    rows = [event_row(at(0, "start")), gap(T + 5 * S, T + 7 * S, "restart", "gone")]
    rows += [gap(T + 50 * S, T + 60 * S, "memory", "flushed"), event_row(at(70, "pause"))]
    frame = incidents(rows_frame(rows))
    assert frame["kind"].tolist() == ["engine restart", "gap"]
    assert frame["recovery_seconds"].tolist() == [2, 10]
    failed = incidents(events_frame(sample("podman-5.4.2")))
    pull = failed[failed["kind"].eq("pull failed")].iloc[0]
    assert "connection refused" in pull["summary"]


def test_an_exit_code_that_a_label_may_hide_is_said_to_be_so() -> None:
    frame = found(at(0, "start", exitCode="7"), at(1, "die", exitCode="7"))
    assert "7 (or what a label says)" in frame["summary"].iloc[0]
    assert frame["exit_code_trusted"].tolist() == [False]


def test_no_incidents_are_an_empty_table_of_the_same_shape() -> None:
    empty = found()
    assert list(empty.columns) == [column.name for column in COLUMNS]
    full = incidents(events_frame(map(json.loads, event_lines(5_000, 30))))
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)
    assert {"crash", "oom"} <= set(full["kind"])
    assert full["evidence"].map(len).gt(0).all()
