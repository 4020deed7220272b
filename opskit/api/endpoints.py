"""Every endpoint of the Engine API: as a table, by its words, and from a request's path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from opskit.api.catalogue import ENDPOINTS
from opskit.api.model import Endpoint

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ENDPOINTS", "Route", "endpoints", "lookup", "route"]

_VERSION = re.compile(r"/v([0-9.]+)(?=/)")
# Only these object names may hold a slash; the engine's router takes all others as one segment.
_SLASHES = {"containers", "images", "distribution", "exec", "networks", "plugins", "volumes"}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request's path leads.

    Attributes
    ----------
    endpoint : Endpoint
        What it asks for.
    args : dict of str to str
        The path's parameters, decoded: ``{"name": "registry/shop/web:1"}``.
    version : str
        The API version in front of the path, without the ``v``; empty if there is none.
    """

    endpoint: Endpoint
    args: dict[str, str]
    version: str


def _index() -> tuple[dict[tuple[str, str], Endpoint], dict[tuple[str, str, str], Endpoint]]:
    plain, named = {}, {}
    for endpoint in ENDPOINTS:
        _, section, *rest = endpoint.path.split("/", 3)
        if rest and rest[0].startswith("{"):
            named[endpoint.method, section, rest[1] if len(rest) > 1 else ""] = endpoint
        else:
            plain[endpoint.method, endpoint.path] = endpoint
    plain["GET", "/networks/"] = plain["GET", "/networks"]  # the engine's router has both
    return plain, named


_PLAIN, _NAMED = _index()


def route(method: str, path: str) -> Route | None:
    """Find the endpoint that a request goes to, and the names in its path.

    Decides as the engine's own router does: on the decoded path, methods in upper case, and paths
    that it would redirect first (``//``, ``/./``, ``/../``) lead nowhere.

    Parameters
    ----------
    method : str
        ``GET``, as it stands in the request.
    path : str
        With or without a version prefix and query: ``/v1.45/images/a/b:1/json?x=1``.

    Returns
    -------
    Route or None
        ``None`` if no endpoint takes this request.
    """
    path = unquote(path.split("?", 1)[0].split("#", 1)[0])
    version = ""
    if (prefix := _VERSION.match(path)) is not None:
        version = prefix[1]
        path = path[prefix.end() :]
    if (known := _PLAIN.get((method, path))) is not None:
        return Route(known, {}, version)
    root, *segments = path.split("/")
    if root or len(segments) < 2 or not {"", ".", ".."}.isdisjoint(segments):
        return None
    section, *segments = segments
    for tail in (2, 1, 0):
        name = segments[: len(segments) - tail]
        if not name or (len(name) > 1 and section not in _SLASHES):
            continue
        endpoint = _NAMED.get((method, section, "/".join(segments[len(name) :])))
        if endpoint is not None:
            return Route(endpoint, {endpoint.params[0].name: "/".join(name)}, version)
    return None


def lookup(method: str, path: str) -> Endpoint | None:
    """The endpoint that a request goes to, or ``None``; see `route` for how it decides."""
    found = route(method, path)
    return None if found is None else found.endpoint


def endpoints() -> pd.DataFrame:
    """Every endpoint of the Engine API from 1.41 to 1.55, one row each.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``path``, ``operation``, ``tag``, ``section``, ``summary`` (str).
        ``query``, ``headers`` (str): names of the parameters, separated by spaces, a ``*`` behind
        those without which the engine refuses. ``body`` (str): what the request's body holds;
        missing if it has none. ``consumes``, ``produces`` (str): media types. ``stream`` (str):
        when and how the answer comes bit by bit; missing if never. ``streams``, ``hijacks``,
        ``needs_swarm``, ``read_only``, ``documented`` (bool). ``success`` (str): statuses below
        400. ``since``, ``last`` (str): first API version (1.41 stands for 1.41 and older) and
        last one that has it.
    """
    import pandas as pd

    words = {
        "method": [e.method for e in ENDPOINTS],
        "path": [e.path for e in ENDPOINTS],
        "operation": [e.operation for e in ENDPOINTS],
        "tag": [e.tag for e in ENDPOINTS],
        "section": [e.section for e in ENDPOINTS],
        "summary": [e.summary for e in ENDPOINTS],
        "query": [_names(e, "query") for e in ENDPOINTS],
        "headers": [_names(e, "header") for e in ENDPOINTS],
        "body": [e.body or None for e in ENDPOINTS],
        "consumes": [" ".join(e.consumes) or None for e in ENDPOINTS],
        "produces": [" ".join(e.produces) or None for e in ENDPOINTS],
        "stream": [e.stream or None for e in ENDPOINTS],
        "success": [" ".join(map(str, e.success)) for e in ENDPOINTS],
        "since": [e.since for e in ENDPOINTS],
        "last": [e.last for e in ENDPOINTS],
    }
    flags = ("streams", "hijacks", "needs_swarm", "read_only", "documented")
    frame = pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in words.items()})
    for position, name in enumerate(flags, start=list(words).index("stream") + 1):
        frame.insert(position, name, [bool(getattr(e, name)) for e in ENDPOINTS])
    return frame


def _names(endpoint: Endpoint, where: str) -> str | None:
    named = [p.name + "*" * p.required for p in endpoint.params if p.where == where]
    return " ".join(named) or None
