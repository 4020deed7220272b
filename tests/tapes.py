"""Recordings written down by hand: who said what, in which order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Self

from opskit.cassette.match import Index
from opskit.cassette.model import Body, End, Exchange, Framing, Piece, Request, Response
from opskit.cassette.pace import pace_named
from opskit.wire.listen import listen
from opskit.wire.relay import Relay
from opskit.wire.replay import Player

__all__ = ["Said", "Tape"]


class Said:
    """One exchange; each call is the next thing that happens in the recording."""

    def __init__(self, tape: Tape, exchange: Exchange) -> None:
        self.tape = tape
        self.exchange = exchange

    def head(self, status: int = 200, framing: Framing = Framing.CHUNKED) -> Self:
        headers = [("Content-Type", "application/json")]
        if framing is Framing.HIJACK:
            status, headers = 101, [("Connection", "Upgrade"), ("Upgrade", "tcp")]
        order, at = self.tape.now()
        self.exchange.response = Response(status, "OK", headers, framing, order=order, at=at)
        self.tape.end(self.exchange, End.RECORDING_STOPPED)
        return self

    def says(self, data: bytes | None) -> Self:
        return self._piece("engine", data)

    def hears(self, data: bytes | None) -> Self:
        return self._piece("client", data)

    def _piece(self, side: str, data: bytes | None) -> Self:
        assert self.exchange.response is not None
        self.exchange.response.pieces.append(Piece(*self.tape.now(), side, data))  # type: ignore[arg-type]
        self.tape.end(self.exchange, End.RECORDING_STOPPED)
        return self

    def ends(self, end: End = End.COMPLETE) -> Self:
        self.tape.now()
        self.tape.end(self.exchange, end)
        return self

    def answers(self, data: bytes = b"", status: int = 200) -> Self:
        """Head, body and end, all at once."""
        self.head(status, Framing.LENGTH if data else Framing.NONE)
        return (self.says(data) if data else self).ends()


class Tape:
    """A recording: its order, and a clock that tests move on."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.order = 0
        self.clock = 0.0

    def now(self) -> tuple[int, float]:
        self.order += 1
        return self.order, self.clock

    def end(self, exchange: Exchange, end: End) -> None:
        exchange.end, exchange.end_order = end, self.order

    def later(self, seconds: float) -> None:
        self.clock += seconds

    def asks(self, method: str, target: str, body: bytes = b"") -> Said:
        order, at = self.now()
        request = Request(method, target, [], Body(body, length=len(body)), order=order, at=at)
        exchange = Exchange(len(self.exchanges) + 1, request)
        self.exchanges.append(exchange)
        self.end(exchange, End.RECORDING_STOPPED)
        return Said(self, exchange)

    @contextlib.contextmanager
    def replayed(self, pace: str = "causal") -> Iterator[Relay]:
        player = Player(Index(self.exchanges), pace_named(pace, self.exchanges))
        with Relay(player, listen()) as relay:
            yield relay
        assert relay.connections == 0
