"""A user collects events and stats for days: files that survive a kill, no doubles, read back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import opskit
from opskit import Engine, read_collected
from opskit.collect import parquet
from opskit.collect.layout import open_folder, segments
from opskit.collect.writer import Writer, journal_rows
from opskit.errors import OpskitError
from opskit.events.commands import collect
from opskit.frames.events import COLUMNS, event_row, events_frame
from opskit.frames.stats import COLUMNS as STATS

from .engines import PrivateEngine
from .test_events_frame import sample
from .test_events_timeline import S, T, at

pytest.importorskip("pyarrow")

DAY = 86_400


def folder(tmp_path: Path) -> tuple[Path, Path]:
    root = open_folder(tmp_path / "kept", create=True)
    return root, root / "engine=here"


def write(home: Path, *events: dict[str, Any], close: bool = True, kind: str = "events") -> Writer:
    writer = Writer(home, kind)
    for event in events:
        writer.append(event_row(event))
    if close:
        writer.close()
    return writer


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="engine")


def test_what_was_written_is_read_back_as_the_same_table(tmp_path: Path) -> None:
    root, home = folder(tmp_path)
    raw = sample("docker-28.5.2")
    write(home, *raw)
    frame = read_collected(root, "events")
    expected = events_frame(raw).sort_values("time", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(plain(frame), expected, check_exact=True)
    assert frame["engine"].unique().tolist() == ["here"]
    both = read_collected(root)
    assert list(both) == ["events", "stats"]
    assert list(both["stats"].columns) == [*(c.name for c in STATS), "engine"]


def test_days_lie_in_folders_and_a_window_opens_only_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, home = folder(tmp_path)
    write(home, *(at(day * DAY + n, "start") for day in range(4) for n in range(3)))
    dates = sorted(path.name for path in home.glob("date=*"))
    assert dates == [f"date=2023-11-{day}" for day in (14, 15, 16, 17)]
    opened: list[str] = []

    def watched(paths: list[Path], *args: Any, **options: Any) -> pd.DataFrame:
        opened.extend(map(str, paths))
        return parquet.read(paths, *args, **options)

    monkeypatch.setattr("opskit.collect.reader.read", watched)
    begin, end = (pd.Timestamp(T + n * S, tz="UTC") for n in (DAY + 1, DAY + 2))
    frame = read_collected(root, "events", since=begin, until=end, columns=["action"])
    assert len(frame) == 2
    assert list(frame.columns) == ["time", "action", "engine"]
    assert len(opened) == 1


def test_a_journal_is_read_while_it_grows_and_counts_once(tmp_path: Path) -> None:
    root, home = folder(tmp_path)
    writer = write(home, at(1, "create"), at(2, "start"), close=False)
    assert read_collected(root, "events")["action"].tolist() == ["create", "start"]
    writer.append(event_row(at(3, "die", exitCode="1")))
    assert read_collected(root, "events", since=pd.Timestamp(T + 3 * S, tz="UTC"))[
        "exit_code"
    ].tolist() == [1]
    writer.close()
    assert read_collected(root, "events")["action"].tolist() == ["create", "start", "die"]
    assert list(home.glob("*.journal")) == []


def test_a_kill_between_parquet_and_journal_makes_no_doubles(tmp_path: Path) -> None:
    root, home = folder(tmp_path)
    writer = write(home, at(1, "create"), at(2, "start"), close=False)
    journal = next(home.glob("*.journal"))
    kept = journal.read_bytes()
    writer.close()
    journal.write_bytes(kept + b'{"time": 17000')  # killed after writing Parquet, and in a line
    assert len(read_collected(root, "events")) == 2
    write(home, at(3, "pause"))
    assert read_collected(root, "events")["action"].tolist() == ["create", "start", "pause"]
    assert [segment.number for segment in segments(home, "events")] == [1, 2]


def test_rotation_by_age_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, home = folder(tmp_path)
    writer = Writer(home, "events", rotate=0.05)
    writer.append(event_row(at(1, "create")))
    time.sleep(0.06)
    writer.tick()
    assert list(home.glob("*.journal")) == []
    monkeypatch.setattr("opskit.collect.writer.FULL_BYTES", 10)
    writer.append(event_row(at(2, "start")))
    writer.close()
    assert len(list(home.glob("date=*/*.parquet"))) == 2
    assert len(read_collected(root, "events")) == 2


def test_a_full_disk_is_an_error_and_what_was_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, home = folder(tmp_path)
    writer = write(home, at(1, "create"), close=False)
    write_some = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write_some(handle, data[:20]))
    with pytest.raises(OpskitError, match="the disk is full"):
        writer.append(event_row(at(2, "start")))
    monkeypatch.undo()
    writer.close()
    assert read_collected(root, "events")["action"].tolist() == ["create"]


def test_two_collectors_do_not_write_to_one_place(tmp_path: Path) -> None:
    _, home = folder(tmp_path)
    writer = Writer(home, "events")
    with pytest.raises(OpskitError, match="another collector"):
        Writer(home, "events")
    Writer(home, "stats").close()
    writer.close()
    Writer(home, "events").close()


def test_folders_that_are_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OpskitError, match="holds no collected files"):
        read_collected(tmp_path / "nowhere")
    (tmp_path / "mine").write_text("x")
    with pytest.raises(OpskitError, match="in use for something else"):
        open_folder(tmp_path, create=True)
    root, _ = folder(tmp_path)
    (root / "opskit-collected.json").write_text('{"version": 99}')
    with pytest.raises(OpskitError, match="newer opskit"):
        read_collected(root)


def test_questions_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    root, _ = folder(tmp_path)
    with pytest.raises(ValueError, match="'logs' is not collected"):
        read_collected(root, "logs")
    with pytest.raises(ValueError, match="no such columns of events: cpu"):
        read_collected(root, "events", columns=["cpu"])
    with pytest.raises(ValueError, match="is after until"):
        read_collected(root, "events", since="1h", until="2h")
    empty = read_collected(root, "events")
    assert list(empty.columns) == [*(c.name for c in COLUMNS), "engine"]
    assert read_collected(root, engine="other")["stats"].empty


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["events,nosuch"], "cannot collect nosuch; only events and stats"),
        (["--interval", "soon"], "'soon' is no length of time"),
        (["--timeout", "-1s"], "'-1s' is no length of time"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_before_anything_is_made(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    result = CliRunner().invoke(collect, [*arguments, "-o", str(tmp_path / "kept")])
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "kept").exists()


@pytest.mark.live
def test_collecting_events_and_stats_of_a_real_engine(
    live_engine: Engine, private_engine: PrivateEngine, tmp_path: Path
) -> None:
    ident = private_engine.run(name="collected")
    later = threading.Timer(
        0.5, private_engine.api, ("DELETE", f"/containers/{ident}"), {"force": "1"}
    )
    later.start()
    counts = live_engine.collect(tmp_path / "kept", interval="1s", timeout=3.5)
    later.join()
    frames = read_collected(tmp_path / "kept")
    assert counts == {kind: len(frame) for kind, frame in frames.items()}
    events = frames["events"]
    assert {"kill", "die", "destroy"} <= set(events.loc[events["name"].eq("collected"), "action"])
    assert opskit.timeline(events)["engine"].notna().any()


@pytest.mark.live
def test_a_killed_collector_goes_on_without_loss_or_doubles(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    made: list[str] = []
    over = threading.Event()

    def make() -> None:
        while not over.is_set():
            private_engine.api("POST", "/volumes/create", {"Name": f"kill{len(made)}"})
            made.append(f"kill{len(made)}")
            time.sleep(0.02)

    command = [sys.executable, "-m", "opskit", "collect", "events", "-o", str(tmp_path / "kept")]
    command += ["--upstream", private_engine.url]
    maker = threading.Thread(target=make)
    for turn in range(4):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as collector:
            assert collector.stderr is not None
            assert "collecting events" in collector.stderr.readline()
            if turn == 0:
                maker.start()
            time.sleep(0.4)
            if turn == 3:
                over.set()
                maker.join()
                time.sleep(0.3)
            collector.send_signal(signal.SIGTERM if turn == 3 else signal.SIGKILL)
            collector.communicate(timeout=30)
    frame = read_collected(tmp_path / "kept", "events")
    names = frame.loc[frame["action"].eq("create") & frame["type"].eq("volume"), "name"]
    for name in made:
        private_engine.api("DELETE", f"/volumes/{name}")
    assert names.tolist() == made
    assert not frame["type"].eq("gap").any()
    assert collector.returncode == 0


def test_journal_lines_are_rows(tmp_path: Path) -> None:
    _, home = folder(tmp_path)
    write(home, at(1, "start"), close=False)
    (row,) = journal_rows(next(home.glob("*.journal")))
    assert (row["time"], row["action"]) == (T + S, "start")
