"""A call's path, query and body as they go on the wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from opskit.api.query import encode_path, encode_query

__all__ = ["body_of", "name_part", "target_of"]

_VERSIONED = re.compile(r"/v\d+\.\d+/")
_UNVERSIONED = ("/_ping", "/version")


def target_of(path: str, query: Mapping[str, Any], version: Callable[[], str]) -> str:
    """Path and query, the API version in front where the path has none."""
    if not path.startswith("/"):
        path = "/" + path
    path, _, given = path.partition("?")
    path = encode_path(path)
    if path not in _UNVERSIONED and not _VERSIONED.match(path):
        path = f"/v{version()}{path}"
    tail = "&".join(part for part in (given, encode_query(query)) if part)
    return f"{path}?{tail}" if tail else path


def body_of(value: Any) -> tuple[bytes | None, list[tuple[str, str]]]:
    """The body's bytes and the headers that describe it."""
    if value is None:
        return None, []
    if isinstance(value, bytes):
        return value, [("Content-Type", "application/x-tar")]
    return orjson.dumps(value), [("Content-Type", "application/json")]


def name_part(name: str, kind: str = "container") -> str:
    """A name as a part of a path; an empty one would make it another call's path."""
    bare = name.removeprefix("/") if kind == "container" else name
    if not bare.strip("/"):
        raise ValueError(f"an empty name is no {kind}: give its name or id")
    return quote(bare, safe="/:@" if kind == "image" else "")
