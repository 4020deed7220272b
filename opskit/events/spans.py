"""The states of containers over time, and what ended each, from their history."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from opskit.events.history import (
    BEFORE,
    NO_TIME,
    NOTHING,
    SECOND,
    SETS,
    Act,
    Array,
    History,
    State,
    starts,
)

__all__ = ["RESTARTS_WITHIN", "gaps_of", "spans"]

RESTARTS_WITHIN = 65 * SECOND  # the restart policy waits a minute at most
NEAR = 12 * SECOND  # between a signal and its effect: `docker stop` waits ten seconds
AROUND = 15 * SECOND, 5 * SECOND  # an engine that stops or starts ends containers this near
NAMES = np.array([state.name.lower() for state in State], dtype=object)
_ENDS = {
    Act.PAUSE: "pause", Act.UNPAUSE: "unpause", Act.START: "start", Act.DESTROY: "destroy",
    Act.SICK: "unhealthy", Act.WELL: "healthy", Act.DIE: "exit", Act.CREATE: "unseen",
    Act.FOUND_RUNNING: "unseen", Act.FOUND_STOPPED: "unseen", Act.FOUND_PAUSED: "unseen",
    Act.FOUND_CREATED: "unseen", Act.FOUND_GONE: "unseen",
}  # fmt: skip
ENDS = np.array([_ENDS.get(act) for act in Act], dtype=object)


def spans(past: History, events: pd.DataFrame) -> dict[str, Array]:
    """Columns of the spans, ``code`` being the container's number in the history.

    A begin that is not known is the beginning of the events; what is missing is None, NO_TIME or
    -1. A container that does not exist yet or any more has no span.
    """
    if not len(past.code):
        return {name: np.array([], dtype=kind) for name, kind in _NOTHING.items()}
    row = np.arange(len(past.code))
    base = SETS[past.act] != State.UNKNOWN
    anchor = np.maximum.accumulate(np.where(base | past.first, row, 0))
    state = np.where(base[anchor], SETS[past.act[anchor]], BEFORE[past.act[anchor]])
    state = np.where((state == State.RUNNING) & _sick(past), State.UNHEALTHY, state)
    changed = past.first | (past.act == Act.START)
    changed[1:] |= state[1:] != state[:-1]
    begin = np.flatnonzero(changed)
    end = np.append(begin[1:], -1)
    end[np.append(past.first[begin[1:]], False)] = -1
    before = BEFORE[past.act]
    # the first event may end a state, or only show one, that began before the events do
    cut = np.flatnonzero(past.first & (before != State.UNKNOWN) & (before != state))
    shown = past.first[begin] & ~base[begin] & (before[begin] == state[begin])
    found = {
        "code": past.code[np.concatenate([begin, cut])],
        "state": np.concatenate([state[begin], before[cut]]),
        "from": np.concatenate([np.where(shown, -1, begin), np.full(len(cut), -1)]),
        "to": np.concatenate([end, cut]),
    }
    kept = ~np.isin(found["state"], (State.UNKNOWN, State.GONE))
    return _told(past, events, {name: part[kept] for name, part in found.items()})


def _told(past: History, events: pd.DataFrame, found: dict[str, Array]) -> dict[str, Array]:
    begin, end = found["from"], found["to"]
    ended_by, signal, cause = _endings(past, events)
    lasts = end < 0
    died = ~lasts & (past.act[end] == Act.DIE)
    row = past.row[end]
    told = events["exit_code_trusted"].to_numpy(dtype="float64", na_value=-1)
    trusted = np.append(told, -1.0)  # what row -1 finds: no event tells
    by = np.where(lasts, NOTHING, ended_by[end])
    running = np.isin(found["state"], (State.RUNNING, State.UNHEALTHY, State.PAUSED))
    by = np.where((by == "start") & running, "unseen", by)
    by_policy, by_hand = _restarting(past, found, ended_by)
    state = np.where(by_policy | by_hand, State.RESTARTING, found["state"])
    return {
        "code": found["code"],
        "what": NAMES[state],
        "begin": np.where(begin < 0, _beginning(past), past.time[begin]),
        "end": np.where(lasts, NO_TIME, past.time[end]),
        "open_begin": begin < 0,
        "open_end": lasts,
        "ended_by": by,
        "exit_code": np.where(died, past.exit_code[end], -1),
        "trusted": np.where(died, trusted[row], -1),
        "signal": np.where(died, signal[end], -1),
        "starts": (begin >= 0) & np.isin(past.act[begin], (Act.START, Act.FOUND_RUNNING)),
        "by_policy": by_policy,
        "cause_row": np.where(died, past.row[cause[end]], -1),
        "from_row": np.where(begin < 0, -1, past.row[begin]),
        "to_row": np.where(lasts, -1, row),
    }


_NOTHING: dict[str, Any] = {
    "code": int, "what": object, "begin": "int64", "end": "int64", "open_begin": bool,
    "open_end": bool, "ended_by": object, "exit_code": "int64", "trusted": float,
    "signal": "int64", "starts": bool, "by_policy": bool,
    "cause_row": int, "from_row": int, "to_row": int,
}  # fmt: skip


def _beginning(past: History) -> int:
    seen = past.time[past.row >= 0]
    return int(seen.min() if len(seen) else past.time.min())


def _sick(past: History) -> Array:
    """Whether the last word about the container's health in this run was "unhealthy"."""
    resets = (Act.START, Act.DIE, Act.DESTROY, Act.CREATE, Act.FOUND_RUNNING, Act.FOUND_STOPPED)
    told = past.first | np.isin(past.act, (*resets, Act.SICK, Act.WELL))
    latest = np.maximum.accumulate(np.where(told, np.arange(len(told)), 0))
    sick: Array = past.act[latest] == Act.SICK
    return sick


