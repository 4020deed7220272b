"""A swarm's nodes, services, tasks, configs and secrets, as frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from opskit.frames.columns import Column, build, instants, transpose

__all__ = [
    "NODE_COLUMNS",
    "PAYLOAD_COLUMNS",
    "SERVICE_COLUMNS",
    "TASK_COLUMNS",
    "configs",
    "nodes",
    "secrets",
    "services",
    "tasks",
]

Items = Iterable[Mapping[str, Any]] | None

NODE_COLUMNS = (
    Column("name", "str", "", "Host name."),
    Column("id", "str", "", "Full id."),
    Column("role", "str", "", "manager or worker."),
    Column("availability", "str", "", "active, pause or drain."),
    Column("state", "str", "", "ready, down, disconnected or unknown."),
    Column("leader", "boolean", "", "Whether it leads; missing for a worker."),
    Column("address", "str", "", "Address that the managers see it at."),
    Column("engine_version", "str", "", "Its engine's release."),
    Column("cpus", "Float64", "CPUs", "How many CPUs it has."),
    Column("memory_bytes", "Int64", "bytes", "How much memory it has."),
    Column("created", "datetime64[ns, UTC]", "", "When it joined."),
    Column("labels", "object", "", "Labels that the swarm gave it, a dict."),
)
"""Columns of ``engine.swarm.nodes()``."""

SERVICE_COLUMNS = (
    Column("name", "str", "", "Name."),
    Column("id", "str", "", "Full id."),
    Column("mode", "str", "", "replicated, global, replicated-job or global-job."),
    Column("replicas", "Int64", "tasks", "How many tasks it is to have; missing for global ones."),
    Column("running", "Int64", "tasks", "How many of its tasks run."),
    Column("image", "str", "", "The image, without its digest."),
    Column("ports", "str", "", "Published ports, as `docker service ls` writes them."),
    Column("stack", "str", "", "Stack, from its label."),
    Column("update_state", "str", "", "How its last update went; missing without one."),
    Column("created", "datetime64[ns, UTC]", "", "When it was created."),
    Column("updated", "datetime64[ns, UTC]", "", "When it was last changed."),
    Column("labels", "object", "", "Labels, a dict."),
)
"""Columns of ``engine.swarm.services()``."""

TASK_COLUMNS = (
    Column("name", "str", "", "Service and slot, or service and node of a global one."),
    Column("id", "str", "", "Full id."),
    Column("service", "str", "", "Name of its service; its id where that is gone."),
    Column("slot", "Int64", "", "Which of the replicas; missing for a global service."),
    Column("node", "str", "", "Host name of its node; missing while it has none."),
    Column("state", "str", "", "new, pending, assigned, running, complete, failed, rejected…"),
    Column("desired_state", "str", "", "What it should be: running, shutdown, accepted…"),
    Column("message", "str", "", "The swarm's own words for its state."),
    Column("error", "str", "", "Why it failed; missing where it did not."),
    Column("exit_code", "Int64", "", "Exit code of its container, once that has ended."),
    Column("container_id", "str", "", "Its container on its node; missing while it has none."),
    Column("image", "str", "", "The image, without its digest."),
    Column("created", "datetime64[ns, UTC]", "", "When it was created."),
    Column("since", "datetime64[ns, UTC]", "", "Since when it has its state."),
)
"""Columns of ``engine.swarm.tasks()``."""

PAYLOAD_COLUMNS = (
    Column("name", "str", "", "Name."),
    Column("id", "str", "", "Full id."),
    Column("driver", "str", "", "A plugin that holds it; missing where the swarm does."),
    Column("created", "datetime64[ns, UTC]", "", "When it was created."),
    Column("updated", "datetime64[ns, UTC]", "", "When it was last changed."),
    Column("labels", "object", "", "Labels, a dict."),
)
"""Columns of ``engine.swarm.configs()`` and ``.secrets()``; what they hold is not shown."""


def nodes(items: Items) -> pd.DataFrame:
    """The answer of ``GET /nodes`` with `NODE_COLUMNS`."""
    return _frame(NODE_COLUMNS, map(_node, items or ()))


def services(items: Items, tasks: Items = ()) -> pd.DataFrame:
    """The answer of ``GET /services`` with `SERVICE_COLUMNS`; ``running`` is counted in tasks."""
    running = Counter(
        task.get("ServiceID")
        for task in tasks or ()
        if (task.get("Status") or {}).get("State") == "running"
    )
    return _frame(SERVICE_COLUMNS, (_service(item, running) for item in items or ()))


def tasks(items: Items, services: Items = (), nodes: Items = ()) -> pd.DataFrame:
    """The answer of ``GET /tasks`` with `TASK_COLUMNS`; names come from services and nodes."""
    named = {item.get("ID"): (item.get("Spec") or {}).get("Name") for item in services or ()}
    hosts = {
        item.get("ID"): (item.get("Description") or {}).get("Hostname") for item in nodes or ()
    }
    return _frame(TASK_COLUMNS, (_task(item, named, hosts) for item in items or ()))


def configs(items: Items) -> pd.DataFrame:
    """The answer of ``GET /configs`` with `PAYLOAD_COLUMNS`."""
    return _frame(PAYLOAD_COLUMNS, map(_payload, items or ()))


def secrets(items: Items) -> pd.DataFrame:
    """The answer of ``GET /secrets`` with `PAYLOAD_COLUMNS`."""
    return _frame(PAYLOAD_COLUMNS, map(_payload, items or ()))


def _frame(columns: tuple[Column, ...], rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    data = transpose([column.name for column in columns], list(rows))
    for column in columns:
        if column.dtype.startswith("datetime"):
            data[column.name] = instants(data[column.name])
    return build(columns, data)


def _node(item: Mapping[str, Any]) -> tuple[Any, ...]:
    spec, about = item.get("Spec") or {}, item.get("Description") or {}
    manager, status = item.get("ManagerStatus"), item.get("Status") or {}
    resources = about.get("Resources") or {}
    cpus = resources.get("NanoCPUs")
    return (
        about.get("Hostname"),
        item.get("ID"),
        spec.get("Role"),
        spec.get("Availability"),
        status.get("State"),
        bool(manager.get("Leader")) if manager else None,
        status.get("Addr"),
        (about.get("Engine") or {}).get("EngineVersion"),
        cpus / 1e9 if cpus is not None else None,
        resources.get("MemoryBytes"),
        item.get("CreatedAt"),
        spec.get("Labels") or {},
    )


def _service(item: Mapping[str, Any], running: Mapping[Any, int]) -> tuple[Any, ...]:
    spec = item.get("Spec") or {}
    labels = spec.get("Labels") or {}
    mode = next(iter(spec.get("Mode") or {}), None)
    how = (spec.get("Mode") or {}).get(mode) or {}
    ports = (item.get("Endpoint") or {}).get("Ports") or ()
    return (
        spec.get("Name"),
        item.get("ID"),
        _MODES.get(str(mode)),
        how.get("Replicas", how.get("TotalCompletions")),
        running.get(item.get("ID"), 0),
        _image(spec.get("TaskTemplate")),
        ", ".join(map(_port, ports)),
        labels.get("com.docker.stack.namespace"),
        (item.get("UpdateStatus") or {}).get("State"),
        item.get("CreatedAt"),
        item.get("UpdatedAt"),
        labels,
    )


_MODES = {
    "Replicated": "replicated",
    "Global": "global",
    "ReplicatedJob": "replicated-job",
    "GlobalJob": "global-job",
}


def _port(port: Mapping[str, Any]) -> str:
    return f"*:{port.get('PublishedPort')}->{port.get('TargetPort')}/{port.get('Protocol')}"


def _image(template: Mapping[str, Any] | None) -> str | None:
    image = ((template or {}).get("ContainerSpec") or {}).get("Image")
    return image.partition("@")[0] if image else None


def _task(
    item: Mapping[str, Any], named: Mapping[Any, Any], hosts: Mapping[Any, Any]
) -> tuple[Any, ...]:
    status = item.get("Status") or {}
    container = status.get("ContainerStatus") or {}
    state, node = status.get("State"), item.get("NodeID")
    service = named.get(item.get("ServiceID")) or item.get("ServiceID")
    ended = state in ("complete", "failed", "shutdown", "rejected")
    return (
        f"{service}.{item.get('Slot') or hosts.get(node) or node}",
        item.get("ID"),
        service,
        item.get("Slot"),
        hosts.get(node) or node,
        state,
        item.get("DesiredState"),
        status.get("Message"),
        status.get("Err"),
        container.get("ExitCode") if ended and container else None,
        container.get("ContainerID") or None,
        _image(item.get("Spec")),
        item.get("CreatedAt"),
        status.get("Timestamp"),
    )


def _payload(item: Mapping[str, Any]) -> tuple[Any, ...]:
    spec = item.get("Spec") or {}
    return (
        spec.get("Name"),
        item.get("ID"),
        (spec.get("Driver") or {}).get("Name"),
        item.get("CreatedAt"),
        item.get("UpdatedAt"),
        spec.get("Labels") or {},
    )
