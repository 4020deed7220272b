"""A container's inspect in the words of the list, so that both make the same row."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["from_inspect", "is_inspect"]


def is_inspect(item: Mapping[str, Any]) -> bool:
    """Whether `item` comes from ``GET /containers/ID/json`` rather than from the list."""
    state = item.get("State")
    return isinstance(state, Mapping) or (state is None and "Name" in item)


def from_inspect(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item that ``GET /containers/json`` has for an inspected container.

    ``Status`` is left out: the engine words it with the time that has passed.
    """
    config = item.get("Config") or {}
    state = item.get("State") or {}
    name = item.get("Name")
    words = [item.get("Path"), *(item.get("Args") or ())]
    settings = item.get("NetworkSettings") or {}
    listed = {
        "Id": item.get("Id"),
        "Names": [name] if name else None,
        "Image": config.get("Image"),
        "ImageID": item.get("Image"),
        "Command": shlex.join(word for word in words if word) or None,
        "Created": item.get("Created"),
        "Ports": _ports(settings.get("Ports") or {}),
        "Labels": config.get("Labels"),
        "State": state.get("Status"),
        "HostConfig": item.get("HostConfig"),
        "NetworkSettings": settings,
        "Mounts": item.get("Mounts"),
    }
    return listed | {key: item[key] for key in ("SizeRw", "SizeRootFs") if key in item}


def _ports(bindings: Mapping[str, Sequence[Mapping[str, Any]] | None]) -> list[dict[str, Any]]:
    """``{"80/tcp": [{"HostIp": …, "HostPort": "8080"}]}`` as the list has it."""
    ports = []
    for inside, outside in bindings.items():
        number, _, protocol = inside.partition("/")
        for binding in outside or ({},):
            host = (binding or {}).get("HostPort") or ""
            ports.append(
                {
                    "PrivatePort": int(number) if number.isdecimal() else None,
                    "Type": protocol or "tcp",
                    "IP": (binding or {}).get("HostIp"),
                    "PublicPort": int(host) if host.isdecimal() else None,
                }
            )
    return ports