def _latest(past: History, act: Act) -> Array:
    """For each row its container's latest row with this act, -1 where there is none."""
    row = np.arange(len(past.code))
    begun = np.maximum.accumulate(np.where(past.first, row, 0))
    latest = np.maximum.accumulate(np.where(past.act == act, row, -1))
    return np.where(latest >= begun, latest, -1)


def _next(past: History, act: Act) -> Array:
    """For each row its container's next row with this act, -1 where there is none."""
    backwards = History(
        **{n: getattr(past, n)[::-1] for n in ("code", "time", "act", "row", "exit_code")},
        first=starts(past.code[::-1]),
        ids=past.ids,
        about=past.about,
    )
    found = _latest(backwards, act)[::-1]
    return np.where(found >= 0, len(found) - 1 - found, -1)


def _endings(past: History, events: pd.DataFrame) -> tuple[Array, Array, Array]:
    """For each row what it ends a state with, the signal that did, and the row that tells."""
    by, time = ENDS[past.act], past.time
    signals = np.append(events["signal"].to_numpy(dtype="int64", na_value=-1), -1)
    start, next_start = _latest(past, Act.START), _next(past, Act.START)
    kill, oom, next_oom = _latest(past, Act.KILL), _latest(past, Act.OOM), _next(past, Act.OOM)
    stop, next_stop = _latest(past, Act.STOP), _next(past, Act.STOP)
    died = past.act == Act.DIE
    killed = (kill > start) & (time - time[kill] <= NEAR)
    # the engine tells of the stop just before or just after the death
    stopped = (stop > start) | (
        (next_stop >= 0)
        & (time[next_stop] - time <= 2 * SECOND)
        & ((next_start < 0) | (next_stop < next_start))
    )
    starved = (oom > start) & (time - time[oom] <= NEAR)
    starved |= (next_oom >= 0) & (time[next_oom] - time <= SECOND) & ~killed
    starved &= (past.exit_code == 137) | (past.exit_code < 0)
    asked = killed | stopped
    for words, test in (("kill", killed), ("stop", stopped), ("oom", starved & ~stopped)):
        by = np.where(died & test, words, by)
    for begin, end in gaps_of(events, "restart"):
        near = (time >= begin - AROUND[0]) & (time <= end + AROUND[1])
        found = past.act >= Act.FOUND_RUNNING
        ends = near & ((died & asked & (time[start] < begin)) | found)
        by = np.where(ends, "engine restart", by)
    cause = np.where(starved & ~stopped, np.where(oom > start, oom, next_oom), kill)
    cause = np.where(died & (asked | starved), cause, np.arange(len(cause)))
    return by, np.where(died & killed, signals[past.row[kill]], -1), cause


def gaps_of(events: pd.DataFrame, action: str | None = None) -> list[tuple[int, int]]:
    """Begin and end of the gaps in the events."""
    rows = events[events["type"].eq("gap").fillna(False).astype(bool)]
    if action:
        rows = rows[rows["action"].eq(action)]
    bounds = []
    for begin, told in zip(rows["time"], rows["attributes"], strict=True):
        end = pd.Timestamp((told or {}).get("end") or begin)
        bounds.append((begin.value, end.value))
    return bounds


def _restarting(past: History, found: dict[str, Array], ended_by: Array) -> tuple[Array, Array]:
    """Stopped, but on the way to the next run: by the restart policy, by ``docker restart``."""
    begin, end = found["from"], found["to"]
    both = (found["state"] == State.STOPPED) & (begin >= 0) & (end >= 0)
    both &= (past.act[begin] == Act.DIE) & (past.act[end] == Act.START)
    by_itself = np.isin(ended_by[begin], ("exit", "oom", "engine restart"))
    by_itself &= past.time[end] - past.time[begin] <= RESTARTS_WITHIN
    told, next_start = _next(past, Act.RESTART), _next(past, Act.START)
    following = np.append(next_start[1:], -1)[end]
    by_hand = (told[end] >= 0) & ((following < 0) | (told[end] < following))
    by_hand &= past.time[told[end]] - past.time[end] <= 5 * SECOND
    return both & by_itself & ~by_hand, both & by_hand
