"""A recorded answer as it is said now: with the names that are bound at this moment."""

from __future__ import annotations

import base64
import io
from collections.abc import Generator
from pathlib import Path
from typing import Protocol

from opskit.cassette.archive import is_archive, rewritten
from opskit.cassette.model import Exchange, Framing, Headers, Piece, Response
from opskit.cassette.names import Names

__all__ = ["Playback"]

_STAT = "x-docker-container-path-stat"
_READ = 256 * 1024


class Playback:
    """An answer, piece by piece.

    Parameters
    ----------
    exchange : Exchange
        What was recorded.
    names : Names
        What is bound; may grow while a stream plays. A body with a length is said with what is
        bound when its length is asked for.

    Notes
    -----
    Names are written wherever they stand whole, but not where two frames of multiplexed output
    share one, and not in a large body that was announced with its length.
    """

    def __init__(self, exchange: Exchange, names: Names) -> None:
        self._names = names
        self._response = exchange.response or Response(502, "")
        self._engine = [p for p in self._response.pieces if p.side == "engine" and p.data]
        self._ends: dict[int, tuple[int, int]] = {}
        place = 0
        for piece in self._engine:
            end = place + len(piece.data or b"")
            self._ends[id(piece)] = place, end
            place = end
        self._text: _Said | None = None
        self._fixed: dict[int, bytes] | None = None

    def headers(self) -> Headers:
        """The head's fields; a recorded content-length is among them as it was."""
        if not self._names:
            return self._response.headers
        return [(name, self._header(name, value)) for name, value in self._response.headers]

    def length(self) -> int:
        """How many bytes the body has."""
        if self._response.blob is not None:
            return Path(self._response.blob).stat().st_size
        if self._fixed is None:
            self._fixed = {id(piece): self._data(piece) for piece in self._engine}
        return sum(map(len, self._fixed.values()))

    def file(self) -> Generator[bytes]:
        """What is sent of a large body that lives beside the cassette, bit by bit."""
        assert self._response.blob is not None
        with open(self._response.blob, "rb") as file:
            start = file.read(512)
            file.seek(0)
            if self._names and self._response.framing is not Framing.LENGTH and is_archive(start):
                yield from rewritten(file, self._names)
            else:
                while data := file.read(_READ):
                    yield data

    def data(self, piece: Piece) -> bytes:
        """What is sent for one of the engine's pieces: may be longer, shorter, or empty.

        Pieces are asked for in their order.
        """
        if self._fixed is not None:
            return self._fixed.get(id(piece), b"")
        return self._data(piece)

    def _data(self, piece: Piece) -> bytes:
        if not piece.data or (not self._names and self._text is None):
            return piece.data or b""
        if self._text is None:
            self._text = _said(self._response, b"".join(p.data or b"" for p in self._engine))
        return self._text.part(*self._ends[id(piece)], self._names)

    def _header(self, name: str, value: str) -> str:
        if name.lower() == _STAT:
            try:
                stat = self._names.outgoing(base64.b64decode(value))
            except ValueError:
                return value
            return base64.b64encode(stat).decode()
        raw = value.encode("latin-1", "replace")
        said = self._names.outgoing(raw)
        return value if said is raw else said.decode("latin-1")


class _Said(Protocol):
    """A body with names: the part that stands for what was recorded between two places."""

    def part(self, start: int, end: int, names: Names) -> bytes: ...


def _said(response: Response, body: bytes) -> _Said:
    if response.framing is not Framing.HIJACK and is_archive(body):
        return _Archive(body)
    frames = _frames(body)
    return _Frames(body, frames) if frames else _Text(body)


class _Text:
    """A text: a name that begins in one piece is said in it to its end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._done = 0

    def part(self, start: int, end: int, names: Names) -> bytes:
        place = max(start, self._done)
        parts = []
        for begin, stop, new in names.spans(self._body, place, end) if place < end else ():
            parts += [self._body[place:begin], new]
            place = stop
        parts.append(self._body[place:end])
        self._done = max(place, end)
        return b"".join(parts)


class _Frames:
    """Multiplexed output: a frame whose text changes has another length in its header."""

    def __init__(self, body: bytes, frames: list[tuple[int, int]]) -> None:
        self._body = body
        self._frames = frames
        self._next = 0
        self._frame = b""
        self._sent = 0

    def part(self, start: int, end: int, names: Names) -> bytes:
        parts = []
        while self._next < len(self._frames):
            begin, stop = self._frames[self._next]
            if begin >= end:
                break
            if not self._frame:
                text = names.outgoing(self._body[begin + 8 : stop])
                header = self._body[begin : begin + 4] + len(text).to_bytes(4, "big")
                self._frame, self._sent = header + text, 0
            until = len(self._frame) if end >= stop else min(end - begin, len(self._frame))
            parts.append(self._frame[self._sent : until])
            self._sent = max(self._sent, until)
            if end < stop:
                break
            self._frame = b""
            self._next += 1
        last = self._frames[-1][1]
        parts.append(self._body[max(start, last) : end])
        return b"".join(parts)


def _frames(body: bytes) -> list[tuple[int, int]]:
    """Where each whole frame begins and ends; nothing if these are not frames."""
    frames = []
    place = 0
    while place + 8 <= len(body):
        if body[place] > 3 or body[place + 1 : place + 4] != b"\0\0\0":
            return []
        end = place + 8 + int.from_bytes(body[place + 4 : place + 8], "big")
        if end > len(body):
            break
        frames.append((place, end))
        place = end
    return frames


class _Archive:
    """A tar: a member that has a name in it is written anew, because headers carry checksums."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._new: bytes | None = None

    def part(self, start: int, end: int, names: Names) -> bytes:
        if self._new is None:
            self._new = b"".join(rewritten(io.BytesIO(self._body), names))
        return self._new[start:] if end == len(self._body) else self._new[start:end]
