"""What only ``GET /containers/ID/json`` knows: further columns of the containers' frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opskit.frames.columns import Column, instants, transpose

__all__ = ["DETAIL_COLUMNS", "cpu_limit", "details"]

DETAIL_COLUMNS = (
    Column("started", "datetime64[ns, UTC]", "", "When it last started; missing if it never did."),
    Column("finished", "datetime64[ns, UTC]", "", "When it last ended; missing if it never did."),
    Column("restart_count", "Int64", "", "How often the restart policy has started it again."),
    Column("restart_policy", "str", "", "no, always, unless-stopped or on-failure[:most]."),
    Column("failing_streak", "Int64", "", "Failed health probes in a row; missing without a "
           "healthcheck."),
    Column("oom_killed", "boolean", "", "Whether the kernel killed it for want of memory."),
    Column("error", "str", "", "Why it could not start; missing when there was no error."),
    Column("pid", "Int64", "", "Process id on the host, while it runs."),
    Column("memory_limit_bytes", "Int64", "bytes", "Memory limit; missing when unlimited."),
    Column("cpu_limit", "Float64", "CPUs", "CPU limit, from --cpus or quota and period; missing "
           "when unlimited."),
    Column("pids_limit", "Int64", "processes", "Limit of processes; missing when unlimited."),
    Column("user", "str", "", "The user it runs as; empty is the image's default, root."),
    Column("working_dir", "str", "", "Working directory; empty is the image's default."),
    Column("hostname", "str", "", "Its host name."),
    Column("tty", "boolean", "", "Whether it has a terminal, so that its log is one raw stream."),
    Column("privileged", "boolean", "", "Whether it may do everything on the host."),
    Column("read_only", "boolean", "", "Whether its root file system is read-only."),
    Column("log_driver", "str", "", "Logging driver; only some can be read back."),
    Column("platform", "str", "", "Operating system of the container: linux or windows."),
    Column("detail_error", "str", "", "Why the details are missing: the container vanished between "
           "two calls, say. Missing when there was no error."),
)  # fmt: skip
"""Further columns of ``engine.containers(detail=True)``."""


def details(inspects: Sequence[Mapping[str, Any] | Exception]) -> dict[str, Any]:
    """Lists for `DETAIL_COLUMNS`, and better ones for ``health`` and ``exit_code``."""
    data = transpose(_ROW, [_row(answer) for answer in inspects])
    for name in ("started", "finished"):
        data[name] = instants(data[name])
    return data


_ROW = ("health", "exit_code", *(column.name for column in DETAIL_COLUMNS))


def _row(answer: Mapping[str, Any] | Exception) -> tuple[Any, ...]:
    item = {} if isinstance(answer, Exception) or not answer else answer
    state = item.get("State") or {}
    host = item.get("HostConfig") or {}
    config = item.get("Config") or {}
    health = state.get("Health") or {}
    word = health.get("Status")
    runs = state.get("Running")
    pids = host.get("PidsLimit")
    return (
        word if word in ("healthy", "unhealthy", "starting") else None,
        state.get("ExitCode") if runs is False and state.get("Status") != "created" else None,
        state.get("StartedAt"),
        state.get("FinishedAt"),
        item.get("RestartCount"),
        _policy(host.get("RestartPolicy")),
        health.get("FailingStreak") if word and word != "none" else None,
        state.get("OOMKilled"),
        state.get("Error") or None,
        state.get("Pid") or None,
        host.get("Memory") or None,
        cpu_limit(host),
        pids if pids and 0 < pids < 2**63 else None,
        config.get("User"),
        config.get("WorkingDir"),
        config.get("Hostname"),
        config.get("Tty"),
        host.get("Privileged"),
        host.get("ReadonlyRootfs"),
        (host.get("LogConfig") or {}).get("Type"),
        item.get("Platform") or item.get("Os"),
        str(answer) if isinstance(answer, Exception) else None,
    )


def cpu_limit(host: Mapping[str, Any]) -> float | None:
    """CPUs that a HostConfig allows: NanoCpus, else CpuQuota per CpuPeriod (100 ms by default)."""
    if nano := host.get("NanoCpus"):
        return float(nano / 1e9)
    quota = host.get("CpuQuota") or 0
    return float(quota / (host.get("CpuPeriod") or 100_000)) if quota > 0 else None


def _policy(policy: Mapping[str, Any] | None) -> str | None:
    if not policy:
        return None
    name = policy.get("Name")
    most = policy.get("MaximumRetryCount")
    if name == "on-failure" and most:
        return f"on-failure:{most}"
    return "no" if name == "" else name
