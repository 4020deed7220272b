"""Comparing two cassettes by what they mean.

The second is played against the first: its requests are looked up as a replay would look them
up. Names that the client made up and ids that the engine gave are then the same where they
stand for the same, and times, addresses and the way JSON is written do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from opskit.cassette.canonical import split_target
from opskit.cassette.difference import Difference, values_that_differ
from opskit.cassette.format import Cassette
from opskit.cassette.generated import clock_like, engine_made
from opskit.cassette.match import Index, Match
from opskit.cassette.model import Exchange, Response
from opskit.errors import NoRecordedMatch

__all__ = ["Change", "diff"]

_ID = re.compile(r"\b[0-9a-f]{12,64}\b")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing in which two cassettes differ.

    Attributes
    ----------
    what : str
        ``gone`` (only in the first), ``new`` (only in the second) or ``changed``.
    request : str
        Method, path and query.
    numbers : tuple of int
        Of the exchange in the first and in the second, 0 where it is not there.
    detail : str
        What has changed in the answer.
    """

    what: str
    request: str
    numbers: tuple[int, int]
    detail: str = ""


def diff(first: Cassette, second: Cassette) -> list[Change]:
    """What differs between two cassettes."""
    index = Index(first.exchanges)
    changes: list[Change] = []
    for exchange in second.exchanges:
        request = exchange.request
        try:
            match = index.find(request.method, request.target, request.headers, request.body)
        except NoRecordedMatch:
            changes.append(Change("new", _asked(exchange), (0, exchange.number)))
            continue
        if match.repeated:
            changes.append(Change("new", _asked(exchange), (0, exchange.number), "once more"))
            continue
        numbers = match.exchange.number, exchange.number
        changes += (
            Change("changed", _asked(exchange), numbers, detail)
            for detail in _answers(match, exchange)
        )
    for place in index.unplayed():
        left = first.exchanges[place]
        changes.append(Change("gone", _asked(left), (left.number, 0)))
    return changes


def _asked(exchange: Exchange) -> str:
    _, path, query = split_target(exchange.request.target)
    return f"{exchange.request.method} {path}" + (f"?{query}" if query else "")


def _answers(match: Match, exchange: Exchange) -> Iterator[str]:
    ours, theirs = match.exchange.response, exchange.response
    if match.exchange.end is not exchange.end:
        yield f"end: {match.exchange.end.value} → {exchange.end.value}"
    if ours is None or theirs is None:
        if ours is not theirs:
            yield "answer: " + ("none → one" if ours is None else "one → none")
        return
    if ours.status != theirs.status:
        yield f"status: {ours.status} → {theirs.status}"
    kinds = [_kind(response) for response in (ours, theirs)]
    if kinds[0] != kinds[1]:
        yield f"content-type: {kinds[0]} → {kinds[1]}"
    if ours.blob is None and theirs.blob is None:
        yield from _bodies(match, ours.body(), theirs.body())
    elif (ours.blob or "")[-64:] != (theirs.blob or "")[-64:]:
        yield "body: another one"


def _bodies(match: Match, ours: bytes, theirs: bytes) -> Iterator[str]:
    after = list(_texts(theirs))
    # What the engine gave in the same place stands for the same from here on.
    for difference in _pairwise(_texts(ours), after):
        if difference.alike and _same_by_meaning(difference):
            match.names.bind(difference.asked, difference.recorded)
    before = list(_texts(match.names.outgoing(ours)))
    if len(before) != len(after):
        yield f"body: {len(before)} texts → {len(after)}"
    for difference in _pairwise(before, after):
        if not _same_by_meaning(difference):
            place = difference.place.removeprefix("body").strip() or "body"
            yield f"{place}: {difference.recorded:.60} → {difference.asked:.60}"


def _pairwise(before: Iterable[Any], after: Iterable[Any]) -> Iterator[Difference]:
    for one, other in zip(before, after, strict=False):
        yield from values_that_differ(one, other)


def _same_by_meaning(difference: Difference) -> bool:
    pair = difference.recorded, difference.asked
    if all(map(clock_like, pair)) or all(map(engine_made, pair)):
        return True
    # Paths with ids in them: /var/lib/docker/overlay2/c68cb3369c48…/diff
    texts = {_ID.sub("#", text) for text in pair}
    return len(texts) == 1


def _texts(body: bytes) -> Iterator[Any]:
    """The JSON texts of a body, one or a stream of them; else its lines."""
    try:
        yield orjson.loads(body)
        return
    except ValueError:
        pass
    for line in body.splitlines():
        if line.strip():
            try:
                yield orjson.loads(line)
            except ValueError:
                yield line.decode("utf-8", "backslashreplace")


def _kind(response: Response) -> str:
    return next((value for name, value in response.headers if name.lower() == "content-type"), "")
