"""The events of containers as arrays, each container's rows together and in order.

What `opskit.events.timeline` works on: a million events are too many for a loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import pandas as pd

from opskit.frames.events import PROJECT, SERVICE
from opskit.times import to_ns

__all__ = [
    "NO_TIME",
    "SECOND",
    "Act",
    "History",
    "State",
    "column",
    "history",
    "order_of",
    "starts",
]

SECOND = 1_000_000_000
NO_TIME = np.iinfo("int64").min
Array = np.ndarray[Any, Any]
NOTHING: Any = np.array(None, dtype=object)  # what np.where puts for a missing text


class Act(IntEnum):
    """What an event means for its container."""

    NOTHING = 0
    RUNS = 1  # only a running container does this
    CREATE = 2
    START = 3
    UNPAUSE = 4
    PAUSE = 5
    DIE = 6
    DESTROY = 7
    SICK = 8
    WELL = 9
    KILL = 10
    STOP = 11
    OOM = 12
    RESTART = 13
    FOUND_RUNNING = 14  # in a list, after a gap
    FOUND_STOPPED = 15
    FOUND_PAUSED = 16
    FOUND_CREATED = 17
    FOUND_GONE = 18


class State(IntEnum):
    """What a container is."""

    UNKNOWN = 0
    CREATED = 1
    RUNNING = 2
    PAUSED = 3
    STOPPED = 4
    UNHEALTHY = 5
    RESTARTING = 6
    GONE = 7


_ACTS = {
    "create": Act.CREATE, "start": Act.START, "unpause": Act.UNPAUSE, "pause": Act.PAUSE,
    "die": Act.DIE, "destroy": Act.DESTROY, "remove": Act.DESTROY, "kill": Act.KILL,
    "stop": Act.STOP, "oom": Act.OOM, "restart": Act.RESTART,
    **dict.fromkeys(
        ("exec_create", "exec_start", "exec_die", "exec_detach", "exec", "exec_died", "top",
         "attach", "resize"), Act.RUNS),
}  # fmt: skip
_FOUND = {
    "running": Act.FOUND_RUNNING, "exited": Act.FOUND_STOPPED, "dead": Act.FOUND_STOPPED,
    "restarting": Act.FOUND_STOPPED, "paused": Act.FOUND_PAUSED, "created": Act.FOUND_CREATED,
    "removed": Act.FOUND_GONE, "stopped": Act.FOUND_STOPPED,
}  # fmt: skip
_SETS = {
    Act.CREATE: State.CREATED, Act.START: State.RUNNING, Act.UNPAUSE: State.RUNNING,
    Act.PAUSE: State.PAUSED, Act.DIE: State.STOPPED, Act.DESTROY: State.GONE,
    Act.FOUND_RUNNING: State.RUNNING, Act.FOUND_STOPPED: State.STOPPED,
    Act.FOUND_PAUSED: State.PAUSED, Act.FOUND_CREATED: State.CREATED, Act.FOUND_GONE: State.GONE,
}  # fmt: skip
_BEFORE = {
    Act.UNPAUSE: State.PAUSED, Act.DESTROY: State.STOPPED, Act.FOUND_GONE: State.STOPPED,
    **dict.fromkeys((Act.RUNS, Act.PAUSE, Act.DIE, Act.SICK, Act.WELL, Act.KILL, Act.STOP,
                     Act.OOM), State.RUNNING),
}  # fmt: skip
_RECREATED = re.compile(r"[0-9a-f]{12}_(.+)")  # what compose calls a container while it replaces it


def _table(words: Mapping[Act, State]) -> Array:
    return np.array([words.get(act, State.UNKNOWN) for act in Act], dtype=np.int8)


SETS, BEFORE = _table(_SETS), _table(_BEFORE)


@dataclass
class History:
    """Parallel arrays, one item an event that says something of its container's state."""

    code: Array  # which container
    time: Array
    act: Array
    row: Array  # position in the events frame, -1 for what inspect told
    exit_code: Array  # -1 where missing
    first: Array  # whether it is its container's first
    ids: list[str]  # by code
    about: pd.DataFrame  # by code: name, image, project, service, engine, story


def column(events: pd.DataFrame, name: str) -> tuple[Array, list[str]]:
    """A text column as numbers and texts, all missing where the frame does not have it."""
    if name not in events:
        return np.full(len(events), -1), []
    codes, texts = pd.factorize(events[name])
    return codes, [str(text) for text in texts]


def order_of(time: Array) -> tuple[Array, bool]:
    """The order to read the events in, and whether that is the order they stand in.

    By time; but in the frame's order where the clock was set back: there time runs backwards by
    more than a second, once or a few times, to a point after the frame's beginning.
    """
    steps = np.flatnonzero(np.diff(time) < -SECOND) + 1
    if 0 < len(steps) <= 3 and (time[steps] >= time[0]).all():
        return np.arange(len(time)), True
    return np.argsort(time, kind="stable"), False


