"""A call as code for the Docker SDK for Python."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from opskit.api.render.call import Call, leaves
from opskit.api.render.sdk_table import SDK, SdkTwin
from opskit.api.render.to_opskit import arguments, literal

__all__ = ["sdk_code"]

_SLOT = re.compile(r"\{(\w+)\}")
_WHOLE = {"json", "query", "file"}


def sdk_code(call: Call) -> str:
    """Write the call as an expression on ``client``; a comment where the SDK has none."""
    twin = _choose(call)
    if twin is None:
        return f"# the Docker SDK has no call for {call.endpoint or call.method + ' ' + call.path}"
    body = call.body if isinstance(call.body, dict) else {}
    values = {**body, **call.query, **call.args}
    slots = set(_SLOT.findall(twin.code))
    missing = [name for name in slots if name not in _WHOLE and name not in values]
    if missing:
        return f"# {call.endpoint} needs {', '.join(sorted(missing))}"
    keywords, known = _keywords(call, twin, body, slots)
    head, dots, tail = twin.code.partition("...")
    begin = _opening(head) + 1 if dots else len(head)
    inside = [part for part in [_filled(head[begin:].rstrip(", "), call, values)] if part]
    code = _filled(head[:begin], call, values)
    if dots:
        code += arguments(inside, keywords) + _filled(tail, call, values)
    left = [name for name in call.query if name not in known and "query" not in slots]
    if "json" not in slots and not any(entry.startswith("=") for entry in twin.body.split()):
        left += leaves(body, known)
    return f"{code}  # the SDK has no word for {', '.join(left)}" if left else code


def _choose(call: Call) -> SdkTwin | None:
    twins = SDK.get(call.endpoint.operation, ()) if call.endpoint is not None else ()
    for twin in twins if isinstance(twins, tuple) else (twins,):
        if all(name in call.query for name in twin.needs.split()):
            return twin
    return None


def _keywords(
    call: Call, twin: SdkTwin, body: dict[str, Any], slots: set[str]
) -> tuple[dict[str, str], set[str]]:
    """The keyword arguments, and the API's names that these and the slots say."""
    keywords: dict[str, str] = {}
    known = set(slots) | ({"fromSrc"} if call.tar_body else set())
    for entry in twin.query.split():
        name, _, keyword = entry.partition("=")
        known.add(name)
        if name in call.query:
            keywords[keyword or name] = literal(_converted(name, call.query[name]))
    for entry in twin.body.split():
        name, _, keyword = entry.partition("=")
        known.add(name)
        value = _at(body, name)
        if value is not None and value != {}:
            keywords[keyword] = literal(_converted(name, value))
    for entry in twin.implied.split():
        keyword, _, value = entry.partition("=")
        keywords.setdefault(keyword, value)
    return keywords, known


def _at(body: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _converted(name: str, value: Any) -> Any:
    """A value in the type that the SDK's keyword takes."""
    if name in ("since", "until", "tail") and isinstance(value, str):
        if value.isdigit():
            return int(value)
        if name != "tail" and re.fullmatch(r"\d+\.\d+", value):
            return float(value)
    if name == "Data" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            return value
    if name in ("t", "labels") and isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def _filled(template: str, call: Call, values: dict[str, Any]) -> str:
    return _SLOT.sub(lambda slot: _slot(slot[1], call, values), template)


def _slot(name: str, call: Call, values: dict[str, Any]) -> str:
    if name == "file":
        return 'open("archive.tar", "rb")'
    if name == "query":
        return literal(call.query)
    return literal(call.body if name == "json" else values[name])


def _opening(head: str) -> int:
    """Where the parenthesis opens that is still open at the end."""
    depth = 0
    for place in range(len(head) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[place], 0)
        if depth < 0:
            return place
    return -1
