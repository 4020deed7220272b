"""The story of each container from its events: what it was, from when to when, what ended that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from opskit.events.history import NO_TIME, NOTHING, Array, History, history
from opskit.events.marks import marks
from opskit.events.spans import spans
from opskit.frames.columns import Column, build

__all__ = ["COLUMNS", "timeline"]

COLUMNS = (
    Column("begin", "datetime64[ns, UTC]", "", "When it began, see open_begin."),
    Column("end", "datetime64[ns, UTC]", "", "When it ended; missing while it lasts."),
    Column("kind", "str", "", "span: a state over time; marker: something that happened in it."),
    Column(
        "what",
        "str",
        "",
        "Spans: created, running, unhealthy, paused, restarting, stopped. Markers: oom, kill, "
        "restart loop, flapping, exec, pull, connect, disconnect, gap, clock.",
    ),
    Column("name", "str", "", "Name of the container, or of what the marker is about."),
    Column("story", "str", "", "Joins the containers that followed each other under one name."),
    Column("run", "Int64", "", "Which start of its story it belongs to, from 1."),
    Column("duration_seconds", "float64", "seconds", "Begin to end; missing while it lasts."),
    Column(
        "ended_by",
        "str",
        "",
        "exit (by itself), oom, kill, stop, engine restart, pause, unpause, start, destroy, "
        "unhealthy, healthy, unseen; missing while it lasts.",
    ),
    Column("exit_code", "Int64", "", "The exit code of a run or an exec."),
    Column("exit_code_trusted", "boolean", "", "As in the events."),
    Column("signal", "Int64", "", "The signal that ended a run, or that a kill marker tells of."),
    Column("open_begin", "bool", "", "It began before the events do."),
    Column("open_end", "bool", "", "The events do not show its end."),
    Column("detail", "str", "", "Command of an exec, network, image, reason of a gap."),
    Column("count", "Int64", "", "How many events a marker stands for."),
    Column("id", "str", "", "Full id of the container."),
    Column("image", "str", "", "Its image."),
    Column("project", "str", "", "Its compose project."),
    Column("service", "str", "", "Its compose service."),
    Column("engine", "str", "", "The engine it runs on."),
)
"""Columns of ``engine.timeline()``."""


def timeline(
    events: pd.DataFrame, inspect: Iterable[Mapping[str, Any]] | None = None
) -> pd.DataFrame:
    """Spans and markers of the containers in the events.

    Parameters
    ----------
    events : pandas.DataFrame
        From `engine.events`, `engine.watch` (through `rows_frame`), `read_events` or
        `read_collected`.
    inspect : iterable of mapping, optional
        Answers of ``GET /containers/{id}/json``: they tell what was before the events, and of
        containers that no event is about.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, sorted by begin. While a container does not exist it has no span.

    Notes
    -----
    "restarting" is the time between a death nobody asked for and the next start, if that comes
    within the minute that the restart policy waits at most, and that of ``docker restart``. A death
    is ascribed to what came shortly before it: an oom event, a stop, a signal, or a restart of the
    engine (which ends containers when it stops and when it starts again).
    """
    past = history(events, inspect or ())
    found = spans(past, events)
    marked = marks(events, past, found)
    parts = [
        _told(past, found, _runs(past, found), "span"),
        _told(past, {str(name): marked[name].to_numpy() for name in marked}, None, "marker"),
    ]
    whole = pd.concat(parts, ignore_index=True).sort_values(
        "begin", kind="stable", ignore_index=True
    )
    whole.attrs.update(events.attrs)
    return whole


def _told(past: History, part: Mapping[str, Array], run: Any, kind: str) -> pd.DataFrame:
    code, rows = part["code"].astype(np.int64), len(part["code"])
    about = past.about.reindex([*past.about.index, -1])  # nobody's comes last, at -1
    whose: dict[str, Any] = {str(n): about[n].to_numpy(object)[code] for n in about}
    trusted = part.get("trusted", np.full(rows, -1))
    unknown = [None] * rows
    whose["name"] = np.where(code < 0, part.get("name", whose["name"]), whose["name"])
    data: dict[str, Any] = {
        **whose,
        "id": np.array([*past.ids, None], dtype=object)[code],
        "begin": part["begin"],
        "end": part["end"],
        "kind": [kind] * rows,
        "what": part["what"],
        "run": unknown if run is None else run,
        "duration_seconds": _seconds(part["begin"], part["end"]),
        "ended_by": part.get("ended_by", unknown),
        "exit_code_trusted": np.where(trusted < 0, NOTHING, trusted > 0),
        "open_begin": part.get("open_begin", np.zeros(rows, dtype=bool)),
        "open_end": part.get("open_end", part["end"] == NO_TIME),
        "detail": part.get("detail", unknown),
        **{n: _number(part[n]) if n in part else unknown for n in ("exit_code", "signal", "count")},
    }
    return build(COLUMNS, data)


def _number(values: Array) -> Any:
    return pd.array(np.where(values < 0, NOTHING, values), dtype="Int64")


def _seconds(begin: Array, end: Array) -> Array:
    """Missing where it lasts, and where the clock was set back in between."""
    return np.where((end == NO_TIME) | (end < begin), np.nan, (end - begin) / 1e9)


def _runs(past: History, found: Mapping[str, Array]) -> Any:
    """The number of each span's run within its story."""
    code = found["code"]
    story, _ = pd.factorize(past.about["story"])
    order = np.lexsort((found["begin"], story[code]))
    of = story[code][order]
    begun = (found["starts"] | (found["open_begin"] & (found["what"] != "stopped")))[order]
    total = np.cumsum(begun)
    first = np.append(True, of[1:] != of[:-1])[: len(of)]
    before = np.maximum.accumulate(np.where(first, total - begun, 0))
    run = np.empty(len(of), dtype=np.int64)
    run[order] = np.maximum(total - before + (found["what"][order] == "created"), 1)
    return pd.array(run, dtype="Int64")
