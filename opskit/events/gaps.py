"""Where events may have been lost: proof that none were, the gap row, and what changed in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from opskit.errors import APIError
from opskit.events.query import instant, matches
from opskit.events.read import remembered
from opskit.frames.events import COLUMNS, PROJECT, SERVICE, event_row
from opskit.times import ns_to_wire, to_ns

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["Containers", "gap", "keeps_journal", "memory"]

Row = dict[str, Any]
_EMPTY: Row = {column.name: None for column in COLUMNS}
_AFTER = {
    "create": "created", "start": "running", "unpause": "running", "restart": "running",
    "pause": "paused", "die": "exited",
}  # fmt: skip
_EXITED = re.compile(r"Exited \((-?\d+)\)")


def gap(begin: int, end: int, action: str, reason: str) -> Row:
    """A row that says: between these two times events may have been lost, and why."""
    bounds = {"begin": instant(begin), "end": instant(max(begin, end))}
    words = {name: time.isoformat() for name, time in bounds.items()}
    return {
        **_EMPTY,
        "time": bounds["begin"],
        "type": "gap",
        "action": action,
        "detail": reason,
        "labels": {},
        "attributes": words,
        **bounds,
    }


def memory(engine: RawEngine, until: int) -> list[Row]:
    """What the engine remembers from before `until`, whatever it is about.

    Docker's memory is one piece and dies with its process.
    """
    query = {"since": ns_to_wire(0), "until": ns_to_wire(until)}
    return [event_row(event) for event in remembered(engine, query, timeout=10)]


def keeps_journal(engine: RawEngine) -> bool:
    """Whether the engine keeps its events for good (Podman does)."""
    components = engine._describe().get("Components") or []
    return any("Podman" in str(one.get("Name")) for one in components)


class Containers:
    """The containers as the events so far leave them, to compare with a list after a gap."""

    def __init__(self, filters: Mapping[str, list[str]]) -> None:
        self._filters = filters
        self._states: dict[str, str] = {}
        self._about: dict[str, Row] = {}

    def learn(self, engine: RawEngine) -> None:
        """Begin with what is there."""
        for ident, row in self._listed(engine):
            self._states[ident], self._about[ident] = row["action"], row

    def follow(self, row: Row) -> None:
        """Take an event into account."""
        ident, action = row["id"], row["action"]
        if row["type"] != "container" or ident is None:
            return
        if action in ("destroy", "remove"):
            self._states.pop(ident, None)
            self._about.pop(ident, None)
        elif action in _AFTER:
            self._states[ident] = _AFTER[action]
            if action != "die":  # there an exit code may stand in a label's place
                self._about.setdefault(ident, row)

    def labels(self, ident: str) -> Mapping[str, str] | None:
        """The container's labels, if they are known."""
        about = self._about.get(ident)
        return about["labels"] if about else None

    def changes(self, engine: RawEngine, begin: int, end: int) -> list[Row]:
        """Rows for what a list of the containers shows to have changed in a gap.

        Their type is "reconcile", the action is the state that the container is in now.
        """
        return sorted(self._changed(engine, begin, end), key=lambda row: row["time"])

    def _changed(self, engine: RawEngine, begin: int, end: int) -> Iterator[Row]:
        listed = dict(self._listed(engine))
        running = [i for i, row in listed.items() if row["action"] != "created"]
        answers = engine.get_many([f"/containers/{i}/json" for i in running]) if running else []
        for ident, inspect in zip(running, answers, strict=True):
            if not isinstance(inspect, APIError):
                _add_state(listed[ident], inspect.get("State") or {})
        for ident, row in listed.items():
            again = row["action"] == "running" and row["time"] and row["time"].value > begin
            if self._states.get(ident) != row["action"] or again:
                yield {**row, "time": row["time"] or instant(end)}
        for ident in self._states.keys() - listed.keys():
            about = self._about.get(ident, {**_EMPTY, "id": ident, "container": ident})
            yield {**about, **_seen("removed", "not in the list any more"), "time": instant(end)}
        self._states = {ident: row["action"] for ident, row in listed.items()}
        self._about = listed

    def _listed(self, engine: RawEngine) -> Iterator[tuple[str, Row]]:
        for one in engine.get("/containers/json", all=True) or []:
            name = ((one.get("Names") or [""])[0]).lstrip("/")
            labels = one.get("Labels") or {}
            if matches(self._filters, one["Id"], name, labels):
                yield one["Id"], _row(one, name, labels)


def _row(one: Mapping[str, Any], name: str, labels: Mapping[str, str]) -> Row:
    status = one.get("Status") or ""
    exited = _EXITED.match(status)
    return {
        **_EMPTY,
        **_seen(one.get("State") or "", status),
        "name": name,
        "id": one["Id"],
        "container": one["Id"],
        "image": one.get("Image"),
        "exit_code": int(exited[1]) if exited else None,
        "exit_code_trusted": True if exited else None,
        "project": labels.get(PROJECT),
        "service": labels.get(SERVICE),
        "labels": dict(labels),
        "attributes": {},
    }


def _seen(state: str, detail: str) -> Row:
    return {"type": "reconcile", "action": state, "detail": detail}


def _add_state(row: Row, state: Mapping[str, Any]) -> None:
    """When it came into the state that the list shows."""
    stopped = row["action"] in ("exited", "dead", "restarting")
    try:
        row["time"] = instant(to_ns(str(state.get("FinishedAt" if stopped else "StartedAt"))))
    except ValueError:
        row["time"] = None
    if stopped:
        row["exit_code"], row["exit_code_trusted"] = state.get("ExitCode"), True
    if state.get("OOMKilled"):
        row["attributes"] = {"OOMKilled": "true"}
