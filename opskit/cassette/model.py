"""What a cassette holds: exchanges, each a request, a response and the pieces they came in.

The order of everything that happened in one recording is one sequence of numbers (``order``),
across all connections; times (``at``) are seconds since the recording began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

__all__ = [
    "Body",
    "End",
    "Exchange",
    "Framing",
    "Headers",
    "Piece",
    "RecordMode",
    "Request",
    "Response",
]

Headers = list[tuple[str, str]]
"""Names as they were sent, in order, repeated ones kept; latin-1 text."""


class Framing(StrEnum):
    """How the end of a message's body is known."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"
    HIJACK = "hijack"


class RecordMode(StrEnum):
    """What to do about a cassette that exists, in vcrpy's words (importing vcrpy takes long)."""

    ALL = "all"
    NEW_EPISODES = "new_episodes"
    NONE = "none"
    ONCE = "once"


class End(StrEnum):
    """How an exchange ended."""

    COMPLETE = "complete"
    CLIENT_LEFT = "client_left"
    ENGINE_LOST = "engine_lost"
    RECORDING_STOPPED = "recording_stopped"
    UNFINISHED = "unfinished"


@dataclass(slots=True)
class Body:
    """A request's body: its bytes, or only digest and length (uploaded archives).

    ``fingerprint`` is a digest of what an archive holds, whatever its members' order and times.
    """

    data: bytes | None = b""
    sha256: str = ""
    length: int = 0
    fingerprint: str = ""


@dataclass(slots=True)
class Piece:
    """Bytes that arrived together: a chunk of a stream, a read of a hijacked connection.

    ``data`` is None for a half-close: that side sends no more.
    """

    order: int
    at: float
    side: Literal["client", "engine"]
    data: bytes | None


@dataclass(slots=True)
class Request:
    """One request as the client sent it. ``target`` is path and query, undecoded."""

    method: str
    target: str
    headers: Headers = field(default_factory=list)
    body: Body = field(default_factory=Body)
    version: str = "1.1"
    order: int = 0
    at: float = 0.0


@dataclass(slots=True)
class Response:
    """One response. ``pieces`` are the body's chunks and, when hijacked, both directions.

    A large ordinary body may live in a file beside the cassette: then ``blob`` is its path, and
    ``pieces`` is empty.
    """

    status: int
    reason: str
    headers: Headers = field(default_factory=list)
    framing: Framing = Framing.LENGTH
    pieces: list[Piece] = field(default_factory=list)
    blob: str | None = None
    version: str = "1.1"
    order: int = 0
    at: float = 0.0

    def body(self) -> bytes:
        """Everything the engine sent after the head, in one piece."""
        return b"".join(p.data for p in self.pieces if p.side == "engine" and p.data)


@dataclass(slots=True)
class Exchange:
    """A request, its response, how it ended, and what else is known (``notes``)."""

    number: int
    request: Request
    response: Response | None = None
    end: End = End.COMPLETE
    end_order: int = 0
    replayable: bool = True
    notes: dict[str, Any] = field(default_factory=dict)

    def orders(self) -> Iterator[int]:
        """The places of this exchange in the order of the whole recording."""
        yield self.request.order
        if self.response is not None:
            yield self.response.order
            yield from (p.order for p in self.response.pieces)
        yield self.end_order
