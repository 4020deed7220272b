"""What a frame's columns are, and how lists of values become exactly those columns, quickly.

A frames module declares its ``COLUMNS`` and hands plain lists to `build`. Nothing is inferred, so a
frame of nothing has the dtypes of a full one, and a value that is missing or makes no sense is a
missing value, never an exception and never a zero.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.arrays import BooleanArray, FloatingArray, IntegerArray

from opskit.times import NS, to_ns

__all__ = ["Column", "build", "epochs", "instants", "transpose"]

# what pandas itself makes of strings: str with pandas 3, object before
TEXT = pd.Series(["text"]).dtype
NO_TIME = np.iinfo("int64").min
# numpy wraps what int64 nanoseconds cannot hold, without a word; 00 is Go's zero date
_CENTURIES = ("20", "19", "00")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a frame, as the columns reference shows it.

    Parameters
    ----------
    name : str
        In snake_case, the unit last: ``memory_bytes``.
    dtype : str
        ``str``, ``int64``, ``Int64``, ``Float64``, ``float64``, ``boolean``, ``bool``,
        ``datetime64[ns, UTC]``, ``timedelta64[ns]`` or ``object`` (lists, dicts).
    unit : str
        What one of it is: ``bytes``, ``percent of the limit``; empty where there is none.
    doc : str
        What the value says, and when it is missing.
    """

    name: str
    dtype: str
    unit: str
    doc: str


def build(columns: Sequence[Column], data: Mapping[str, Any]) -> pd.DataFrame:
    """A frame of exactly `columns`, in their order and with their dtypes.

    Parameters
    ----------
    columns : sequence of Column
        What the frame has.
    data : mapping of str to list or array
        The values by column name, ``None`` where one is missing; times as nanoseconds since the
        epoch (see `instants`). A column that is not in it is missing altogether. Arrays that
        have the column's dtype already are taken as they are.

    Raises
    ------
    ValueError
        The lists differ in length, or a name is not among `columns`.
    """
    rows = len(next(iter(data.values()), ()))
    if unknown := data.keys() - {column.name for column in columns}:
        raise ValueError(f"no such columns: {', '.join(sorted(unknown))}")
    absent: list[None] = [None] * rows
    arrays = {c.name: _MAKERS[c.dtype](data.get(c.name, absent)) for c in columns}
    return pd.DataFrame(arrays, index=pd.RangeIndex(rows), copy=False)


def instants(texts: Sequence[str | None]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """RFC 3339 times of the engine as nanoseconds since the epoch, for a time column of `build`.

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


def transpose(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Tuples, one a row in the order of `names`, as the lists that `build` takes."""
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))


def _instant(text: Any) -> int:
    if not isinstance(text, str) or text[4:5] != "-":
        return int(NO_TIME)
    try:
        ns = to_ns(text)
    except ValueError:
        return int(NO_TIME)
    return ns if -(2**63) < ns < 2**63 else int(NO_TIME)


def _strings() -> Callable[[Any], Any]:
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


_quick_text = _strings()


def _text(values: Any) -> Any:
    if isinstance(TEXT, pd.StringDtype):
        if getattr(values, "dtype", None) == TEXT:
            return values
        with contextlib.suppress(TypeError, ValueError):
            return _quick_text(values)
    return _quick_text(list(map(_as_text, values)))


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return None if value != value else str(value)  # noqa: PLR0124


def _object(values: Any) -> Any:
    return np.fromiter(values, dtype=object, count=len(values))  # lists stay lists


def _number(
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


_KINDS = {"int64": "i", "float64": "if", "bool": "b"}


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
    return pd.DatetimeIndex(_ns(values).view("datetime64[ns]"), tz="UTC").array


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "object": _object,
    "int64": lambda values: np.array(values, dtype="int64"),
    "float64": _float,
    "bool": lambda values: np.array(values, dtype="bool"),
    "Int64": _number("int64", IntegerArray),
    "Float64": _number("float64", FloatingArray),
    "boolean": _number("bool", BooleanArray),
    "datetime64[ns, UTC]": _times,
    "timedelta64[ns]": lambda values: _ns(values).view("timedelta64[ns]"),
}
