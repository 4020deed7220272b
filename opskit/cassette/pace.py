"""When a replay sends the next thing: in causal order, at recorded times, or at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from opskit.cassette.causal import Causal
from opskit.cassette.model import Exchange
from opskit.cassette.turns import AtOnce, Turns

__all__ = ["PACES", "Pace", "pace_named"]

PACES = ("causal", "recorded", "instant")


class Pace(Protocol):
    """When things are sent in one replay."""

    def begin(self, exchange: Exchange, *, repeated: bool = False) -> Turns:
        """A client has made this exchange's request (``repeated``: not for the first time)."""


def pace_named(name: str, exchanges: Sequence[Exchange]) -> Pace:
    """The pace of this name: ``causal``, ``recorded`` or ``instant``."""
    if name == "causal":
        return Causal(exchanges)
    if name == "recorded":
        return Recorded()
    if name == "instant":
        return Instant()
    raise ValueError(f"no pace {name!r}: choose one of {', '.join(PACES)}")


class Instant:
    """Everything at once."""

    def begin(self, exchange: Exchange, *, repeated: bool = False) -> Turns:
        """Turns that have come."""
        return AtOnce()


class _OnTime(AtOnce):
    def __init__(self, begun: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._behind = self._loop.time() - begun

    def ready(self, order: int) -> bool:
        return False

    async def wait(self, order: int, at: float) -> None:
        if (left := at + self._behind - self._loop.time()) > 0:
            await asyncio.sleep(left)


class Recorded:
    """Each thing as long after its request as in the recording."""

    def begin(self, exchange: Exchange, *, repeated: bool = False) -> Turns:
        """Turns by the clock, which starts now."""
        return _OnTime(exchange.request.at)
