"""A request as what it asks for: two that differ only in writing have the same form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from opskit.cassette.mask import MASKED_BYTES
from opskit.cassette.model import Body
from opskit.cassette.unordered import in_one_order

__all__ = ["MATCH_ON", "Form", "form", "split_target"]

MATCH_ON = ("method", "path", "query", "body")
"""What has to agree, in vcrpy's words; there is ``version`` beside them."""

_VERSION = re.compile(r"/v\d+(\.\d+)+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Form:
    """What a request asks for.

    Attributes
    ----------
    method, version : str
        ``version`` is the API version in the path, "" without one.
    path : str
        Decoded, without version.
    query : tuple of (name, value)
        Sorted; a value that is JSON is decoded, its lists of filter values sorted, "{}" dropped.
    body : Any
        Decoded JSON, what has no order in it sorted; else the text or bytes; for an upload its
        digest.
    """

    method: str
    version: str
    path: str
    query: tuple[tuple[str, Any], ...]
    body: Any

    def key(self, on: Collection[str] = MATCH_ON) -> bytes:
        """Equal for requests that ask for the same, as far as these parts say."""
        body = self.body
        if isinstance(body, bytes):
            body = body.decode("latin-1")
        parts = (
            self.method if "method" in on else "",
            self.version if "version" in on else "",
            self.path if "path" in on else "",
            self.query if "query" in on else "",
            body if "body" in on else "",
        )
        raw = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        if b"**" in raw:
            raw = MASKED_BYTES.sub(b"**", raw)
        # A digest: what orjson gives out occupies 4 KB, however short it is.
        return hashlib.blake2b(raw, digest_size=16).digest()


def split_target(target: str) -> tuple[str, str, str]:
    """API version ("" without one), path and query of a request's target, as they were sent."""
    path, _, query = target.partition("?")
    if path.startswith("/v") and (found := _VERSION.match(path)):
        return found.group()[2:], path[found.end() :] or "/", query
    return "", path, query


def form(method: str, target: str, body: Body) -> Form:
    """The form of a request."""
    version, path, query = split_target(target)
    if path.endswith("/resize"):
        query = ""  # how large a terminal is tells no requests apart
    every = ((name, _query_value(value)) for name, value in parse_qsl(query, True))
    pairs = [(name, value) for name, value in every if value != {}]  # no filter at all
    pairs.sort(key=lambda pair: (pair[0], repr(pair[1])))
    return Form(method, version, unquote(path), tuple(pairs), _body(body))


def _query_value(value: str) -> Any:
    if value[:1] in "{[" and value:
        try:
            return _filters(orjson.loads(value))
        except ValueError:
            pass
    return value


def _filters(value: Any) -> Any:
    """Filters hold sets: their lists have no order, ``{"a": true}`` is how old clients say it."""
    if not isinstance(value, dict):
        return _limits(value)
    return {name: _choices(choice) for name, choice in value.items()}


def _limits(value: Any) -> Any:
    """A build's limits, which the CLI writes in any order."""
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return sorted(value, key=lambda item: repr(sorted(item.items())))
    return value


def _choices(choice: Any) -> Any:
    if isinstance(choice, dict) and all(chosen is True for chosen in choice.values()):
        return sorted(choice)
    return sorted(choice, key=repr) if isinstance(choice, list) else choice


def _body(body: Body) -> Any:
    if body.data is None:
        return f"upload {body.fingerprint or body.sha256}"
    if body.data[:1] in b"{[" and body.data:
        try:
            asked = orjson.loads(body.data)
            if isinstance(asked, dict):
                in_one_order(asked)
            return asked
        except ValueError:
            pass
    if not body.data:
        return None
    try:
        return body.data.decode()
    except UnicodeDecodeError:
        return body.data
