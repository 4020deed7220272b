"""The health report: what each container is up to, what needs looking at first on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from opskit.frames.columns import NO_TIME, Column, build, instants, transpose
from opskit.frames.details import details

__all__ = ["COLUMNS", "health"]

COLUMNS = (
    Column("name", "str", "", "Name, without the leading slash."),
    Column("image", "str", "", "The image as it was asked for."),
    Column("status", "str", "", "created, running, paused, restarting, removing, exited or dead; "
           "removed when it vanished while it was looked at."),
    Column("attention", "str", "", "Why it needs looking at; empty when nothing is wrong."),
    Column("severity", "int64", "", "2 is broken, 1 is in danger or odd, 0 is well."),
    Column("health", "str", "", "healthy, unhealthy or starting; missing without a healthcheck."),
    Column("health_output", "str", "", "What the last health probe printed; missing without one."),
    Column("failing_streak", "Int64", "", "Failed probes in a row; missing without a healthcheck."),
    Column("restart_count", "Int64", "", "How often its restart policy has started it again."),
    Column("exit_code", "Int64", "", "Exit code of its last run, while it does not run."),
    Column("oom_killed", "boolean", "", "Whether the kernel killed it for want of memory."),
    Column("memory_percent", "float64", "percent of the limit", "As `docker stats` shows it."),
    Column("cpu_percent", "float64", "percent of one CPU", "As `docker stats` shows it; missing "
           "where the engine gave one reading only."),
    Column("uptime", "timedelta64[ns]", "", "Since when it runs; missing while it does not."),
    Column("started", "datetime64[ns, UTC]", "", "When it last started."),
    Column("id", "str", "", "Full id, 64 hex digits."),
)  # fmt: skip
"""Columns of ``engine.health()``."""

_SIGNALLED = (130, 137, 143)  # what `docker stop` and Ctrl-C leave behind
_FULL = 90.0  # percent


class _Figures(NamedTuple):
    """What the report takes from the stats of one container."""

    time: int
    memory_percent: float | None
    cpu_percent: float | None
    throttled_percent: float | None


_FIGURES = _Figures._fields[1:]


def health(
    items: Sequence[Mapping[str, Any]],
    inspects: Sequence[Mapping[str, Any] | Exception],
    stats: pd.DataFrame,
    now_ns: int,
) -> pd.DataFrame:
    """The report as a frame with `COLUMNS`.

    Parameters
    ----------
    items : sequence of dict
        Of each container, what ``GET /containers/json`` says: the name and image that it still has
        when it vanished before it was inspected.
    inspects : sequence of dict or exceptions
        Of each container, what ``GET /containers/ID/json`` says, or why it does not.
    stats : pandas.DataFrame
        What ``engine.stats()`` says, of some of them at least.
    now_ns : int
        The time that uptimes end at, where the stats tell none.
    """
    told = details(inspects)
    stats = pd.DataFrame(stats)  # without the attrs, which are copied with every column looked at
    read = stats["time"].dt.tz_localize(None).to_numpy("datetime64[ns]").astype("int64")
    figures_of = dict(
        zip(
            stats["id"],
            zip(read.tolist(), *(stats[name].tolist() for name in _FIGURES), strict=True),
            strict=True,
        )
    )
    started = instants([_state(inspect).get("StartedAt") for inspect in inspects]).tolist()
    rows = []
    for at, (item, inspect) in enumerate(zip(items, inspects, strict=True)):
        gone = isinstance(inspect, Exception)
        answer: Mapping[str, Any] = {} if isinstance(inspect, Exception) else inspect
        state = _state(inspect)
        has_check = bool((answer.get("Config") or {}).get("Healthcheck"))
        id_ = str(item.get("Id") or "")
        figures = _Figures(*figures_of.get(id_, (NO_TIME, None, None, None)))
        row = {
            "name": str(answer.get("Name") or (item.get("Names") or [""])[0]).lstrip("/"),
            "image": item.get("Image") or (answer.get("Config") or {}).get("Image"),
            "status": "removed" if gone else state.get("Status") or item.get("State"),
            "health": told["health"][at] if has_check else None,
            "health_output": _last_output(state) if has_check else None,
            "failing_streak": told["failing_streak"][at] if has_check else None,
            "restart_count": told["restart_count"][at],
            "exit_code": told["exit_code"][at],
            "oom_killed": told["oom_killed"][at],
            "memory_percent": figures.memory_percent,
            "cpu_percent": figures.cpu_percent,
            "started": started[at],
            "uptime": _uptime(state, started[at], figures.time, now_ns),
            "id": id_,
        }
        row["severity"], row["attention"] = _judge(row, figures)
        rows.append(row)
    rows.sort(key=lambda row: (-row["severity"], -len(row["attention"]), row["name"]))
    names = [column.name for column in COLUMNS]
    data = transpose(names, [tuple(row[name] for name in names) for row in rows])
    return build(COLUMNS, data)


def _state(inspect: Mapping[str, Any] | Exception) -> Mapping[str, Any]:
    return {} if isinstance(inspect, Exception) else inspect.get("State") or {}


def _judge(row: Mapping[str, Any], figures: _Figures) -> tuple[int, str]:
    """How bad it is, and all the reasons, the worst first."""
    broken, odd = [], []
    streak, code, status = row["failing_streak"] or 0, row["exit_code"], row["status"]
    if row["health"] == "unhealthy":
        broken.append(f"unhealthy: {streak} probes failed")
    elif streak:
        odd.append(f"{streak} health probes failed")
    if row["oom_killed"]:
        broken.append("killed for want of memory")
    if status in ("restarting", "dead", "removing"):
        broken.append(status)
    if status in ("paused", "removed"):
        odd.append(status)
    if code in _SIGNALLED and not row["oom_killed"]:
        odd.append(f"ended by a signal ({code})")
    elif code and not row["oom_killed"]:
        broken.append(f"exit code {code}")
    if row["restart_count"]:
        times = "once" if row["restart_count"] == 1 else f"{row['restart_count']} times"
        odd.append(f"restarted {times}")
    if (row["memory_percent"] or 0) >= _FULL:
        odd.append(f"memory at {row['memory_percent']:.0f} % of the limit")
    if (figures.throttled_percent or 0) >= _FULL:
        odd.append("throttled by its CPU quota")
    return (2 if broken else 1 if odd else 0), "; ".join(broken + odd)


def _last_output(state: Mapping[str, Any]) -> str | None:
    log = (state.get("Health") or {}).get("Log") or ()
    return " ".join(str(log[-1].get("Output") or "").split()) if log else None


def _uptime(state: Mapping[str, Any], started: int, read: int, now_ns: int) -> int:
    if started == NO_TIME or not state.get("Running") or state.get("Restarting"):
        return int(NO_TIME)
    return max((now_ns if read == NO_TIME else read) - started, 0)
