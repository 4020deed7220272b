"""One object of ``/containers/{id}/stats`` as one flat record of counters.

The engine's answer nests what matters five levels deep, differs by cgroup version, platform and
engine, and marks what it does not know by zeros, nulls, absent keys or 2**64 - 1. A `Reading` has
the same nineteen integers always, `UNKNOWN` where the engine did not say: 144 bytes, so that an
hour of two hundred containers fits in memory and numpy computes on a million of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from opskit.frames.columns import NO_TIME, instants

__all__ = [
    "NOTHING",
    "READING",
    "UNKNOWN",
    "Reading",
    "block_bytes",
    "earlier",
    "memory_used",
    "network_bytes",
    "reading",
    "table",
]

UNKNOWN = -1  # no counter is ever negative
_UNLIMITED = 2**63  # the engine says 2**64 - 1 for "max"
_HUNDRED_NS = 100  # Windows counts CPU time in these


class Reading(NamedTuple):
    """The counters of one container at one moment; `UNKNOWN` where the engine did not say."""

    time: int  # nanoseconds since the epoch, NO_TIME when the container was not running
    cpu: int  # nanoseconds of processor time since the container started
    system: int  # nanoseconds of processor time of the whole host, idle included
    cpus: int  # processors online
    windows: int  # 1 on a Windows engine
    usage: int  # bytes charged to the container, page cache included
    memory: int  # … without the page cache that can be dropped: what docker stats shows
    cache: int
    rss: int
    limit: int
    rx: int
    tx: int
    read: int
    write: int
    pids: int
    pids_limit: int
    periods: int  # periods of the CPU quota gone by, those throttled in, nanoseconds lost by it
    throttled_periods: int
    throttled: int


READING = np.dtype(
    [(name, "i4" if name in ("cpus", "windows") else "i8") for name in Reading._fields]
)
NOTHING = Reading(NO_TIME, *[UNKNOWN] * (len(Reading._fields) - 1))._replace(windows=0)


def reading(stats: Mapping[str, Any]) -> Reading:
    """The flat counters of one answer of ``GET /containers/{id}/stats``.

    Parameters
    ----------
    stats : mapping
        The decoded JSON object of any engine, API version, cgroup version and platform.

    Notes
    -----
    Zeros that nobody measured are `UNKNOWN`: the processor time and throttling of a host without
    the cgroup controllers, and Podman's throttling. So is everything of a container that does not
    run: its answer has no time.
    """
    time = _time(stats.get("read"))
    if time == NO_TIME:
        return NOTHING
    cpu = _mapping(stats, "cpu_stats")
    memory = _mapping(stats, "memory_stats")
    pids = _mapping(stats, "pids_stats")
    rx, tx = network_bytes(stats.get("networks"))
    if _is_windows(stats):
        storage = _mapping(stats, "storage_stats")
        return NOTHING._replace(
            time=time,
            windows=1,
            cpu=_scaled(_whole(_mapping(cpu, "cpu_usage").get("total_usage"))),
            cpus=_whole(stats.get("num_procs")),
            memory=_whole(memory.get("privateworkingset")),
            rx=rx,
            tx=tx,
            read=_whole(storage.get("read_size_bytes")),
            write=_whole(storage.get("write_size_bytes")),
        )
    usage = _whole(memory.get("usage"))
    detail = _mapping(memory, "stats") if usage != UNKNOWN else {}
    used = _mapping(cpu, "cpu_usage")
    read, write = block_bytes(
        _mapping(stats, "blkio_stats").get("io_service_bytes_recursive"),
        none=0 if "inactive_file" in detail and "total_inactive_file" not in detail else UNKNOWN,
    )
    return Reading(
        time,
        _whole(used.get("total_usage")) or UNKNOWN,
        _whole(cpu.get("system_cpu_usage")),
        _processors(cpu),
        0,
        usage,
        memory_used(memory),
        _first(detail, "total_cache", "cache", "file"),
        _first(detail, "total_rss", "rss", "anon"),
        _whole(memory.get("limit")) or UNKNOWN,
        rx,
        tx,
        read,
        write,
        _whole(pids.get("current")),
        _whole(pids.get("limit")),
        *_throttling(cpu),
    )


def earlier(stats: Mapping[str, Any]) -> Reading:
    """What the same answer tells of the sample before it (``precpu_stats``, ``preread``).

    Only processor time and throttling, and not even those in the first answer of a stream and in
    a one-shot one: there the engine fills in zeros without the host's processor time.
    """
    time = _time(stats.get("preread"))
    cpu = _mapping(stats, "precpu_stats")
    used = _whole(_mapping(cpu, "cpu_usage").get("total_usage")) or UNKNOWN
    if time == NO_TIME or used == UNKNOWN:
        return NOTHING
    if _is_windows(stats):
        return NOTHING._replace(time=time, windows=1, cpu=_scaled(used))
    system = _whole(cpu.get("system_cpu_usage"))
    if system == UNKNOWN:
        return NOTHING
    periods, throttled_periods, throttled = _throttling(cpu)
    return NOTHING._replace(
        time=time,
        cpu=used,
        system=system,
        periods=periods,
        throttled_periods=throttled_periods,
        throttled=throttled,
    )


def table(readings: Iterable[Reading]) -> np.ndarray[Any, Any]:
    """Readings as one structured array of dtype `READING`."""
    return np.array(list(readings), dtype=READING)


def memory_used(memory: Mapping[str, Any]) -> int:
    """Bytes in use without the page cache that the kernel would drop first.

    ``usage - total_inactive_file`` with cgroup v1, ``usage - inactive_file`` with v2, ``usage``
    itself where the difference would not be positive or neither is told.

    Source: docker/cli, ``calculateMemUsageUnixNoCache`` in
    cli/command/container/stats_helpers.go; the API's own text still names ``stats.cache``.
    """
    usage = _whole(memory.get("usage"))
    detail = _mapping(memory, "stats")
    for name in ("total_inactive_file", "inactive_file"):
        inactive = _whole(detail.get(name))
        if 0 <= inactive < usage:
            return usage - inactive
    return usage


def block_bytes(entries: Any, none: int = UNKNOWN) -> tuple[int, int]:
    """Bytes read from and written to block devices, summed over the devices.

    Parameters
    ----------
    entries : list of dict, or None
        ``blkio_stats.io_service_bytes_recursive``.
    none : int
        What no entries mean: nothing read or written yet with cgroup v2, but `UNKNOWN` with v1,
        whose blkio controller has none at all on recent kernels.

    Source: docker/cli, ``calculateBlockIO`` in cli/command/container/stats_helpers.go, which takes
    an entry by the first letter of its ``op``, in any case. Podman adds ``rios`` and ``wios``,
    which count operations: those are left out here.
    """
    read = write = UNKNOWN if entries else none
    for entry in entries or ():
        operation = str(entry.get("op", "")).lower()
        value = _whole(entry.get("value"))
        if value == UNKNOWN or operation.endswith("ios"):
            continue
        if operation.startswith("r"):
            read = value + max(read, 0)
        elif operation.startswith("w"):
            write = value + max(write, 0)
    return read, write


def network_bytes(networks: Any) -> tuple[int, int]:
    """Bytes received and sent, summed over all interfaces; `UNKNOWN` without any.

    A container on the host's network or on none has no interfaces of its own; Podman 4 then makes
    up one called ``network`` that never sent a byte.

    Source: docker/cli, ``calculateNetwork`` in cli/command/container/stats_helpers.go.
    """
    if not networks:
        return UNKNOWN, UNKNOWN
    rx = _total([_whole(each.get("rx_bytes")) for each in networks.values()])
    tx = _total([_whole(each.get("tx_bytes")) for each in networks.values()])
    made_up = rx == tx == 0 and "network" in networks
    return (UNKNOWN, UNKNOWN) if made_up else (rx, tx)


def _is_windows(stats: Mapping[str, Any]) -> bool:
    platform = stats.get("os_type")  # since API 1.52; num_procs is 0 elsewhere than on Windows
    return platform == "windows" if platform else bool(stats.get("num_procs"))


def _processors(cpu: Mapping[str, Any]) -> int:
    online = _whole(cpu.get("online_cpus"))
    if online > 0:
        return online
    return len(_mapping(cpu, "cpu_usage").get("percpu_usage") or ()) or UNKNOWN


def _throttling(cpu: Mapping[str, Any]) -> tuple[int, int, int]:
    unmeasured = "cpu" in cpu or not _mapping(cpu, "cpu_usage").get("total_usage")  # "cpu": Podman
    data = {} if unmeasured else _mapping(cpu, "throttling_data")
    return (
        _whole(data.get("periods")),
        _whole(data.get("throttled_periods")),
        _whole(data.get("throttled_time")),
    )


def _time(text: Any) -> int:
    return int(instants([text])[0])


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}


def _whole(value: Any) -> int:
    if isinstance(value, int) and 0 <= value < _UNLIMITED and value is not True:
        return int(value)
    return UNKNOWN


def _scaled(hundreds: int) -> int:
    return hundreds * _HUNDRED_NS if hundreds > 0 else UNKNOWN


def _first(detail: Mapping[str, Any], *names: str) -> int:
    return next((_whole(detail[name]) for name in names if name in detail), UNKNOWN)


def _total(values: list[int]) -> int:
    known = [value for value in values if value != UNKNOWN]
    return sum(known) if known else UNKNOWN
