"""Finding the recorded answer to a request.

Requests are looked up by what they ask for, so the cost does not grow with the cassette. Equal
requests play in the order in which they were recorded. When they run out, GET and HEAD repeat the
last answer, and so does a terminal that is resized; anything else is refused, because it would
have changed something once more.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from opskit.cassette.canonical import MATCH_ON, Form, form
from opskit.cassette.difference import differences, short
from opskit.cassette.format import Exchanges, requests_of
from opskit.cassette.model import Body, Exchange, Headers, Request
from opskit.cassette.names import Names, bonds
from opskit.cassette.nearest import describe
from opskit.cassette.playback import Playback
from opskit.cassette.redact import Redactor
from opskit.cassette.said import Said
from opskit.errors import NoRecordedMatch

__all__ = ["Index", "Match", "shape_of_path"]

SAFE = {"GET", "HEAD"}
CANDIDATES = 400
"""How many recorded requests of the same shape are compared before giving up."""

_FIXED = """
_ping archive attach auth build changes commit configs connect containers create df disable
disconnect distribution enable events exec export get grpc history images info init join json
kill leave load logs networks nodes pause plugins privileges prune pull push rename resize
restart search secrets services session set start stats stop swarm system tag tasks top unlock
unlockkey unpause update upgrade version volumes wait ws
"""
_WORDS = frozenset(_FIXED.split())
"""Parts of the Engine API's paths that are not an object's name."""

_OBJECT = re.compile(r"\0(/\0)+")


@dataclass(slots=True)
class Match:
    """A recorded exchange that answers a request.

    Attributes
    ----------
    exchange : Exchange
        As it was recorded.
    repeated : bool
        Whether it has been played before.
    names : Names
        New values that stand for recorded ones, those of the whole replay.
    """

    exchange: Exchange
    repeated: bool
    names: Names

    def playback(self) -> Playback:
        """The answer as it is to be said now."""
        return Playback(self.exchange, self.names)


class Index:
    """The exchanges of a cassette, to be found by request.

    Parameters
    ----------
    exchanges : Sequence[Exchange]
        In recorded order.
    match_on : collection of str
        What has to agree, in vcrpy's words: ``method``, ``path``, ``query``, ``body``.
    strict_version : bool
        Whether a request for another API version is another request.
    names : bool
        Whether generated names are learned.
    redactor : Redactor, optional
        Masks requests as they were masked when they were recorded.
    """

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        *,
        match_on: Collection[str] = MATCH_ON,
        strict_version: bool = False,
        names: bool = True,
        redactor: Redactor | None = None,
    ) -> None:
        self._exchanges = exchanges
        if unknown := set(match_on) - set(MATCH_ON):
            raise ValueError(f"no such part of a request: {', '.join(sorted(unknown))}")
        self._on = frozenset(match_on) | ({"version"} if strict_version else set())
        self._learn = names
        self._redactor = redactor or Redactor()
        self._queues: dict[bytes, int | array[int]] = {}
        self._next: dict[bytes, int] = {}
        self._played: set[int] = set()
        self._last = -1
        self._shapes: dict[Any, array[int]] | None = None
        self._said = Said(exchanges)
        self.names = Names()
        for index, request in enumerate(requests_of(exchanges)):
            key = self._key(self._form(request))
            same = self._queues.setdefault(key, index)
            if isinstance(same, array):
                same.append(index)
            elif same != index:
                self._queues[key] = array("L", (same, index))

    def find(self, method: str, target: str, headers: Headers, body: Body) -> Match:
        """The recorded exchange to answer a request with.

        Raises
        ------
        NoRecordedMatch
            There is none. The message names the request, the nearest recorded ones and what
            differs.
        """
        asked = self._form(Request(method, target, body=body))
        read = self.names.incoming(asked)
        key = self._key(read)
        same = self._queues.get(key, ())
        queue: Sequence[int] = (same,) if isinstance(same, int) else same
        if queue:
            place = self._next.get(key, 0)
            while place < len(queue) and queue[place] in self._played:
                place += 1
            self._next[key] = place + 1
            if place < len(queue):
                return self._play(queue[place])
            if method in SAFE or read.path.endswith("/resize"):
                return self._play(queue[-1], repeated=True)
        found = self._nearly(read)
        if found is not None:
            return found
        raise self._refusal(method, target, read, len(queue))

    def unplayed(self) -> list[int]:
        """Places of the exchanges that were never played."""
        return [i for i in range(len(self._exchanges)) if i not in self._played]

    def numbered(self, place: int) -> tuple[int, Request]:
        """The number of an exchange in its recording, and its request."""
        return _number(self._exchanges, place), _request(self._exchanges, place)

    def _play(self, index: int, *, repeated: bool = False) -> Match:
        self._played.add(index)
        self._last = index
        return Match(self._exchanges[index], repeated, self.names)

    def _nearly(self, asked: Form) -> Match | None:
        """The recorded request that differs only in masked or made-up values, if there is one."""
        best: tuple[int, int, dict[str, str]] | None = None
        for index in self._alike(asked, again=asked.method in SAFE):
            recorded = self._form(_request(self._exchanges, index))
            if "version" in self._on and recorded.version != asked.version:
                continue
            found = [d for d in differences(recorded, asked) if d.part in self._on]
            pairs = bonds(found, self._said, index) if self._learn else None if found else {}
            if pairs is None:
                continue
            cost = len(found) + sum(4 for old in pairs.values() if self.names.bound(old))
            if best is None or cost < best[0]:
                best = cost, index, pairs
            if cost <= 1:
                break
        if best is None:
            return None
        for new, old in best[2].items():
            self.names.bind(new, old)
        return self._play(best[1], repeated=best[1] in self._played)

    def _alike(self, asked: Form, *, again: bool) -> Iterator[int]:
        """Recorded requests of the same shape: those not played yet, from the last played on."""
        same = self._by_shape().get(_shape(asked, self._on), array("L"))
        start = bisect_left(same, self._last)
        onward = chain(islice(same, start, None), islice(same, 0, start))
        yield from islice((i for i in onward if i not in self._played), CANDIDATES)
        if again:
            yield from islice((i for i in reversed(same) if i in self._played), CANDIDATES)

    def _by_shape(self) -> dict[Any, array[int]]:
        if self._shapes is None:
            self._shapes = {}
            for index, request in enumerate(requests_of(self._exchanges)):
                shape = _shape(self._form(request), self._on)
                self._shapes.setdefault(shape, array("L")).append(index)
        return self._shapes

    def _form(self, request: Request) -> Form:
        target, body = request.target, request.body
        return form(
            request.method, self._redactor.target(target), self._redactor.body(target, body)
        )

    def _key(self, asked: Form) -> bytes:
        return asked.key(self._on)

    def _refusal(self, method: str, target: str, asked: Form, times: int) -> NoRecordedMatch:
        request = f"{method} {short(target)}"
        if times:
            count = "once" if times == 1 else f"{times} times"
            what = f"{request} was recorded {count}, and has been played as often"
        else:
            what = f"{request} was not recorded"
        if near := self._near(asked):
            what += "\n" + near
        return NoRecordedMatch(
            what,
            "record again, or add to the cassette with mode new_episodes",
            status=501,
            message=what,
            request=request,
        )

    def _near(self, asked: Form) -> str:
        shapes = self._by_shape()
        shape = _shape(asked, self._on)
        kinds: list[Callable[[Any], bool]] = [
            lambda other: other == shape,
            lambda other: other[:2] == shape[:2],
            lambda other: other[1].split("/")[1:2] == shape[1].split("/")[1:2],
        ]
        same: list[int] = []
        for kind in kinds:
            same = same or [i for other, found in shapes.items() if kind(other) for i in found]
        return describe(
            asked,
            (
                (number, self._form(request), i in self._played)
                for i in same[:CANDIDATES]
                for number, request in (self.numbered(i),)
            ),
        )


def _shape(asked: Form, on: Collection[str]) -> tuple[str, str, tuple[str, ...], Any]:
    """What requests that differ only in values have in common."""
    body = asked.body if "body" in on else None
    inside = tuple(sorted(body)) if isinstance(body, dict) else type(body).__name__
    query = tuple(name for name, _ in asked.query) if "query" in on else ()
    return asked.method, shape_of_path(asked.path), query, inside


def shape_of_path(path: str) -> str:
    """A path with a NUL for each name of an object, however many slashes the name has."""
    parts = [part if part in _WORDS else "\0" for part in path.split("/")[1:]]
    return _OBJECT.sub("\0", "/" + "/".join(parts))


def _number(exchanges: Sequence[Exchange], index: int) -> int:
    if isinstance(exchanges, Exchanges):
        return exchanges.number(index)
    return exchanges[index].number


def _request(exchanges: Sequence[Exchange], index: int) -> Request:
    if isinstance(exchanges, Exchanges):
        return exchanges.request(index)
    return exchanges[index].request
