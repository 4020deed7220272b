"""HTTP/1.1 bodies as a byte stream: how one is framed, where it ends (RFC 9112, section 7.1)."""

from __future__ import annotations

import re

from opskit.cassette.model import Framing
from opskit.wire.http1 import Malformed, RequestHead, ResponseHead, parse_fields

__all__ = ["Body", "Chunked", "Sized", "UntilClose", "request_body", "response_body"]

_MAX_CHUNK_LINE = 4096
_WHOLE_CHUNK = 1 << 20
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


class Sized:
    """A body of known length: pieces are whatever was fed."""

    framing = Framing.LENGTH

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def done(self) -> bool:
        """Whether the body is complete."""
        return self.left == 0

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """How many of these bytes belong to the body, and the pieces that they complete."""
        used = min(self.left, len(data))
        self.left -= used
        if not used:
            return 0, []
        return used, [data if used == len(data) else data[:used]]

    def rest(self) -> bytes:
        """What was fed and not yet given out as a piece."""
        return b""


class UntilClose(Sized):
    """A body that ends with the connection."""

    framing = Framing.CLOSE

    def __init__(self) -> None:
        super().__init__(1 << 62)


class Chunked:
    """A chunked body: each chunk is a piece (those past 1 MiB are given out in parts)."""

    framing = Framing.CHUNKED

    def __init__(self) -> None:
        self.done = False
        self._left = 0  # of the current chunk, its CR LF included
        self._part = bytearray()
        self._line = bytearray()
        self._trailer = False

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """How many of these bytes belong to the body, and the chunks that they complete."""
        at = 0
        pieces: list[bytes] = []
        while at < len(data) and not self.done:
            if self._left:
                at = self._chunk(data, at, pieces)
                continue
            end = data.find(b"\n", at) + 1
            self._line += data[at : end or len(data)]
            if len(self._line) > _MAX_CHUNK_LINE:
                raise Malformed("a chunk's size line or a trailer that is too long")
            if not end:
                return len(data), pieces
            at = end
            self._end_of_line()
        return at, pieces

    def _chunk(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        content = min(max(self._left - 2, 0), len(data) - at)
        self._left -= content
        if content and not self._part and self._left == 2:
            pieces.append(data[at : at + content])
        elif content:
            self._part += data[at : at + content]
            if self._left == 2 or len(self._part) >= _WHOLE_CHUNK:
                pieces.append(self.rest())
        at += content
        while self._left and self._left <= 2 and at < len(data):
            if data[at] != b"\n\r"[self._left - 1]:
                raise Malformed("a chunk that is longer than its size")
            at, self._left = at + 1, self._left - 1
        return at

    def _end_of_line(self) -> None:
        line = bytes(self._line)
        self._line.clear()
        if not line.endswith(b"\r\n"):
            raise Malformed("a bare LF in a chunked body")
        line = line[:-2]
        if self._trailer:
            self.done = not line
            if line:
                parse_fields([line])
            return
        size = _CHUNK_LINE.fullmatch(line)
        if size is None:
            raise Malformed("a chunk whose size is no hexadecimal number")
        length = int(size[1], 16)
        self._trailer = not length
        self._left = length + 2 if length else 0

    def rest(self) -> bytes:
        """What was fed of a chunk that is not complete."""
        part = bytes(self._part)
        self._part.clear()
        return part


Body = Sized | Chunked


def request_body(head: RequestHead) -> Body:
    """How the body of this request is framed; no length means no body."""
    return Chunked() if head.chunked() else Sized(head.length() or 0)


def response_body(method: str, head: ResponseHead) -> Body:
    """How the body of the response to this method is framed, hijacked connections aside."""
    if method == "HEAD" or head.status < 200 or head.status in (204, 304):
        return Sized(0)
    if head.chunked():
        return Chunked()
    length = head.length()
    return UntilClose() if length is None else Sized(length)
