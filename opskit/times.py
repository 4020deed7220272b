"""Points in time as people write them: ``"10m"``, RFC 3339, datetimes, epoch seconds.

Everything becomes integer nanoseconds since the epoch, because the engine counts in those and a
float loses 200 of them; the engine itself reads ``seconds.nanoseconds`` and nothing else reliably.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["ns_to_wire", "to_ns", "to_wire"]

NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_UNITS = {
    "w": 7 * 86_400 * NS,
    "d": 86_400 * NS,
    "h": 3_600 * NS,
    "m": 60 * NS,
    "s": NS,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,  # the micro sign
    "μs": 1_000,  # the Greek letter
    "ns": 1,
}
_PART = r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|μs|ns|w|d|h|m|s)"
_DURATION = re.compile(rf"([+-]?)((?:{_PART})+)")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?")
_FRACTION = re.compile(r"(:\d\d)[.,](\d+)")

_FORMS = (
    "Write a duration back from now (10m, 1h30m, 2d), an RFC 3339 time "
    "(2026-01-31T09:30:00Z), seconds since the epoch, or pass a datetime."
)


def to_ns(value: Any, now_ns: int | None = None) -> int:
    """The nanoseconds since the epoch that `value` stands for.

    Parameters
    ----------
    value : str, datetime, date, timedelta, int, float, numpy.datetime64, pandas.Timestamp
        A string is a duration back from now in Go's form (``"1h30m"``, ``"250ms"``; also ``d`` and
        ``w``), a date or time in RFC 3339 form, or seconds since the epoch. A timedelta counts back
        from now; a negative duration lies ahead. Numbers are seconds since the epoch. What has no
        time zone is local time, as with the docker CLI.
    now_ns : int, optional
        What "now" is; the clock by default.

    Raises
    ------
    ValueError
        A string, number or missing time that is none of those.
    TypeError
        An object of another kind.
    """
    now = time.time_ns() if now_ns is None else now_ns
    if isinstance(value, str):
        return _from_text(value.strip(), now)
    if isinstance(value, bool):
        raise TypeError(f"{value!r} is no point in time. {_FORMS}")
    if isinstance(value, int | float | Decimal):
        return _from_number(str(value))
    if isinstance(value, timedelta):
        whole = (value.days * 86_400 + value.seconds) * NS + value.microseconds * 1_000
        return now - whole - int(getattr(value, "nanoseconds", 0))
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, date):
        return _from_datetime(datetime(value.year, value.month, value.day))
    return _from_numpy(value, now)


def to_wire(value: Any) -> str:
    """`value` (see `to_ns`) as the engine reads it in ``since`` and ``until``.

    The form is ``seconds.nnnnnnnnn``, understood by ``/events`` and ``/containers/X/logs`` of every
    engine, to the nanosecond.
    """
    return ns_to_wire(to_ns(value))


def ns_to_wire(ns: int) -> str:
    """Integer nanoseconds since the epoch as ``seconds.nnnnnnnnn``."""
    return f"{ns // NS}.{ns % NS:09d}"


def _from_text(text: str, now: int) -> int:
    if match := _DURATION.fullmatch(text):
        length = sum(int(Decimal(n) * _UNITS[unit]) for n, unit in re.findall(_PART, match[2]))
        return now + length if match[1] == "-" else now - length
    if _NUMBER.fullmatch(text):
        return _from_number(text)
    fraction = _FRACTION.search(text)
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
        nanos = int(fraction[2][:9].ljust(9, "0")) if fraction else 0
        return _from_datetime(moment) + nanos
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no point in time. {_FORMS}") from None


def _from_number(text: str) -> int:
    try:
        seconds = Decimal(text)
        if abs(seconds) <= _LATEST:
            return int(seconds * NS)
    except InvalidOperation:  # comparing with a NaN
        pass
    hint = " Divide nanoseconds by 10**9." if text.lstrip("+-")[:1].isdigit() else ""
    raise ValueError(f"{text} is no number of seconds since the epoch before 9999.{hint} {_FORMS}")


def _from_datetime(moment: datetime) -> int:
    if moment != moment:  # pandas.NaT calls itself a datetime  # noqa: PLR0124
        raise ValueError(f"A missing time is no point in time. {_FORMS}")
    # a naive pandas.Timestamp calls itself UTC: taken apart, it is local time like any other
    plain = datetime(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
        tzinfo=moment.tzinfo, fold=moment.fold,
    )  # fmt: skip
    seconds = (plain.astimezone(UTC) - _EPOCH) // timedelta(seconds=1)
    return seconds * NS + moment.microsecond * 1_000 + int(getattr(moment, "nanosecond", 0))


def _from_numpy(value: Any, now: int) -> int:
    kind = value.dtype.kind if getattr(value, "shape", None) == () else ""
    if kind in ("M", "m") and value != value:  # noqa: PLR0124
        raise ValueError(f"A missing time is no point in time. {_FORMS}")
    if kind == "M":
        ns = int(value.astype("datetime64[ns]").astype("int64"))
        return _from_datetime(datetime.fromtimestamp(ns // NS, UTC).replace(tzinfo=None)) + ns % NS
    if kind == "m":
        return now - int(value.astype("timedelta64[ns]").astype("int64"))
    if kind in ("i", "u", "f"):
        return _from_number(str(value.item()))
    raise TypeError(f"A {type(value).__name__} is no point in time. {_FORMS}")
