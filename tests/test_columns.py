"""Frames have exactly the declared columns and dtypes, whatever the engine left out."""

from __future__ import annotations

import pandas as pd
import pytest

from opskit.frames.columns import TEXT, Column, build, instants

COLUMNS = (
    Column("name", "str", "", "a text"),
    Column("size_bytes", "Int64", "bytes", "a number that can be missing"),
    Column("share", "Float64", "percent", "a float that can be missing"),
    Column("cpu", "float64", "percent", "a float, NaN where missing"),
    Column("ready", "boolean", "", "yes, no or missing"),
    Column("created", "datetime64[ns, UTC]", "", "a time"),
    Column("length", "timedelta64[ns]", "", "a duration"),
    Column("labels", "object", "", "a dict"),
)
FULL = {
    "name": ["web", None],
    "size_bytes": [2**53 + 1, None],
    "share": [1.5, None],
    "cpu": [25.1, None],
    "ready": [False, None],
    "created": [1_700_000_000_123_456_789, None],
    "length": [1_000_000_001, None],
    "labels": [{"app": "web"}, {}],
}


def test_values_arrive_unchanged_and_missing_ones_are_missing():
    frame = build(COLUMNS, FULL)
    first = frame.iloc[0]
    assert first["name"] == "web"
    assert first["size_bytes"] == 2**53 + 1  # no detour over a float
    assert not first["ready"]
    assert first["created"] == pd.Timestamp(1_700_000_000_123_456_789, tz="UTC")
    assert first["length"] == pd.Timedelta(1_000_000_001, unit="ns")
    assert frame.iloc[1].drop("labels").isna().all()
    assert frame["labels"].tolist() == [{"app": "web"}, {}]


def test_a_frame_of_nothing_has_the_dtypes_of_a_full_one():
    full = build(COLUMNS, FULL)
    for empty in (build(COLUMNS, {}), build(COLUMNS, {c.name: [] for c in COLUMNS})):
        assert len(empty) == 0
        assert empty.dtypes.equals(full.dtypes)
    assert [str(d) for d in full.dtypes] == [
        str(TEXT) if c.dtype == "str" else c.dtype for c in COLUMNS
    ]


def test_a_column_nobody_filled_is_missing_not_zero():
    frame = build(COLUMNS, {"name": ["web"]})
    assert frame.drop(columns=["name"]).isna().all(axis=None)
    assert frame.dtypes.equals(build(COLUMNS, FULL).dtypes)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("Int64", [18446744073709551615, 5], [None, 5]),
        ("Int64", ["12", {}, True, 1.5, 2.0], [None, None, None, None, 2]),
        ("Float64", ["x", 3], [None, 3.0]),
        ("float64", [{}, 3], [None, 3.0]),
        ("boolean", ["true", 1, True], [None, None, True]),
        ("datetime64[ns, UTC]", ["x", 2**70], [None, None]),
        ("str", [5, True, "x"], ["5", "True", "x"]),
    ],
)
def test_what_does_not_fit_a_column_is_missing(dtype, values, expected):
    column = build([Column("c", dtype, "", "")], {"c": values})["c"]
    assert [None if pd.isna(v) else v for v in column] == expected


def test_lists_of_equal_length_stay_lists():
    frame = build([Column("c", "object", "", "")], {"c": [[1, 2], [3, 4]]})
    assert frame["c"].tolist() == [[1, 2], [3, 4]]


def test_arrays_of_the_right_dtype_are_taken_as_they_are():
    full = build(COLUMNS, FULL)
    again = build(COLUMNS, {name: full[name].array for name in full})
    pd.testing.assert_frame_equal(full, again)


def test_a_wrong_name_and_a_wrong_length_are_errors():
    with pytest.raises(ValueError, match="no such columns: nmae"):
        build(COLUMNS, {"nmae": ["web"]})
    with pytest.raises(ValueError, match="length"):
        build(COLUMNS, {"name": ["web"], "share": [1.0, 2.0]})


def test_engine_times_keep_their_nanoseconds():
    texts = ["2026-11-23T20:33:23.036697302Z", "2026-11-23T20:33:24Z", None, ""]
    missing = pd.NaT.value
    first = 1_795_466_003_036_697_302
    assert instants(texts).tolist() == [first, 1_795_466_004_000_000_000, missing, missing]
    zoned = ["2026-11-23T21:33:23.036697302+01:00", *texts[1:]]
    assert instants(zoned).tolist() == instants(texts).tolist()


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-01-01T00:00:00Z", "soon", "20Z"],
)
def test_zero_dates_and_nonsense_are_missing_times(text):
    assert instants([text, "2026-11-23T20:33:24Z"]).tolist() == [
        pd.NaT.value,
        1_795_466_004_000_000_000,
    ]
