"""Events as they happen: an iterator over what a thread of its own drains from the engine."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from opskit.closing import Closing
from opskit.errors import EngineError
from opskit.events.drain import Drain
from opskit.events.mailbox import EMPTY, OVER
from opskit.frames.event_evidence import EXECS, healthcheck_command

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["Watch"]

Row = dict[str, Any]
NOT_EVENTS = frozenset({"gap", "reconcile"})
REMEMBERED = 10_000
UNKNOWN = ""


class Watch(Closing, Iterator[Row]):
    """What ``engine.watch()`` gives: an iterator and async iterator, and a context manager.

    It ends by itself after `timeout` seconds or `limit` events, and at once when it is closed,
    interrupted, or nobody holds it any more.
    """

    def __init__(
        self,
        drain: Drain,
        *,
        timeout: float | None = None,
        limit: int | None = None,
        check: bool = True,
    ) -> None:
        self._drain = drain
        self._mailbox = drain.mailbox
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._left = limit
        self._probes = _Probes(drain.engine) if check else None
        self._end = weakref.finalize(self, drain.stop)
        drain.start()

    @property
    def connected(self) -> bool:
        """Whether the engine can be heard at this moment."""
        return self._drain.connected and not self._drain.stopped.is_set()

    def close(self) -> None:
        """End the watch: its thread, its connection and the iteration."""
        self._end()

    def __next__(self) -> Row:
        row = self._wait(self._remaining()) if self._left != 0 else OVER
        if row is EMPTY or row is OVER:
            self.close()
            raise StopIteration
        return self._given(row)

    def poll(self, seconds: float) -> Row | None:
        """The next row if it comes within so many seconds; None if not, or at the end."""
        row = self._wait(seconds)
        return None if row is EMPTY or row is OVER else self._given(row)

    def _wait(self, seconds: float | None) -> Any:
        try:
            return self._mailbox.wait(seconds)
        except BaseException:  # an interrupt too: nothing may go on draining for nobody
            self.close()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row:
        if self._left == 0:
            self.close()
            raise StopAsyncIteration
        while (row := self._mailbox.take()) is EMPTY:
            ready = asyncio.Event()
            wake = partial(asyncio.get_running_loop().call_soon_threadsafe, ready.set)
            if self._mailbox.call_when_ready(wake):
                try:
                    await asyncio.wait_for(ready.wait(), self._remaining())
                except TimeoutError:
                    break
        if row is EMPTY or row is OVER:
            self.close()
            raise StopAsyncIteration
        return await asyncio.to_thread(self._given, row) if self._asks(row) else self._given(row)

    def _remaining(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _asks(self, row: Any) -> bool:
        return self._probes is not None and self._probes.asks(row)

    def _given(self, row: Any) -> Row:
        given: Row = row
        if self._left is not None and given["type"] not in NOT_EVENTS:
            self._left -= 1
        if self._probes is not None and given["action"] in EXECS:
            given["healthcheck"] = self._probes.tell(given)
        return given

    def __repr__(self) -> str:
        state = "connected" if self.connected else "closed" if self.ended else "away"
        return f"<Watch of {self._drain.engine.address}, {state}>"

    @property
    def ended(self) -> bool:
        """Whether nothing is read from the engine any more; rows that were may be left."""
        return self._drain.stopped.is_set()

    def call_when_ready(self, call: Callable[[], object]) -> bool:
        """Have `call` called, by another thread, once `poll` has something; False if it has now."""
        return self._mailbox.call_when_ready(call)


class _Probes:
    """Which execs are healthchecks: asks for each container once, when its first exec shows."""

    def __init__(self, engine: RawEngine) -> None:
        self._engine = engine
        self._checks: OrderedDict[str, str | None] = OrderedDict()
        self._commands: OrderedDict[str, str] = OrderedDict()

    def asks(self, row: Row) -> bool:
        """Whether telling takes a request."""
        return row["action"] in EXECS and row["container"] not in self._checks

    def tell(self, row: Row) -> bool | None:
        ident, exec_id = row["container"], row["exec_id"]
        if ident not in self._checks:
            _keep(self._checks, ident, self._ask(ident))
        check = self._checks[ident]
        if exec_id and row["detail"]:
            _keep(self._commands, exec_id, row["detail"])
        command = row["detail"] or self._commands.get(exec_id or "")
        if check is None:
            return False
        return None if check == UNKNOWN or command is None else command == check

    def _ask(self, ident: str | None) -> str | None:
        """The command, None if there is no healthcheck, UNKNOWN if the container is gone."""
        try:
            return healthcheck_command(self._engine.get(f"/containers/{ident}/json", timeout=5))
        except EngineError:
            return UNKNOWN


def _keep(memory: OrderedDict[str, Any], key: str, value: Any) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
