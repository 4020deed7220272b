"""Where collected files lie, and what their rows are."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from opskit.errors import OpskitError
from opskit.frames import events as events_frames
from opskit.frames import stats as stats_frames
from opskit.frames.columns import Column, build

__all__ = ["KINDS", "VERSION", "Kind", "Segment", "engines", "open_folder", "segments"]

VERSION = 1
MARKER = "opskit-collected.json"
_NAME = re.compile(r"([a-z]+)-(\d{8})\.(journal|parquet)")

Row = Mapping[str, Any]


class Kind(NamedTuple):
    """One kind of rows: its columns, and how journal rows become a frame."""

    columns: tuple[Column, ...]
    frame: Callable[[Iterable[Row]], pd.DataFrame]


def _stats(rows: Iterable[Row]) -> pd.DataFrame:
    listed = list(rows)
    names = [column.name for column in stats_frames.COLUMNS]
    return build(stats_frames.COLUMNS, {n: [row.get(n) for row in listed] for n in names})


KINDS = {
    "events": Kind(events_frames.COLUMNS, events_frames.rows_frame),
    "stats": Kind(stats_frames.COLUMNS, _stats),
}


class Segment(NamedTuple):
    """Rows that were written together: a journal, or the Parquet files it became."""

    kind: str
    number: int
    journal: Path | None
    parquet: list[Path]


def open_folder(path: str | os.PathLike[str], *, create: bool = False) -> Path:
    """The folder, checked to be one of collected files that this version can read.

    Raises
    ------
    OpskitError
        It is something else, or a newer opskit wrote it.
    """
    folder = Path(path)
    marker = folder / MARKER
    if create and not marker.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OpskitError(f"{folder} is in use for something else", "name an empty folder")
        fresh = marker.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({"format": "opskit-collected", "version": VERSION}) + "\n")
        fresh.rename(marker)
    try:
        told = json.loads(marker.read_text())
    except (OSError, ValueError):
        raise OpskitError(
            f"{folder} holds no collected files", "fill it with 'opskit collect events -o DIR'"
        ) from None
    if told.get("version", 0) > VERSION:
        raise OpskitError(
            f"{folder} was written by a newer opskit (format {told['version']})", "upgrade opskit"
        )
    return folder


def engines(folder: Path) -> Iterator[tuple[str, Path]]:
    """The engines that something was collected of: name and folder."""
    for path in sorted(folder.glob("engine=*")):
        yield path.name.partition("=")[2], path


def segments(folder: Path, kind: str) -> list[Segment]:
    """The segments of an engine's folder, in the order they were written."""
    journals: dict[int, Path] = {}
    parquet: dict[int, list[Path]] = {}
    for path in sorted([*folder.glob("*.journal"), *folder.glob("date=*/*.parquet")]):
        named = _NAME.fullmatch(path.name)
        if named and named[1] == kind:
            number = int(named[2])
            if named[3] == "journal":
                journals[number] = path
            else:
                parquet.setdefault(number, []).append(path)
    return [
        Segment(kind, number, journals.get(number), parquet.get(number, []))
        for number in sorted(journals.keys() | parquet.keys())
    ]
