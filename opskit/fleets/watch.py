"""The events of several engines as they happen, in the order of time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping

from opskit.closing import Closing
from opskit.errors import OpskitError
from opskit.events.watch import NOT_EVENTS, Row, Watch
from opskit.fleets.frames import FleetWarning

__all__ = ["FleetWatch"]


class FleetWatch(Closing, Iterator[Row]):
    """What ``fleet.watch()`` gives: an iterator and context manager of rows of all engines.

    A row is held back for ``settle`` seconds, in which an earlier one of another engine may come.
    Clocks of engines that differ by more than that mix the order up.

    Parameters
    ----------
    watches : mapping of str to Watch
        One for each engine, by its name; they are closed with this one.
    timeout : float, optional
        Seconds after which the iteration ends.
    limit : int, optional
        Events after which it ends.
    settle : float
        Seconds to wait for earlier rows of other engines.
    """

    def __init__(
        self,
        watches: Mapping[str, Watch],
        *,
        timeout: float | None = None,
        limit: int | None = None,
        settle: float = 0.2,
    ) -> None:
        self._watches = dict(watches)
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._left = limit
        self._settle = settle
        self._ready = threading.Event()
        self._rows: list[tuple[int, int, float, Row]] = []
        self._count = itertools.count()
        self._end = weakref.finalize(self, _close, list(watches.values()))

    def __next__(self) -> Row:
        try:
            row = None if self._left == 0 else self._next()
        except BaseException:  # an interrupt too: nothing may go on draining for nobody
            self.close()
            raise
        if row is None:
            self.close()
            raise StopIteration
        if self._left is not None and row["type"] not in NOT_EVENTS:
            self._left -= 1
        return row

    def _next(self) -> Row | None:
        while True:
            self._ready.clear()
            waiting = self._collect()
            now = time.monotonic()
            over = not self._watches or (self._deadline is not None and now >= self._deadline)
            if self._rows and (over or now - self._rows[0][2] >= self._settle):
                return heapq.heappop(self._rows)[3]
            if over:
                return None
            ends = [] if self._deadline is None else [self._deadline - now]
            ends += [self._settle - (now - self._rows[0][2])] if self._rows else []
            if waiting:
                self._ready.wait(min(ends, default=None))

    def _collect(self) -> bool:
        """Take what has come; whether all engines were asked to say when there is more."""
        for name, watch in list(self._watches.items()):
            try:
                while (row := watch.poll(0)) is not None:
                    self._hold(name, row)
            except OpskitError as error:
                warnings.warn(f"watch: {name} is left out: {error}", FleetWarning, stacklevel=4)
                del self._watches[name]
                continue
            if watch.ended:
                del self._watches[name]
        asked = [watch.call_when_ready(self._ready.set) for watch in self._watches.values()]
        return all(asked)

    def _hold(self, name: str, row: Row) -> None:
        at = row.get("time")
        order = time.time_ns() if at is None else int(at.value)
        entry = (order, next(self._count), time.monotonic(), row | {"engine": name})
        heapq.heappush(self._rows, entry)

    @property
    def connected(self) -> dict[str, bool]:
        """Which of the engines can be heard at this moment."""
        return {name: watch.connected for name, watch in self._watches.items()}

    def close(self) -> None:
        """End the watch of all engines, and the iteration."""
        self._end()
        self._watches.clear()

    def __repr__(self) -> str:
        return f"<FleetWatch of {', '.join(self._watches) or 'nothing: it has ended'}>"


def _close(watches: Iterable[Watch]) -> None:
    for watch in watches:
        watch.close()
