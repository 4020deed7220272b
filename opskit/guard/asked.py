"""What a request asks for, read in the one way that every reader behind the guard shares.

The engine decides on the decoded path; Podman, HAProxy and others on the encoded one, or on the
one decoded twice. So a path that these could take for different ones is refused, and what goes on
to the engine is not the client's request line but one written anew from what was decided on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote_to_bytes

from opskit.wire.http1 import RequestHead

__all__ = ["METHODS", "Ambiguous", "Asked", "read_request"]

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE"))
_VERSION = re.compile(r"/v([0-9]+\.[0-9]+)(?=/)")
_UNFIT = re.compile(r"[\x00-\x1f\x7f%\\]")
_SAFE = "/-._~!$&'()*+,;=:@"
_UPGRADES = (
    ("POST", re.compile(r"/containers/[^/]+/attach"), "tcp"),
    ("POST", re.compile(r"/exec/[^/]+/start"), "tcp"),
    ("GET", re.compile(r"/containers/[^/]+/attach/ws"), "websocket"),
    ("POST", re.compile(r"/session|/grpc"), "h2c"),
)
_WRITING_GET = re.compile(r"/containers/[^/]+/attach/ws/?")
_FORMS = re.compile(r"multipart/|application/x-www-form-urlencoded\b")


class Ambiguous(ValueError):
    """A request that not everybody reads in the same way."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for.

    Attributes
    ----------
    method : str
        In upper case.
    path : str
        Decoded, without the version prefix.
    version : str
        The API version in the path, without the ``v``; empty if there is none.
    query : mapping of str to list of str
        Decoded.
    body : object
        What the body says, where it was looked at (`opskit.guard.gojson`).
    form : bool
        The body could hold parameters that win over the query's.
    """

    method: str
    path: str
    version: str = ""
    query: Mapping[str, list[str]] = field(default_factory=dict)
    body: Any = None
    form: bool = False

    @property
    def writes(self) -> bool:
        """Whether it may change something: all but GET and HEAD, and a websocket to stdin."""
        return self.method not in ("GET", "HEAD") or bool(_WRITING_GET.fullmatch(self.path))

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def read_request(head: RequestHead) -> tuple[Asked, str]:
    """What a request's head asks for, and the target to send on.

    Raises
    ------
    Ambiguous
        Two readers could take it for two different requests.
    """
    if head.method not in METHODS:
        raise Ambiguous(f"{head.method} is no method of the Engine API")
    raw, mark, query = head.target.partition("?")
    if "#" in head.target:
        raise Ambiguous("a fragment in the target")
    try:
        path = unquote_to_bytes(raw.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        raise Ambiguous("a path that is not UTF-8") from None
    if _UNFIT.search(path):
        raise Ambiguous("a path with a control character, a backslash or doubly encoded parts")
    if not {"", ".", ".."}.isdisjoint(path.removesuffix("/").split("/")[1:]):
        raise Ambiguous("a path with '.', '..' or an empty part")
    target = quote(path, safe=_SAFE) + mark + query
    version = ""
    if (prefix := _VERSION.match(path)) is not None:
        version, path = prefix[1], path[prefix.end() :]
    if _has_alias(head.method, path):
        raise Ambiguous("a container named by a link's alias, with a slash: say its own name")
    _check_upgrade(head, path)
    form = any(_FORMS.match(kind.lower()) for kind in head.index.get("content-type", ()))
    return Asked(head.method, path, version, _query(query), form=form), target


def _has_alias(method: str, path: str) -> bool:
    """Whether a container goes by a name with a slash, which the engine takes for one name."""
    _, section, *parts = path.split("/")
    if section not in ("containers", "exec"):
        return False
    if parts and not parts[-1]:
        parts.pop()
    call = 0 if method == "DELETE" else 2 if parts[-2:] == ["attach", "ws"] else 1
    return len(parts) > 1 + call


def _query(query: str) -> dict[str, list[str]]:
    # Before 1.17 Go took a semicolon for a separator too
    found = parse_qs(query, keep_blank_values=True, errors="surrogateescape")
    if ";" in query:
        for name, values in parse_qs(query.replace(";", "&"), keep_blank_values=True).items():
            found.setdefault(name, []).extend(values)
    return found


def _check_upgrade(head: RequestHead, path: str) -> None:
    """Refuse to leave HTTP/1.1 but where the API does: what follows is never looked at."""
    if "http2-settings" in head.index and not re.fullmatch(r"/session|/grpc", path):
        raise Ambiguous("HTTP2-Settings on a call that is not HTTP/2")
    wanted = head.get("upgrade").lower()
    if not wanted:
        return
    for method, pattern, protocol in _UPGRADES:
        if method == head.method and pattern.fullmatch(path) and wanted == protocol:
            return
    raise Ambiguous(f"an upgrade to {wanted!r} on a call that has none")
