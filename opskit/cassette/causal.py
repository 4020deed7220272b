"""The causal pace: what is replayed keeps its order, without looking at a clock.

Everything in a recording has a place in one order, across all connections. In a replay the
engine's part (heads of answers, pieces of bodies, ends) is sent by these rules:

1. Something is sent once all that came before it in the *other exchanges under way* was sent. So
   ``/wait`` does not answer before the attach output that preceded it. An exchange whose client
   does not read, or that itself waits for the client, is not waited for.
2. Where the client speaks too (hijacked connections), something is sent once the client has sent
   as many bytes as before it in the recording, and has half-closed if it had.
3. What *listens* also waits for the calls that came before it but after the listener began, as
   far as they change something (neither GET nor HEAD). So an event follows the call that caused
   it. ``/events`` listens to all calls; a container's attach, exec, logs, stats and wait listen
   to the calls on that container, and leave other calls a moment (`SHORTLY`, once).

Other answers wait for no client: ordinary calls cannot deadlock, whatever a client does. What
waits under 2 and 3 may wait in vain, for a client that leaves out calls or makes them in another
order. So what is missing is given up

* when the client makes a changing call that in the recording came after the answer to the
  missing one;
* or when it is overdue: `GRACE` seconds later than it followed the listener's last piece in the
  recording (or `PATIENCE`, if that is less), with no changing call meanwhile. After that, the
  next that are missing have `SHORTLY` seconds each, until a changing call comes.

A repeated answer waits for nothing: its place in the order has passed.
"""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from opskit.cassette.format import requests_of
from opskit.cassette.listening import Listening
from opskit.cassette.model import End, Exchange, Request
from opskit.cassette.turns import AtOnce, Turns

__all__ = ["Causal"]

GRACE = 0.2
PATIENCE = 5.0
SHORTLY = 0.05


@dataclass(slots=True)
class _Missing:
    """Something that the client has not done yet: when it did, how to go on without it."""

    at: float
    give_up: Callable[[], None]
    patience: float | None = None


@dataclass(slots=True)
class _Call:
    order: int
    at: float
    target: str
    place: int


