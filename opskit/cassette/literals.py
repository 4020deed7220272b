"""Finding the literals that the user named, however they are written and wherever they are cut.

A literal is looked for raw, in base64 at each of the three places it can have in a group of
three bytes (and in the URL-safe alphabet), escaped as in JSON, and percent-encoded.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter, deque
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["Frames", "Literals", "Tail"]

SHORTEST_BASE64 = 6


class Literals:
    """All the ways in which some literals can be written."""

    def __init__(self, literals: Iterable[str | bytes], count: Counter[str] | None = None) -> None:
        self._count = Counter[str]() if count is None else count
        plain: set[bytes] = set()
        coded: set[bytes] = set()
        for literal in literals:
            raw = literal.encode() if isinstance(literal, str) else literal
            if not raw:
                raise ValueError("an empty literal would redact everything")
            plain |= _spellings(raw)
            coded |= _base64(raw)
        self._fills = dict.fromkeys(coded, b"x") | dict.fromkeys(plain, b"*")
        ordered = sorted(self._fills, key=len, reverse=True)
        self.longest = len(ordered[0]) if ordered else 0
        alternatives = b"|".join(re.escape(variant) for variant in ordered)
        # Looking ahead finds the ones that overlap, too.
        self._each = re.compile(b"(?=(" + alternatives + b"))")
        self._beginnings = {v[:n] for v in ordered for n in range(1, len(v))}

    def __bool__(self) -> bool:
        return bool(self._fills)

    def mask(self, data: bytes) -> bytes:
        """The data with each literal covered; as long as it was."""
        if not any(variant in data for variant in self._fills):
            return data
        out = bytearray(data)
        for found in self._each.finditer(data):
            start, end = found.span(1)
            self._count["literals"] += 1
            out[start:end] = self._fills[found.group(1)] * (end - start)
        return bytes(out)

    def open_end(self, data: bytes) -> int:
        """How many of the last bytes may be the beginning of a literal."""
        for length in range(min(self.longest - 1, len(data)), 0, -1):
            if data[-length:] in self._beginnings:
                return length
        return 0


class Tail:
    """`Literals.mask` for bytes that arrive in pieces."""

    def __init__(self, literals: Literals) -> None:
        self._literals = literals
        self._held = b""
        self._seen = b""

    def feed(self, data: bytes) -> bytes:
        return self._release(data, keep_end=True)

    def flush(self) -> bytes:
        return self._release(b"", keep_end=False)

    def _release(self, data: bytes, *, keep_end: bool) -> bytes:
        held = self._held + data
        masked = self._literals.mask(held)
        if self._seen != self._held:  # what an earlier literal covered stays covered
            masked = (
                bytes(
                    old if old != raw else new
                    for old, raw, new in zip(self._seen, self._held, masked, strict=False)
                )
                + masked[len(self._held) :]
            )
        cut = len(held) - (self._literals.open_end(held) if keep_end else 0)
        self._held, self._seen = held[cut:], masked[cut:]
        return masked[:cut]


class Frames:
    """A `Tail` for each of the streams that the engine multiplexes into one.

    A container that writes a literal in two goes has it cut by a frame's header: here each
    stream's payloads are read as one text, and the headers are left alone.
    """

    def __init__(self, literals: Literals) -> None:
        self._literals = literals
        self._tails: dict[int, Tail] = {}
        self._waiting: dict[int, deque[tuple[int, int]]] = {}
        self._out = bytearray()
        self._sent = 0
        self._header = bytearray()
        self._left = 0
        self._stream = 0
        self._broken = False

    def feed(self, data: bytes) -> bytes:
        place = 0
        while place < len(data):
            if self._left:
                part = data[place : place + self._left]
                self._left -= len(part)
                self._payload(self._stream, part)
            else:
                part = data[place : place + 8 - len(self._header)]
                self._header += part
                self._out += part
                if len(self._header) == 8:
                    self._stream = self._header[0]
                    self._left = int.from_bytes(self._header[4:], "big")
                    self._broken |= self._header[0] > 3 or any(self._header[1:4])
                    self._header.clear()
                    if self._broken:  # not frames after all: the rest is one text
                        self._left = 2**63
            place += len(part)
        return self._ready()

    def flush(self) -> bytes:
        for stream, tail in self._tails.items():
            self._settle(stream, tail.flush())
        return self._ready()

    def _payload(self, stream: int, part: bytes) -> None:
        tail = self._tails.setdefault(stream, Tail(self._literals))
        start = self._sent + len(self._out)
        self._waiting.setdefault(stream, deque()).append((start, start + len(part)))
        self._out += part
        self._settle(stream, tail.feed(part))

    def _settle(self, stream: int, masked: bytes) -> None:
        waiting = self._waiting[stream]
        while masked:
            start, end = waiting.popleft()
            if end - start > len(masked):
                waiting.appendleft((start + len(masked), end))
                end = start + len(masked)
            self._out[start - self._sent : end - self._sent] = masked[: end - start]
            masked = masked[end - start :]

    def _ready(self) -> bytes:
        """What no stream waits for any more."""
        first = min((w[0][0] for w in self._waiting.values() if w), default=None)
        count = len(self._out) if first is None else first - self._sent
        ready = bytes(self._out[:count])
        del self._out[:count]
        self._sent += count
        return ready


def _spellings(raw: bytes) -> set[bytes]:
    found = {raw}
    percent = {quote(raw, safe="").encode(), quote_plus(raw, safe="").encode(), quote(raw).encode()}
    found |= percent | {re.sub(rb"%..", lambda m: m.group().lower(), p) for p in percent}
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return found
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        found.add(escaped.encode())
        # Go's encoder also escapes what could end a script, and writes control characters so.
        for character, code in {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}.items():
            escaped = escaped.replace(character, code)
        found.add(escaped.encode())
        found.add(escaped.replace("/", "\\/").encode())
    return found


def _base64(raw: bytes) -> set[bytes]:
    found = set()
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)
        # Only the characters that the literal alone decides.
        start = (8 * shift + 5) // 6
        end = 8 * (shift + len(raw)) // 6
        part = coded[start:end]
        if len(part) >= SHORTEST_BASE64:
            found |= {part, part.replace(b"+", b"-").replace(b"/", b"_")}
            found.add(quote(part, safe="").encode())
    return found
