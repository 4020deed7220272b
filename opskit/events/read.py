"""Reading what an engine remembers of its events, and weighing how complete that is."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import orjson
import pandas as pd

from opskit.errors import APIError, BadResponse, EventsForgotten
from opskit.events.clock import now_of
from opskit.events.query import instant
from opskit.frames.event_evidence import healthcheck_command
from opskit.frames.events import event_row, rows_frame
from opskit.times import ns_to_wire, to_ns

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["MEMORY", "read", "remembered"]

MEMORY = 256  # eventsLimit in moby's daemon/events/events.go
MEANWHILE = 64  # events that may happen between looking at the clock and the engine's answer
PATIENCE = 10**9  # how long Podman gets to tell all of it
CLOSE = 2 * 10**9  # inspect's FinishedAt and the event of the same death, at most this far apart


def remembered(
    engine: RawEngine, query: Mapping[str, Any], *, timeout: float | None = None
) -> list[dict[str, Any]]:
    """The events of one bounded request, in the order the engine sends them.

    Raises
    ------
    BadResponse
        A line is no event.
    """
    target = engine.target("/events", query)
    reply = engine._reply("GET", target, timeout=timeout)
    if "libpod-api-version" in reply.headers:
        # Podman may end at a time that is past before it has told what it knows.
        later = {**query, "until": ns_to_wire(now_of(engine) + PATIENCE)}
        reply = engine._reply("GET", engine.target("/events", later), timeout=timeout)
        told = _events(reply.body, target)
        return [one for one in told if ns_to_wire(event_row(one)["time"] or 0) <= query["until"]]
    return _events(reply.body, target)


def _events(body: bytes, target: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for line in body.splitlines():
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            event = None
        if not isinstance(event, dict):
            raise BadResponse(
                f"the answer to GET {target} has a line that is no event: {line[:80]!r}",
                "is the address that of a Docker Engine, not of a proxy or another server?",
            )
        events.append(event)
    return events


def read(
    engine: RawEngine,
    begin: int | None,
    end: int,
    filters: Mapping[str, list[str]],
    *,
    now: int,
    check: bool = True,
    timeout: float | None = None,
    stacklevel: int = 3,
) -> pd.DataFrame:
    """What ``engine.events`` does."""
    bounds = {"since": ns_to_wire(begin or 0), "until": ns_to_wire(end)}
    query: dict[str, Any] = {**bounds, "filters": dict(filters) or None}
    events = remembered(engine, query, timeout=timeout)
    everything, looked = events, end
    if filters or end < now:  # how far the memory goes back shows only in all of it
        looked = now_of(engine)
        whole = {**bounds, "until": ns_to_wire(looked)}
        everything = remembered(engine, whole, timeout=timeout)
    rows = [event_row(event) for event in events]
    frame = checked(engine, rows, timeout) if check else rows_frame(rows)
    oldest = min((ns for event in everything if (ns := event_row(event)["time"])), default=None)
    full = _full(engine, everything, looked, timeout)
    cut = full and oldest is not None and (begin is None or oldest > begin)
    frame.attrs.update(truncated=cut, memory_begins=instant(oldest).isoformat() if oldest else None)
    if cut and begin is not None and oldest is not None:
        warnings.warn(
            f"The engine keeps its last {MEMORY} events only, and those go back to "
            f"{instant(oldest)}, not to {instant(begin)}: what happened before is missing. "
            "'opskit collect' keeps everything from now on.",
            EventsForgotten,
            stacklevel=stacklevel,
        )
    return engine.stamp(frame, f"GET {engine.target('/events', query)}")


def _full(engine: RawEngine, everything: Sequence[Any], looked: int, timeout: float | None) -> bool:
    """Whether the engine's memory had no place left when it gave all that was in it.

    What happened after `looked`, when the question was made, took places as well; it is asked for
    where it decides.
    """
    told = len(everything)
    if told > MEMORY or _podman(everything):
        return False
    if MEMORY - MEANWHILE <= told < MEMORY:
        after = {"since": ns_to_wire(looked + 1), "until": ns_to_wire(now_of(engine))}
        told += len(remembered(engine, after, timeout=timeout))
    return told >= MEMORY


def _podman(events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it is Podman, which keeps a journal."""
    return any("podId" in ((e.get("Actor") or {}).get("Attributes") or {}) for e in events)


def checked(
    engine: RawEngine, rows: list[dict[str, Any]], timeout: float | None = None
) -> pd.DataFrame:
    """A frame whose exit codes and healthchecks were checked against inspect where need be."""
    frame = rows_frame(rows)
    doubtful = frame["exit_code_trusted"].eq(False).fillna(False).astype(bool)
    unclear = frame["action"].str.startswith("exec") & frame["healthcheck"].isna()
    asked = frame.loc[doubtful | unclear.fillna(False).astype(bool), "container"].dropna().unique()
    paths = [f"/containers/{ident}/json" for ident in asked]
    answers = engine.get_many(paths, timeout=timeout) if paths else []
    found = {
        str(ident): answer
        for ident, answer in zip(asked, answers, strict=True)
        if not isinstance(answer, APIError)
    }
    if found:
        health = {ident: healthcheck_command(inspect) for ident, inspect in found.items()}
        frame = rows_frame(rows, healthchecks=health)
        _check_exit_codes(frame, found)
    gone = frame["exit_code_trusted"].eq(False) & ~frame["container"].isin(list(found))
    frame.attrs["unchecked_exit_codes"] = int(gone.fillna(False).sum())
    return frame


def _check_exit_codes(frame: pd.DataFrame, found: Mapping[str, Mapping[str, Any]]) -> None:
    doubtful = frame["exit_code_trusted"].eq(False).fillna(False).astype(bool)
    last = frame[frame["action"].eq("die")].groupby("container").tail(1).index
    for row in frame.index[doubtful]:
        inspect = found.get(str(frame.at[row, "container"]))
        if inspect is None:
            continue
        if "exitCode" not in ((inspect.get("Config") or {}).get("Labels") or {}):
            frame.loc[row, "exit_code_trusted"] = True
        elif row in last and _same_death(inspect, cast("pd.Timestamp", frame.at[row, "time"])):
            frame.loc[row, "exit_code"] = inspect["State"]["ExitCode"]
            frame.loc[row, "exit_code_trusted"] = True


def _same_death(inspect: Mapping[str, Any], when: pd.Timestamp) -> bool:
    state = inspect.get("State") or {}
    if state.get("Running") or pd.isna(when):
        return False
    try:
        finished = to_ns(str(state.get("FinishedAt")))
    except ValueError:
        return False
    return abs(finished - when.value) < CLOSE
