"""A frame as Parquet and back, typed as the frame is; dicts and lists are JSON texts there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
from pandas.arrays import BooleanArray, FloatingArray, IntegerArray

from opskit.collect.layout import KINDS, VERSION
from opskit.events.query import instant
from opskit.frames.columns import NO_TIME, Column, build

__all__ = ["read", "sync", "write"]

ROW_GROUP = 20_000
_TYPES = {
    "datetime64[ns, UTC]": ("timestamp", "ns", "UTC"),
    "int64": ("int64",),
    "Int64": ("int64",),
    "Float64": ("float64",),
    "float64": ("float64",),
    "boolean": ("bool_",),
    "bool": ("bool_",),
    "str": ("string",),
    "object": ("string",),
}


def schema(kind: str) -> Any:
    """The Arrow schema of a kind's files."""
    import pyarrow as pa

    def field(column: Column) -> Any:
        name, *arguments = _TYPES[column.dtype]
        made = getattr(pa, name)(*arguments)
        return pa.field(column.name, made, metadata={"unit": column.unit} if column.unit else None)

    about = {"opskit.kind": kind, "opskit.schema": str(VERSION)}
    return pa.schema([field(column) for column in KINDS[kind].columns], metadata=about)


def write(path: Path, kind: str, frame: pd.DataFrame) -> None:
    """Write the frame so that the file is there whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = {
        column.name: frame[column.name].map(_dumped, na_action="ignore").astype(object)
        for column in KINDS[kind].columns
        if column.dtype == "object"
    }
    table = pa.Table.from_pandas(frame.assign(**texts), schema(kind), preserve_index=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    pq.write_table(table, partial, row_group_size=ROW_GROUP, compression="zstd")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.rename(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the names in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(
    paths: Sequence[Path],
    kind: str,
    *,
    since: int | None = None,
    until: int | None = None,
    columns: Sequence[Column] | None = None,
) -> pd.DataFrame:
    """The rows between two times; only the row groups and columns that it takes are read."""
    import pyarrow.dataset as ds

    wanted = tuple(columns or KINDS[kind].columns)
    if not paths:
        return build(wanted, {})
    bounds = [ds.scalar(True)]
    if since is not None:
        bounds.append(ds.field("time") >= instant(since))
    if until is not None:
        bounds.append(ds.field("time") <= instant(until))
    table = ds.dataset(list(map(str, paths)), schema(kind), format="parquet").to_table(
        columns=[column.name for column in wanted], filter=reduce(and_, bounds)
    )
    return build(wanted, {c.name: _values(table[c.name], c.dtype) for c in wanted})


def _values(column: Any, dtype: str) -> Any:
    import pyarrow as pa

    if dtype == "str":
        return column.to_pandas().array
    if dtype == "object":
        coded = column.combine_chunks().dictionary_encode()  # equal dicts are held once
        texts = [orjson.loads(text) for text in coded.dictionary.to_pylist()]
        return [None if code is None else texts[code] for code in coded.indices.to_pylist()]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    known = column.is_valid().to_numpy()
    missing = NO_TIME if dtype.startswith("datetime") else pa.scalar(0).cast(column.type)
    values = column.fill_null(missing).to_numpy()
    if dtype == "Int64":
        return IntegerArray(values, ~known)
    if dtype == "boolean":
        return BooleanArray(values, ~known)
    if dtype == "Float64":
        return FloatingArray(values, ~known)
    return np.where(known, values, np.nan) if dtype == "float64" else values


def _dumped(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
