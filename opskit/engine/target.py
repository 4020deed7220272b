"""A call's path, query and body as they go on the wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson

__all__ = ["body_of", "target_of"]

_VERSIONED = re.compile(r"/v\d+\.\d+/")
_UNVERSIONED = ("/_ping", "/version")


def target_of(path: str, query: Mapping[str, Any], version: Callable[[], str]) -> str:
    """Path and query, the API version in front where the path has none."""
    if not path.startswith("/"):
        path = "/" + path
    path, _, given = path.partition("?")
    path = quote(path, safe="/:@!$&'()*+,;=~%")
    if path not in _UNVERSIONED and not _VERSIONED.match(path):
        path = f"/v{version()}{path}"
    pairs = [pair for name, value in query.items() for pair in _pairs(name, value)]
    tail = "&".join(part for part in (given, urlencode(pairs, quote_via=quote)) if part)
    return f"{path}?{tail}" if tail else path


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    if isinstance(value, Mapping):
        if name == "filters":
            value = {key: _listed(item) for key, item in value.items()}
        return [(name, orjson.dumps(value).decode())]
    if isinstance(value, list | tuple):
        return [pair for item in value for pair in _pairs(name, item)]
    return [(name, str(value))]


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    values = value if isinstance(value, list | tuple | set) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in values]


def body_of(value: Any) -> tuple[bytes | None, list[tuple[str, str]]]:
    """The body's bytes and the headers that describe it."""
    if value is None:
        return None, []
    if isinstance(value, bytes):
        return value, [("Content-Type", "application/x-tar")]
    return orjson.dumps(value), [("Content-Type", "application/json")]
