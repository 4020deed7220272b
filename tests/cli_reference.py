"""What ``docker stats`` would print, told independently of opskit: docker/cli's arithmetic.

Written after cli/command/container/stats_helpers.go and docker/go-units, as Go does it: unsigned
integers, zero where a key is absent, and the same rounding when printing.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any


def cpu(stats: dict[str, Any]) -> str:
    now, then = stats.get("cpu_stats", {}), stats.get("precpu_stats", {})
    if stats.get("num_procs"):
        return _percent(_cpu_windows(stats, now, then))
    container = float(now["cpu_usage"].get("total_usage", 0)) - float(
        then["cpu_usage"].get("total_usage", 0)
    )
    host = float(now.get("system_cpu_usage", 0)) - float(then.get("system_cpu_usage", 0))
    processors = float(now.get("online_cpus", 0))
    if processors == 0.0:
        processors = float(len(now["cpu_usage"].get("percpu_usage") or []))
    if host > 0.0 and container > 0.0:
        return _percent((container / host) * processors * 100.0)
    return _percent(0.0)


def _cpu_windows(stats: dict[str, Any], now: dict[str, Any], then: dict[str, Any]) -> float:
    slots = (_nanos(stats["read"]) - _nanos(stats["preread"])) // 100 * stats["num_procs"]
    used = now["cpu_usage"]["total_usage"] - then["cpu_usage"]["total_usage"]
    return used / slots * 100.0 if slots > 0 else 0.0


def memory(stats: dict[str, Any]) -> str:
    """The MEM USAGE part of ``MEM USAGE / LIMIT``."""
    return binary_size(_memory(stats))


def memory_percent(stats: dict[str, Any]) -> str:
    limit = float(stats["memory_stats"].get("limit", 0))
    return _percent(_memory(stats) / limit * 100.0 if limit != 0 else 0.0)


def _memory(stats: dict[str, Any]) -> float:
    told = stats["memory_stats"]
    if stats.get("num_procs"):
        return float(told.get("privateworkingset", 0))
    usage, detail = told.get("usage", 0), told.get("stats") or {}
    if "total_inactive_file" in detail and detail["total_inactive_file"] < usage:
        return float(usage - detail["total_inactive_file"])
    if detail.get("inactive_file", 0) < usage:
        return float(usage - detail.get("inactive_file", 0))
    return float(usage)


def block(stats: dict[str, Any]) -> str:
    if stats.get("num_procs"):
        storage = stats["storage_stats"]
        return f"{size(storage['read_size_bytes'])} / {size(storage['write_size_bytes'])}"
    read = write = 0
    for entry in stats["blkio_stats"]["io_service_bytes_recursive"] or []:
        match entry["op"][:1]:
            case "r" | "R":
                read += entry["value"]
            case "w" | "W":
                write += entry["value"]
    return f"{size(read)} / {size(write)}"


def network(stats: dict[str, Any]) -> str:
    interfaces = (stats.get("networks") or {}).values()
    rx, tx = (sum(each[key] for each in interfaces) for key in ("rx_bytes", "tx_bytes"))
    return f"{size(rx)} / {size(tx)}"


def size(value: float) -> str:
    """go-units ``HumanSizeWithPrecision(value, 3)``."""
    return _scaled(value, 1000.0, ["B", "kB", "MB", "GB", "TB", "PB"], 3)


def binary_size(value: float) -> str:
    """go-units ``BytesSize(value)``."""
    return _scaled(value, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4)


def _scaled(value: float, base: float, units: list[str], digits: int) -> str:
    at = 0
    while value >= base and at < len(units) - 1:
        value, at = value / base, at + 1
    return f"{value:.{digits}g}{units[at]}"


def _percent(value: float) -> str:
    return f"{value:.2f}%"


def _nanos(text: str) -> int:
    moment, _, fraction = text.removesuffix("Z").partition(".")
    seconds = Decimal(datetime.fromisoformat(moment + "+00:00").timestamp())
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0)
