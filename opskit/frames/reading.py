"""``frame.opskit.short()``: a frame for reading, with short ids, sizes and times in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

__all__ = ["OpskitAccessor", "ago", "human_bytes"]


@pd.api.extensions.register_dataframe_accessor("opskit")
class OpskitAccessor:
    """What opskit adds to every DataFrame, under ``frame.opskit``."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def short(self) -> pd.DataFrame:
        """The same rows for reading, all as text.

        Ids have 12 characters, sizes are like ``1.2GiB``, percentages like ``25.1%``, times like
        ``3 hours ago`` (as of when the frame was made, if it tells), lists and dicts are written
        out; missing is empty. Columns with nothing in them are left out, and lists that a column
        of text says already (``port_list`` beside ``ports``).

        Returns
        -------
        DataFrame
            A frame of text: calculate with the frame itself.
        """
        frame = self._frame
        now = pd.Timestamp(frame.attrs.get("time") or pd.Timestamp.now(tz="UTC"))
        now = now.tz_localize("UTC") if now.tz is None else now
        shown: dict[str, pd.Series] = {}
        for name in frame.columns:
            plain = str(name)
            twin = plain.removesuffix("_list") + "s"
            if plain.endswith("_list") and twin in frame:
                continue
            write = _writer(plain, frame[name].dtype, now)
            texts = [
                "" if _missing(value) else write(value) for value in frame[name].astype(object)
            ]
            if any(texts) or not len(frame):
                shown[_title(plain, frame)] = pd.Series(texts, index=frame.index, dtype=object)
        result = pd.DataFrame(shown, index=frame.index)
        result.attrs = dict(frame.attrs)
        return result


def _missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and pd.isna(value))


def _title(name: str, frame: pd.DataFrame) -> str:
    bare = name.removesuffix("_bytes")
    return name if bare != name and bare in frame else bare


def _writer(name: str, dtype: Any, now: pd.Timestamp) -> Callable[[Any], str]:
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return lambda value: ago(value, now)
    if pd.api.types.is_timedelta64_dtype(dtype):
        return lambda value: str(value.floor("s")).removeprefix("0 days ")
    if name.endswith("_bytes"):
        return human_bytes
    if name.endswith("_percent") or "_percent_" in name:
        return lambda value: f"{value:.1f}%"
    if name == "id" or name.endswith("_id"):
        return lambda value: _short_id(str(value))
    return _written


def _short_id(value: str) -> str:
    bare = value.rpartition(":")[2]
    is_hex = len(bare) == 64 and not bare.strip("0123456789abcdef")
    return bare[:12] if is_hex else value


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_written(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_written, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def human_bytes(size: float) -> str:
    """``1288490189`` as ``1.2GiB``: powers of 1024, one decimal unless it is 0."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(value) < 1023.95 or unit == "PiB":
            break
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + unit


_UNITS = (
    ("year", 365 * 86_400), ("month", 30 * 86_400), ("week", 7 * 86_400),
    ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1),
)  # fmt: skip


def ago(moment: pd.Timestamp, now: pd.Timestamp | None = None) -> str:
    """A time as ``3 hours ago``, ``just now`` or ``in 5 minutes``."""
    moment = moment.tz_localize("UTC") if moment.tz is None else moment
    seconds = ((now or pd.Timestamp.now(tz="UTC")) - moment).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    unit, length = next((u, n) for u, n in _UNITS if abs(seconds) >= n)
    count = int(abs(seconds) // length)
    words = f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{words} ago" if seconds > 0 else f"in {words}"
