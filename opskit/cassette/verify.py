"""Is a cassette still true? Its safe requests are made again, and the answers' shapes compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from opskit.cassette.canonical import split_target
from opskit.cassette.format import Cassette
from opskit.cassette.match import shape_of_path
from opskit.cassette.model import End, Exchange
from opskit.cassette.shapes import Change, compare
from opskit.errors import CassetteError, NotFound, OpskitError

__all__ = ["Report", "age", "duration", "verify"]

Fetch = Callable[[str], Any]
"""Path and query without version to the decoded answer of an engine."""

_ENDLESS = re.compile(r"/(events|stats|logs|wait)$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass
class Report:
    """What was found.

    Attributes
    ----------
    changes : dict of str to list
        By endpoint, what has changed in shape: ``new``, ``gone`` or ``retyped``, and the field.
    same : list of str
        Endpoints whose shape is what it was.
    skipped : dict of str to str
        Endpoints that could not be compared, and why.
    """

    changes: dict[str, list[Change]] = field(default_factory=dict)
    same: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def verify(cassette: Cassette, fetch: Fetch) -> Report:
    """Compare a cassette's answers with an engine's, endpoint by endpoint.

    Only what is safe is asked: GET requests with a JSON answer that ends.
    """
    report = Report()
    recorded: dict[str, list[Any]] = {}
    targets: dict[str, list[str]] = {}
    for exchange in cassette.exchanges:
        answer = _json(exchange)
        if answer is None:
            continue
        _, path, query = split_target(exchange.request.target)
        endpoint = "GET " + shape_of_path(path).replace("\0", "{name}")
        recorded.setdefault(endpoint, []).append(answer)
        target = path + (f"?{query}" if query else "")
        if target not in targets.setdefault(endpoint, []):
            targets[endpoint].append(target)
    for endpoint, answers in recorded.items():
        live, missing = _ask(targets[endpoint], fetch)
        if not live:
            report.skipped[endpoint] = missing
        elif changes := compare(answers, live):
            report.changes[endpoint] = changes
        else:
            report.same.append(endpoint)
    return report


def _ask(targets: Iterable[str], fetch: Fetch) -> tuple[list[Any], str]:
    live, missing = [], ""
    for target in targets:
        try:
            live.append(fetch(target))
        except NotFound:
            missing = missing or f"the engine has no {target.partition('?')[0]}"
        except OpskitError as error:
            missing = missing or error.what
    return live, missing


def _json(exchange: Exchange) -> Any:
    """The decoded answer, None where it is no single JSON text or not safe to ask for again."""
    response = exchange.response
    safe = exchange.request.method == "GET" and exchange.end is End.COMPLETE
    if not safe or response is None or response.status != 200 or response.blob is not None:
        return None
    kind = next((v for n, v in response.headers if n.lower() == "content-type"), "")
    if "json" not in kind or re.search(
        r"/(events|stats|logs|wait)$", split_target(exchange.request.target)[1]
    ):
        return None
    try:
        return orjson.loads(response.body())
    except ValueError:
        return None


def age(cassette: Cassette, now: datetime | None = None) -> timedelta | None:
    """How old a cassette is, None where it does not say."""
    at = cassette.metadata.get("recorded_at")
    try:
        began = datetime.fromisoformat(str(at))
    except ValueError:
        return None
    if began.tzinfo is None:
        began = began.replace(tzinfo=UTC)
    return (now or datetime.now(UTC)) - began


def duration(text: str) -> timedelta:
    """``90d``, ``12h``, ``30m``, ``2w`` as a duration."""
    found = re.fullmatch(r"(\d+)([smhdw])", text)
    if not found:
        raise CassetteError(f"{text!r} is no duration", "say it like 90d, 12h or 2w")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])
