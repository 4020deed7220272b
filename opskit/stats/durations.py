"""Lengths of time as people write them: ``"60s"``, ``"15m"``, seconds, a timedelta."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from opskit.times import NS, to_ns

__all__ = ["seconds"]


def seconds(length: Any) -> float:
    """The seconds that `length` stands for.

    Parameters
    ----------
    length : str, float, datetime.timedelta, pandas.Timedelta
        ``"250ms"``, ``"60s"``, ``"1h30m"``; a number is seconds.

    Raises
    ------
    ValueError
        It is no length of time, or none above zero.
    """
    if isinstance(length, int | float) and not isinstance(length, bool):
        value = float(length)
    elif isinstance(length, timedelta):
        value = length.total_seconds()
    else:
        try:
            value = -to_ns(str(length), now_ns=0) / NS
        except ValueError:
            value = -1.0
    if not 0 < value < 1e9:
        raise ValueError(f"{length!r} is no length of time. Write 250ms, 60s, 1h30m, or seconds.")
    return value
