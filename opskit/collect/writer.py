"""Appending rows to an engine's folder: a journal that a kill does not harm, then Parquet."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from opskit.collect.layout import KINDS, Segment, segments
from opskit.collect.parquet import sync, write
from opskit.errors import OpskitError

__all__ = ["Writer", "journal_rows"]

FULL_BYTES = 64 << 20
SYNC_SECONDS = 0.5
DAY = 86_400 * 10**9


class Writer:
    """Appends rows of one kind to an engine's folder.

    A row that `append` returned for is with the operating system: it outlives a kill of the
    process at once, and a crash of the machine after half a second.

    Parameters
    ----------
    folder : Path
        The engine's folder; made if need be.
    kind : str
        One of `opskit.collect.layout.KINDS`.
    rotate : float
        Seconds after which a journal becomes Parquet.

    Raises
    ------
    OpskitError
        Another process is writing this kind here.
    """

    def __init__(self, folder: Path, kind: str, *, rotate: float = 3_600.0) -> None:
        self.folder, self.kind, self.rotate = folder, kind, rotate
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder / f"{kind}.lock")
        self._journal = -1
        self._size, self._day, self._begun, self._synced = 0, 0, 0.0, 0.0
        self._dirty = False
        self._number = 0
        for segment in segments(folder, kind):
            self._number = segment.number
            if segment.journal:  # its writer was killed
                _convert(folder, segment)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row; ``time`` is in integer nanoseconds."""
        when = row["time"] or 0
        if self._journal >= 0 and when // DAY != self._day:
            self.close_journal()
        if self._journal < 0:
            self._open(when // DAY)
        line = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
        if os.write(self._journal, line) != len(line):
            raise OpskitError(
                f"no room for the next row in {self.folder}: the disk is full",
                "free some space and start again: what was written before is kept",
            )
        self._size += len(line)
        self._dirty = True
        self.tick()

    def tick(self) -> None:
        """Sync and rotate when it is time; to be called now and then when nothing comes."""
        now = time.monotonic()
        if self._dirty and now - self._synced >= SYNC_SECONDS:
            os.fdatasync(self._journal)
            self._synced, self._dirty = now, False
        if self._journal >= 0 and (self._size > FULL_BYTES or now - self._begun > self.rotate):
            self.close_journal()

    def _open(self, day: int) -> None:
        self._number += 1
        path = self._path(self._number)
        self._journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        sync(self.folder)
        self._size, self._day, self._begun = 0, day, time.monotonic()

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.kind}-{number:08}.journal"

    def close_journal(self) -> None:
        """Turn the journal into Parquet."""
        if self._journal >= 0:
            os.close(self._journal)
            self._journal, self._dirty = -1, False
            path = self._path(self._number)
            _convert(self.folder, Segment(self.kind, self._number, path, []))

    def close(self) -> None:
        """Turn the journal into Parquet and let others write here."""
        try:
            self.close_journal()
        finally:
            os.close(self._lock)


def _locked(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise OpskitError(
            f"another collector is writing to {path.parent}",
            "end it first, or collect to another folder",
        ) from None
    return handle


def journal_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a journal; a last line that is cut off was never handed over whole."""
    rows = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        with contextlib.suppress(orjson.JSONDecodeError):  # torn by a full disk, then written on
            rows.append(orjson.loads(line))
    return rows


def _convert(folder: Path, segment: Segment) -> None:
    """Write a journal's rows as Parquet, by date, and delete it. Can be done again after a kill."""
    assert segment.journal is not None
    rows = journal_rows(segment.journal)
    by_date: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_date.setdefault((row["time"] or 0) // DAY, []).append(row)
    for day, part in by_date.items():
        date = time.strftime("%Y-%m-%d", time.gmtime(day * 86_400))
        path = folder / f"date={date}" / f"{segment.kind}-{segment.number:08}.parquet"
        write(path, segment.kind, KINDS[segment.kind].frame(part))
    segment.journal.unlink()
    sync(folder)
