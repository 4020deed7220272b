"""Processes of containers as frames, whatever columns ``ps`` was asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from opskit.frames.columns import Column, build

__all__ = ["COLUMNS", "OWNER_COLUMNS", "PS_COLUMNS", "processes", "top"]

COLUMNS = (
    Column("user", "str", "", "User name, or number where the host has no name for it."),
    Column("pid", "Int64", "", "Process id: the host's with Docker, the container's with "
           "Podman."),
    Column("ppid", "Int64", "", "Its parent's id."),
    Column("cpu_percent", "Float64", "percent of one CPU", "CPU time over its life so far."),
    Column("started", "str", "", "When it started, as ps writes it: a time today, else a date."),
    Column("tty", "str", "", "Its terminal; ? without one."),
    Column("cpu_time", "timedelta64[ns]", "", "CPU time so far."),
    Column("command", "str", "", "Its command line."),
)  # fmt: skip
"""Columns of ``engine.top()`` without ps arguments (``ps -ef``)."""

PS_COLUMNS = (
    Column("memory_percent", "Float64", "percent of the host", "Resident memory."),
    Column("rss_bytes", "Int64", "bytes", "Resident memory."),
    Column("virtual_bytes", "Int64", "bytes", "Address space."),
    Column("elapsed", "timedelta64[ns]", "", "Time since it started."),
    Column("state", "str", "", "R running, S asleep, D waiting for I/O, Z zombie, T stopped…"),
)
"""Further columns of ``engine.top(ps_args=…)``, as ps was asked; a title that is not known here
becomes a column of text under its own name."""

OWNER_COLUMNS = (
    Column("name", "str", "", "Name of the container."),
    Column("id", "str", "", "Full id of the container."),
)
"""First columns of ``engine.processes()``; those of ``engine.top()`` follow."""

ERROR_COLUMNS = (Column("error", "str", "", "Why this container's processes could not be listed."),)
"""Last column of ``engine.processes()``."""

_SPECS = {column.name: column for column in (*COLUMNS, *PS_COLUMNS)}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _kib(text: str) -> int | None:
    return int(text) * 1024 if text.isdecimal() else None


def _int(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _clock(text: str) -> int | None:
    """``[[days-]hours:]minutes:seconds`` of ps in nanoseconds."""
    match = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)(?:\.\d+)?", text)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000_000


def _text(text: str) -> str:
    return text


# title of ps (or of Podman, or of Windows) to column and reader
_TITLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "UID": ("user", _text),
    "USER": ("user", _text),
    "PID": ("pid", _int),
    "PPID": ("ppid", _int),
    "C": ("cpu_percent", _number),
    "%CPU": ("cpu_percent", _number),
    "STIME": ("started", _text),
    "START": ("started", _text),
    "STARTED": ("started", _text),
    "TT": ("tty", _text),
    "TTY": ("tty", _text),
    "TIME": ("cpu_time", _clock),
    "CMD": ("command", _text),
    "COMMAND": ("command", _text),
    "%MEM": ("memory_percent", _number),
    "RSS": ("rss_bytes", _kib),
    "VSZ": ("virtual_bytes", _kib),
    "ELAPSED": ("elapsed", _clock),
    "S": ("state", _text),
    "STAT": ("state", _text),
}


def top(answer: Mapping[str, Any] | None) -> pd.DataFrame:
    """The answer of ``GET /containers/ID/top`` as a frame.

    Its columns follow what ps was asked for: `COLUMNS` by default and in a frame of nothing,
    `PS_COLUMNS` and text columns under ps's titles otherwise.
    """
    columns, data = _table([answer or {}])
    return build(columns, data)


def processes(
    owners: Sequence[tuple[str | None, str]], answers: Sequence[Mapping[str, Any] | Exception]
) -> pd.DataFrame:
    """The processes of many containers: `OWNER_COLUMNS`, those of `top`, and ``error``.

    Parameters
    ----------
    owners : list of (name, id)
        The containers.
    answers : list of dict or exceptions
        What ``GET /containers/ID/top`` answered for each. An exception becomes a row of its own.
    """
    good = [{} if isinstance(answer, Exception) else answer or {} for answer in answers]
    columns, data = _table(good, [isinstance(answer, Exception) for answer in answers])
    counts = [
        1 if isinstance(raw, Exception) else len(answer.get("Processes") or ())
        for raw, answer in zip(answers, good, strict=True)
    ]
    data["name"] = [name for (name, _), n in zip(owners, counts, strict=True) for _ in range(n)]
    data["id"] = [id_ for (_, id_), n in zip(owners, counts, strict=True) for _ in range(n)]
    data["error"] = [
        str(raw) if isinstance(raw, Exception) else None
        for raw, n in zip(answers, counts, strict=True)
        for _ in range(n)
    ]
    return build((*OWNER_COLUMNS, *columns, *ERROR_COLUMNS), data)


def _table(
    answers: Iterable[Mapping[str, Any]], failed: Sequence[bool] = ()
) -> tuple[tuple[Column, ...], dict[str, list[Any]]]:
    """The columns that occur, and their values; one row of missing values for a failed answer."""
    titles: dict[str, None] = {}
    rows: list[dict[str, str]] = []
    for index, answer in enumerate(answers):
        named, cells = _cells(answer)
        titles |= dict.fromkeys(named)
        rows += [dict(zip(named, row, strict=False)) for row in cells]
        if failed and failed[index]:
            rows.append({})
    columns: dict[str, Column] = {} if titles else {column.name: column for column in COLUMNS}
    data: dict[str, list[Any]] = {name: [None] * len(rows) for name in columns}
    for title in titles:
        name, read = _TITLES.get(title, (_snake(title), _text))
        if name in columns:
            continue
        columns[name] = _SPECS.get(name) or Column(name, "str", "", f"{title}, as ps writes it.")
        texts = [row.get(title) for row in rows]
        data[name] = [None if text is None else read(text) for text in texts]
    return tuple(columns.values()), data


def _cells(answer: Mapping[str, Any]) -> tuple[list[str], list[Sequence[str]]]:
    """Titles and rows; Podman 4 sends each line of ps in one piece."""
    titles = [title or "" for title in answer.get("Titles") or ()]
    rows = [row or () for row in answer.get("Processes") or ()]
    if len(titles) == 1 and len(words := titles[0].split()) > 1:
        return words, [(row[0] or "").split(None, len(words) - 1) if row else () for row in rows]
    return titles, rows


def _snake(title: str) -> str:
    word = re.sub(r"[^0-9a-z]+", "_", title.lower().replace("%", "percent_")).strip("_") or "column"
    return f"{word}_" if word in ("name", "id", "error") else word
