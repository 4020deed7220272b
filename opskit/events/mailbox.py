"""Between the thread that drains the engine and whoever reads: never in the way of the first."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

__all__ = ["EMPTY", "OVER", "Mailbox"]

Row = dict[str, Any]


class _Word:
    def __init__(self, word: str) -> None:
        self.word = word

    def __repr__(self) -> str:
        return self.word


EMPTY: Final = _Word("EMPTY")
OVER: Final = _Word("OVER")


class Mailbox:
    """Rows from one thread to another. Putting never waits: what a slow reader leaves is counted.

    Parameters
    ----------
    size : int
        Rows kept for the reader.
    missed : callable
        Makes the row that stands for rows that were not kept, of the first, the last, the count.
    """

    def __init__(self, size: int, missed: Callable[[Row, Row, int], Row]) -> None:
        self._size = size
        self._missed = missed
        self._rows: deque[Row] = deque()
        self._dropped: tuple[Row, Row, int] | None = None
        self._over = False
        self._error: BaseException | None = None
        self._ready = threading.Condition()
        self._call: Callable[[], object] | None = None

    def put(self, row: Row) -> None:
        """Hand a row over."""
        with self._ready:
            if len(self._rows) >= self._size:
                first, _, count = self._dropped or (row, row, 0)
                self._dropped = first, row, count + 1
                return
            if self._dropped:
                self._rows.append(self._missed(*self._dropped))
                self._dropped = None
            self._rows.append(row)
            self._tell()

    def end(self, error: BaseException | None = None) -> None:
        """No row follows; `error` is raised to the reader once it has read what there is."""
        with self._ready:
            if not self._over:
                self._over, self._error = True, error
                self._tell()

    def _tell(self) -> None:
        self._ready.notify()
        if self._call:
            call, self._call = self._call, None
            call()

    def take(self) -> Row | _Word:
        """A row, or EMPTY, or OVER."""
        with self._ready:
            return self._take()

    def _take(self) -> Row | _Word:
        if self._rows:
            return self._rows.popleft()
        if self._dropped:
            dropped, self._dropped = self._dropped, None
            return self._missed(*dropped)
        if not self._over:
            return EMPTY
        error, self._error = self._error, None
        if error:
            raise error
        return OVER

    def wait(self, seconds: float | None) -> Row | _Word:
        """A row, or OVER, or EMPTY after so many seconds."""
        with self._ready:
            if not self._rows and not self._dropped and not self._over:
                self._ready.wait(seconds)
            return self._take()

    def call_when_ready(self, call: Callable[[], object]) -> bool:
        """Have `call` called once something is there; False if something is there already."""
        with self._ready:
            if self._rows or self._dropped or self._over:
                return False
            self._call = call
            return True
