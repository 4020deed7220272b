"""What one endpoint of the Engine API is, and the few words the catalogue is written in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

__all__ = [
    "Endpoint",
    "Param",
    "Type",
    "delete",
    "filters",
    "flag",
    "get",
    "head",
    "header",
    "json_value",
    "many",
    "moment",
    "number",
    "post",
    "put",
    "section",
    "text",
]

Type = Literal["bool", "int", "string", "time", "filters", "json", "list"]


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of an endpoint.

    Attributes
    ----------
    name : str
        As it stands in the request.
    type : str
        ``bool``, ``int``, ``string``, ``time`` (Unix seconds, fraction allowed), ``filters`` (JSON
        of names to lists of values), ``json`` (one JSON value) or ``list`` (repeated).
    doc : str
        What it does.
    where : str
        ``path``, ``query`` or ``header``.
    required : bool
        The engine refuses the call without it.
    since : str
        First API version that has it; 1.41 stands for 1.41 and older.
    """

    name: str
    type: Type
    doc: str
    where: str = "query"
    required: bool = False
    since: str = "1.41"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint of the Engine API.

    Attributes
    ----------
    method, path : str
        ``GET``, ``/containers/{id}/json``; without the version prefix.
    operation : str
        The name that the API's own description gives it: ``ContainerInspect``.
    tag : str
        The group it belongs to: ``Container``.
    summary : str
        What it does, in one sentence.
    params : tuple of Param
        Of the path, the query and the headers.
    body : str
        What the request's body holds; empty if it has none.
    consumes, produces : tuple of str
        Media types of body and answer.
    stream : str
        When and how the answer comes bit by bit; empty if it never does.
    hijacks : bool
        The connection stops being HTTP and becomes a two-way byte stream.
    needs_swarm : bool
        Answers 503 on an engine that is not in a swarm.
    read_only : bool
        Asking changes nothing on the engine.
    success, failure : tuple of int
        The statuses that the API's description names.
    since, last : str
        First (1.41 stands for 1.41 and older) and last known API version that has it.
    documented : bool
        Whether the API's own description lists it.
    """

    method: str
    path: str
    operation: str
    tag: str
    summary: str
    params: tuple[Param, ...] = ()
    body: str = ""
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    stream: str = ""
    hijacks: bool = False
    needs_swarm: bool = False
    read_only: bool = False
    success: tuple[int, ...] = (200,)
    failure: tuple[int, ...] = ()
    since: str = "1.41"
    last: str = "1.55"
    documented: bool = True

    @property
    def section(self) -> str:
        """The first word of the path, by which socket proxies allow or deny: ``containers``."""
        return self.path.split("/")[1].lstrip("_")

    @property
    def streams(self) -> bool:
        """Whether the answer may come bit by bit."""
        return bool(self.stream)

    def param(self, name: str) -> Param | None:
        """The parameter of that name, whatever its place."""
        return next((p for p in self.params if p.name == name), None)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


JSON = "application/json"
TAR = "application/x-tar"
BYTES = "application/octet-stream"
RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


def flag(name: str, doc: str, **more: Any) -> Param:
    return Param(name, "bool", doc, **more)


def number(name: str, doc: str, **more: Any) -> Param:
    return Param(name, "int", doc, **more)


def text(name: str, doc: str, **more: Any) -> Param:
    return Param(name, "string", doc, **more)


def moment(name: str, doc: str, **more: Any) -> Param:
    return Param(name, "time", doc, **more)


def json_value(name: str, doc: str, **more: Any) -> Param:
    return Param(name, "json", doc, **more)


def many(name: str, doc: str, **more: Any) -> Param:
    return Param(name, "list", doc, **more)


def filters(keys: str, **more: Any) -> Param:
    return Param("filters", "filters", f"by {keys}", **more)


def header(name: str, doc: str, **more: Any) -> Param:
    return Param(name, "string", doc, where="header", **more)


REGISTRY_AUTH = header("X-Registry-Auth", "registry credentials, JSON in URL-safe base64")


def _endpoint(
    method: str,
    path: str,
    operation: str,
    summary: str,
    *params: Param,
    status: str,
    json: str = "",
    tar: str = "",
    **more: Any,
) -> Endpoint:
    codes = [int(code) for code in status.split()]
    placeholders = tuple(
        Param(part[1:-1], "string", _PATH_DOC[part[1:-1]], where="path", required=True)
        for part in path.split("/")
        if part.startswith("{")
    )
    more.setdefault("consumes", (JSON,) if json else (TAR,) if tar else ())
    return Endpoint(
        method=method,
        path=path,
        operation=operation,
        tag="",
        summary=summary,
        params=placeholders + params,
        body=json or tar,
        read_only=more.pop("read_only", method in {"GET", "HEAD"}),
        success=tuple(code for code in codes if code < 400),
        failure=tuple(code for code in codes if code >= 400),
        **more,
    )


_PATH_DOC = {"id": "full id, short id or name", "name": "name or id"}


def get(path: str, operation: str, summary: str, *params: Param, **more: Any) -> Endpoint:
    return _endpoint("GET", path, operation, summary, *params, **more)


def head(path: str, operation: str, summary: str, *params: Param, **more: Any) -> Endpoint:
    return _endpoint("HEAD", path, operation, summary, *params, **more)


def post(path: str, operation: str, summary: str, *params: Param, **more: Any) -> Endpoint:
    return _endpoint("POST", path, operation, summary, *params, **more)


def put(path: str, operation: str, summary: str, *params: Param, **more: Any) -> Endpoint:
    return _endpoint("PUT", path, operation, summary, *params, **more)


def delete(path: str, operation: str, summary: str, *params: Param, **more: Any) -> Endpoint:
    return _endpoint("DELETE", path, operation, summary, *params, **more)


def section(tag: str, *members: Endpoint, **common: Any) -> tuple[Endpoint, ...]:
    """The endpoints of one group, with what they have in common filled in."""
    return tuple(replace(member, tag=tag, **common) for member in members)
