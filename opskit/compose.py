"""Compose projects, found by the labels that compose gives its containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opskit.frames.columns import Column, build

if TYPE_CHECKING:
    import pandas as pd

    from opskit.engine.base import RawEngine

__all__ = ["COLUMNS", "compose_projects"]

_LABEL = "com.docker.compose."

COLUMNS = (
    Column("project", "str", "", "The project's name."),
    Column("service", "str", "", "The service's name in it."),
    Column("status", "str", "", "running when all its containers run, partial when some do, else "
           "their common state, or stopped."),
    Column("containers", "int64", "containers", "How many it has."),
    Column("running", "int64", "containers", "How many of them run."),
    Column("healthy", "Int64", "containers", "How many are healthy; missing where none has a "
           "healthcheck, or none of those that have runs."),
    Column("image", "str", "", "The image; several are joined by commas."),
    Column("ports", "str", "", "Published ports of all its containers."),
    Column("names", "object", "", "Its containers' names, a list."),
    Column("depends_on", "object", "", "Services that it depends on, a list."),
    Column("working_dir", "str", "", "The folder that compose was called in."),
    Column("config_files", "str", "", "The compose files."),
)  # fmt: skip
"""Columns of `compose_projects`."""


def compose_projects(engine: RawEngine) -> pd.DataFrame:
    """The Compose projects on an engine: a row for each service.

    Containers that ``docker compose run`` made for once are left out.

    Parameters
    ----------
    engine : Engine
        Asked once (endpoint ``GET /containers/json``).

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, sorted by project and service.
    """
    filters = {"label": [_LABEL + "project"]}
    items = engine.get("/containers/json", all=True, filters=filters) or []
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for item in items:
        labels = item.get("Labels") or {}
        if labels.get(_LABEL + "oneoff", "False") != "True":
            service = labels.get(_LABEL + "service", "")
            groups.setdefault((labels[_LABEL + "project"], service), []).append(item)
    rows = [_row(*key, groups[key]) for key in sorted(groups)]
    data = {column.name: [row[column.name] for row in rows] for column in COLUMNS}
    return engine.stamp(build(COLUMNS, data), f"GET /containers/json?all=true&filters={filters}")


def _row(project: str, service: str, items: list[Mapping[str, Any]]) -> dict[str, Any]:
    from opskit.frames.containers import containers

    frame = containers(items)
    labels = items[0].get("Labels") or {}
    states = list(frame["state"])
    running = states.count("running")
    known = frame["health"].notna()
    depends = labels.get(_LABEL + "depends_on", "")
    return {
        "project": project,
        "service": service,
        "status": _status(states, running),
        "containers": len(items),
        "running": running,
        "healthy": int((frame["health"] == "healthy").sum()) if known.any() else None,
        "image": ", ".join(dict.fromkeys(frame["image"])),
        "ports": ", ".join(port for port in frame["ports"] if port),
        "names": sorted(frame["name"]),
        "depends_on": [name.partition(":")[0] for name in depends.split(",") if name],
        "working_dir": labels.get(_LABEL + "project.working_dir"),
        "config_files": labels.get(_LABEL + "project.config_files"),
    }


def _status(states: list[str], running: int) -> str:
    if running == len(states):
        return "running"
    if running:
        return "partial"
    return states[0] if len(set(states)) == 1 else "stopped"