def history(events: pd.DataFrame, inspect: Iterable[Mapping[str, Any]] = ()) -> History:
    """The histories of the containers in the events, completed by what inspect tells."""
    time = events["time"].astype("int64").to_numpy()
    code, ids = column(events, "container")
    act = _acts(events)
    keep = np.flatnonzero((time != NO_TIME) & (code >= 0) & (act != Act.NOTHING))
    order, as_given = order_of(time[keep])
    keep = keep[order]
    told, extra = _inspected(inspect, ids, code[keep], time[keep])
    code = np.concatenate([extra["code"], code[keep]])
    exits = events["exit_code"].to_numpy(dtype="int64", na_value=-1)[keep]
    parts = {
        "code": code,
        "time": np.concatenate([extra["time"], time[keep]]),
        "act": np.concatenate([extra["act"], act[keep]]),
        "row": np.concatenate([np.full(len(extra["code"]), -1), keep]),
        "exit_code": np.concatenate([extra["exit_code"], exits]),
    }
    order = np.lexsort((code,) if as_given else (parts["time"], code))
    parts = {name: part[order] for name, part in parts.items()}
    # of what only shows that a container runs, the first event is enough
    slim = (parts["act"] != Act.RUNS) | starts(parts["code"])
    parts = {name: part[slim] for name, part in parts.items()}
    return History(**parts, first=starts(parts["code"]), ids=ids, about=_about(events, ids, told))


def starts(code: Array) -> Array:
    """Where a new container's rows begin."""
    return np.append(True, code[1:] != code[:-1])[: len(code)]


def _acts(events: pd.DataFrame) -> Array:
    kind, kinds = column(events, "type")
    action, actions = column(events, "action")
    detail, details = column(events, "detail")
    none = [Act.NOTHING]  # for what is missing, at -1
    act = np.array([_ACTS.get(word, Act.NOTHING) for word in actions] + none, dtype=np.int8)[action]
    found = np.array([_FOUND.get(word, Act.NOTHING) for word in actions] + none, dtype=np.int8)
    health = np.array([word == "health_status" for word in actions] + [False])[action]
    says = {"unhealthy": Act.SICK, "healthy": Act.WELL}
    told = np.array([says.get(word, Act.NOTHING) for word in details] + none, dtype=np.int8)[detail]
    act = np.where(health, told, act)
    of_container = np.array([word == "container" for word in kinds] + [False])[kind]
    listed = np.array([word == "reconcile" for word in kinds] + [False])[kind]
    return np.where(of_container, act, np.where(listed, found[action], Act.NOTHING)).astype(np.int8)


def _inspected(
    inspect: Iterable[Mapping[str, Any]], ids: list[str], code: Array, time: Array
) -> tuple[dict[int, Mapping[str, Any]], dict[str, Array]]:
    """What inspect tells from before a container's first event, as if it had been an event."""
    told: dict[int, Mapping[str, Any]] = {}
    earliest = np.full(len(ids), np.iinfo("int64").max)
    np.minimum.at(earliest, code, time)
    known = {ident: number for number, ident in enumerate(ids)}
    made: list[tuple[int, int, Act, int]] = []
    for one in inspect:
        number = known.setdefault(one["Id"], len(known))
        if number == len(ids):
            ids.append(one["Id"])
        told[number] = one
        before = earliest[number] - SECOND if number < len(earliest) else np.iinfo("int64").max
        state = one.get("State") or {}
        begun, ended = _ns(state.get("StartedAt")), _ns(state.get("FinishedAt"))
        moments = [(_ns(one.get("Created")), Act.CREATE, -1), (begun, Act.START, -1)]
        # of a very short run an engine may note the end before the start
        if ended > begun or (ended > 0 and state.get("Running") is False):
            moments.append((max(ended, begun + 1), Act.DIE, int(state.get("ExitCode", -1))))
        made += [(number, ns, act, code) for ns, act, code in moments if 0 < ns < before]
    columns = zip(*made, strict=True) if made else ([], [], [], [])
    names = ("code", "time", "act", "exit_code")
    return told, {n: np.array(c, dtype=np.int64) for n, c in zip(names, columns, strict=True)}


def _ns(text: Any) -> int:
    try:
        return to_ns(text)
    except (ValueError, TypeError):
        return -1


def _about(
    events: pd.DataFrame, ids: list[str], told: Mapping[int, Mapping[str, Any]]
) -> pd.DataFrame:
    """Who each container is: what the last event that names it says."""
    about = pd.DataFrame(index=range(len(ids)), columns=["name", "image", "project", "service"])
    code, _ = column(events, "container")
    own = events["type"].isin(("container", "reconcile")).to_numpy(dtype=bool) & (code >= 0)
    rows = np.flatnonzero(own & events["name"].notna().to_numpy())
    latest = np.full(len(ids), -1)
    latest[code[rows]] = rows
    seen = np.flatnonzero(latest >= 0)
    for name in [*about.columns, *(["engine"] if "engine" in events else [])]:
        about.loc[seen, name] = events[name].take(latest[seen]).to_numpy(dtype=object)
    for number, one in told.items():
        labels = (one.get("Config") or {}).get("Labels") or {}
        about.loc[number, ["name", "image", "project", "service"]] = [
            one.get("Name", "").lstrip("/") or None,
            (one.get("Config") or {}).get("Image"),
            labels.get(PROJECT),
            labels.get(SERVICE),
        ]
    if "engine" not in about:
        about["engine"] = events.attrs.get("engine")
    about["story"] = [
        _story(name, service, ident)
        for name, service, ident in zip(about["name"], about["service"], ids, strict=True)
    ]
    return about


def _story(name: Any, service: Any, ident: str) -> str:
    if not isinstance(name, str):
        return ident[:12]
    replaced = _RECREATED.fullmatch(name) if isinstance(service, str) else None
    return replaced[1] if replaced else name
