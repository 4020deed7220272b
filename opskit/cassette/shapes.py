"""The shape of JSON: which fields there are and of what type, whatever their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["Change", "compare", "shape"]

Change = tuple[str, str]
"""``new``, ``gone`` or ``retyped``, and the field."""

_STEP = re.compile(r"\[\]|\.[^.\[]*")
_FREE = frozenset(
    (
        *("Labels", "Annotations", "Options", "DriverOpts", "Networks", "EndpointsConfig", "Ports"),
        *("PortBindings", "ExposedPorts", "Volumes", "Containers", "Services", "Sysctls"),
        *(
            "IndexConfigs",
            "Runtimes",
            "Tmpfs",
            "StorageOpt",
            "LogOpts",
            "networks",
            "Config.Config",
        ),
    )
)
"""Fields whose keys are names and not fields: what holds for one holds for all."""


def shape(value: Any) -> dict[str, set[str]]:
    """Each field by its path, with the types of its values: ``.Mounts[].Source`` → ``text``."""
    found: dict[str, set[str]] = {}
    for place, kind in _fields(value, "", ""):
        found.setdefault(place, set()).add(kind)
    return found


def compare(recorded: Iterable[Any], live: Iterable[Any]) -> list[Change]:
    """What has changed in shape between recorded answers and live ones of the same endpoint.

    A field that is null or an empty list on either side says nothing about what is in it.
    """
    old, new = _merged(recorded), _merged(live)
    changes: list[Change] = []
    for place in sorted(old.keys() | new.keys()):
        if place not in old or place not in new:
            side, other = (old, new) if place in old else (new, old)
            if not _unknown(place, other):
                changes.append(("gone" if side is old else "new", place or "."))
        else:
            before, after = old[place] - {"null"}, new[place] - {"null"}
            if before and after and not before & after:
                kinds = f"{'|'.join(sorted(before))} → {'|'.join(sorted(after))}"
                changes.append(("retyped", f"{place or '.'}: {kinds}"))
    return changes


def _merged(values: Iterable[Any]) -> dict[str, set[str]]:
    merged: dict[str, set[str]] = {}
    for value in values:
        for place, kinds in shape(value).items():
            merged.setdefault(place, set()).update(kinds)
    return merged


def _unknown(place: str, fields: dict[str, set[str]]) -> bool:
    """Whether the other side has nothing in which this field could be."""
    parent = ""
    for step in _STEP.findall(place):
        kinds = fields.get(parent)
        if kinds == {"null"}:
            return True
        empty = not any(other.startswith(parent + step) for other in fields)
        if kinds is not None and empty and step in (".*", "[]"):
            return True
        parent += step
    return False


def _fields(value: Any, place: str, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield place, "object"
        for name, item in value.items():
            inner = f"{place}.*" if key in _FREE else f"{place}.{name}"
            yield from _fields(item, inner, name)
    elif isinstance(value, list):
        yield place, "list"
        for item in value:
            yield from _fields(item, place + "[]", key)
    else:
        yield place, _kind(value)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return "number" if isinstance(value, (int, float)) else "text"
