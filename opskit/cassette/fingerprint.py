"""What an uploaded archive holds, as one digest that times and the order of members don't change.

The archive passes through: nothing of it is kept but digests.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

__all__ = ["Fingerprint"]

_BLOCK = 512
_LONG_NAME, _LONG_LINK = b"L", b"K"
_PAX = b"xgX"
_ZERO = bytes(_BLOCK)


class Fingerprint:
    """Reads a tar, plain or gzipped, as it passes.

    Members count with their name, kind, mode, link and content; not with times, owners and
    order. What is no tar has no fingerprint.
    """

    def __init__(self) -> None:
        self._inflate: Callable[[bytes], bytes] | None = None
        self._buffer = b""
        self._started = False
        self._broken = self._ended = False
        self._members: list[bytes] = []
        self._member: bytes = b""
        self._content = hashlib.sha256()
        self._left = 0
        self._padding = 0
        self._collect: bytearray | None = None
        self._long: dict[bytes, bytes] = {}
        self._kind = b""

    def feed(self, data: bytes) -> None:
        """The next part of the archive."""
        if self._broken or not data:
            return
        if not self._started:
            self._buffer += data
            if len(self._buffer) < 2:
                return
            self._started, data = True, self._buffer
            self._buffer = b""
            if data[:2] == b"\x1f\x8b":
                self._inflate = zlib.decompressobj(wbits=31).decompress
        if self._inflate is not None:
            try:
                data = self._inflate(data)
            except zlib.error:
                self._broken = True
                return
        self._read(data)

    def digest(self) -> str:
        """The fingerprint of what has passed, "" when it is no tar."""
        if self._broken or not (self._members and self._ended):
            return ""
        return hashlib.sha256(b"".join(sorted(self._members))).hexdigest()

    def _read(self, data: bytes) -> None:
        view = memoryview(self._buffer + data if self._buffer else data)
        self._buffer = b""
        while view and not self._broken:
            if self._left:
                part = view[: self._left]
                self._left -= len(part)
                if self._collect is not None:
                    self._collect += part
                else:
                    self._content.update(part)
                view = view[len(part) :]
                if not self._left:
                    self._finish()
            elif self._padding:
                skipped = min(self._padding, len(view))
                self._padding -= skipped
                view = view[skipped:]
            elif len(view) < _BLOCK:
                self._buffer = bytes(view)
                return
            else:
                self._header(bytes(view[:_BLOCK]))
                view = view[_BLOCK:]

    def _header(self, block: bytes) -> None:
        self._ended = block == _ZERO
        if self._ended:
            return
        checksum = sum(block[:148]) + 8 * 32 + sum(block[156:])
        if _number(block[148:156]) != checksum:
            self._broken = True
            return
        self._kind = block[156:157]
        size = _number(block[124:136]) if self._kind not in b"12345" else 0
        self._left, self._padding = size, -size % _BLOCK
        meta = self._kind in (_LONG_NAME, _LONG_LINK) or self._kind in _PAX
        self._collect = bytearray() if meta else None
        if not meta:
            prefix = block[345:500].rstrip(b"\0") if block[257:262] == b"ustar" else b""
            name = block[:100].rstrip(b"\0")
            name = self._long.get(b"path", prefix + b"/" + name if prefix else name)
            link = self._long.get(b"linkpath", block[157:257].rstrip(b"\0"))
            mode = block[100:108].strip(b" \0").lstrip(b"0")
            kind = b"0" if self._kind == b"\0" else self._kind
            self._member = b"\0".join((name.rstrip(b"/"), kind, mode, link))
            self._long = {}
            self._content = hashlib.sha256()
        if not size:
            self._finish()

    def _finish(self) -> None:
        """A member has passed, or a header that tells of the next one."""
        if self._collect is None:
            self._members.append(hashlib.sha256(self._member + self._content.digest()).digest())
        elif self._kind == _LONG_NAME:
            self._long[b"path"] = bytes(self._collect).rstrip(b"\0")
        elif self._kind == _LONG_LINK:
            self._long[b"linkpath"] = bytes(self._collect).rstrip(b"\0")
        elif self._kind == b"x":
            self._long |= _pax(bytes(self._collect))


def _number(field: bytes) -> int:
    if field[:1] == b"\x80":  # GNU: a number past what octal digits hold
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return -1


def _pax(data: bytes) -> dict[bytes, bytes]:
    """The path and link of a PAX header; its times are left alone."""
    found = {}
    while data:
        length, _, rest = data.partition(b" ")
        if not length.isdigit() or not int(length):
            break
        key, _, value = rest[: int(length) - len(length) - 2].partition(b"=")
        if key in (b"path", b"linkpath"):
            found[key] = value
        data = data[int(length) :]
    return found
