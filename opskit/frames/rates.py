"""Percentages and rates from two readings of the same counters: the formulas of the stats frame.

The engine only counts; every percentage is a difference of two readings over another difference.
Where one of the two is missing, or the counters began anew between them, the result is missing:
never 0, never negative, never giant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas.arrays import IntegerArray

from opskit.frames.columns import NO_TIME
from opskit.frames.readings import UNKNOWN

__all__ = ["compare", "cpu_percent", "cpu_percent_windows"]

Floats = NDArray[np.float64]
Readings = np.ndarray[Any, Any]  # of dtype READING

_NS = 1e9
_TICK = 1e8  # ten ticks of the host's processor time: what two clocks may differ by for no reason
_TOTALS = {
    "network_rx_bytes": "rx",
    "network_tx_bytes": "tx",
    "block_read_bytes": "read",
    "block_write_bytes": "write",
}
_GAUGES = {
    "memory_bytes": "memory",
    "memory_limit_bytes": "limit",
    "memory_usage_bytes": "usage",
    "memory_cache_bytes": "cache",
    "memory_rss_bytes": "rss",
    "pids": "pids",
    "pids_limit": "pids_limit",
}
_COUNTERS = ("cpu", *_TOTALS.values(), "periods", "throttled")  # only a restart takes them back


def cpu_percent(cpu: Floats, system: Floats, cpus: Floats) -> Floats:
    """Percent of one CPU, from how far the counters of the container and of the host moved.

    ``cpu / system * cpus * 100``: 0 where the container did not move, missing where the host's
    counter did not (it moves every 10 ms) or one of them went back.

    Source: docker/cli, ``calculateCPUPercentUnix`` in cli/command/container/stats_helpers.go, which
    shows 0 where the answer is not known.
    """
    with np.errstate(all="ignore"):
        return np.where((system > 0) & (cpu >= 0), cpu / system * cpus * 100.0, np.nan)


def cpu_percent_windows(cpu: Floats, elapsed: Floats, cpus: Floats) -> Floats:
    """Percent of all CPUs of a Windows host: processor time over time, both in nanoseconds.

    Source: docker/cli, ``calculateCPUPercentWindows`` in cli/command/container/stats_helpers.go,
    which counts in whole intervals of 100 ns.
    """
    with np.errstate(all="ignore"):
        possible = np.floor(elapsed / 100.0) * cpus
        return np.where((possible > 0) & (cpu >= 0), cpu / 100.0 / possible * 100.0, np.nan)


def compare(
    now: Readings,
    before: Readings,
    limits: Floats,
    notes: Sequence[str],
    *,
    cpu_before: Readings | None = None,
) -> dict[str, Any]:
    """The columns of the stats frame but for name and id, row by row from two readings.

    Parameters
    ----------
    now, before : numpy.ndarray of dtype READING
        The readings and those to compare them with; one without a time compares with nothing.
    limits : numpy.ndarray of float
        CPUs that the container may use, NaN if unlimited or not known.
    notes : sequence of str
        What is known of the row already; why values are missing is added.
    cpu_before : numpy.ndarray of dtype READING, optional
        The readings to compare processor time with, where they are others than `before`.
    """
    with np.errstate(all="ignore"):
        pair = _Pair(now, before)
        cpu_pair = pair if cpu_before is None else _Pair(now, cpu_before)
        cpu, cpus = cpu_pair.moved("cpu"), _known(now["cpus"])
        wall = cpu / cpu_pair.elapsed * 100.0
        shown = cpu_percent(cpu, cpu_pair.moved("system"), cpus)
        host = shown / cpus
        if (windows := now["windows"] > 0).any():
            whole = cpu_percent_windows(cpu, cpu_pair.elapsed, cpus)
            shown, host = np.where(windows, whole, shown), np.where(windows, whole, host)
        return {
            "time": now["time"],
            "cpu_percent": shown,
            "cpu_percent_wall": wall,
            "cpu_percent_host": host,
            "cpu_percent_quota": wall / limits,
            "cpu_seconds": _known(now["cpu"]) / _NS,
            "cpu_limit": limits,
            "memory_percent": _known(now["memory"]) / _known(now["limit"]) * 100.0,
            **{name: _integers(now[field]) for name, field in (_GAUGES | _TOTALS).items()},
            **{
                f"{name}_per_second": pair.moved(field) / pair.elapsed * _NS
                for name, field in _TOTALS.items()
            },
            "throttled_percent": (
                cpu_pair.moved("throttled_periods") / cpu_pair.moved("periods") * 100.0
            ),
            "throttled_seconds": _known(now["throttled"]) / _NS,
            "interval_seconds": cpu_pair.elapsed / _NS,
            "note": _with_reasons(notes, now, cpu_pair),
        }


class _Pair:
    """Two readings of each row: how far each counter moved, NaN where that cannot be told."""

    def __init__(self, now: Readings, before: Readings) -> None:
        self.now, self.before = now, before
        self.known = (now["time"] != NO_TIME) & (before["time"] != NO_TIME)
        self.restarted = np.zeros(len(now), dtype=bool)
        for name in _COUNTERS:
            self.restarted |= (now[name] < before[name]) & (now[name] != UNKNOWN) & self.known
        self.usable = self.known & ~self.restarted
        elapsed = np.where(self.usable, now["time"] - before["time"], np.nan)
        ticks = self.moved("system") / _known(now["cpus"])
        # stolen processor time slows the ticks of a virtual machine, nothing hurries them
        self.jumped = (
            (elapsed <= 0) | (elapsed < ticks / 2 - _TICK) | (elapsed > 10 * ticks + _TICK)
        )
        self.elapsed: Floats = np.where(self.jumped, np.nan, elapsed)

    def moved(self, name: str) -> Floats:
        now, before = self.now[name], self.before[name]
        known = self.usable & (now != UNKNOWN) & (before != UNKNOWN)
        return np.where(known, now - before, np.nan)


def _known(values: NDArray[Any]) -> Floats:
    return np.where(values == UNKNOWN, np.nan, values)


def _integers(values: NDArray[np.int64]) -> IntegerArray:
    missing = values == UNKNOWN
    return IntegerArray(np.where(missing, 0, values), missing)


def _with_reasons(notes: Sequence[str], now: Readings, pair: _Pair) -> list[str]:
    noted = list(notes)
    absent = now["time"] == NO_TIME
    for rows, reason in (
        (absent, "not running"),
        (pair.restarted, "restarted: its counters began anew"),
        (~absent & ~pair.known, "no earlier sample to compare with"),
        (pair.jumped & pair.usable, "the clock of the engine jumped"),
    ):
        for row in np.flatnonzero(rows):
            if not noted[row]:
                noted[row] = reason
    return noted
