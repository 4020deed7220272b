"""What happened to one container around one moment: events, log lines and stats on one clock."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opskit.errors import NotFound, OpskitError
from opskit.events.incidents import incidents
from opskit.events.query import instant
from opskit.events.timeline import timeline
from opskit.frames.columns import NO_TIME, Column, build
from opskit.times import to_ns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from opskit.engine import Engine

__all__ = ["COLUMNS", "Explanation", "explain"]

COLUMNS = (
    Column("time", "datetime64[ns, UTC]", "", "When, by the engine's clock."),
    Column("source", "str", "", "event, log or stats."),
    Column("what", "str", "", "The event's action, the log's stream, the measured value's name."),
    Column("text", "str", "", "The event's detail, the log's line."),
    Column("value", "float64", "", "The exit code, or what was measured."),
)
"""Columns of ``opskit.explain(…).frame``."""

MEASURED = ("cpu_percent", "memory_bytes")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
SECOND, DAY = 10**9, 86_400 * 10**9
Frames = Mapping[str, pd.DataFrame]


@dataclass
class Explanation:
    """What `explain` found: the frames of one container in one window.

    Attributes
    ----------
    name : str
        The container's name.
    begin, end : pandas.Timestamp
        The window.
    frame : pandas.DataFrame
        Everything on one clock: `COLUMNS`.
    events, logs, stats : pandas.DataFrame
        Of the container, in the window.
    spans : pandas.DataFrame
        The timeline of the container and of those of its compose project.
    incidents : pandas.DataFrame
        Of the container.
    notes : list of str
        What could not be found, and why.
    """

    name: str
    begin: pd.Timestamp
    end: pd.Timestamp
    events: pd.DataFrame
    logs: pd.DataFrame
    stats: pd.DataFrame
    spans: pd.DataFrame
    incidents: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        """Everything on one clock, sorted by time: `COLUMNS`."""
        events, logs, stats = self.events, self.logs, self.stats
        texts = events["detail"].fillna(events["network"]).fillna(events["volume"])
        parts = [
            _part("event", events, events["action"], texts, events["exit_code"]),
            _part("log", logs, logs["stream"], logs["line"], None),
            *(_part("stats", stats, name, None, stats[name]) for name in MEASURED),
        ]
        whole = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
        return whole.sort_values("time", kind="stable", ignore_index=True)

    def figure(self) -> Figure:
        """Lanes above, CPU and memory below them, the rate of the log at the bottom."""
        from opskit.plot.explained import explained

        return explained(self)

    def __repr__(self) -> str:
        head = (
            f"{self.name}, {self.begin:%Y-%m-%d %H:%M:%S} to {self.end:%H:%M:%S} UTC: "
            f"{len(self.events)} events, {len(self.logs)} log lines, {len(self.stats)} samples"
        )
        return "\n".join([head, *self.incidents["summary"], *(f"({note})" for note in self.notes)])


def explain(
    source: Engine | Frames | str | os.PathLike[str],
    container: str,
    *,
    around: Any = None,
    window: str | float = "10m",
    stats: pd.DataFrame | None = None,
) -> Explanation:
    """What happened to a container around a moment.

    Parameters
    ----------
    source : Engine, mapping of frames, or path
        An engine; or frames by the names ``events``, ``logs`` and ``stats``, of which any may be
        missing; or a folder that ``opskit collect`` filled.
    container : str
        Its name, or the beginning of its id.
    around : optional
        The window's middle: ``"02:13"`` (the last time it was that late, UTC), ``"1h"`` ago, a
        time. Without, the window ends now, or with the last event of the frames.
    window : str or float
        The window's length.
    stats : pandas.DataFrame, optional
        Stats to go with an engine's events: an engine keeps no history of them, ``opskit collect``
        does. Without, what a running sampler of this engine has.

    Returns
    -------
    Explanation
        ``.frame`` is all of it in one table, ``.figure()`` in one picture.

    Raises
    ------
    OpskitError
        Neither the events nor the engine know the container.
    """
    from opskit.stats.durations import seconds

    length = int(seconds(window) * SECOND)
    notes: list[str] = []
    frames: dict[str, Any]
    inspect: list[Any] = []
    if isinstance(source, Mapping) and (unknown := source.keys() - {"events", "logs", "stats"}):
        raise ValueError(f"frames are called events, logs and stats, not {', '.join(unknown)}")
    if isinstance(source, str | os.PathLike):
        from opskit.collect.reader import read_collected

        frames = dict(read_collected(source))
        begin, end = _window(around, length, _latest(frames))
    elif isinstance(source, Mapping):
        frames = dict(source)
        begin, end = _window(around, length, _latest(frames))
    else:
        begin, end = _window(around, length, time.time_ns())
        frames, inspect = _asked(source, container, begin, end, notes)
    if stats is not None:
        frames["stats"] = stats
    return _explained(_complete(frames, notes), inspect, container, begin, end, notes)


def _window(around: Any, length: int, latest: int) -> tuple[int, int]:
    if around is None:
        return latest - length, latest
    clock = _CLOCK.fullmatch(around.strip()) if isinstance(around, str) else None
    if clock:
        hours, minutes, rest = (int(part or 0) for part in clock.groups())
        middle = latest // DAY * DAY + (hours * 3_600 + minutes * 60 + rest) * SECOND
        middle -= DAY if middle > latest else 0
    else:
        middle = to_ns(around, latest)
    return middle - length // 2, min(middle + length // 2, max(latest, middle))


def _latest(frames: Frames) -> int:
    times = [int(f["time"].astype("int64").max()) for f in frames.values() if len(f)]
    return max(times, default=time.time_ns())


def _asked(
    engine: Engine, container: str, begin: int, end: int, notes: list[str]
) -> tuple[dict[str, Any], list[Any]]:
    bounds: dict[str, Any] = {"since": instant(begin), "until": instant(end)}
    events = engine.events(**bounds)
    frames = {"events": events}
    try:
        frames["logs"] = engine.logs(container, **bounds)
    except NotFound:
        notes.append("the container is gone, and its log with it")
    except OpskitError as error:
        notes.append(f"its log cannot be read: {error.what}")
    if sampler := next((each for each in engine._samplers if each.running), None):
        frames["stats"] = sampler.frame()
    else:
        notes.append("an engine keeps no history of stats: pass stats=, or use opskit collect")
    return frames, engine._inspected(events, {})


def _complete(frames: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Empty frames for what is missing."""
    from opskit.frames import events as event_frames
    from opskit.frames import logs as log_frames
    from opskit.frames import stats as stats_frames

    columns = {
        "events": event_frames.COLUMNS,
        "logs": log_frames.COLUMNS,
        "stats": stats_frames.COLUMNS,
    }
    if "stats" in frames:
        notes[:] = [note for note in notes if "history of stats" not in note]
    return {name: frames.get(name, build(cols, {})) for name, cols in columns.items()}


