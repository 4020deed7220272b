"""Editing a cassette as a whole: without some exchanges, or with more of it masked."""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from opskit.cassette.canonical import split_target
from opskit.cassette.format import Cassette, write
from opskit.cassette.model import Exchange, Piece, Response
from opskit.cassette.records import Spool, spool_of
from opskit.cassette.redact import Redactor
from opskit.errors import CassetteError

__all__ = ["edited", "selector"]

_NUMBERS = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


def selector(which: str) -> Callable[[Exchange], bool]:
    """What a selection means.

    Parameters
    ----------
    which : str
        Numbers (``3,5-7``), or a pattern of method and path (``GET /events*``, ``*/stats``).
    """
    if _NUMBERS.fullmatch(which):
        chosen: set[int] = set()
        for part in which.split(","):
            low, _, high = part.partition("-")
            chosen.update(range(int(low), int(high or low) + 1))
        return lambda exchange: exchange.number in chosen
    method, _, pattern = which.partition(" ") if " " in which else ("*", "", which)

    def select(exchange: Exchange) -> bool:
        _, path, _ = split_target(exchange.request.target)
        return fnmatch.fnmatchcase(exchange.request.method, method) and fnmatch.fnmatchcase(
            path, pattern
        )

    return select


def edited(
    cassette: Cassette,
    target: Path,
    *,
    drop: Iterable[str] = (),
    redact: Iterable[str] = (),
) -> int:
    """Write a cassette anew; give the number of exchanges that were dropped.

    Parameters
    ----------
    cassette : Cassette
        What is there.
    target : Path
        Where it is written, in one step; may be where it was read.
    drop : iterable of str
        Exchanges to leave out, see `selector`.
    redact : iterable of str
        Literals to mask, beside what is masked by name.
    """
    drops = [selector(which) for which in drop]
    kept = [e for e in cassette.exchanges if not any(select(e) for select in drops)]
    dropped = len(cassette.exchanges) - len(kept)
    if drops and not dropped:
        raise CassetteError("nothing matches what is to be dropped", "see `opskit cassette show`")
    metadata = {**cassette.metadata, "exchanges": len(kept)}
    literals = list(redact)
    redactor = Redactor(literals) if literals else None
    items = (masked(e, redactor) if redactor else _item(e) for e in kept)
    write(target, items, metadata)
    return dropped


def _item(exchange: Exchange) -> tuple[Exchange, Spool | None]:
    return exchange, spool_of(exchange.response) if exchange.response else None


def masked(exchange: Exchange, redactor: Redactor) -> tuple[Exchange, Spool | None]:
    """An exchange with its secrets covered."""
    request, response = redactor.request(exchange.request), exchange.response
    if response is None:
        return dataclasses.replace(exchange, request=request), None
    head = redactor.response(exchange.request, response)
    if response.blob is None:
        head.pieces = list(_pieces(exchange, response, redactor))
        return dataclasses.replace(exchange, request=request, response=head), spool_of(head)
    filter = redactor.stream(exchange.request, response, "engine")
    data = filter.feed(Path(response.blob).read_bytes()) + filter.flush()
    if hashlib.sha256(data).hexdigest() == Path(response.blob).name:
        return dataclasses.replace(exchange, request=request, response=head), spool_of(response)
    return dataclasses.replace(exchange, request=request, response=head), Spool(data)


def _pieces(exchange: Exchange, response: Response, redactor: Redactor) -> Iterator[Piece]:
    """The same pieces, each as long as it was."""
    text = {}
    for side in ("engine", "client"):
        filter = redactor.stream(
            exchange.request, response, "engine" if side == "engine" else "client"
        )
        parts = [p.data for p in response.pieces if p.side == side and p.data]
        text[side] = b"".join([*map(filter.feed, parts), filter.flush()])
    for piece in response.pieces:
        if piece.data is None:
            yield piece
            continue
        size = len(piece.data)
        yield dataclasses.replace(piece, data=text[piece.side][:size])
        text[piece.side] = text[piece.side][size:]
