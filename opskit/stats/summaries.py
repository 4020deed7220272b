"""What a series of stats adds up to: a line for each container, or fewer samples of each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opskit.frames.columns import Column, build
from opskit.frames.stats import COLUMNS
from opskit.stats.durations import seconds

__all__ = ["SUMMARY_COLUMNS", "resample", "summary"]

Floats = NDArray[np.float64]

SUMMARY_COLUMNS = (
    Column("name", "str", "", "name of the container"),
    Column("id", "str", "", "full id of the container"),
    Column("samples", "int64", "", "samples with figures"),
    Column("duration_seconds", "float64", "seconds", "from the first sample to the last"),
    Column("cpu_percent_mean", "float64", "percent of one CPU", "mean of the samples"),
    Column("cpu_percent_p50", "float64", "percent of one CPU", "half of the samples are below"),
    Column("cpu_percent_p95", "float64", "percent of one CPU", "95 of 100 samples are below"),
    Column("cpu_percent_max", "float64", "percent of one CPU", "the highest sample"),
    Column("memory_bytes_mean", "float64", "bytes", "mean of the samples"),
    Column("memory_bytes_p50", "float64", "bytes", "half of the samples are below"),
    Column("memory_bytes_p95", "float64", "bytes", "95 of 100 samples are below"),
    Column("memory_bytes_max", "float64", "bytes", "the highest sample"),
    Column("memory_percent_max", "float64", "percent of the limit", "the highest sample"),
    Column("memory_slope_bytes_per_hour", "float64", "bytes per hour",
           "how fast memory grows: a hint at a leak; missing below ten samples"),
    Column("memory_slope_fit", "float64", "", "how much of memory's coming and going the slope "
           "explains, from 0 to 1: near 1 it grows steadily, near 0 it only varies"),
    Column("throttled_seconds", "float64", "seconds", "lost to the CPU quota in this time"),
    Column("throttled_percent", "float64", "percent of the periods", "mean of the samples"),
    Column("network_rx_bytes", "float64", "bytes", "received in this time"),
    Column("network_tx_bytes", "float64", "bytes", "sent in this time"),
    Column("block_read_bytes", "float64", "bytes", "read in this time"),
    Column("block_write_bytes", "float64", "bytes", "written in this time"),
    Column("restarts", "int64", "", "how often its counters began anew"),
)  # fmt: skip
"""Columns of ``opskit.stats.summary()``."""

_TOTALS = ("network_rx_bytes", "network_tx_bytes", "block_read_bytes", "block_write_bytes")
_LAST = {*_TOTALS, "cpu_seconds", "throttled_seconds", "cpu_limit", "memory_limit_bytes",
         "pids_limit"}  # fmt: skip
_ENOUGH = 10  # samples, for a slope


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One line for each container of a series.

    Parameters
    ----------
    frame : pandas.DataFrame
        What ``engine.stats(duration=…)`` or a sampler's ``frame()`` gives.

    Returns
    -------
    pandas.DataFrame
        `SUMMARY_COLUMNS`, the highest mean CPU first.

    Notes
    -----
    The slope of memory is that of the least squares line through the samples. A container that was
    restarted begins anew at another height, so each of its runs has a line of its own and all have
    one slope. What was received, sent, read and written is summed over the runs too.
    """
    frame = frame[frame["time"].notna()]
    codes, ids = pd.factorize(frame["id"])
    order = np.argsort(codes, kind="stable")
    rows, who = frame.iloc[order], codes[order]
    groups = len(ids)
    restarted = rows["note"].astype(str).str.startswith("restarted").to_numpy(bool)
    run = np.cumsum(restarted) * (groups + 1) + who  # unlike for each run of each container
    first = np.searchsorted(who, np.arange(groups))
    hours = _hours(rows)
    has = ~np.isnan(_values(rows, "cpu_seconds")) | ~np.isnan(_values(rows, "memory_bytes"))
    by = rows.groupby(who, sort=False)
    data: dict[str, object] = {
        "name": list(rows["name"].iloc[by.cumcount(ascending=False).to_numpy() == 0]),
        "id": list(rows["id"].iloc[first]),
        "samples": np.bincount(who[has], minlength=groups),
        "duration_seconds": _reach(who, hours, groups) * 3600,
        "restarts": np.bincount(who[restarted], minlength=groups),
        "throttled_percent": _mean(who, _values(rows, "throttled_percent"), groups),
        "throttled_seconds": _moved(who, run, _values(rows, "throttled_seconds"), groups),
        "memory_percent_max": _high(who, _values(rows, "memory_percent"), groups),
    }
    for name in ("cpu_percent", "memory_bytes"):
        values = _values(rows, name)
        data[f"{name}_mean"] = _mean(who, values, groups)
        data[f"{name}_max"] = _high(who, values, groups)
        for percent in (50, 95):
            data[f"{name}_p{percent}"] = _percentile(who, values, groups, percent)
    for name in _TOTALS:
        data[name] = _moved(who, run, _values(rows, name), groups)
    slope, fit = _slope(who, run, hours, _values(rows, "memory_bytes"), groups)
    data |= {"memory_slope_bytes_per_hour": slope, "memory_slope_fit": fit}
    whole = build(SUMMARY_COLUMNS, data)
    return whole.sort_values("cpu_percent_mean", ascending=False, kind="stable", ignore_index=True)


