"""Volumes as a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from opskit.frames.columns import Column, build, instants, transpose

__all__ = ["COLUMNS", "volumes"]

COLUMNS = (
    Column("name", "str", "", "Name; 64 hex digits when the engine made it up."),
    Column("driver", "str", "", "local or a plugin's."),
    Column("scope", "str", "", "local, or global for all nodes of a swarm."),
    Column("created", "datetime64[ns, UTC]", "", "When it was created; whole seconds."),
    Column("mountpoint", "str", "", "Where it is on the engine's host."),
    Column("project", "str", "", "Compose project, from its label."),
    Column("labels", "object", "", "Labels, a dict."),
    Column("options", "object", "", "Options of the driver, a dict."),
)
"""Columns of ``engine.volumes()``. Sizes are in ``engine.disk_usage()``: they walk the disk."""


def volumes(answer: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None) -> pd.DataFrame:
    """The answer of ``GET /volumes``, or a list of volumes, with `COLUMNS`."""
    items = answer.get("Volumes") if isinstance(answer, Mapping) else answer
    data = transpose(_ROW, [_row(item or {}) for item in items or ()])
    data["created"] = instants(data["created"])
    return build(COLUMNS, data)


_ROW = tuple(column.name for column in COLUMNS)


def _row(item: Mapping[str, Any]) -> tuple[Any, ...]:
    labels = item.get("Labels") or {}
    return (
        item.get("Name"),
        item.get("Driver"),
        item.get("Scope"),
        item.get("CreatedAt"),
        item.get("Mountpoint"),
        labels.get("com.docker.compose.project"),
        labels,
        item.get("Options") or {},
    )
