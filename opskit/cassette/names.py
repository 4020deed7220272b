"""Names that a client makes up at random: learned once, then read both ways.

A test that names its container ``test-8f3a`` when recording asks for ``test-c71d`` when replaying.
Where a request differs from a recorded one only in such values, each new value is bound to the
recorded one. From then on the new value is read as the recorded one in requests, and the
recorded one is written as the new value in answers.

What the engine gave (ids, addresses, its own names) is never bound, and neither is a value that
the recording knows by itself: whoever asks for ``alpine`` is not told about ``busybox``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from opskit.cassette.canonical import Form
from opskit.cassette.difference import Difference
from opskit.cassette.generated import clock_like, engine_made, rare_pairs, same_kind
from opskit.cassette.said import Said

__all__ = ["Names", "bonds"]

_TOKEN = re.compile(r"[A-Za-z0-9_.-]+")
_ESCAPE = rb"\\(?:u[0-9a-fA-F]{4}|[a-z])"
_ATOM = re.compile(_ESCAPE + rb"|([A-Za-z0-9\x80-\xff]+)")
_START = rb"(?:(?<![A-Za-z0-9\x80-\xff])|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"  # \n is no letter
_END = rb"(?![A-Za-z0-9\x80-\xff])"


def bonds(found: Iterable[Difference], said: Said, index: int) -> dict[str, str] | None:
    """Which new values stand for which recorded ones, if that explains every difference.

    Parameters
    ----------
    found : iterable of Difference
        Between the recorded request and the one that is asked.
    said : Said
        Who said what first.
    index : int
        Place of the recorded request.

    Returns
    -------
    dict or None
        New values to recorded ones; None when a difference is more than a made-up value.
    """
    pairs: dict[str, str] = {}
    for difference in found:
        if not difference.alike:
            return None
        if difference.place == "upload":
            continue
        made_up = _made_up(difference, said, index)
        if made_up is None:
            return None
        for asked, recorded in made_up:
            if pairs.setdefault(asked, recorded) != recorded:
                return None
    if len(set(pairs.values())) != len(pairs):
        return None
    return pairs


def _made_up(difference: Difference, said: Said, index: int) -> list[tuple[str, str]] | None:
    recorded, asked = difference.recorded, difference.asked
    if clock_like(recorded) and clock_like(asked):
        return []
    ours, theirs = _TOKEN.findall(recorded), _TOKEN.findall(asked)
    if _TOKEN.sub("\0", recorded) != _TOKEN.sub("\0", asked):
        if not difference.naming:
            return None
        ours, theirs = [recorded], [asked]
    found = []
    for a, b in zip(ours, theirs, strict=True):
        if a == b:
            continue
        chosen = difference.naming and not (a.isdigit() or b.isdigit())
        if not (chosen or same_kind(a, b, path="/" in recorded)):
            return None
        first = said.first(a)
        if first and first.side == "engine" and first.exchange < index and engine_made(a):
            return None
        if not b.isdigit() and said.first(b):
            return None
        found.append((b, a))
    return found


class Names:
    """The values that are bound so far."""

    def __init__(self) -> None:
        self._recorded: dict[bytes, bytes] = {}
        self._asked: dict[bytes, bytes] = {}
        self._heads: dict[bytes, set[bytes]] = {}
        self._tails: dict[bytes, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._recorded)

    def __bool__(self) -> bool:
        return bool(self._recorded)

    def bind(self, asked: str, recorded: str) -> None:
        """Let a new value stand for a recorded one, from now on."""
        new, old = asked.encode(), recorded.encode()
        self._recorded[new] = old
        self._asked[old] = new
        self._heads.setdefault(_head(new), set()).add(new)
        self._tails.setdefault(_head(old), set()).add(old)

    def bound(self, recorded: str) -> bool:
        """Whether some new value stands for this recorded one."""
        return recorded.encode() in self._asked

    def pairs(self) -> dict[str, str]:
        """New values and the recorded ones that they stand for."""
        return {new.decode(): old.decode() for new, old in self._recorded.items()}

    def incoming(self, form: Form) -> Form:
        """A request with new values read as the recorded ones."""
        if not self._recorded:
            return form
        query = tuple((name, self._each(value)) for name, value in form.query)
        path = "/".join(self._read(part) for part in form.path.split("/"))
        return Form(
            form.method,
            form.version,
            path,
            tuple(sorted(query, key=lambda pair: (pair[0], repr(pair[1])))),
            self._each(form.body),
        )

    def outgoing(self, data: bytes) -> bytes:
        """The engine's bytes with recorded values written as the new ones."""
        if not self._asked:
            return data
        return _replaced(data, self._tails, self._asked, whole=False)

    def spans(self, data: bytes, start: int, end: int) -> list[tuple[int, int, bytes]]:
        """Where recorded values begin between two places, and what is said instead."""
        stop = min(len(data), end + max(map(len, self._asked), default=0) + 1)
        finder = _present(data[start:stop], self._tails, whole=False)
        if finder is None:
            return []
        return [
            (*found.span(), self._asked[found.group()])
            for found in finder.finditer(data, start, stop)
            if found.start() < end
        ]

    def _each(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._read(value)
        if isinstance(value, list):
            return [self._each(item) for item in value]
        if isinstance(value, dict):
            return {self._read(key): self._each(item) for key, item in value.items()}
        return value

    def _read(self, text: str) -> str:
        raw = text.encode(errors="surrogatepass")
        read = _replaced(raw, self._heads, self._recorded, whole=True)
        return text if read is raw else read.decode(errors="surrogatepass")


def _replaced(
    data: bytes, heads: dict[bytes, set[bytes]], values: dict[bytes, bytes], *, whole: bool
) -> bytes:
    """The data with values replaced where they stand by themselves."""
    finder = _present(data, heads, whole=whole)
    return finder.sub(lambda found: values[found.group()], data) if finder else data


def _present(
    data: bytes, heads: dict[bytes, set[bytes]], *, whole: bool
) -> re.Pattern[bytes] | None:
    """A pattern of the values that are in the data; their number costs nothing when none is."""
    hits = heads.keys() & set(_ATOM.findall(data))
    present = frozenset(v for hit in hits for v in heads[hit] if v in data)
    return _finder(present, whole) if present else None


@lru_cache(maxsize=1024)
def _finder(values: frozenset[bytes], whole: bool) -> re.Pattern[bytes]:
    patterns = []
    for value in sorted(values, key=len, reverse=True):
        escaped = re.escape(value)
        if value.isdigit():
            patterns.append(rb"(?<![A-Za-z0-9_.-])" + escaped + rb"(?![A-Za-z0-9_.-])")
        elif distinctive(value.decode("utf-8", "replace")):
            patterns.append(_START + escaped + _END)
        else:
            start = rb"(?:(?<=[\"/])|(?<=: )" + (rb"|\A)" if whole else rb")")
            end = rb"(?=[\"/:@\\]" + (rb"|\Z)" if whole else rb")")
            patterns.append(start + escaped + end)
    return re.compile(b"|".join(patterns))


def distinctive(value: str) -> bool:
    """Whether a value can be told wherever it stands; one like ``web`` only as a whole text."""
    if len(value) < 6:
        return False
    return any(c.isdigit() for c in value) or rare_pairs(value) > 1 or value.count("-") > 1


def _head(value: bytes) -> bytes:
    found = _ATOM.search(value)
    return found.group(1) if found and found.group(1) else value
