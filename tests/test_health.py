"""The health report: what needs looking at is on top, and says why."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from opskit import Engine
from opskit.errors import NotFound
from opskit.frames.health import COLUMNS, health
from opskit.frames.stats import frame
from opskit.health import HealthReport
from opskit.stats.inspected import Inspected
from tests.engines import PrivateEngine
from tests.waiting import eventually

OBJECTS = sorted((Path(__file__).parent / "samples" / "objects").glob("*.json"))
NOW = 1_795_470_000 * 10**9


def report_of(*inspects: Any, stats: Any = ()) -> pd.DataFrame:
    items = [{"Id": f"{i}" * 64, "Names": [f"/c{i}"], "Image": "web:1"} for i in range(9)]
    ids = {f"{i}" * 64: one for i, one in enumerate(stats)}
    figures = frame([{**one, "id": id_} for id_, one in ids.items()])
    return health(items[: len(inspects)], inspects, figures, NOW)


def inspect(status: str = "running", *, check: bool = False, count: int = 0, **state: Any) -> Any:
    running = status in ("running", "paused", "restarting")
    told = {"Status": status, "Running": running, "ExitCode": 0, "OOMKilled": False, **state}
    config = {"Healthcheck": {"Test": ["CMD", "true"]}} if check else {}
    return {"State": told, "Config": config, "RestartCount": count, "HostConfig": {}}


def probed(status: str, streak: int, output: str) -> dict[str, Any]:
    log = [{"ExitCode": 0, "Output": "ok\n"}, {"ExitCode": 1, "Output": output}]
    return {"Status": status, "FailingStreak": streak, "Log": log}


def test_what_is_broken_is_on_top_then_what_is_odd_then_what_is_well() -> None:
    report = report_of(
        inspect(),
        inspect("exited", ExitCode=3),
        inspect(check=True, Health=probed("unhealthy", 5, "no answer\n  at all\n")),
        inspect(count=7),
        inspect("exited", ExitCode=137, OOMKilled=True),
        inspect("exited", ExitCode=143),
        inspect(check=True, Health=probed("healthy", 0, "fine")),
    )
    why = dict(zip(report.name, report.attention, strict=True))
    assert why == {
        "c2": "unhealthy: 5 probes failed",
        "c4": "killed for want of memory",
        "c1": "exit code 3",
        "c5": "ended by a signal (143)",
        "c3": "restarted 7 times",
        "c0": "",
        "c6": "",
    }
    assert list(report.name[:3]) == ["c2", "c4", "c1"]
    assert list(report.severity) == [2, 2, 2, 1, 1, 0, 0]
    unhealthy = report.iloc[0]
    assert unhealthy.health_output == "no answer at all"
    assert unhealthy.failing_streak == 5


def test_without_a_healthcheck_there_is_no_health_and_no_streak() -> None:
    podman = {"Status": "starting", "FailingStreak": 0, "Log": None}  # said of every container
    for state in ({}, {"Health": podman}):
        (row,) = report_of(inspect(**state)).itertuples()
        assert pd.isna(row.health)
        assert pd.isna(row.health_output)
        assert pd.isna(row.failing_streak)
        assert row.attention == ""


def test_memory_at_its_limit_is_in_danger() -> None:
    near = {
        "read": "2026-11-23T21:46:50Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 1}},
        "memory_stats": {"usage": 95_000_000, "limit": 100_000_000},
    }
    (row,) = report_of(inspect(), stats=[near]).itertuples()
    assert row.memory_percent == 95
    assert (row.severity, row.attention) == (1, "memory at 95 % of the limit")


def test_a_container_that_vanished_before_it_was_inspected_is_a_row_that_says_so() -> None:
    (row,) = report_of(NotFound("gone", status=404, message="gone", request="GET")).itertuples()
    assert (row.name, row.image, row.status) == ("c0", "web:1", "removed")
    assert pd.isna(row.restart_count)
    assert pd.isna(row.uptime)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.stem)
def test_what_real_engines_say_becomes_the_same_columns(path: Path) -> None:
    answers = json.loads(path.read_text())
    inspected = next(v for k, v in answers.items() if k.startswith("inspect") and "State" in v)
    report = health([{"Id": inspected["Id"], "Names": ["/x"]}], [inspected], frame([]), NOW)
    pd.testing.assert_series_equal(report.dtypes, health([], [], frame([]), NOW).dtypes)
    assert list(report.columns) == [column.name for column in COLUMNS]
    assert report.name[0] == inspected["Name"].lstrip("/")


def test_a_notebook_shows_it_in_colours_the_same_each_time() -> None:
    report = HealthReport(
        report_of(
            inspect("exited", ExitCode=1),
            inspect(check=True, Health=probed("unhealthy", 3, "<b>" + "x" * 200)),
            inspect(StartedAt="2026-11-23T20:00:00Z"),
        )
    )
    shown = report._repr_html_()
    assert shown == report._repr_html_()
    assert shown.count("background-color: #fbd5c5") == 2
    assert "✖ exit code 1" in shown
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert type(report[report.severity == 0]) is pd.DataFrame
    assert "opskit-health" not in report.head(1).to_html()


SICK = {
    "Healthcheck": {
        "Test": ["CMD-SHELL", "echo out of order; exit 1"],
        "Interval": 300_000_000,
        "Timeout": 2_000_000_000,
        "Retries": 1,
    }
}


@pytest.mark.live
def test_the_report_of_a_real_engine(emptied_engine: PrivateEngine, live_engine: Engine) -> None:
    if emptied_engine.kind == "podman":
        pytest.skip("Podman leaves health probes to systemd")
    run = emptied_engine.run
    run("sleep 1000", "well")
    run("sleep 1000", "sick", config=SICK)
    run(["sh", "-c", "exit 4"], "crashed")
    run("true", "done")
    run(
        ["sh", "-c", "exit 5"],
        "loops",
        RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 2},
    )
    eventually(lambda: "unhealthy" in set(live_engine.health().health.dropna()))
    eventually(lambda: live_engine.get("/containers/loops/json")["RestartCount"] == 2)
    report = live_engine.health(cpu=True).set_index("name")
    assert set(report.index) == {"well", "sick", "crashed", "loops"}
    assert report.index[-1] == "well"
    assert report.attention["crashed"] == "exit code 4"
    assert report.attention["loops"].endswith("restarted 2 times")
    assert report.health_output["sick"] == "out of order"
    assert report.severity["sick"] == 2
    assert report.cpu_percent["well"] >= 0
    assert report.memory_percent["well"] > 0
    assert report.memory_percent.isna()["crashed"]
    assert pd.Timedelta(0) < report.uptime["well"] < pd.Timedelta("5min")
    assert pd.isna(report.uptime["crashed"])
    everything = live_engine.health(all=True)
    assert "done" in set(everything.name)
    assert list(live_engine.health("done").name) == ["done"]
    with live_engine.sampler() as sampler:
        assert sampler.wait()
        began = time.perf_counter()
        warm = live_engine.health()
        assert time.perf_counter() - began < 1
        assert warm.set_index("name").cpu_percent["well"] >= 0


@pytest.mark.live
def test_a_running_sampler_makes_the_report_quick_and_never_old(
    emptied_engine: PrivateEngine, live_engine: Engine
) -> None:
    api = emptied_engine.api
    emptied_engine.run("sleep 1000", "steady")
    emptied_engine.run(["sh", "-c", "while [ ! -e /end ]; do sleep 0.1; done; exit 9"], "ends")
    with live_engine.sampler() as sampler:
        assert sampler.wait()
        live_engine.health()
        asked: list[str] = []
        get_many = live_engine.get_many
        live_engine.get_many = lambda paths, **o: asked.extend(paths) or get_many(paths, **o)  # type: ignore[method-assign]
        try:
            live_engine.health()
            assert asked == []
            put = api("POST", "/containers/ends/exec", {"Cmd": ["touch", "/end"]})
            api("POST", f"/exec/{put['Id']}/start", {"Detach": True})
            eventually(lambda: live_engine.health().attention[0] == "exit code 9")
            assert len(asked) >= 1
            api("DELETE", "/containers/ends", force="1")
            eventually(lambda: list(live_engine.health().name) == ["steady"])
        finally:
            del live_engine.get_many


def test_an_event_during_the_question_makes_the_answer_count_once() -> None:
    known = Inspected()
    states = {"a": "running", "b": "running", "c": "running"}
    asked = []

    def ask(ids: Any) -> Any:
        asked.append(list(ids))
        known.hear({"Action": "rename", "Actor": {"ID": "b"}})
        return [{**inspect(check=id_ == "c"), "Id": id_} for id_ in ids]

    assert [each["Id"] for each in known.of(states, ask)] == ["a", "b", "c"]
    assert [each["Id"] for each in known.of(states, ask)] == ["a", "b", "c"]
    assert asked == [["a", "b", "c"], ["b", "c"]], "b changed meanwhile, c may be probed now"
    known.of({**states, "a": "paused"}, ask)
    assert asked[-1] == ["a", "b", "c"]
    known.clear()
    known.of({"a": "running"}, ask)
    assert asked[-1] == ["a"]


def test_between_two_probes_an_inspection_holds() -> None:
    known, asked = Inspected(), []
    ended = "2026-11-23T20:00:10.5+00:00"

    def ask(ids: Any) -> Any:
        asked.append(list(ids))
        log = [{"ExitCode": 0, "Output": "", "End": ended}]
        return [{**inspect(check=True, Health={"Log": log}), "Id": id_} for id_ in ids]

    def probe(clock: str) -> None:
        ns = pd.Timestamp(f"2026-11-23T20:00:{clock}Z").value
        known.hear({"Action": "exec_create: true", "Actor": {"ID": "a"}, "timeNano": ns})

    def asks() -> bool:
        asked.clear()
        known.of({"a": "running"}, ask)
        return bool(asked[0])

    assert [asks(), asks()] == [True, True], "one may be under way"
    probe("10.1")
    assert [asks(), asks()] == [True, False]
    probe("20.1")
    assert [asks(), asks()] == [True, True], "its result is not there yet"
    ended = "2026-11-23T20:00:21+00:00"
    assert [asks(), asks()] == [True, False]
    known.hear({"Action": "pause", "Actor": {"ID": "a"}})
    assert [asks(), asks()] == [True, False]
    known.hear({"Action": "destroy", "Actor": {"ID": "a"}})
    assert [asks(), asks()] == [True, True]


@pytest.mark.live
def test_the_warm_report_shows_each_probe_as_soon_as_it_ended(
    emptied_engine: PrivateEngine, live_engine: Engine
) -> None:
    if emptied_engine.kind == "podman":
        pytest.skip("Podman leaves health probes to systemd")
    counts = "echo x >> /n; sleep 0.4; wc -l < /n"
    check = {"Test": ["CMD-SHELL", counts], "Interval": 2 * 10**9, "Timeout": 30 * 10**9}
    emptied_engine.run("sleep 1000", "probed", config={"Healthcheck": check})

    def inspected() -> int:
        log = live_engine.get("/containers/probed/json")["State"]["Health"]["Log"] or [{}]
        return int(log[-1].get("Output") or 0)

    def reported() -> int:
        told = live_engine.health().health_output[0]
        return 0 if pd.isna(told) else int(told)

    with live_engine.sampler() as sampler:
        assert sampler.wait()
        seen = 0
        for _ in range(3):
            before = seen
            # the report is asked for while the probe is under way, too
            eventually(lambda before=before: reported() > before or inspected() > before)
            seen = inspected()
            eventually(lambda seen=seen: reported() >= seen, 1.5)
