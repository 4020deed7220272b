"""Networks as a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from opskit.frames.columns import Column, build, instants, transpose

__all__ = ["COLUMNS", "DETAIL_COLUMNS", "networks"]

COLUMNS = (
    Column("name", "str", "", "Name."),
    Column("id", "str", "", "Full id, 64 hex digits."),
    Column("driver", "str", "", "bridge, host, null, overlay, macvlan, ipvlan or a plugin's."),
    Column("scope", "str", "", "local, or swarm for all nodes of one."),
    Column("created", "datetime64[ns, UTC]", "", "When it was created."),
    Column("subnets", "object", "", "Address ranges, a list."),
    Column("gateways", "object", "", "The gateway of each range that has one, a list."),
    Column("ipv6", "boolean", "", "Whether it has IPv6."),
    Column("internal", "boolean", "", "Whether it is cut off from outside."),
    Column("attachable", "boolean", "", "Whether plain containers may join a swarm network."),
    Column("project", "str", "", "Compose project, from its label."),
    Column("labels", "object", "", "Labels, a dict."),
    Column("options", "object", "", "Options of the driver, a dict."),
)
"""Columns of ``engine.networks()``."""

DETAIL_COLUMNS = (
    Column("containers", "object", "", "Names of the running containers in it, a list; missing "
           "when it could not be inspected."),
    Column("ips", "object", "", "Their addresses with prefix length, a dict; IPv6 for those "
           "without IPv4."),
)  # fmt: skip
"""Further columns of ``engine.networks(detail=True)``: the list leaves containers out."""


def networks(items: Iterable[Mapping[str, Any]] | None, *, detail: bool = False) -> pd.DataFrame:
    """The answer of ``GET /networks``, or several of ``/networks/ID``, with `COLUMNS`.

    Parameters
    ----------
    items : list of dict
        The engine's answer, decoded.
    detail : bool
        Add `DETAIL_COLUMNS`; `items` then are inspects, as lists have no containers in them.
    """
    columns = COLUMNS + DETAIL_COLUMNS if detail else COLUMNS
    data = transpose([c.name for c in columns], [_row(item or {}, detail) for item in items or ()])
    data["created"] = instants(data["created"])
    return build(columns, data)


def _row(item: Mapping[str, Any], detail: bool) -> tuple[Any, ...]:
    labels = item.get("Labels") or {}
    ranges = [r for r in (item.get("IPAM") or {}).get("Config") or () if r]
    row = (
        item.get("Name"),
        item.get("Id"),
        item.get("Driver"),
        item.get("Scope"),
        item.get("Created"),
        [r["Subnet"] for r in ranges if r.get("Subnet")],
        [r["Gateway"] for r in ranges if r.get("Gateway")],
        item.get("EnableIPv6"),
        item.get("Internal"),
        item.get("Attachable"),
        labels.get("com.docker.compose.project"),
        labels,
        item.get("Options") or {},
    )
    if not detail:
        return row
    if item.get("Containers") is None:
        return (*row, None, None)
    inside = {
        end["Name"]: end.get("IPv4Address") or end.get("IPv6Address")
        for end in item["Containers"].values()
        if end and end.get("Name")
    }
    return (*row, sorted(inside), {name: ip for name, ip in sorted(inside.items()) if ip})
