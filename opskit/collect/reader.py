"""Reading back what was collected, also while it is being collected."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import pandas as pd

from opskit.collect.layout import KINDS, engines, open_folder, segments
from opskit.collect.parquet import read
from opskit.collect.writer import journal_rows
from opskit.events.arrow import need_pyarrow
from opskit.times import to_ns

__all__ = ["read_collected"]

DAY = 86_400 * 10**9


@overload
def read_collected(
    path: str | os.PathLike[str],
    kind: str,
    *,
    since: Any = None,
    until: Any = None,
    columns: Sequence[str] | None = None,
    engine: str | None = None,
) -> pd.DataFrame: ...


@overload
def read_collected(
    path: str | os.PathLike[str],
    kind: None = None,
    *,
    since: Any = None,
    until: Any = None,
    columns: Sequence[str] | None = None,
    engine: str | None = None,
) -> dict[str, pd.DataFrame]: ...


def read_collected(
    path: str | os.PathLike[str],
    kind: str | None = None,
    *,
    since: Any = None,
    until: Any = None,
    columns: Sequence[str] | None = None,
    engine: str | None = None,
) -> pd.DataFrame | dict[str, pd.DataFrame]:
    """What ``opskit collect`` or ``engine.collect`` wrote to a folder.

    Parameters
    ----------
    path : path
        The folder.
    kind : str, optional
        ``"events"`` or ``"stats"``; without it both, in a dict.
    since, until : optional
        ``"1h"`` back from now, an RFC 3339 time, a datetime. Files of other days are not opened,
        row groups of other times not read.
    columns : sequence of str, optional
        Read only these; ``time`` and ``engine`` come with them.
    engine : str, optional
        Only of this engine, as the ``engine`` column names it.

    Returns
    -------
    pandas.DataFrame or dict
        The columns of ``engine.events()`` or ``engine.stats()`` and ``engine``, sorted by time.
        Rows of type ``"gap"`` say where events are missing.

    Raises
    ------
    OpskitError
        No such folder, or pyarrow is not installed.
    ValueError
        An unknown kind or column, or ``since`` after ``until``.
    """
    need_pyarrow("reading collected files")
    if kind is None:
        wanted = {name: [c for c in columns or () if c in _names(name)] for name in KINDS}
        return {
            name: read_collected(
                path,
                name,
                since=since,
                until=until,
                columns=wanted[name] or None,
                engine=engine,
            )
            for name in KINDS
        }
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not collected; there are {', '.join(KINDS)}")
    if unknown := set(columns or ()) - {*_names(kind), "engine"}:
        raise ValueError(f"no such columns of {kind}: {', '.join(sorted(unknown))}")
    begin = None if since is None else to_ns(since)
    end = None if until is None else to_ns(until)
    if begin is not None and end is not None and begin > end:
        raise ValueError(f"since ({since}) is after until ({until})")
    return _read(open_folder(path), kind, begin, end, columns, engine)


def _names(kind: str) -> list[str]:
    return [column.name for column in KINDS[kind].columns]


def _read(
    folder: Path,
    kind: str,
    begin: int | None,
    end: int | None,
    names: Sequence[str] | None,
    engine: str | None,
) -> pd.DataFrame:
    columns = [c for c in KINDS[kind].columns if not names or c.name in names or c.name == "time"]
    parts = []
    for name, home in engines(folder):
        if engine in (None, name):
            part = _engine(home, kind, begin, end, columns)
            parts.append(part.assign(engine=pd.Series([name] * len(part), dtype=part_dtype())))
    if not parts:
        empty = read([], kind, columns=columns)
        parts = [empty.assign(engine=pd.Series([], dtype=part_dtype()))]
    full = [part for part in parts if len(part)] or parts[:1]
    whole = pd.concat(full, ignore_index=True).sort_values("time", kind="stable", ignore_index=True)
    whole.attrs = {"collected": str(folder)}
    return whole


def part_dtype() -> Any:
    """The dtype that pandas gives texts."""
    return pd.Series(["text"]).dtype


def _engine(
    home: Path, kind: str, begin: int | None, end: int | None, columns: list[Any]
) -> pd.DataFrame:
    while True:
        found = segments(home, kind)
        try:
            rows = [row for s in found if s.journal for row in journal_rows(s.journal)]
            files = [p for s in found if not s.journal for p in s.parquet if _of(p, begin, end)]
            frames = [read(files, kind, since=begin, until=end, columns=columns)]
        except FileNotFoundError:
            continue  # a journal became Parquet just now
        rows = [
            row
            for row in rows
            if (begin is None or (row["time"] or 0) >= begin)
            and (end is None or (row["time"] or 0) <= end)
        ]
        if rows:
            fresh = KINDS[kind].frame(rows)[[column.name for column in columns]]
            frames = [fresh] if not len(frames[0]) else [frames[0], fresh]
        return pd.concat(frames, ignore_index=True)


def _of(path: Path, begin: int | None, end: int | None) -> bool:
    """Whether a file's day overlaps the window."""
    day = pd.Timestamp(path.parent.name.partition("=")[2], tz="UTC").value
    return (begin is None or day + DAY > begin) and (end is None or day <= end)
