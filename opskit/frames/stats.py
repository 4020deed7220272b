"""Stats of containers as a frame: one row per container and sample, what is not known missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from opskit.frames.columns import NO_TIME, Column, build
from opskit.frames.rates import compare
from opskit.frames.readings import Reading, earlier, reading, table

__all__ = ["COLUMNS", "frame"]

_CLI = "as docker stats shows it"

COLUMNS = (
    Column("time", "datetime64[ns, UTC]", "", "when the engine read the counters"),
    Column("name", "str", "", "name of the container, without the leading slash"),
    Column("id", "str", "", "full id of the container"),
    Column("cpu_percent", "float64", "percent of one CPU", f"{_CLI}; of all CPUs on Windows"),
    Column("cpu_percent_wall", "float64", "percent of one CPU", "by the clock: steadier"),
    Column("cpu_percent_host", "float64", "percent of all CPUs", "the share of the host"),
    Column("cpu_percent_quota", "float64", "percent of the quota", "missing without a CPU quota"),
    Column("cpu_seconds", "float64", "seconds", "processor time since the container started"),
    Column("cpu_limit", "float64", "CPUs", "the quota (--cpus); missing without one"),
    Column("memory_bytes", "Int64", "bytes", f"without page cache, {_CLI}"),
    Column("memory_limit_bytes", "Int64", "bytes", "the limit; the host's memory without one"),
    Column("memory_percent", "float64", "percent of the limit", _CLI),
    Column("memory_usage_bytes", "Int64", "bytes", "with page cache: what the limit counts"),
    Column("memory_cache_bytes", "Int64", "bytes", "page cache, active and inactive"),
    Column("memory_rss_bytes", "Int64", "bytes", "anonymous memory"),
    Column("network_rx_bytes", "Int64", "bytes", "received by all interfaces since the start"),
    Column("network_tx_bytes", "Int64", "bytes", "sent by all interfaces since the start"),
    Column("network_rx_bytes_per_second", "float64", "bytes per second", "received meanwhile"),
    Column("network_tx_bytes_per_second", "float64", "bytes per second", "sent meanwhile"),
    Column("block_read_bytes", "Int64", "bytes", "read from block devices since the start"),
    Column("block_write_bytes", "Int64", "bytes", "written to block devices since the start"),
    Column("block_read_bytes_per_second", "float64", "bytes per second", "read meanwhile"),
    Column("block_write_bytes_per_second", "float64", "bytes per second", "written meanwhile"),
    Column("pids", "Int64", "processes and threads", "now"),
    Column("pids_limit", "Int64", "processes and threads", "missing when unlimited"),
    Column("throttled_percent", "float64", "percent of the periods", "throttled by the quota"),
    Column("throttled_seconds", "float64", "seconds", "lost to the quota since the start"),
    Column("interval_seconds", "float64", "seconds", "between the two readings compared"),
    Column("note", "str", "", "why values are missing; empty when nothing is to be said"),
)
"""Columns of ``engine.stats()``."""


def frame(
    samples: Iterable[Mapping[str, Any]],
    *,
    cpu_limits: Mapping[str, float] | None = None,
    notes: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Stats as the engine's API gives them, as a frame: one row per object.

    Parameters
    ----------
    samples : iterable of mapping
        Decoded answers of ``GET /containers/{id}/stats``: the objects of a stream, one-shot
        answers, what ``container.stats(stream=False)`` of the Docker SDK gives; of one container
        or many, each container's in the order of time.
    cpu_limits : mapping of str to float, optional
        By full id, how many CPUs the container may use (see `opskit.frames.details.cpu_limit`).
    notes : mapping of str to str, optional
        By full id, what to say of a container in ``note``.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`. A sample is compared with the one before it of the same container in `samples`,
        or else with what the engine itself remembered (``precpu_stats``).
    """
    latest: dict[str, Reading] = {}
    names, ids, now, before, cpu_before = [], [], [], [], []
    for sample in samples:
        id_ = str(sample.get("id") or sample.get("Id") or "")
        names.append(str(sample.get("name") or "").lstrip("/"))
        ids.append(id_)
        now.append(reading(sample))
        own = earlier(sample)
        before.append(latest.get(id_, own) if id_ else own)
        cpu_before.append(before[-1] if own.time == NO_TIME else own)
        latest[id_] = now[-1]
    limits = np.array([(cpu_limits or {}).get(each, np.nan) for each in ids], dtype="float64")
    said = [(notes or {}).get(each, "") for each in ids]
    values = compare(table(now), table(before), limits, said, cpu_before=table(cpu_before))
    return build(COLUMNS, {"name": names, "id": ids, **values})
