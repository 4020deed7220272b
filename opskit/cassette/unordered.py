"""What requests hold without an order, and the size of a terminal: neither tells two apart.

Clients that keep what they were given in hash maps write it in another order each time: the
docker CLI the variables of ``run`` and ``create``, its binds, the subnets of a network, secrets
and configs of a service; compose its mounts, limits and hosts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["ORDERED", "in_one_order"]

ORDERED = frozenset(
    ("Args", "Cmd", "Command", "Dns", "Entrypoint", "Env", "OnBuild", "Search", "Shell", "Test")
)
"""Fields whose list means something else in another order."""

_DEPENDENCIES = "com.docker.compose.depends_on"


def in_one_order(asked: dict[str, Any]) -> None:
    """Bring what has no order in a decoded request's body into one; the body is changed."""
    for folder, fields in _SETS.items():
        inner = asked
        for step in folder:
            inner = inner.get(step) or {}
            if not isinstance(inner, dict):
                break
        else:
            for name, part in fields.items():
                if isinstance(values := inner.get(name), list):
                    inner[name] = sorted(values, key=part)
            inner.pop("ConsoleSize", None)
    labels = asked.get("Labels")
    if isinstance(labels, dict) and isinstance(joined := labels.get(_DEPENDENCIES), str):
        labels[_DEPENDENCIES] = ",".join(sorted(joined.split(",")))


def _variable(text: Any) -> str:
    return str(text).partition("=")[0]


def _destination(text: Any) -> str:
    return str(text).partition(":")[2]


def _host(text: Any) -> str:
    return str(text).partition(":")[0]


def _member(*path: str) -> Callable[[Any], str]:
    def part(value: Any) -> str:
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return str(value)

    return part


_CONTAINER: dict[str, Callable[[Any], str]] = {
    "Env": _variable,  # of two values of one variable the last counts: a stable sort
    "Mounts": _member("Target"),
    "Ulimits": _member("Name"),
}
_SETS: dict[tuple[str, ...], dict[str, Callable[[Any], str]]] = {
    (): _CONTAINER,
    ("HostConfig",): {**_CONTAINER, "Binds": _destination, "ExtraHosts": _host},
    ("IPAM",): {"Config": _member("Subnet")},
    ("TaskTemplate", "ContainerSpec"): {
        **_CONTAINER,
        "Secrets": _member("File", "Name"),
        "Configs": _member("File", "Name"),
    },
}
