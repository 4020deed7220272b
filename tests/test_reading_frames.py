"""``frame.opskit.short()``: the same rows, for reading."""

from __future__ import annotations

import pandas as pd
import pytest

import opskit
from opskit.frames.reading import ago, human_bytes

from .replies import reply

NOW = pd.Timestamp("2026-11-23T12:00:00Z")


def test_ids_sizes_times_and_lists_in_words():
    frame = opskit.frame(reply("docker-28.5.2-cgroup1", "list_all_size"))
    frame.attrs["time"] = (frame["created"][0] + pd.Timedelta("3h5min")).isoformat()
    row = frame.opskit.short().iloc[0]
    assert row["id"] == "235f5522e8d4"
    assert row["image_id"] == "051e2105cb96"
    assert row["size_root"] == "1.9MiB"
    assert row["created"] == "3 hours ago"
    assert row["networks"] == "capnet"
    assert row["labels"] == "app=web, env=production"
    assert "port_list" not in row
    assert "project" not in row  # nothing in it
    assert len(frame["id"][0]) == 64  # the frame itself stays as it was


def test_missing_is_empty_and_other_values_are_written_out():
    frame = pd.DataFrame(
        {
            "a": ["x", None],
            "cpu_percent": [25.123, float("nan")],
            "up": pd.to_timedelta(["90s", None]),
            "at": pd.to_datetime(["2026-11-23T11:59:00Z", None]),
            "n": pd.array([5, None], dtype="Int64"),
            "id": ["my-volume", None],
        }
    )
    frame.attrs["time"] = NOW
    short = frame.opskit.short()
    assert short.iloc[0].tolist() == ["x", "25.1%", "00:01:30", "1 minute ago", "5", "my-volume"]
    assert short.iloc[1].tolist() == [""] * 6


def test_an_empty_frame_keeps_its_columns():
    assert "name" in opskit.frame([], kind="container").opskit.short()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"), (1023, "1023B"), (1024, "1KiB"), (1_288_490_189, "1.2GiB"),
        (64 * 1024**2, "64MiB"), (1024**2 - 1, "1MiB"), (5 * 1024**5, "5PiB"), (-2048, "-2KiB"),
    ],
)  # fmt: skip
def test_sizes(size, text):
    assert human_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"), (1, "1 second ago"), (59, "59 seconds ago"), (60, "1 minute ago"),
        (3 * 3600 + 5, "3 hours ago"), (86_400 * 13, "1 week ago"), (86_400 * 800, "2 years ago"),
        (-300, "in 5 minutes"),
    ],
)  # fmt: skip
def test_times(seconds, text):
    assert ago(NOW - pd.Timedelta(seconds=seconds), NOW) == text
