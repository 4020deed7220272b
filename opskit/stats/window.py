"""Readings of many containers over a while, in bounded memory, and the frames made of them.

Readings stand in blocks of a structured array, 168 bytes each; a block goes when its youngest row
is older than the window. The two newest readings of each container stand apart, so that the latest
figures of hundreds are one vectorised comparison.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import pandas as pd

from opskit.frames.columns import NO_TIME, TEXT, build
from opskit.frames.rates import compare
from opskit.frames.readings import NOTHING, READING, Reading
from opskit.frames.stats import COLUMNS

__all__ = ["NOT_ASKED", "ROW_BYTES", "Said", "Track", "Window"]

NOT_ASKED = -1.0  # the CPU limit of a row whose container was not inspected (yet)

_NS = 1_000_000_000
_BLOCK = 256
_ROW = np.dtype(
    [*READING.descr, ("cpu_limit", "f8"), ("arrived", "i8"), ("series", "i4"), ("said", "i4")]
)
ROW_BYTES = _ROW.itemsize


class Said(IntEnum):
    """What a row has to say besides its figures."""

    NOTHING = 0
    PAUSED = 1
    RESTARTED = 2
    STOPPED = 3
    REMOVED = 4
    NO_ANSWER = 5


_WORDS = np.array(
    ["", "paused", "restarted: its counters began anew", "stopped", "removed",
     "the engine did not answer"], dtype=object,
)  # fmt: skip
_WITHOUT_FIGURES = np.isin(list(Said), (Said.STOPPED, Said.REMOVED, Said.NO_ANSWER))
_BEGINS_ANEW = _WITHOUT_FIGURES | np.isin(list(Said), (Said.RESTARTED,))


@dataclass(slots=True)
class Track:
    """One container's place in the window."""

    number: int
    id: str
    name: str
    note: str = ""
    live: bool = True
    gone: bool = False  # nobody adds to it any more
    count: int = 0  # rows
    comparable: int = 0  # rows with figures in a row, up to the newest


