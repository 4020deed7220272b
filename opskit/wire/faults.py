"""An engine that misbehaves, on purpose: for trying automation against one.

>>> from opskit.wire import faults
>>> with opskit.replay("shop.yaml", faults=[
...     faults.latency(0.5, on="GET /containers/json"),
...     faults.error(500, on="POST /containers/*/start", times=1),
...     faults.cut(after=100, on="GET /containers/*/logs", chance=0.2),
... ]) as engine: ...

The first fault that applies to a request is the one that happens. Chances are drawn from ``seed``,
so that a run can be repeated.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Literal

from opskit.cassette.model import End, Framing
from opskit.wire.call import Call, Client, Service, refusal

__all__ = ["Fault", "Faults", "cut", "error", "latency", "refuse", "stall"]

_VERSION = re.compile(r"/v[0-9]+(\.[0-9]+)+(?=/)")
_Kind = Literal["latency", "error", "cut", "stall", "refuse"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of misbehaviour; made by the functions of this module.

    Attributes
    ----------
    kind : {"latency", "error", "cut", "stall", "refuse"}
        What happens.
    on : str
        To which requests: method and path, without API version and query, ``*`` for any part.
    times : int or None
        How often it happens, at most.
    chance : float
        How likely it is for each request that it applies to, from 0 to 1.
    amount : float
        Seconds of latency, bytes before a cut or stall, status of an error.
    message : str
        What an error says.
    """

    kind: _Kind
    on: str = "*"
    times: int | None = None
    chance: float = 1.0
    amount: float = 0.0
    message: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise ValueError(f"a chance is from 0 to 1, not {self.chance}")
        if self.amount < 0:
            raise ValueError(f"{self.kind} takes no negative amount: {self.amount}")

    def applies(self, method: str, path: str) -> bool:
        """Whether it concerns this request."""
        return fnmatchcase(f"{method} {_VERSION.sub('', path, count=1)}", self.on)


def latency(
    seconds: float, *, on: str = "*", times: int | None = None, chance: float = 1.0
) -> Fault:
    """Answer later."""
    return Fault("latency", on, times, chance, seconds)


def error(
    status: int = 500,
    message: str = "the engine misbehaves, as it was told to",
    *,
    on: str = "*",
    times: int | None = None,
    chance: float = 1.0,
) -> Fault:
    """Answer with an error."""
    return Fault("error", on, times, chance, status, message)


def cut(after: int = 0, *, on: str = "*", times: int | None = None, chance: float = 1.0) -> Fault:
    """Close the connection after so many bytes of the answer's body."""
    return Fault("cut", on, times, chance, after)


def stall(after: int = 0, *, on: str = "*", times: int | None = None, chance: float = 1.0) -> Fault:
    """Go silent after so many bytes of the answer's body, with the connection open."""
    return Fault("stall", on, times, chance, after)


def refuse(*, on: str = "*", times: int | None = None, chance: float = 1.0) -> Fault:
    """Close the connection without an answer."""
    return Fault("refuse", on, times, chance)


class Faults:
    """A service whose calls go wrong in the ways that were asked for.

    Parameters
    ----------
    inner : Service
        Answers what does not go wrong, and what goes wrong on its way.
    faults : iterable of Fault
        What may go wrong.
    seed : int
        For chances.
    """

    def __init__(self, inner: Service, faults: Iterable[Fault], *, seed: int = 0) -> None:
        self._inner = inner
        self._faults = list(faults)
        self._left = [fault.times for fault in self._faults]
        self._random = random.Random(seed)

    async def release(self, client: Client) -> None:
        """The client's connection has ended."""
        await self._inner.release(client)

    async def serve(self, call: Call) -> None:
        """Answer one call, or do to it what a fault says."""
        fault = self._fault(call)
        if fault is None:
            await self._inner.serve(call)
        elif fault.kind == "latency":
            with call.while_client_stays():
                await asyncio.sleep(fault.amount)
            await self._inner.serve(call)
        elif fault.kind == "error":
            await self._fail(call, fault)
        elif fault.kind == "refuse":
            call.keep = False
            call.finish(End.ENGINE_LOST)
        else:
            await self._choke(call, fault)

    def _fault(self, call: Call) -> Fault | None:
        for place, fault in enumerate(self._faults):
            left = self._left[place]
            if left == 0 or not fault.applies(call.request.method, call.request.path):
                continue
            if self._random.random() >= fault.chance:
                continue
            self._left[place] = None if left is None else left - 1
            return fault
        return None

    async def _fail(self, call: Call, fault: Fault) -> None:
        while await call.read(timely=True):
            pass
        status = HTTPStatus(int(fault.amount))
        head, body = refusal(status, status.phrase, fault.message)
        call.keep = False
        call.client.duplex.send(head.raw if call.request.method == "HEAD" else head.raw + body)
        call.respond(head, Framing.LENGTH)

    async def _choke(self, call: Call, fault: Fault) -> None:
        duplex = call.client.duplex
        duplex.sieve = _Sieve(int(fault.amount), closes=fault.kind == "cut").pass_on
        try:
            await self._inner.serve(call)
            if fault.kind == "stall":
                with call.while_client_stays(eof_is_leaving=True):
                    await asyncio.get_running_loop().create_future()
        except _Cut:
            call.keep = False
            call.finish(End.ENGINE_LOST)
        finally:
            duplex.sieve = None


class _Cut(ConnectionError):
    """The answer ends here."""


class _Sieve:
    """Lets through a head and so many bytes of the body."""

    def __init__(self, after: int, *, closes: bool) -> None:
        self._left = after
        self._closes = closes
        self._head = True

    def pass_on(self, data: bytes) -> tuple[bytes, Exception | None]:
        """What is sent of these bytes, and what happens then."""
        start = 0
        if data.startswith(b"HTTP/1.1 100 "):
            return data, None
        if self._head:
            start = data.find(b"\r\n\r\n") + 4
            self._head = False
        passed = data[: start + self._left]
        self._left -= len(passed) - start
        ends = self._closes and (len(passed) < len(data) or not self._left)
        return passed, _Cut("cut, as it was asked for") if ends else None
