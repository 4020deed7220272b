"""One call, taken apart: endpoint, names in the path, typed query values, body."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from opskit.api.endpoints import route
from opskit.api.model import Endpoint, Type

__all__ = ["Call", "leaves"]

_VERSION = re.compile(r"/v([0-9.]+)(?=/)")


@dataclass(frozen=True, slots=True)
class Call:
    """A call to render.

    Attributes
    ----------
    method : str
        In upper case.
    path : str
        Without version and query.
    version : str
        The version that stood in front of the path, or empty.
    query : dict
        Values as Python objects: ``{"all": True, "filters": {"label": ["app=web"]}}``.
    body : object
        JSON as Python objects; None for no body.
    endpoint : Endpoint or None
        None if the Engine API has no such endpoint.
    args : dict of str to str
        Names in the path.
    """

    method: str
    path: str
    version: str
    query: dict[str, Any]
    body: Any
    endpoint: Endpoint | None
    args: dict[str, str]

    @classmethod
    def of(cls, method: str, path: str, query: Mapping[str, Any] | None, body: Any) -> Call:
        """Read a call from its parts; the path may carry a version and a query of its own."""
        method = method.upper()
        path, _, tail = path.partition("?")
        if not path.startswith("/"):
            path = "/" + path
        found = route(method, path)
        version = ""
        if (prefix := _VERSION.match(path)) is not None:
            version, path = prefix[1], path[prefix.end() :]
        endpoint = found.endpoint if found else None
        values: dict[str, Any] = {}
        for name, value in parse_qsl(tail, keep_blank_values=True):
            values.setdefault(name, []).append(value)
        given = {name: value for name, value in (query or {}).items() if value is not None}
        typed = {n: _typed(endpoint, n, v) for n, v in {**values, **given}.items()}
        return cls(method, path, version, typed, body, endpoint, found.args if found else {})

    @property
    def name(self) -> str:
        """What the call is about, as a file name: the last part of the object's name."""
        named = next(iter(self.args.values()), self.path.strip("/").split("/")[0])
        return re.sub(r"[^\w.-]+", "-", named.rsplit("/", 1)[-1]).strip("-.") or "output"

    @property
    def tar_body(self) -> bool:
        """Whether the body is an archive, which is named as a file and not written out."""
        return (
            self.body is None
            and self.endpoint is not None
            and bool(self.endpoint.body)
            and "application/json" not in self.endpoint.consumes
            and self.query.get("remote") is None
            and self.query.get("fromImage") is None
            and self.query.get("fromSrc", "-") == "-"
        )

    def truth(self, name: str, default: bool = False) -> bool:
        """A flag of the query, as the engine reads it."""
        return bool(self.query.get(name, default))


def _typed(endpoint: Endpoint | None, name: str, value: Any) -> Any:
    param = endpoint.param(name) if endpoint is not None else None
    if param is None:
        return value[0] if isinstance(value, list) and len(value) == 1 else value
    if param.type == "list":
        return list(value) if isinstance(value, list | tuple) else [value]
    if isinstance(value, list | tuple) and value and (param.type != "json" or _is_text(value)):
        value = value[0]
    return _read(param.type, value) if isinstance(value, str) else value


def _is_text(value: list[Any] | tuple[Any, ...]) -> bool:
    """Whether this is one JSON text from a query string, and not a list to be written as JSON."""
    return len(value) == 1 and isinstance(value[0], str) and value[0][:1] in ("{", "[")


def _read(kind: Type, text: str) -> Any:
    if kind == "bool":
        return text.strip().lower() not in {"", "0", "no", "false", "none"}
    if kind == "int" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind in ("filters", "json"):
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return _filters(value) if kind == "filters" else value
    return text


def _filters(value: Any) -> Any:
    """Filters in their older form, ``{"label": {"app=web": true}}``, as lists."""
    if not isinstance(value, dict):
        return value
    return {
        name: [item for item, on in values.items() if on] if isinstance(values, dict) else values
        for name, values in value.items()
    }


def leaves(value: Any, known: set[str], path: str = "") -> Iterator[str]:
    """The paths of a body's values that say something and are not among the known ones."""
    if path in known or value in (None, "", [], {}, False, 0):
        return
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, known, f"{path}.{name}" if path else name)
    else:
        yield path