class _Turns:
    """The turns of one exchange under way."""

    def __init__(self, pace: Causal, exchange: Exchange) -> None:
        self.stuck = False
        self.missing: _Missing | None = None
        self.wanted: int | None = None  # the place of what waits to be sent
        self.indulgent = True
        self._pace = pace
        self._future: asyncio.Future[None] | None = None
        self._hasty = False
        self._received = 0.0
        self._to_send, self._to_come = _steps(exchange)
        head = exchange.response or exchange.request
        self.container, blocking = pace.listening.of(exchange.request.target)
        self.listens = self.container is not None
        self.next_call = 0
        self._at = head.at
        if self.listens:
            self.next_call = pace.calls_after((exchange.request if blocking else head).order)

    @property
    def next_sent(self) -> float:
        """The place of what is sent next."""
        return self._to_send[-1] if self._to_send else math.inf

    @property
    def next_come(self) -> float:
        """The place of what the client sends next."""
        return self._to_come[-1][0] if self._to_come else math.inf

    def harden(self) -> None:
        """Leave other containers' calls no more time to happen first."""
        self.indulgent = False

    def come_missing(self) -> _Missing:
        """What the client has not sent yet."""
        order, at, _ = self._to_come[-1]
        return _Missing(at, lambda: self._come(lambda step: step[0] <= order))

    def ready(self, order: int) -> bool:
        return self._pace.may_send(self, order)

    async def wait(self, order: int, at: float) -> None:
        while not self._pace.may_send(self, order):
            self.wanted = order
            self._future = asyncio.get_running_loop().create_future()
            timer = self._timer()
            try:
                await self._future
            finally:
                self._future = self.wanted = None
                if timer is not None:
                    timer.cancel()
        self._at = at

    def go(self) -> None:
        """Let `wait` look again."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def _timer(self) -> asyncio.TimerHandle | None:
        if self.missing is None:
            return None
        patience = self.missing.patience
        if patience is None:
            late = min(max(self.missing.at - self._at, 0.0), PATIENCE)
            patience = SHORTLY if self._hasty else late + GRACE
        loop = asyncio.get_running_loop()
        return loop.call_later(patience, self._overdue, self.missing, loop.time())

    def _overdue(self, missing: _Missing, since: float) -> None:
        if self._pace.changed_at > since:
            self._hasty = False
        else:
            self._hasty = missing.patience is None
            missing.give_up()
        self.go()

    def sent(self) -> None:
        if self._to_send:
            self._to_send.pop()
        self._pace.look()

    def received(self, count: int) -> None:
        self._received += count
        self._come(lambda step: step[2] <= self._received)

    def half_closed(self) -> None:
        self._come(lambda step: True)

    def _come(self, happened: Callable[[tuple[int, float, float]], bool]) -> None:
        while self._to_come and happened(self._to_come[-1]):
            self._to_come.pop()
        self._pace.look()

    def over(self) -> None:
        self._to_send.clear()
        self._to_come.clear()
        self._pace.leave(self)


class Causal:
    """The order of one replay (see the module's text for the rules).

    Parameters
    ----------
    exchanges : Sequence[Exchange]
        All that was recorded.
    """

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.changed_at = 0.0  # when the client last changed something
        self._exchanges = exchanges
        self._active: set[_Turns] = set()
        self._gone: set[int] = set()  # places of calls that were made or given up
        self._calls: list[_Call] | None = None
        self._orders: list[int] = []
        self._judged = 0  # calls before this were made, given up, or are in _pending
        self._pending: list[_Call] = []
        self.listening = Listening()

    def begin(self, exchange: Exchange, *, repeated: bool = False) -> Turns:
        """A client has made this exchange's request (``repeated``: not for the first time)."""
        self.listening.learn(exchange)
        if repeated:
            return AtOnce()
        if _changes(exchange.request):
            self.changed_at = asyncio.get_running_loop().time()
            self._gone.add(exchange.request.order)
            self._judge(exchange.request.order)
        turns = _Turns(self, exchange)
        self._active.add(turns)
        self.look()
        return turns

    def leave(self, turns: _Turns) -> None:
        """An exchange is over."""
        self._active.discard(turns)
        self.look()

    def look(self) -> None:
        """Something has happened: see who may send now."""
        for turns in self._active:
            if turns.wanted is not None and self.may_send(turns, turns.wanted):
                turns.go()

    def may_send(self, turns: _Turns, order: int) -> bool:
        """Whether it is the turn of what has this place; sets ``turns.missing`` if not."""
        turns.missing = None
        if turns.next_come < order:
            turns.missing = turns.come_missing()
        elif turns.listens:
            turns.missing = self._missing_call(turns, order)
        if turns.missing is not None:
            return False
        for other in self._active:
            if other is turns or other.stuck:
                continue
            if other.next_sent < order and other.missing is None:
                return False
            if turns.listens and other.next_come < order:
                turns.missing = other.come_missing()
                return False
        return True

    # calls that change something

    def calls_after(self, order: int) -> int:
        """The place among the changing calls where those after ``order`` begin."""
        if self._calls is None:
            self._calls = [
                _Call(request.order, request.at, request.target, place)
                for place, request in enumerate(requests_of(self._exchanges))
                if _changes(request)
            ]
            self._calls.sort(key=lambda call: call.order)
            self._orders = [call.order for call in self._calls]
        after = bisect_left(self._orders, order)
        self._judged = max(self._judged, after)
        return after

    def _missing_call(self, turns: _Turns, order: int) -> _Missing | None:
        assert self._calls is not None
        while turns.next_call < len(self._calls):
            call = self._calls[turns.next_call]
            if call.order >= order:
                break
            if call.order not in self._gone:
                if turns.container in ("*", self.listening.container(call.target)):
                    return _Missing(call.at, partial(self._gone.add, call.order))
                if turns.indulgent:
                    return _Missing(call.at, turns.harden, SHORTLY)
            turns.next_call += 1
        return None

    def _judge(self, order: int) -> None:
        """Give up the calls that were answered before this one was made."""
        if self._calls is None:
            return
        until = bisect_left(self._orders, order)
        candidates = self._pending + self._calls[self._judged : until]
        self._judged = max(self._judged, until)
        self._pending = []
        for call in candidates:
            if call.order in self._gone:
                continue
            response = self._exchanges[call.place].response if call.order < order else None
            if response is not None and response.order < order:
                self._gone.add(call.order)
            else:
                self._pending.append(call)


def _steps(exchange: Exchange) -> tuple[list[int], list[tuple[int, float, float]]]:
    """What the engine sent and what the client sent on a hijacked connection, last first."""
    response = exchange.response
    if response is None:
        return [], []
    engine = [response.order]
    client: list[tuple[int, float, float]] = []
    total = 0.0
    for piece in response.pieces:
        if piece.side == "engine":
            engine.append(piece.order)
        else:
            total = math.inf if piece.data is None else total + len(piece.data)
            client.append((piece.order, piece.at, total))
    if exchange.end in (End.COMPLETE, End.ENGINE_LOST):
        engine.append(exchange.end_order)
    return engine[::-1], client[::-1]


def _changes(request: Request) -> bool:
    return request.method not in ("GET", "HEAD")
