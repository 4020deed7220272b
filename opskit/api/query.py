"""How a call's path and query are written on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

__all__ = ["encode_path", "encode_query", "pairs"]


def pairs(query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values as the engine reads them.

    ``None`` is left out, booleans become ``true`` and ``false``, a mapping becomes JSON (single
    values of ``filters`` become lists), a list repeats the parameter.
    """
    for name, value in query.items():
        yield from _pairs(name, value)


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, Mapping):
        if name == "filters":
            value = {key: _listed(item) for key, item in value.items()}
        yield name, json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _pairs(name, item)
    else:
        yield name, str(value)


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    values = value if isinstance(value, list | tuple | set) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in values]


def encode_query(query: Mapping[str, Any]) -> str:
    """The query string, without the question mark."""
    return urlencode(list(pairs(query)), quote_via=quote)


def encode_path(path: str) -> str:
    """The path with what must not stand in a URL escaped; escapes in it are kept."""
    return quote(path, safe="/:@!$&'()*+,;=~%")
