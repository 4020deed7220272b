"""Who said a word first in a recording, the client or the engine?

A name that the client made up is said first in a request; an id that the engine gave, in a
response. The answer is looked for when it is needed, in the text of the recording.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

from opskit.cassette.format import Exchanges
from opskit.cassette.model import Exchange

__all__ = ["First", "Said"]

_WORD = rb"[A-Za-z0-9_.-]"


class First(NamedTuple):
    """Index of the exchange in which a word was first said, and by whom."""

    exchange: int
    side: Literal["client", "engine"]


class Said:
    """The text of a recording, to be searched."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._exchanges = exchanges
        self._text: bytes | None = None
        self._starts: list[int] = []
        self._known: dict[str, First | None] = {}

    def first(self, word: str) -> First | None:
        """Where the word is first said, None when it never is."""
        if word not in self._known:
            self._known[word] = self._search(word.encode())
        return self._known[word]

    def _search(self, word: bytes) -> First | None:
        lines = self._exchanges.lines if isinstance(self._exchanges, Exchanges) else None
        if lines is not None:
            for place in lines.places(word):
                if _alone(lines.around(place, len(word)), word):
                    index, in_request = lines.whose(place)
                    return First(index, "client" if in_request else "engine")
            return None
        text = self._gathered()
        place = text.find(word)
        while place >= 0:
            if _alone(text[max(0, place - 1) : place + len(word) + 1], word):
                part = bisect_right(self._starts, place) - 1
                return First(part // 2, "engine" if part % 2 else "client")
            place = text.find(word, place + 1)
        return None

    def _gathered(self) -> bytes:
        if self._text is None:
            parts: list[bytes] = []
            place = 0
            for exchange in self._exchanges:
                request, response = exchange.request, exchange.response
                asked = request.target.encode() + b"\n" + (request.body.data or b"") + b"\n"
                head = "\n".join(value for _, value in response.headers) if response else ""
                answer = head.encode() + b"\n" + (response.body() if response else b"") + b"\n"
                for part in (asked, answer):
                    self._starts.append(place)
                    parts.append(part)
                    place += len(part)
            self._text = b"".join(parts)
        return self._text


def _alone(around: bytes, word: bytes) -> bool:
    """Whether a word stands by itself and is not part of a longer one."""
    return (
        re.search(rb"(?<!" + _WORD + rb")" + re.escape(word) + rb"(?!" + _WORD + rb")", around)
        is not None
    )
