"""A user asks what happened to one container around one moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import opskit
from opskit import Engine
from opskit.collect.layout import open_folder
from opskit.collect.writer import Writer
from opskit.errors import OpskitError
from opskit.events.explain import COLUMNS
from opskit.frames.columns import build
from opskit.frames.events import event_row, events_frame
from opskit.frames.logs import COLUMNS as LOGS
from opskit.frames.stats import COLUMNS as STATS

from .engines import PrivateEngine
from .test_events_timeline import S, T, at
from .waiting import eventually

OTHER = {"name": "db", "com.docker.compose.project": "shop"}
WEB = {"com.docker.compose.project": "shop"}


def frames() -> dict[str, pd.DataFrame]:
    raw = [at(0, "start", **WEB), at(0, "start", "c2", **OTHER), at(0, "start", "c3", name="x")]
    raw += [at(60, "die", exitCode="2", **WEB), at(62, "start", **WEB), at(3_000, "pause", **WEB)]
    stats = {
        "time": [T + n * 10 * S for n in range(12)] * 2,
        "name": ["web"] * 12 + ["x"] * 12,
        "id": ["c1"] * 12 + ["c3"] * 12,
        "cpu_percent": [float(n) for n in range(24)],
        "memory_bytes": [n * 10**6 for n in range(24)],
    }
    logs = {
        "time": [T + 59 * S, T + 59 * S + 1, T + 900 * S],
        "stream": ["stdout", "stderr", "stdout"],
        "line": ["up", "boom", "later"],
    }
    return {
        "events": events_frame(raw),
        "logs": build(LOGS, logs),
        "stats": build(STATS, stats),
    }


def test_events_logs_and_stats_are_on_one_clock() -> None:
    found = opskit.explain(frames(), "web", around=pd.Timestamp(T + 60 * S, tz="UTC"))
    frame = found.frame
    assert list(frame.columns) == [column.name for column in COLUMNS]
    assert frame["time"].is_monotonic_increasing
    assert frame["source"].value_counts().to_dict() == {"stats": 24, "event": 3, "log": 2}
    near = frame[frame["source"].ne("stats")]["text"].dropna().tolist()
    assert near == ["up", "boom"]
    died = frame[frame["what"].eq("die")].iloc[0]
    assert died["value"] == 2
    assert found.incidents["kind"].tolist() == ["crash"]
    assert set(found.spans["name"].dropna()) == {"web", "db"}  # of the same project
    assert "3 events, 2 log lines, 12 samples" in repr(found)
    assert "ended by itself with exit code 2" in repr(found)


def test_it_is_one_figure_with_lanes_cpu_memory_and_log_rate() -> None:
    figure = opskit.explain(frames(), "web", around=pd.Timestamp(T + 60 * S, tz="UTC")).figure()
    figure.canvas.draw()
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["web", "db"]
    assert "log lines" in figure.axes[3].get_title(loc="left")
    low, high = figure.axes[3].get_xlim()
    assert (high - low) * 86_400 == pytest.approx(600, rel=0.1)


def test_the_moment_can_be_a_time_of_day() -> None:
    last = pd.Timestamp(T + 3_000 * S, tz="UTC")
    clock = pd.Timestamp(T + 60 * S, tz="UTC").strftime("%H:%M")
    found = opskit.explain(frames(), "web", around=clock, window="2m")
    assert found.begin <= pd.Timestamp(T + 60 * S, tz="UTC") <= found.end
    yesterday = (last + pd.Timedelta("1h")).strftime("%H:%M:%S")
    found = opskit.explain(frames(), "web", around=yesterday)
    assert last - found.end == pd.Timedelta("23h") - pd.Timedelta("5m")
    assert opskit.explain(frames(), "web").end == last


def test_what_is_missing_is_empty_and_who_is_unknown_is_an_error() -> None:
    found = opskit.explain({"events": frames()["events"]}, "web", window="2h")
    assert found.logs.empty
    assert found.stats.empty
    figure = found.figure()
    figure.canvas.draw()
    assert len(figure.axes) == 2, "there are no empty panels"
    with pytest.raises(OpskitError, match="a container 'nobody'"):
        opskit.explain(frames(), "nobody")
    with pytest.raises(ValueError, match="not metrics"):
        opskit.explain({"metrics": frames()["stats"]}, "web")


def test_collected_files_can_be_asked(tmp_path: Path) -> None:
    home = open_folder(tmp_path / "kept", create=True) / "engine=vm"
    writer = Writer(home, "events")
    for event in (at(0, "start"), at(60, "die", exitCode="2")):
        writer.append(event_row(event))
    writer.close()
    found = opskit.explain(tmp_path / "kept", "web")
    assert found.incidents["kind"].tolist() == ["crash"]


@pytest.mark.live
def test_a_real_container_is_explained_with_its_log(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    ident = private_engine.run("sh -c 'echo going down >&2; exit 5'", "explained")
    eventually(lambda: len(live_engine.events(container=ident, event="die", check=False)) > 0)
    samples: Any = live_engine.stats("explained")
    found = opskit.explain(live_engine, "explained", window="2m", stats=samples)
    assert found.logs["line"].tolist() == ["going down"]
    assert found.incidents["exit_code"].tolist() == [5]
    assert found.notes == []
    private_engine.api("DELETE", f"/containers/{ident}")
    gone = opskit.explain(live_engine, ident[:12], window="2m")
    assert any("gone" in note for note in gone.notes)
    assert "no history of stats" in repr(gone)


@pytest.mark.live
def test_a_running_sampler_gives_the_stats(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    private_engine.run("sleep 1000", "sampled")
    try:
        with live_engine.sampler() as sampler:
            assert sampler.wait()
            found = opskit.explain(live_engine, "sampled", window="1m")
        assert len(found.stats) >= 2
        assert set(found.stats["name"]) == {"sampled"}
        assert found.notes == []
    finally:
        private_engine.api("DELETE", "/containers/sampled", force="1")