def _explained(
    frames: Frames, inspect: list[Any], container: str, begin: int, end: int, notes: list[str]
) -> Explanation:
    events = frames["events"]
    told = timeline(events, inspect)
    ids = _ids(told, events, container)
    if not ids and container not in set(frames["stats"]["name"]):
        raise OpskitError(
            f"nothing between {instant(begin)} and {instant(end)} is about a container "
            f"{container!r}",
            "widen window=, or check the name: engine.containers(all=True) lists those that exist",
        )
    mine = told[told["id"].isin(ids)]
    name = mine["story"].iloc[0] if len(mine) else container
    peers = told["project"].isin(mine["project"].dropna()) | told["id"].isin(ids)
    across = told["what"].isin(("gap", "clock")) & told["kind"].eq("marker")
    stats = frames["stats"]
    of = stats[stats["id"].isin(ids) | stats["name"].isin([container, name])]
    inside = events[events["container"].isin(ids) | events["type"].eq("gap")]
    wrong = incidents(events, inspect)
    wrong = wrong[wrong["id"].isin(ids) | wrong["name"].isna()]
    wrong = wrong[(wrong["begin"] <= instant(end)) & ~(wrong["recovered"] < instant(begin))]
    return Explanation(
        name=str(name),
        begin=instant(begin),
        end=instant(end),
        events=_between(inside, begin, end),
        logs=_between(frames["logs"], begin, end),
        stats=_between(of, begin, end),
        spans=told[peers | across].reset_index(drop=True),
        incidents=wrong.reset_index(drop=True),
        notes=notes,
    )


def _ids(told: pd.DataFrame, events: pd.DataFrame, container: str) -> list[str]:
    """All containers that had the name, or the one whose id begins so."""
    known = told[told["kind"].eq("span")]
    named = known[known["name"].eq(container) | known["story"].eq(container)]
    ids = set(named["id"].dropna())
    ids |= set(events.loc[events["name"].eq(container) & events["type"].eq("container"), "id"])
    if not ids and len(container) >= 4:
        ids = {ident for ident in known["id"].dropna() if ident.startswith(container)}
    return sorted(ids)


def _between(frame: pd.DataFrame, begin: int, end: int) -> pd.DataFrame:
    when = frame["time"].astype("int64").to_numpy()
    inside = np.flatnonzero((when >= begin) & (when <= end) & (when != NO_TIME))
    return frame.iloc[inside].reset_index(drop=True)


def _part(source: str, frame: pd.DataFrame, what: Any, text: Any, value: Any) -> pd.DataFrame:
    rows = len(frame)
    values = np.full(rows, np.nan) if value is None else value.to_numpy("float64", na_value=np.nan)
    return build(
        COLUMNS,
        {
            "time": frame["time"].array,
            "source": [source] * rows,
            "what": [what] * rows if isinstance(what, str) else what.tolist(),
            "text": [None] * rows if text is None else text.tolist(),
            "value": values,
        },
    )
