"""An events file of any length as a frame: streamed through pyarrow, dicts left in the file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from opskit.errors import BadResponse
from opskit.events.arrow import derived, frame_of, need_pyarrow, parse_options, row_table
from opskit.events.lazy import LazyDicts
from opskit.frames.events import event_row

__all__ = ["read_events"]

BATCH = 1 << 20  # what pyarrow parses at once
BLOCK = 8 << 20  # what is read at once where lines have to be looked at one by one


def read_events(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A file of events, one JSON object a line, as ``engine.events()`` gives them.

    Such files are made by ``docker events --format json`` and by ``curl …/events``. A million
    lines take a second or two and some 600 MB.

    Parameters
    ----------
    path : path
        The file. A last line that is cut off is left out; so are lines that are no JSON object,
        with a warning that counts them and names the first.

    Returns
    -------
    pandas.DataFrame
        The columns of `opskit.frames.events.COLUMNS`, rows in the file's order. ``labels`` and
        ``attributes`` are dicts that are read from the file when looked at, so keep the file.

    Raises
    ------
    OpskitError
        pyarrow is not installed.
    """
    need_pyarrow("reading a file of events")
    path = Path(path)
    with path.open("rb") as file, _lean():
        stat = os.fstat(file.fileno())
        size, cut = _whole_lines(file, stat.st_size)
        tables = _streamed(path, size)
        bad: list[bytes] = []
        if tables is None:
            tables, bad = _by_blocks(file, size)
        frame = frame_of(tables)
    if bad:
        warnings.warn(
            f"{path} has {len(bad)} lines that are no event, left out; the first begins "
            f"{bad[0]!r:.80}",
            stacklevel=2,
        )
    source = _Source(path, size, (stat.st_size, stat.st_mtime_ns), len(frame))
    places = np.arange(len(frame), dtype=np.int64)
    frame["labels"] = pd.Series(LazyDicts(source.labels, places), copy=False)
    frame["attributes"] = pd.Series(LazyDicts(source.attributes, places), copy=False)
    frame.attrs.update(file=str(path), unreadable_lines=len(bad), cut_last_line=cut)
    return frame


def _whole_lines(file: Any, size: int) -> tuple[int, bool]:
    """How much of the file is whole lines, and whether something cut off follows."""
    tail, begin = b"", size
    while begin and b"\n" not in tail[:-1]:
        begin = max(begin - 65_536, 0)
        file.seek(begin)
        tail = file.read(size - begin)
    last = tail[tail.rfind(b"\n", 0, -1) + 1 :]
    if last.endswith(b"\n") or not last.strip() or _event(last) is not None:
        return size, False
    return size - len(last), True


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _streamed(path: Path, size: int) -> list[Any] | None:
    """The tables of a file in which every line is an event of today's engines; else None."""
    import pyarrow as pa
    import pyarrow.json as pj

    if not size:
        return []
    try:
        with pa.OSFile(str(path)) as file:
            options = pj.ReadOptions(block_size=BATCH)
            part = file.get_stream(0, size)
            with pj.open_json(part, read_options=options, parse_options=parse_options()) as reader:
                batches = list(reader)
    except pa.ArrowInvalid:
        return None
    step = -(-len(batches) // 8)
    parts = [batches[n : n + step] for n in range(0, len(batches), step)][::-1]
    del batches

    def take(_: int) -> Any:
        table = derived(pa.Table.from_batches(parts.pop()))  # nobody else holds on to those
        pa.default_memory_pool().release_unused()
        return table

    with ThreadPoolExecutor(2) as pool:
        tables = list(pool.map(take, range(len(parts))))
    return None if any(table is None for table in tables) else tables


@contextmanager
def _lean() -> Iterator[None]:
    """Have pyarrow give memory back at once: its own pool keeps 100 MB and more of a large file."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def _by_blocks(file: Any, size: int) -> tuple[list[Any], list[bytes]]:
    """The tables of any file, and the lines that are no event."""
    import pyarrow as pa
    import pyarrow.json as pj

    tables, bad = [], []
    for data in _blocks(file, size):
        try:
            options = pj.ReadOptions(block_size=len(data) + 1)
            parsed = pj.read_json(pa.BufferReader(data), options, parse_options())
            table = derived(parsed)
        except pa.ArrowInvalid:
            table = None
        if table is None or table.num_rows != len(_lines(data)):
            lines = [(line, _event(line)) for line in _lines(data)]
            table = row_table([event_row(event) for _, event in lines if event is not None])
            bad += [line for line, event in lines if event is None]
        tables.append(table)
    return tables, bad


def _blocks(file: Any, size: int) -> Iterator[bytes]:
    file.seek(0)
    rest, left = b"", size
    while left:
        data = rest + file.read(min(BLOCK, left))
        left = size - file.tell()
        cut = data.rfind(b"\n") + 1 if left else len(data)
        if cut:
            yield data[:cut]
        rest = data[cut:]


def _lines(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line.strip()]


class _Source:
    """Reads single events back, a block at a time, as long as the file is the same."""

    def __init__(self, path: Path, size: int, stamp: tuple[int, int], rows: int) -> None:
        self.path, self.size, self.stamp, self.rows = path, size, stamp, rows
        self.labels, self.attributes = _Part(self, "labels"), _Part(self, "attributes")
        self._begins: Any = None
        self._at = (0, 0, b"")

    def row(self, place: int) -> dict[str, Any]:
        """The event at a place as `event_row` tells it."""
        if self._begins is None:
            self._begins, self._ends = self._index()
        begin, end = self._begins[place], self._ends[place]
        low, high, data = self._at
        if not (low <= begin and end <= high):
            low, high, data = self._at = self._read(int(begin), int(end))
        return event_row(orjson.loads(data[begin - low : end - low]))

    def _index(self) -> tuple[Any, Any]:
        """Where each event begins and ends in the file."""
        found, offset = [], 0
        with self._open() as file:
            for data in _blocks(file, self.size):
                found.append(np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10) + offset)
                offset += len(data)
            ends = np.concatenate(found)
            if not len(ends) or ends[-1] + 1 < self.size:
                ends = np.append(ends, self.size)
            begins = np.append(0, ends[:-1] + 1)
            if len(begins) != self.rows:  # some lines are empty, or no event
                file.seek(0)
                data = file.read(self.size)
                lines = [data[begin:end] for begin, end in zip(begins, ends, strict=True)]
                kept = np.array([_event(line) is not None for line in lines])
                begins, ends = begins[kept], ends[kept]
        if len(begins) != self.rows:
            raise self._gone("has lines with more than one event")
        return begins, ends

    def _read(self, begin: int, end: int) -> tuple[int, int, bytes]:
        with self._open() as file:
            file.seek(begin)
            data = file.read(min(max(BLOCK, end - begin), self.size - begin))
        return begin, begin + len(data), data

    def _open(self) -> Any:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            raise self._gone("is gone") from None
        stat, (size, changed) = os.fstat(file.fileno()), self.stamp
        if stat.st_size < size or (stat.st_size == size and stat.st_mtime_ns != changed):
            file.close()
            raise self._gone("has changed")
        return file

    def _gone(self, what: str) -> BadResponse:
        return BadResponse(
            f"{self.path} {what}, and labels and attributes are read from it when looked at",
            "read the file again, or keep what you need with .map(dict) before it changes",
        )


class _Part:
    """One of the two dicts of an event. Equal parts of one source are the same reader."""

    def __init__(self, source: _Source, name: str) -> None:
        self.source, self.name = source, name

    def __call__(self, place: int) -> dict[str, Any]:
        found: dict[str, Any] = self.source.row(place)[self.name]
        return found
