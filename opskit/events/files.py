"""An events file of any length as a frame: parsed in blocks, dicts left in the file."""

from __future__ import annotations

import os
import warnings
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pandas as pd

from opskit.errors import BadResponse, OpskitError
from opskit.events.arrow import Columns, fast_columns, frame_of, need_pyarrow, slow_columns
from opskit.events.lazy import LazyDicts
from opskit.frames.events import event_row

__all__ = ["read_events"]

BLOCK = 8 << 20


class _Block(NamedTuple):
    begin: int  # in the file
    size: int
    first: int  # number of its first row
    lines: Any  # for each row its line in the block, None where each line is a row


def read_events(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A file of events, one JSON object a line, as `engine.events` gives them.

    Such files are made by ``docker events --format json``, ``curl …/events`` and ``opskit
    collect``'s journals. A million lines take a second or two and some 500 MB.

    Parameters
    ----------
    path : path
        The file. A last line that is cut off is left out; so are lines that are no JSON object,
        with a warning that counts and names them.

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
    with path.open("rb") as file, ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        stat = os.fstat(file.fileno())
        parts, blocks, bad = _parse(pool, file)
        frame = frame_of(parts, pool)
    source = _Source(path, (stat.st_size, stat.st_mtime_ns), blocks)
    if bad:
        warnings.warn(
            f"{path} has {len(bad)} lines that are no event, left out; the first begins "
            f"{bad[0]!r:.80}",
            stacklevel=2,
        )
    places = np.arange(len(frame), dtype=np.int64)
    frame["labels"] = pd.Series(LazyDicts(source.labels, places), copy=False)
    frame["attributes"] = pd.Series(LazyDicts(source.attributes, places), copy=False)
    frame.attrs.update(file=str(path), unreadable_lines=len(bad))
    return frame


def _parse(pool: ThreadPoolExecutor, file: Any) -> tuple[list[Columns], list[_Block], list[bytes]]:
    parts, blocks, bad = [], [], []
    waiting: deque[tuple[int, bytearray, Future[Any]]] = deque()
    spare: list[bytearray] = []  # a buffer that was used once needs no fresh memory
    begin, rows, rest = 0, 0, b""

    def take() -> None:
        nonlocal rows
        start, buffer, future = waiting.popleft()
        part, size, lines, unreadable = future.result()
        blocks.append(_Block(start, size, rows, lines))
        parts.append(part)
        bad.extend(unreadable)
        rows += len(part["time"])
        spare.append(buffer)

    while True:
        buffer = spare.pop() if spare else bytearray(BLOCK)
        if len(buffer) <= len(rest):  # a line longer than a block
            buffer = bytearray(2 * len(rest))
        buffer[: len(rest)] = rest
        got = file.readinto(memoryview(buffer)[len(rest) :])
        size = len(rest) + got
        cut = buffer.rfind(b"\n", 0, size) + 1 if got else size
        rest = bytes(memoryview(buffer)[cut:size])
        if cut:
            data = memoryview(buffer)[:cut]
            waiting.append(
                (begin, buffer, pool.submit(_parse_block, data, buffer.count(b"\n", 0, cut)))
            )
            begin += cut
        while len(waiting) > (2 if got else 0):
            take()
        if not got:
            return parts, blocks, bad


def _parse_block(data: memoryview, ends: int) -> tuple[Columns, int, Any, list[bytes]]:
    fast = fast_columns(data)
    whole = data[-1] == ord("\n")
    if fast is not None and len(fast["time"]) == ends + (not whole):
        return fast, len(data), None, []
    rows, places, bad = [], [], []
    lines = bytes(data).split(b"\n")
    for place, line in enumerate(lines):
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            event = None
        if isinstance(event, dict):
            rows.append(event_row(event))
            places.append(place)
        elif line.strip() and (whole or place < len(lines) - 1):
            bad.append(line)  # but not the end of a file, cut off while it was written
    return slow_columns(rows), len(data), np.array(places, dtype=np.int64), bad


class _Source:
    """Reads single events back, a block at a time, as long as the file is the same."""

    def __init__(self, path: Path, stamp: tuple[int, int], blocks: list[_Block]) -> None:
        self.path, self.stamp, self.blocks = path, stamp, blocks
        self.firsts = [block.first for block in blocks]
        self.labels = _Part(self, "labels")
        self.attributes = _Part(self, "attributes")
        self._at = -1
        self._lines: list[bytes] = []

    def row(self, place: int) -> dict[str, Any]:
        number = int(np.searchsorted(self.firsts, place, side="right")) - 1
        block = self.blocks[number]
        if number != self._at:
            self._lines, self._at = self._read(block), number
        line = place - block.first
        return event_row(
            orjson.loads(self._lines[line if block.lines is None else block.lines[line]])
        )

    def _read(self, block: _Block) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                stat = os.fstat(file.fileno())
                file.seek(block.begin)
                data = file.read(block.size)
        except FileNotFoundError:
            raise self._gone("is gone") from None
        grown = stat.st_size >= self.stamp[0] and len(data) == block.size
        if not grown or (stat.st_size == self.stamp[0] and stat.st_mtime_ns != self.stamp[1]):
            raise self._gone("has changed")
        return data.split(b"\n")

    def _gone(self, what: str) -> OpskitError:
        return BadResponse(
            f"{self.path} {what}, and labels and attributes are read from it when looked at.",
            "Read the file again, or keep what you need with .map(dict) before it changes.",
        )


class _Part:
    """One of the two dicts of an event. Equal parts of one source are the same reader."""

    def __init__(self, source: _Source, name: str) -> None:
        self.source, self.name = source, name

    def __call__(self, place: int) -> dict[str, Any]:
        found: dict[str, Any] = self.source.row(place)[self.name]
        return found