class Window:
    """The readings of the last `seconds`. Safe to read from any thread while one adds."""

    def __init__(self, seconds: float) -> None:
        self._keep = int(seconds * _NS)
        self._lock = threading.Lock()
        self._blocks: deque[Any] = deque([np.empty(_BLOCK, _ROW)])
        self._filled = 0
        self.tracks: list[Track] = []
        self._newest = np.empty(0, _ROW)
        self._before = np.empty(0, _ROW)
        self._texts: dict[str, tuple[list[str], Any]] = {}

    def track(self, id_: str, name: str, note: str) -> Track:
        """Begin to follow a container."""
        with self._lock:
            number = self._free_number()
            track = Track(number, id_, name, note)
            self.tracks[number : number + 1] = [track]
            self._newest[number]["time"] = self._before[number]["time"] = NO_TIME
        return track

    def _free_number(self) -> int:
        """The place of a container whose rows have all left the window, or a new one."""
        number = len(self.tracks)
        if number < len(self._newest):
            return number
        oldest = self._blocks[0]["arrived"][0] if len(self._blocks) > 1 else 0
        for track in self.tracks:
            if track.gone and self._newest["arrived"][track.number] < oldest:
                return track.number
        room = np.zeros(max(16, len(self._newest)), _ROW)
        self._newest = np.concatenate([self._newest, room])
        self._before = np.concatenate([self._before, room])
        return number

    def add(self, track: Track, read: Reading, said: Said, cpu_limit: float) -> None:
        """Put one reading at the end."""
        now = time.monotonic_ns()
        row = (*read, cpu_limit, now, track.number, said)
        with self._lock:
            if self._filled == _BLOCK:
                self._blocks.append(np.empty(_BLOCK, _ROW))
                self._filled = 0
                while len(self._blocks) > 2 and now - self._blocks[0]["arrived"][-1] > self._keep:
                    self._blocks.popleft()
            self._blocks[-1][self._filled] = row
            self._filled += 1
            self._before[track.number] = self._newest[track.number]
            self._newest[track.number] = row
            track.count += 1
            if _BEGINS_ANEW[said]:
                track.comparable = int(said is Said.RESTARTED)
            else:
                track.comparable += 1

    def say(self, track: Track, said: Said, when: int | None = None) -> None:
        """Put in a row without figures: something happened to the container at `when`."""
        moment = time.time_ns() if when is None else when
        self.add(track, NOTHING._replace(time=moment), said, np.nan)

    def fill_limit(self, track: Track, cpu_limit: float) -> None:
        """The limit is known now: it holds for the rows before too."""
        with self._lock:
            last = self._blocks[-1][: self._filled]
            for rows in (*list(self._blocks)[:-1], last, self._newest, self._before):
                unknown = (rows["series"] == track.number) & (rows["cpu_limit"] == NOT_ASKED)
                rows["cpu_limit"][unknown] = cpu_limit

    @property
    def nbytes(self) -> int:
        """Bytes that the readings take."""
        return len(self._blocks) * _BLOCK * ROW_BYTES

    def latest(self, stale: float) -> pd.DataFrame:
        """The newest figures of each live container; older than `stale` seconds is noted."""
        with self._lock:
            live = [track for track in self.tracks if track.live and track.count]
            live.sort(key=lambda track: track.name)
            at = [track.number for track in live]
            now, before = self._newest[at], self._before[at]
        notes = [track.note for track in live]
        for row in np.flatnonzero(time.monotonic_ns() - now["arrived"] > stale * _NS).tolist():
            age = (time.monotonic_ns() - int(now["arrived"][row])) / _NS
            notes[row] = f"no sample for {age:.0f} s"
        columns = _compared(now, before, np.array(notes, dtype=object))
        columns |= {"name": [track.name for track in live], "id": [track.id for track in live]}
        return build(COLUMNS, columns | self._kept(columns))

    def _kept(self, columns: dict[str, Any]) -> dict[str, Any]:
        """The columns of text as arrays: making those is slow, and they hardly ever change."""
        kept = {}
        for name in ("name", "id", "note"):
            known = self._texts.get(name)
            if known is None or known[0] != columns[name]:
                known = self._texts[name] = (columns[name], _texts(columns[name]))
            kept[name] = known[1]
        return kept

    def frame(self, last: float | None = None) -> pd.DataFrame:
        """All readings of the window, or of its `last` seconds, by time."""
        with self._lock:
            rows = np.concatenate([*list(self._blocks)[:-1], self._blocks[-1][: self._filled]])
            tracks = list(self.tracks)
        order = np.argsort(rows["series"], kind="stable")
        same = rows["series"][order[1:]] == rows["series"][order[:-1]]
        before = np.full(len(rows), -1)
        before[order[1:][same]] = order[:-1][same]
        keep = self._keep if last is None else min(self._keep, int(last * _NS))
        shown = rows["arrived"] >= time.monotonic_ns() - keep
        at = np.flatnonzero(shown)
        at = at[np.argsort(rows["time"][at], kind="stable")]
        now, earlier = rows[at], rows[before[at]]
        earlier["time"][before[at] < 0] = NO_TIME
        names, ids = _texts([t.name for t in tracks]), _texts([t.id for t in tracks])
        notes = np.array([track.note for track in tracks], dtype=object)
        who = now["series"]
        said = {"name": names.take(who), "id": ids.take(who)}
        return build(COLUMNS, said | _compared(now, earlier, notes[who] if len(who) else notes[:0]))


def _texts(values: list[str]) -> Any:
    series: Any = pd.Series  # the stubs know no dtype that is told at run time
    return series(values, dtype=TEXT).array


def _compared(now: Any, before: Any, notes: Any) -> dict[str, Any]:
    """The columns of rows; `before` is spoilt where it must not be compared with."""
    apart = _BEGINS_ANEW[now["said"]] | _WITHOUT_FIGURES[before["said"]]
    before["time"][apart] = NO_TIME
    limits = np.where(now["cpu_limit"] == NOT_ASKED, np.nan, now["cpu_limit"])
    words = np.where(now["said"] > 0, _WORDS[now["said"]], notes)
    return compare(now, before, limits, words.tolist())
