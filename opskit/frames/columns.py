"""What a frame's columns are, and how lists of values become exactly those columns, quickly.

A frames module declares its ``COLUMNS`` and hands plain lists to `build`. Nothing is inferred, so a
frame of nothing has the dtypes of a full one, and a value that is missing or makes no sense is a
missing value, never an exception and never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opskit.frames.arrays import MAKERS, NO_TIME, TEXT, epochs, instants

__all__ = ["NO_TIME", "TEXT", "Column", "build", "epochs", "instants", "transpose"]


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
    arrays = {c.name: MAKERS[c.dtype](data.get(c.name, absent)) for c in columns}
    return pd.DataFrame(arrays, index=pd.RangeIndex(rows), copy=False)


def transpose(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Tuples, one a row in the order of `names`, as the lists that `build` takes."""
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
