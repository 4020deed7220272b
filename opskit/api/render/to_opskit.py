"""A call as opskit's own raw call."""

from __future__ import annotations

import json
from pprint import pformat
from typing import Any

from opskit.api.query import encode_query
from opskit.api.render.call import Call

__all__ = ["arguments", "literal", "opskit_code"]

_WIDTH = 88
_TAKEN = {"json", "timeout", "self"}  # names of the raw calls' own parameters


def literal(value: Any) -> str:
    """A value as Python source, over several lines if it is long."""
    return pformat(value, width=_WIDTH, sort_dicts=False)


def arguments(positional: list[str], named: dict[str, str]) -> str:
    """What stands between a call's parentheses; names that Python cannot write as a mapping."""
    words = {name: code for name, code in named.items() if name.isidentifier()}
    rest = {name: code for name, code in named.items() if name not in words}
    parts = [*positional, *(f"{name}={code}" for name, code in words.items())]
    if rest:
        parts.append("**{" + ", ".join(f"{name!r}: {code}" for name, code in rest.items()) + "}")
    line = ", ".join(parts)
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    return "\n" + "".join("    " + part.replace("\n", "\n    ") + ",\n" for part in parts)


def opskit_code(call: Call) -> str:
    """Write the call as an expression, or as a ``with`` block where the answer has no end."""
    path = f"/v{call.version}{call.path}" if call.version else call.path
    query = {name: _written(call, name, value) for name, value in call.query.items()}
    inline = {name: value for name, value in query.items() if name in _TAKEN}
    if inline:
        path = f"{path}?{encode_query(inline)}"
    named = {name: literal(value) for name, value in query.items() if name not in inline}
    if call.tar_body or call.method not in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        return _request(call, path, query)
    if _endless(call):
        first = [literal(path)]
        if call.method != "GET":
            named = {"method": literal(call.method)} | _json(call) | named
        return _with_stream(call, arguments(first, named))
    first = [literal(path), *([literal(call.body)] if call.body is not None else [])]
    return f"engine.{call.method.lower()}({arguments(first, named)})"


def _json(call: Call) -> dict[str, str]:
    return {} if call.body is None else {"json": literal(call.body)}


def _written(call: Call, name: str, value: Any) -> Any:
    """JSON parameters that are lists go as text: a list would repeat the parameter."""
    param = call.endpoint.param(name) if call.endpoint is not None else None
    if param is not None and param.type == "json" and isinstance(value, list):
        return json.dumps(value)
    return value


def _endless(call: Call) -> bool:
    endpoint = call.endpoint
    if endpoint is None or not endpoint.streams:
        return False
    if endpoint.stream == "a tar archive" or endpoint.hijacks:
        return True
    if endpoint.operation == "SystemEvents":
        return "until" not in call.query
    if endpoint.operation == "ContainerStats":
        return call.truth("stream", default=True)
    return call.truth("follow")


def _with_stream(call: Call, inside: str) -> str:
    endpoint = call.endpoint
    if endpoint is not None and endpoint.stream == "a tar archive":
        file = f"{call.name}.tar"
        opened = f'with engine.open_stream({inside}) as stream, open("{file}", "wb") as file:'
        return f"{opened}\n    file.writelines(stream)"
    lines = endpoint is not None and endpoint.produces == ("application/json",)
    piece, pieces = ("line", "stream.lines()") if lines else ("chunk", "stream")
    return (
        f"with engine.open_stream({inside}) as stream:\n"
        f"    for {piece} in {pieces}:\n"
        f"        print({piece})"
    )


def _request(call: Call, path: str, query: dict[str, Any]) -> str:
    named = {"params": literal(query)} if query else {}
    first = [literal(call.method), literal(path.partition("?")[0])]
    if not call.tar_body:
        return f"engine.request({arguments(first, named | _json(call))})"
    named |= {"data": "archive", "headers": literal({"Content-Type": "application/x-tar"})}
    inside = arguments(first, named).replace("\n", "\n    ")
    return f'with open("archive.tar", "rb") as archive:\n    engine.request({inside})'
