"""What a session asked for, from what was recorded or audited of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opskit.api.endpoints import route
from opskit.audit.reading import calls
from opskit.cassette.format import load
from opskit.errors import PolicyError
from opskit.guard.asked import Ambiguous, Asked, read_request
from opskit.guard.creation import looks_into
from opskit.guard.gojson import NotJson, read_json
from opskit.wire.http1 import Malformed, parse_request

__all__ = ["Evidence", "gather"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One request of the session.

    Attributes
    ----------
    asked : Asked
        The request as the guard reads it, with its body where that matters and is known.
    pattern : str
        Its path with ``*`` for names.
    known : bool
        Whether all that matters of its body is known.
    """

    asked: Asked
    pattern: str
    known: bool

    @property
    def method(self) -> str:
        return self.asked.method


def gather(paths: Iterable[Path]) -> tuple[list[Evidence], list[str]]:
    """The requests of cassettes and audit logs, each once, and those that no guard would pass.

    Raises
    ------
    CassetteError, AuditError, PolicyError
        A file cannot be read, or holds no request.
    """
    found: dict[str, Evidence] = {}
    odd: list[str] = []
    for path in paths:
        for method, target, body in _requests(path):
            try:
                line = f"{method} {target} HTTP/1.1\r\n\r\n"
                asked, _ = read_request(parse_request(line.encode("latin-1", "replace")))
            except (Ambiguous, Malformed) as error:
                odd.append(f"{method} {target}: {error}")
                continue
            one = _evidence(asked, body)
            found.setdefault(f"{one.asked!r} {one.known}", one)
    if not found and not odd:
        names = ", ".join(map(str, paths))
        raise PolicyError(f"no request in {names}", "record the session first: opskit record")
    return list(found.values()), odd


def _evidence(asked: Asked, body: bytes | None) -> Evidence:
    known = True
    if looks_into(asked):
        try:
            asked = Asked(
                asked.method, asked.path, asked.version, asked.query, read_json(body or b"")
            )
        except NotJson:
            body = None
        known = body is not None
    return Evidence(asked, _pattern(asked), known)


def _pattern(asked: Asked) -> str:
    found = route(asked.method, quote(asked.path, safe="/"))
    if found is None:
        return asked.path
    names = "**" if any("/" in value for value in found.args.values()) else "*"
    before, brace, rest = found.endpoint.path.partition("{")
    return before + names + rest.partition("}")[2] if brace else found.endpoint.path


def _requests(path: Path) -> Iterator[tuple[str, str, bytes | None]]:
    if _is_audit(path):
        for row in calls(path):
            if row.get("method") and row.get("allowed", True):
                yield row["method"], row["path"], _body(row)
        return
    for exchange in load(path).exchanges:
        yield exchange.request.method, exchange.request.target, exchange.request.body.data


def _body(row: dict[str, Any]) -> bytes | None:
    if "body" in row:
        return json.dumps(row["body"]).encode()
    return None if row.get("request_bytes") else b""


def _is_audit(path: Path) -> bool:
    """Whether a file's first line is one of an audit log: a cassette's is its header."""
    if path.suffix != ".jsonl":
        return False
    try:
        with path.open("rb") as lines:
            first = json.loads(lines.readline() or b"{}")
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and {"time", "call"} <= first.keys()
