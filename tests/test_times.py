"""Saying since when and until when, in every form that people write."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.times import NS, ns_to_wire, to_ns, to_wire

NOW = 1_700_000_000_123_456_789


@pytest.fixture
def paris(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds_ago"),
    [
        ("10m", 600), ("1h30m", 5400), ("1h", 3600), ("45s", 45), ("250ms", 0.25),
        ("1.5h", 5400), ("2d", 172_800), ("1w", 604_800), ("1d12h", 129_600), ("-5m", -300),
        ("+5m", 300), ("0s", 0), (" 10m ", 600),
    ],
)  # fmt: skip
def test_a_duration_counts_back_from_now(text, seconds_ago):
    assert to_ns(text, NOW) == NOW - int(seconds_ago * NS)


def test_small_units_are_exact():
    assert to_ns("1ms2us3ns", NOW) == NOW - 1_002_003
    assert to_ns("7µs", NOW) == to_ns("7μs", NOW) == NOW - 7_000


@pytest.mark.parametrize(
    "value",
    [
        "2023-11-14T22:13:20.123456789Z",
        "2023-11-14T23:13:20.123456789+01:00",
        "2023-11-14 22:13:20.123456789Z",
        "1700000000.123456789",
        pd.Timestamp(NOW, tz="UTC"),
        pd.Timestamp(NOW, tz="Asia/Tokyo"),
        pd.Timestamp("2023-11-14T22:13:20.123456789Z"),
    ],
)
def test_no_nanosecond_is_lost(value):
    assert to_ns(value) == NOW
    assert to_wire(value) == "1700000000.123456789"


@pytest.mark.parametrize(
    "value",
    [
        1_700_000_000, 1_700_000_000.0, "1700000000", np.int64(1_700_000_000),
        np.float64(1_700_000_000), datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        datetime(2023, 11, 14, 17, 13, 20, tzinfo=timezone(timedelta(hours=-5))),
    ],
)  # fmt: skip
def test_epoch_seconds_and_aware_datetimes(value):
    assert to_ns(value) == 1_700_000_000 * NS


@pytest.mark.parametrize(
    "value",
    [
        "2023-11-14T23:13:20",
        datetime(2023, 11, 14, 23, 13, 20),
        pd.Timestamp("2023-11-14T23:13:20"),
        np.datetime64("2023-11-14T23:13:20"),
    ],
)
@pytest.mark.usefixtures("paris")
def test_without_a_zone_it_is_local_time(value):
    assert to_ns(value) == 1_700_000_000 * NS


@pytest.mark.usefixtures("paris")
def test_a_date_is_its_local_midnight():
    expected = 1_699_916_400 * NS
    assert to_ns("2023-11-14") == to_ns(date(2023, 11, 14)) == expected


@pytest.mark.parametrize(
    "value", [timedelta(minutes=10), pd.Timedelta("10min"), np.timedelta64(10, "m")]
)
def test_a_timedelta_counts_back_from_now(value):
    assert to_ns(value, NOW) == NOW - 600 * NS


def test_now_is_the_clock_unless_given():
    before = time.time_ns()
    assert before <= to_ns("0s") <= time.time_ns()


@pytest.mark.parametrize(
    "value",
    [
        "yesterday", "", "10 minutes", "1h30", "2023-13-01", "10y", NOW, str(NOW), pd.NaT,
        np.datetime64("NaT"), float("nan"), float("inf"),
    ],
)  # fmt: skip
def test_what_is_no_time_says_what_would_be(value):
    with pytest.raises(ValueError, match="Write a duration"):
        to_ns(value)


@pytest.mark.parametrize("value", [None, True, [], object(), np.array([1, 2]), b"10m"])
def test_other_kinds_of_objects_are_refused(value):
    with pytest.raises(TypeError, match="Write a duration"):
        to_ns(value)


@given(st.integers(min_value=0, max_value=2**62))
def test_the_wire_form_reads_back_to_the_same_nanosecond(ns):
    assert to_ns(ns_to_wire(ns)) == ns