def resample(frame: pd.DataFrame, interval: str | float) -> pd.DataFrame:
    """Fewer samples: one per container and `interval`, with the same columns.

    Parameters
    ----------
    frame : pandas.DataFrame
        A series of stats.
    interval : str or float
        ``"10s"``; the new times are its multiples.

    Returns
    -------
    pandas.DataFrame
        Percentages, rates and memory are means of the samples, counters, limits and notes the last
        of them; ``interval_seconds`` is their sum.
    """
    frame = frame[frame["time"].notna()]
    step = pd.Timedelta(seconds(interval), "s")
    numbers = {column.name for column in COLUMNS if column.dtype in ("float64", "Int64")}
    how = {
        name: "mean" if name in numbers - _LAST else "last"
        for name in frame.columns.difference(["time", "id"], sort=False)
    }
    if "interval_seconds" in how:
        how["interval_seconds"] = "sum"
    grouped = frame.assign(time=frame["time"].dt.floor(step)).groupby(
        ["time", "id"], sort=True, observed=True
    )
    thin = grouped.agg(how).reset_index()
    for column in COLUMNS:
        if column.name in thin and column.dtype == "Int64":
            thin[column.name] = thin[column.name].round().astype("Int64")
    thin = thin[list(frame.columns)]
    thin.attrs.update(frame.attrs)
    return thin


def _values(rows: pd.DataFrame, name: str) -> Floats:
    if name not in rows:
        return np.full(len(rows), np.nan)
    return np.asarray(rows[name].to_numpy("float64", na_value=np.nan))


def _hours(rows: pd.DataFrame) -> Floats:
    naive = rows["time"].dt.tz_convert("UTC").dt.tz_localize(None)
    ns = np.asarray(naive.to_numpy("datetime64[ns]").astype("int64"))
    return np.asarray((ns - ns.min(initial=2**63 - 1)) / 3600e9, dtype="float64")


def _mean(who: NDArray[np.int64], values: Floats, groups: int) -> Floats:
    known = ~np.isnan(values)
    count = np.bincount(who[known], minlength=groups)
    total = np.bincount(who[known], weights=values[known], minlength=groups)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _high(who: NDArray[np.int64], values: Floats, groups: int) -> Floats:
    high = np.full(groups, np.nan)
    np.fmax.at(high, who, values)
    return high


def _reach(who: NDArray[np.int64], hours: Floats, groups: int) -> Floats:
    low = np.full(groups, np.nan)
    np.fmin.at(low, who, hours)
    return np.asarray(_high(who, hours, groups) - low)


def _percentile(who: NDArray[np.int64], values: Floats, groups: int, percent: int) -> Floats:
    """The lowest value that `percent` of the samples do not exceed."""
    known = ~np.isnan(values)
    who, values = who[known], values[known]
    order = np.lexsort((values, who))
    start = np.searchsorted(who[order], np.arange(groups))
    count = np.bincount(who, minlength=groups)
    at = start + np.maximum(np.ceil(count * percent / 100).astype("int64") - 1, 0)
    found = values[order][np.minimum(at, max(len(values) - 1, 0))] if len(values) else at * np.nan
    return np.asarray(np.where(count > 0, found, np.nan))


def _moved(who: NDArray[np.int64], run: NDArray[np.int64], values: Floats, groups: int) -> Floats:
    """How far a counter went, summed over a container's runs."""
    known = ~np.isnan(values)
    who, run, values = who[known], run[known], values[known]
    same = run[1:] == run[:-1]
    steps = np.where(same, np.diff(values), 0.0)
    steps = np.maximum(steps, 0.0)  # a restart that nobody saw
    total = np.bincount(who[1:], weights=steps, minlength=groups) if len(who) else np.zeros(groups)
    count = np.bincount(who, minlength=groups)
    return np.where(count > 1, total, np.nan)


def _slope(
    who: NDArray[np.int64], run: NDArray[np.int64], hours: Floats, values: Floats, groups: int
) -> tuple[Floats, Floats]:
    """Bytes per hour of the least squares line, and the share of the variance it explains."""
    known = ~np.isnan(values)
    who, x, y = who[known], hours[known], values[known]
    _, runs = np.unique(run[known], return_inverse=True)
    count = np.bincount(runs)
    x = x - (np.bincount(runs, weights=x) / count)[runs]
    y = y - (np.bincount(runs, weights=y) / count)[runs]
    xx, xy, yy = (np.bincount(who, weights=w, minlength=groups) for w in (x * x, x * y, y * y))
    enough = (np.bincount(who, minlength=groups) >= _ENOUGH) & (xx > 0)
    with np.errstate(all="ignore"):
        slope = np.where(enough, xy / xx, np.nan)
        fit = np.where(enough, np.where(yy > 0, xy * xy / (xx * yy), 0.0), np.nan)
    return slope, fit
