"""A user reads an events file of any length, whole or damaged, and still reaches the labels."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from benchmarks.events_data import write_events
from opskit.errors import BadResponse, OpskitError
from opskit.events import files
from opskit.events.files import read_events
from opskit.frames.events import events_frame

from .test_events_frame import ODD, SAMPLES

pytest.importorskip("pyarrow")


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def events(*paths: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def same(read: pd.DataFrame, expected: pd.DataFrame) -> None:
    read = read.assign(labels=list(read["labels"]), attributes=list(read["attributes"]))
    pd.testing.assert_frame_equal(read, expected, check_exact=True)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 5_000)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.ndjson")), ids=lambda path: path.stem)
def test_a_file_gives_the_same_table_as_the_engine(path: Path) -> None:
    same(read_events(path), events_frame(events(path)))


@pytest.mark.usefixtures("small_blocks")
def test_a_file_read_in_many_blocks_gives_the_same_table(tmp_path: Path) -> None:
    path = write_events(tmp_path / "many.ndjson", 3_000, 40)
    frame = read_events(path)
    same(frame, events_frame(events(path)))
    assert frame["healthcheck"].sum() > 500


@pytest.mark.usefixtures("small_blocks")
def test_odd_events_in_the_file_are_rows_like_any_other(tmp_path: Path) -> None:
    whole = events(*sorted(SAMPLES.glob("*.ndjson")))
    mixed = [*whole[:40], *ODD, *whole[40:], {**whole[0], "timeNano": None, "Action": 3}]
    path = write(tmp_path / "odd.ndjson", *map(orjson.dumps, mixed))
    same(read_events(path), events_frame(mixed))


def test_an_empty_file_gives_an_empty_table_of_the_same_shape(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    frame = read_events(tmp_path / "empty")
    assert list(frame.columns) == list(events_frame([]).columns)
    assert len(frame) == 0


def test_a_last_line_cut_in_two_is_left_out(tmp_path: Path) -> None:
    whole = (SAMPLES / "docker-28.5.2.ndjson").read_bytes()
    path = tmp_path / "cut.ndjson"
    path.write_bytes(whole[:-60])
    frame = read_events(path)
    same(frame, events_frame(events(SAMPLES / "docker-28.5.2.ndjson")[:-1]))
    assert frame["labels"].iloc[-1] == {}


def test_lines_that_are_no_event_are_counted_and_named(tmp_path: Path) -> None:
    lines = (SAMPLES / "podman-5.4.2.ndjson").read_bytes().splitlines()
    path = write(tmp_path / "noise.ndjson", *lines[:5], b"panic: oh no", b"", b"[1]", *lines[5:])
    with pytest.warns(UserWarning, match=r"2 lines that are no event.*panic: oh no"):
        frame = read_events(path)
    same(frame, events_frame(list(map(orjson.loads, lines))))
    assert frame.attrs["unreadable_lines"] == 2


def test_labels_follow_their_rows_through_filters_and_joins(tmp_path: Path) -> None:
    path = write_events(tmp_path / "many.ndjson", 500, 10)
    frame = read_events(path)
    raw = events(path)
    died = frame[frame["action"].eq("die")].sort_values("name")
    again = pd.concat([died, frame.iloc[::-7]])
    for row, labels in again["labels"].items():
        own = raw[row]["Actor"]["Attributes"]
        assert labels == {k: v for k, v in own.items() if k.startswith("com.docker.compose")}
    project = frame["labels"].map(lambda labels: labels.get("com.docker.compose.project"))
    assert project.dropna().tolist() == frame["project"].dropna().tolist()
    assert frame.reindex([3, 10_000])["labels"].isna().tolist() == [False, True]
    two = pd.concat([frame.head(2), read_events(path).tail(2)], ignore_index=True)
    assert two["attributes"].iloc[3] == frame["attributes"].iloc[-1]
    assert "execID" in repr(frame)


def test_a_table_survives_pickling(tmp_path: Path) -> None:
    frame = read_events(write_events(tmp_path / "many.ndjson", 200, 10))
    same(
        pickle.loads(pickle.dumps(frame)),
        frame.assign(labels=list(frame["labels"]), attributes=list(frame["attributes"])),
    )


def test_a_file_that_grows_is_fine_and_one_that_changes_is_not(tmp_path: Path) -> None:
    path = write_events(tmp_path / "many.ndjson", 200, 10)
    frame, other = read_events(path), read_events(path)
    with path.open("ab") as file:
        file.write(b"{}\n")
    assert frame["labels"].iloc[0] is not None
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadResponse, match="has changed"):
        list(other["labels"])
    path.unlink()
    with pytest.raises(BadResponse, match="is gone"):
        list(other["attributes"])


def test_without_pyarrow_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OpskitError, match=r"pip install 'opskit\[collect\]'"):
        read_events(tmp_path / "any")
