"""Containers as a frame: one row each, from the answer of ``GET /containers/json`` alone.

The engine's words are read once per container in a plain loop over plain lists; that, and not
inferring anything, is what makes the frame of 100 containers cost less than its HTTP request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from opskit.frames.columns import Column, build, epochs, transpose
from opskit.frames.details import DETAIL_COLUMNS, details

__all__ = ["COLUMNS", "SIZE_COLUMNS", "containers"]

COLUMNS = (
    Column("name", "str", "", "Name, without the leading slash."),
    Column("id", "str", "", "Full id, 64 hex digits."),
    Column("image", "str", "", "The image as it was asked for; an id once its tag has moved on."),
    Column("state", "str", "", "created, running, paused, restarting, removing, exited or dead."),
    Column("status", "str", "", "The state in the engine's words, as `docker ps` shows it."),
    Column("health", "str", "", "healthy, unhealthy or starting; missing without a healthcheck, "
           "and where the list does not tell (stopped, paused; Podman)."),
    Column("created", "datetime64[ns, UTC]", "", "When it was created; whole seconds in the list."),
    Column("exit_code", "Int64", "", "Exit code of its last run, while it does not run."),
    Column("ports", "str", "", "Published and exposed ports, as `docker ps` writes them."),
    Column("project", "str", "", "Compose project, from its label."),
    Column("service", "str", "", "Compose service, from its label."),
    Column("networks", "object", "", "Names of its networks, a list."),
    Column("ips", "object", "", "Its address in each network, a dict; IPv6 if it has no IPv4."),
    Column("network_mode", "str", "", "bridge, host, none, container:ID or a network's name."),
    Column("mounts", "str", "", "Its mounts as source:destination, with :ro when read-only."),
    Column("command", "str", "", "The command line that it runs."),
    Column("labels", "object", "", "Labels, a dict."),
    Column("image_id", "str", "", "Full id of the image."),
    Column("port_list", "object", "", "Ports as a list of dicts: host_ip, host_port, "
           "container_port, protocol."),
    Column("mount_list", "object", "", "Mounts as a list of dicts: type, name, source, "
           "destination, mode, read_only."),
)  # fmt: skip
"""Columns of ``engine.containers()``."""

SIZE_COLUMNS = (
    Column("size_bytes", "Int64", "bytes", "What the container has written in its own layer."),
    Column("size_root_bytes", "Int64", "bytes", "That and its image's layers together."),
)
"""Further columns of ``engine.containers(size=True)``."""

_HEALTH = {"healthy": "healthy", "unhealthy": "unhealthy", "health: starting": "starting"}
_HEALTH_WORDS = frozenset(_HEALTH.values()) | {"starting"}


def containers(
    items: Iterable[Mapping[str, Any]] | None,
    *,
    size: bool = False,
    inspects: Sequence[Mapping[str, Any] | Exception] | None = None,
) -> pd.DataFrame:
    """The answer of ``GET /containers/json`` as a frame with `COLUMNS`.

    Parameters
    ----------
    items : list of dict
        The engine's answer, decoded. Null counts as no containers.
    size : bool
        Add `SIZE_COLUMNS`; the engine tells sizes when the list was asked for with ``size=true``.
    inspects : list of dict or exceptions, optional
        The answer of ``GET /containers/ID/json`` for each item, in order: adds the columns of
        `opskit.frames.details`. An exception in place of an answer leaves them missing and its
        message in ``detail_error``.
    """
    rows = [item or {} for item in items or ()]
    data = transpose(_ROW, [_row(item) for item in rows])
    data["created"] = epochs([item.get("Created") for item in rows])
    columns: tuple[Column, ...] = COLUMNS
    if size:
        columns += SIZE_COLUMNS
        data["size_root_bytes"] = [item.get("SizeRootFs") for item in rows]
        # the engine omits SizeRw when it is 0, and both when sizes were not asked for
        data["size_bytes"] = [
            item.get("SizeRw", None if item.get("SizeRootFs") is None else 0) for item in rows
        ]
    if inspects is not None:
        columns += DETAIL_COLUMNS
        more = details(inspects)
        for name in ("health", "exit_code"):  # inspect knows better than the status text
            better = more.pop(name)
            data[name] = [
                old if new is None else new for old, new in zip(data[name], better, strict=True)
            ]
        data |= more
    return build(columns, data)


_ROW = tuple(column.name for column in COLUMNS if column.name != "created")


def _row(item: Mapping[str, Any]) -> tuple[Any, ...]:
    get = item.get
    status = get("Status")
    health, exit_code = _from_status(status) if status else (None, None)
    if told := get("Health"):  # API 1.52
        word = told.get("Status")
        health = word if word in _HEALTH_WORDS else None
    labels = get("Labels") or {}
    settings = get("NetworkSettings")
    networks = (settings and settings.get("Networks")) or {}
    host = get("HostConfig")
    ports = _ports(get("Ports"))
    mounts = _mounts(get("Mounts"))
    return (
        name_of(get("Names")),
        get("Id"),
        get("Image"),
        get("State"),
        status,
        health,
        exit_code,
        ", ".join(map(_port_text, ports)) if ports else "",
        labels.get("com.docker.compose.project"),
        labels.get("com.docker.compose.service"),
        list(networks),
        {
            name: end.get("IPAddress") or end.get("GlobalIPv6Address")
            for name, end in networks.items()
            if end and (end.get("IPAddress") or end.get("GlobalIPv6Address"))
        },
        host and host.get("NetworkMode"),
        ", ".join(map(_mount_text, mounts)) if mounts else "",
        get("Command"),
        labels,
        get("ImageID"),
        ports,
        mounts,
    )


def name_of(names: Sequence[str] | None) -> str | None:
    """The container's own name: links show up as further names, with a second slash."""
    if not names:
        return None
    for name in names:
        if name and "/" not in name[1:]:
            return name.removeprefix("/")
    return None


