"""Lists of an engine's values as arrays of one dtype; what does not fit is missing.

Each dtype has a quick way for values that are as they should be, and a patient one, cell by cell,
for when they are not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.arrays import BooleanArray, FloatingArray, IntegerArray

from opskit.times import NS, to_ns

__all__ = ["MAKERS", "NO_TIME", "TEXT", "epochs", "instants"]

# what pandas itself makes of strings: str with pandas 3, object before
TEXT = pd.Series(["text"]).dtype
NO_TIME = np.iinfo("int64").min
# numpy wraps what int64 nanoseconds cannot hold, without a word; 00 is Go's zero date
_CENTURIES = ("20", "19", "00")
_KINDS = {"int64": "i", "float64": "if", "bool": "b"}


def instants(texts: Sequence[str | None]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """RFC 3339 times of the engine as nanoseconds since the epoch, for a column of times.

    Go's zero time (``0001-01-01T00:00:00Z``), null and what is no time are missing.
    """
    try:
        if all(not t or (t[-1] == "Z" and t[10:11] == "T" and t[:2] in _CENTURIES) for t in texts):
            plain = [t[:-1] if t and t[0] != "0" else "NaT" for t in texts]
            return np.array(plain, dtype="datetime64[ns]").view("int64")
    except (ValueError, TypeError):
        pass
    return np.array([_instant(t) for t in texts], dtype="int64")


def epochs(values: Sequence[Any]) -> list[int | None]:
    """Seconds since the epoch, as lists tell times, or RFC 3339, as inspects do, to nanoseconds."""
    return [
        value * NS if type(value) is int else _instant(value) if isinstance(value, str) else None
        for value in values
    ]


def _instant(text: Any) -> int:
    if not isinstance(text, str) or text[4:5] != "-":
        return int(NO_TIME)
    try:
        ns = to_ns(text)
    except ValueError:
        return int(NO_TIME)
    return ns if -(2**63) < ns < 2**63 else int(NO_TIME)


def _object(values: Any) -> Any:
    return np.fromiter(values, dtype=object, count=len(values))  # lists stay lists


def _quick_strings() -> Callable[[Any], Any]:
    """The quickest way from a list of str and None to the dtype that pandas gives strings."""
    if not isinstance(TEXT, pd.StringDtype):
        return _object
    kind: Any = TEXT.construct_array_type()
    if TEXT.storage == "pyarrow":
        import pyarrow as pa

        text = pa.large_string()
        with contextlib.suppress(TypeError):  # the constructor's arguments are pandas 3's
            kind(pa.array(["text"], text), dtype=TEXT)
            return lambda values: kind(pa.array(values, text), dtype=TEXT)
    return lambda values: kind._from_sequence(values, dtype=TEXT)


_strings = _quick_strings()


def _text(values: Any) -> Any:
    if isinstance(TEXT, pd.StringDtype):
        if getattr(values, "dtype", None) == TEXT:
            return values
        with contextlib.suppress(TypeError, ValueError):
            return _strings(values)
    return _strings(list(map(_as_text, values)))


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return None if value != value else str(value)  # noqa: PLR0124


def _masked(
    dtype: str, masked: type[IntegerArray | FloatingArray | BooleanArray]
) -> Callable[[Any], Any]:
    def make(values: Any) -> Any:
        if isinstance(values, masked):
            return values
        if isinstance(values, np.ndarray):
            return masked(values.astype(dtype), np.zeros(len(values), dtype=bool))
        missing = np.array([value is None for value in values], dtype=bool)
        try:
            if missing.any():
                filled = np.array([0 if v is None else v for v in values])
            else:
                filled = np.array(values)
            if len(values) and filled.dtype.kind not in _KINDS[dtype]:
                raise TypeError(dtype)
            return masked(filled.astype(dtype), missing)
        except (TypeError, ValueError, OverflowError):
            usable = [_as_number(value, dtype) for value in values]
            missing = np.array([value is None for value in usable], dtype=bool)
            filled = np.array([0 if v is None else v for v in usable], dtype=dtype)
            return masked(filled, missing)

    return make


def _as_number(value: Any, dtype: str) -> int | float | bool | None:
    """The value if it fits the dtype: an unlimited 2**64 - 1 or a text is no integer."""
    try:
        if dtype == "bool":
            return bool(value) if isinstance(value, bool | np.bool_) else None
        if value is None or isinstance(value, bool | str):
            return None
        if dtype == "float64":
            return float(value)
        return int(value) if value == int(value) and -(2**63) <= value < 2**63 else None
    except (TypeError, ValueError, OverflowError):
        return None


def _float(values: Any) -> Any:
    try:
        return np.array(values, dtype="float64")
    except (TypeError, ValueError):
        return np.array([_as_number(v, "float64") for v in values], dtype="float64")


def _ns(values: Any) -> Any:
    if hasattr(values, "dtype"):
        array = np.asarray(values)
        kind = array.dtype.kind
        return array.astype(f"{kind}8[ns]" if kind in "mM" else "int64").view("int64")
    try:
        return np.array([NO_TIME if value is None else value for value in values], dtype="int64")
    except (TypeError, ValueError, OverflowError):
        usable = [_as_number(value, "int64") for value in values]
        return np.array([NO_TIME if value is None else value for value in usable], dtype="int64")


def _times(values: Any) -> Any:
    if isinstance(getattr(values, "dtype", None), pd.DatetimeTZDtype):
        return values
    return pd.DatetimeIndex(_ns(values).view("datetime64[ns]")).tz_localize("UTC").array


MAKERS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "object": _object,
    "int64": lambda values: np.array(values, dtype="int64"),
    "float64": _float,
    "bool": lambda values: np.array(values, dtype="bool"),
    "Int64": _masked("int64", IntegerArray),
    "Float64": _masked("float64", FloatingArray),
    "boolean": _masked("bool", BooleanArray),
    "datetime64[ns, UTC]": _times,
    "timedelta64[ns]": lambda values: _ns(values).view("timedelta64[ns]"),
}
