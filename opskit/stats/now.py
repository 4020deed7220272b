"""The answer of ``engine.stats()``: a frame of two readings of each container."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from opskit.errors import APIError
from opskit.frames.columns import NO_TIME, build
from opskit.frames.details import cpu_limit
from opskit.frames.rates import compare
from opskit.frames.readings import table
from opskit.frames.stats import COLUMNS
from opskit.stats.durations import seconds
from opskit.stats.selection import RUNS, Listed, listed, named
from opskit.stats.snapshot import Taken, snapshot

if TYPE_CHECKING:
    import pandas as pd

    from opskit.engine.stats import StatsCalls
    from opskit.stats.sampler import Sampler

__all__ = ["cpu_limits", "frame_of", "from_sampler", "stats_now", "warm_sampler"]


def stats_now(
    engine: StatsCalls,
    containers: str | Iterable[str] | None,
    filters: Mapping[str, Any] | None,
    interval: str | float,
    timeout: float | None,
) -> pd.DataFrame:
    """See `opskit.engine.stats.StatsCalls.stats`."""
    gap = seconds(interval)
    chosen = listed(engine, containers, filters)
    limits: dict[str, float] = {}

    def ask_limits(taken: Mapping[str, Taken]) -> None:
        limits.update(cpu_limits(engine, [id_ for id_, each in taken.items() if _limited(each)]))

    taken, engine._stats_at_once = snapshot(
        engine,
        [each.id for each in chosen if each.state in RUNS],
        at_once=engine._stats_at_once,
        gap=gap,
        timeout=engine.timeout if timeout is None else timeout,
        meanwhile=ask_limits,
    )
    frame = frame_of(chosen, taken, limits)
    return engine.stamp(frame, "GET /containers/{id}/stats")


def warm_sampler(engine: StatsCalls) -> Sampler | None:
    """A sampler of all containers that has figures of each, where there is one."""
    for sampler in engine._samplers:
        if sampler.containers is None and not sampler.filters and sampler.warm:
            return sampler
    return None


def from_sampler(engine: StatsCalls, containers: str | Iterable[str] | None) -> pd.DataFrame | None:
    """The latest figures of a warm sampler, if it has all that are meant."""
    sampler = warm_sampler(engine)
    if sampler is None:
        return None
    frame = sampler.latest()
    names = named(containers)
    if names is None:
        return frame
    if set(names) <= set(frame["name"]):
        return frame[frame["name"].isin(names)].reset_index(drop=True)
    return None


def frame_of(
    chosen: Sequence[Listed], taken: Mapping[str, Taken], limits: Mapping[str, float]
) -> pd.DataFrame:
    """The stats frame of what a snapshot learnt."""
    nothing = Taken(0.0)
    each = [taken.get(one.id, nothing) for one in chosen]
    notes = [a.note or b.note for a, b in zip(each, chosen, strict=True)]
    values = compare(
        table(one.now for one in each),
        table(one.before for one in each),
        np.array([limits.get(one.id, np.nan) for one in chosen], dtype="float64"),
        notes,
    )
    values |= {"name": [one.name for one in chosen], "id": [one.id for one in chosen]}
    return build(COLUMNS, values)


def _limited(taken: Taken) -> bool:
    """Whether there may be a CPU quota: the kernel counts its periods, Podman tells none."""
    return taken.now.time != NO_TIME and taken.now.periods != 0


def cpu_limits(engine: StatsCalls, ids: Sequence[str]) -> dict[str, float]:
    """CPUs that each may use, by id, from inspecting them; one that vanished is left out."""
    answers = engine.get_many([f"/containers/{id_}/json" for id_ in ids]) if ids else []
    return {
        id_: cpu_limit(answer.get("HostConfig") or {}) or np.nan
        for id_, answer in zip(ids, answers, strict=True)
        if not isinstance(answer, APIError)
    }