def _from_status(status: str) -> tuple[str | None, int | None]:
    """Health and exit code as they stand in the status text."""
    if status[-1] == ")":  # Up 2 minutes (healthy)
        return _HEALTH.get(status[status.rfind("(") + 1 : -1]), None
    if status.startswith(("Exited (", "Restarting (")):  # Exited (137) 3 hours ago
        code = status[status.index("(") + 1 :].partition(")")[0]
        return None, int(code) if code.lstrip("-").isdecimal() else None
    return None, None


def _ports(ports: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    if not ports:
        return []
    listed = [
        {
            "host_ip": port.get("IP"),
            "host_port": port.get("PublicPort"),
            "container_port": port.get("PrivatePort"),
            "protocol": port.get("Type"),
        }
        for port in ports
        if port
    ]
    if len(listed) > 1:
        listed.sort(
            key=lambda p: (p["container_port"] or 0, p["protocol"] or "", p["host_ip"] or "")
        )
    return listed


def _port_text(port: Mapping[str, Any]) -> str:
    inside = f"{port['container_port'] or '?'}/{port['protocol'] or 'tcp'}"
    if not port["host_port"]:
        return inside
    ip = port["host_ip"] or ""
    return f"{f'[{ip}]' if ':' in ip else ip}:{port['host_port']}->{inside}"


def _mounts(mounts: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    if not mounts:
        return []
    return [
        {
            "type": mount.get("Type"),
            "name": mount.get("Name"),
            "source": mount.get("Source"),
            "destination": mount.get("Destination"),
            "mode": mount.get("Mode"),
            "read_only": None if mount.get("RW") is None else not mount["RW"],
        }
        for mount in mounts
        if mount
    ]


def _mount_text(mount: Mapping[str, Any]) -> str:
    source = mount["name"] or mount["source"] or mount["type"] or "?"
    return f"{source}:{mount['destination'] or '?'}{':ro' if mount['read_only'] else ''}"
