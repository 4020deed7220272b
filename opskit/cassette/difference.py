"""In what two requests differ: values that correspond to each other, or a different shape."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from opskit.cassette.canonical import Form
from opskit.cassette.mask import MASKED
from opskit.cassette.unordered import ORDERED

__all__ = ["Difference", "differences", "short", "values_that_differ"]

NOTHING = "nothing"
SHOWN = 80

_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_NAMING = frozenset(("name", "repo", "t", "dockerfile", "comment"))
"""Parameters in which clients choose a name freely."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where a request has another value than the recorded one.

    Attributes
    ----------
    place : str
        ``path``, ``query name``, ``body Labels.x`` or ``upload``.
    recorded, asked : str
        The two values.
    alike : bool
        Whether both are text, so that one can stand for the other.
    naming : bool
        Whether clients choose freely what stands there.
    """

    place: str
    recorded: str
    asked: str
    alike: bool = True
    naming: bool = False

    @property
    def part(self) -> str:
        """The part of the request: ``method``, ``path``, ``query`` or ``body``."""
        part = self.place.partition(" ")[0].partition("[")[0]
        return "body" if part == "upload" else part

    def __str__(self) -> str:
        asked, recorded = short(self.asked), short(self.recorded)
        if self.recorded == NOTHING:
            return f"{self.place} {asked!r} was not recorded"
        if self.asked == NOTHING:
            return f"{self.place} {recorded!r} was recorded, and is missing"
        return f"{self.place} is {asked!r}, recorded was {recorded!r}"


def short(text: str) -> str:
    """A value for people to read: ids as the docker CLI shows them, and no long ones."""
    text = _ID.sub(r"\1…", text)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def differences(recorded: Form, asked: Form) -> list[Difference]:
    """Where two requests differ.

    Those that differ only in corresponding texts have nothing but `Difference.alike` ones.
    """
    found = (
        []
        if recorded.method == asked.method
        else [Difference("method", recorded.method, asked.method, alike=False)]
    )
    found += _paths(recorded.path, asked.path)
    found += _values(_grouped(recorded.query), _grouped(asked.query), "query", "")
    ours, theirs = recorded.body, asked.body
    if _upload(ours) and _upload(theirs):
        return found if ours == theirs else [*found, Difference("upload", ours[7:], theirs[7:])]
    found += _values(ours, theirs, "body", "")
    return found


def values_that_differ(recorded: Any, asked: Any) -> list[Difference]:
    """Where two decoded JSON texts differ."""
    return list(_values(recorded, asked, "body", ""))


def _upload(body: Any) -> bool:
    return isinstance(body, str) and body.startswith("upload ")


def _paths(recorded: str, asked: str) -> Iterator[Difference]:
    ours, theirs = recorded.split("/"), asked.split("/")
    if len(ours) != len(theirs):
        yield Difference("path", recorded, asked, alike=False)
        return
    for a, b in zip(ours, theirs, strict=True):
        if a != b:
            yield Difference("path", a, b)


def _grouped(query: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Parameters by name; one that is given twice as a list."""
    grouped: dict[str, list[Any]] = {}
    for name, value in query:
        grouped.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in grouped.items()}


def _values(a: Any, b: Any, place: str, key: str) -> Iterator[Difference]:
    if a == b and type(a) is type(b):
        return
    if isinstance(a, dict) and isinstance(b, dict):
        yield from _members(a, b, place)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        common: Counter[bytes] = Counter()
        if key not in ORDERED and all(isinstance(item, (str, dict)) for item in a):
            # A set: what both have is equal, wherever it stands.
            common = Counter(map(_written, a)) & Counter(map(_written, b))
        for (i, x), (_, y) in zip(_rest(a, common), _rest(b, common), strict=True):
            yield from _values(x, y, f"{place}[{i}]", key)
    elif isinstance(a, str) and isinstance(b, str):
        if not MASKED.search(a) or not _covers(a, b):
            naming = key in _NAMING if place.startswith("query ") else place == "body Name"
            yield Difference(place, a, b, naming=naming or (key == "tag" and place == "query tag"))
    else:
        yield Difference(place, _shown(a), _shown(b), alike=False)


def _rest(items: list[Any], common: Counter[bytes]) -> Iterator[tuple[int, Any]]:
    """The items, with their places, that are not common to two lists."""
    left = common.copy()
    for place, item in enumerate(items):
        if left[written := _written(item)]:
            left[written] -= 1
        else:
            yield place, item


def _written(item: Any) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def _members(a: dict[str, Any], b: dict[str, Any], place: str) -> Iterator[Difference]:
    gone = [key for key in a if key not in b]
    new = [key for key in b if key not in a]
    dot = "." if " " in place else " "
    if len(gone) == len(new) and dot == ".":
        for x, y in zip(gone, new, strict=True):
            yield Difference(f"{place} (key)", x, y)
            yield from _values(a[x], b[y], f"{place}{dot}{x}", x)
    else:
        for key in gone:
            yield Difference(f"{place}{dot}{key}", _shown(a[key]), NOTHING, alike=False)
        for key in new:
            yield Difference(f"{place}{dot}{key}", NOTHING, _shown(b[key]), alike=False)
    for key, value in a.items():
        if key in b:
            yield from _values(value, b[key], f"{place}{dot}{key}", key)


def _covers(masked: str, value: str) -> bool:
    """Whether a masked text could be this value."""
    parts = [re.escape(part) for part in MASKED.split(masked)]
    return re.fullmatch(".+".join(parts), value, re.DOTALL) is not None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else "null" if value is None else repr(value)
