"""The engine itself as frames: what it is, its parts' versions, its disk, a container's changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from opskit.frames.columns import Column, build, instants, transpose

__all__ = ["CHANGES_COLUMNS", "INFO_COLUMNS", "VERSION_COLUMNS", "changes", "info", "version"]

INFO_COLUMNS = (
    Column("name", "str", "", "Name of the engine's host."),
    Column("engine_version", "str", "", "Release of the engine."),
    Column("containers", "Int64", "containers", "All containers."),
    Column("containers_running", "Int64", "containers", "Running ones."),
    Column("containers_paused", "Int64", "containers", "Paused ones."),
    Column("containers_stopped", "Int64", "containers", "All others."),
    Column("images", "Int64", "images", "Images."),
    Column("cpus", "Int64", "CPUs", "CPUs of the host."),
    Column("memory_bytes", "Int64", "bytes", "Memory of the host."),
    Column("operating_system", "str", "", "The host's distribution."),
    Column("os_type", "str", "", "linux or windows."),
    Column("architecture", "str", "", "The host's processor, x86_64 say."),
    Column("kernel_version", "str", "", "The host's kernel."),
    Column("storage_driver", "str", "", "How layers are kept: overlay2, overlayfs…"),
    Column("storage_status", "object", "", "What the storage driver says about itself, a dict."),
    Column("root_dir", "str", "", "Where the engine keeps its data."),
    Column("logging_driver", "str", "", "Logging driver of containers that name none."),
    Column("cgroup_driver", "str", "", "cgroupfs, systemd or none."),
    Column("cgroup_version", "str", "", "1 or 2: memory and I/O are counted differently."),
    Column("runtimes", "object", "", "Names of the OCI runtimes, a list."),
    Column("default_runtime", "str", "", "The runtime of containers that name none."),
    Column("swarm", "str", "", "inactive, pending, active, error or locked."),
    Column("rootless", "boolean", "", "Whether the engine runs without root."),
    Column("user_namespaces", "boolean", "", "Whether root in containers is another user outside."),
    Column("security_options", "object", "", "seccomp, apparmor…, a list."),
    Column("live_restore", "boolean", "", "Whether containers outlive the engine's restart."),
    Column("experimental", "boolean", "", "Whether experimental features are on."),
    Column("registry_mirrors", "object", "", "Mirrors of Docker Hub, a list."),
    Column("insecure_registries", "object", "", "Registries and networks taken without TLS, a "
           "list."),
    Column("labels", "object", "", "Labels of the engine, key=value, a list."),
    Column("system_time", "datetime64[ns, UTC]", "", "The host's clock when it answered."),
    Column("id", "str", "", "The engine's own id."),
    Column("warnings", "object", "", "What the engine warns of, a list."),
)  # fmt: skip
"""Columns of ``engine.info()``, one row."""

VERSION_COLUMNS = (
    Column("component", "str", "", "Engine, containerd, runc…; the engine comes first."),
    Column("version", "str", "", "Its release."),
    Column("api_version", "str", "", "Newest Engine API it speaks; the engine only."),
    Column("min_api_version", "str", "", "Oldest Engine API it speaks; the engine only."),
    Column("built", "datetime64[ns, UTC]", "", "When it was built, where it tells."),
    Column("git_commit", "str", "", "The commit it was built from."),
    Column("go_version", "str", "", "The Go release it was built with."),
    Column("os", "str", "", "Operating system it runs on."),
    Column("arch", "str", "", "Processor it was built for."),
    Column("kernel_version", "str", "", "The host's kernel; the engine only."),
    Column("details", "object", "", "All that the component says about itself, a dict."),
)
"""Columns of ``engine.version()``, one row a component."""

CHANGES_COLUMNS = (
    Column("path", "str", "", "Path inside the container."),
    Column("change", "str", "", "modified, added or deleted, against the image."),
)
"""Columns of ``engine.changes()``, one row a file or folder."""


def info(answer: Mapping[str, Any] | None) -> pd.DataFrame:
    """The answer of ``GET /info`` as one row of `INFO_COLUMNS`."""
    get = (answer or {}).get
    options = _list(get("SecurityOptions"))
    registry = get("RegistryConfig") or {}
    indexes = registry.get("IndexConfigs") or {}
    insecure = [n for n, index in indexes.items() if index and index.get("Secure") is False]
    row = (
        get("Name"),
        get("ServerVersion"),
        get("Containers"),
        get("ContainersRunning"),
        get("ContainersPaused"),
        get("ContainersStopped"),
        get("Images"),
        get("NCPU"),
        get("MemTotal"),
        get("OperatingSystem"),
        get("OSType"),
        get("Architecture"),
        get("KernelVersion"),
        get("Driver"),
        {pair[0]: pair[-1] for pair in get("DriverStatus") or () if pair},
        get("DockerRootDir"),
        get("LoggingDriver") or None,
        get("CgroupDriver"),
        get("CgroupVersion") or ("1" if get("CgroupDriver") else None),  # unsaid before API 1.41
        sorted(get("Runtimes") or ()),
        get("DefaultRuntime"),
        (get("Swarm") or {}).get("LocalNodeState"),
        _among("rootless", options, get("SecurityOptions"), get("Rootless")),
        _among("userns", options, get("SecurityOptions")),
        options,
        get("LiveRestoreEnabled"),
        get("ExperimentalBuild"),
        _list(registry.get("Mirrors")),
        insecure + _list(registry.get("InsecureRegistryCIDRs")),
        _list(get("Labels")),
        get("SystemTime"),
        get("ID"),
        _list(get("Warnings")),
    )
    data = transpose([c.name for c in INFO_COLUMNS], [row])
    data["system_time"] = instants(data["system_time"])
    return build(INFO_COLUMNS, data)


def _list(values: Iterable[str] | None) -> list[str]:
    return [value for value in values or () if value]


def _among(name: str, options: list[str], told: Any, own: bool | None = None) -> bool | None:
    """Whether `name` is a security option; unknown when the engine lists none and says nothing."""
    if own is not None:
        return own
    return any(o.split(",")[0] == f"name={name}" for o in options) if told is not None else None


def version(answer: Mapping[str, Any] | None) -> pd.DataFrame:
    """The answer of ``GET /version`` with `VERSION_COLUMNS`."""
    top = answer or {}
    parts = [part for part in top.get("Components") or () if part]
    if not parts:
        parts = [{"Name": "Engine", "Version": top.get("Version")}]
    rows = [_component(part, top if i == 0 else {}) for i, part in enumerate(parts)]
    data = transpose([c.name for c in VERSION_COLUMNS], rows)
    data["built"] = instants(data["built"])
    return build(VERSION_COLUMNS, data)


def _component(part: Mapping[str, Any], top: Mapping[str, Any]) -> tuple[Any, ...]:
    details = part.get("Details") or {}

    def say(key: str) -> str | None:
        # the engine's own words first: Podman's details hold Podman's API version
        return top.get(key) or details.get(key) or None

    return (
        part.get("Name"),
        part.get("Version"),
        say("ApiVersion"),
        say("MinAPIVersion"),
        say("BuildTime"),
        say("GitCommit"),
        say("GoVersion"),
        say("Os"),
        say("Arch"),
        say("KernelVersion"),
        details,
    )


_KINDS = {0: "modified", 1: "added", 2: "deleted"}


def changes(items: Iterable[Mapping[str, Any]] | None) -> pd.DataFrame:
    """The answer of ``GET /containers/ID/changes`` with `CHANGES_COLUMNS`; null is no change."""
    rows = [item or {} for item in items or ()]
    return build(
        CHANGES_COLUMNS,
        {
            "path": [item.get("Path") for item in rows],
            # Kind 0 is a value, not Go's "omitted": the engine always sends it
            "change": [_KINDS.get(item["Kind"]) if "Kind" in item else None for item in rows],
        },
    )
