"""Events of the engine as a DataFrame: one row an event, labels apart from the engine's own words.

The engine merges a container's labels into the attributes of its events, labels last, so a label
called ``exitCode`` hides the exit code. What the engine sends with which action is known
(``daemon/events.go`` and its callers in moby; ``pkg/domain/entities/events.go`` in Podman), so the
two are told apart again here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from opskit.errors import BadResponse
from opskit.frames.columns import Column, build
from opskit.frames.event_evidence import (
    CODED,
    ENDINGS,
    exit_codes_trusted,
    healthcheck_execs,
)

if TYPE_CHECKING:
    from pandas.arrays import BooleanArray

__all__ = ["COLUMNS", "event_row", "events_frame", "rows_frame"]

COLUMNS = (
    Column("time", "datetime64[ns, UTC]", "", "When, by the engine's clock (`timeNano`)."),
    Column("type", "str", "", "What it happened to: container, image, network, volume, …"),
    Column(
        "action", "str", "", "The engine's word for it, up to the colon: start, die, exec_create."
    ),
    Column("detail", "str", "", "What follows the colon: healthy, the command of an exec."),
    Column("name", "str", "", "Name of the object; missing where the engine names none."),
    Column("id", "str", "", "Full id of the object; the name of a volume is its id."),
    Column("image", "str", "", "The container's image, or the image that the event is about."),
    Column("exit_code", "Int64", "", "How a container or an exec ended; see exit_code_trusted."),
    Column(
        "exit_code_trusted",
        "boolean",
        "",
        "False where a label called exitCode hides the exit code, or may: nothing shows that the "
        "container has no such label. Missing for events that end neither container nor exec.",
    ),
    Column("signal", "Int64", "", "The signal of a kill."),
    Column("container", "str", "", "Full id of the container that takes part."),
    Column("network", "str", "", "Name of the network that takes part."),
    Column("volume", "str", "", "Name of the volume that takes part."),
    Column("exec_id", "str", "", "Id of the exec, the same from exec_create to exec_die."),
    Column(
        "healthcheck",
        "boolean",
        "",
        "Whether an exec is the container's own healthcheck; missing where nothing tells.",
    ),
    Column("project", "str", "", "The compose project, by its label."),
    Column("service", "str", "", "The compose service, by its label."),
    Column("labels", "object", "", "Labels of the container or image, as a dict."),
    Column("attributes", "object", "", "The engine's own attributes, as a dict."),
)
"""Columns of ``engine.events()``, ``read_events()`` and the rows of ``engine.watch()``."""
"""Columns of ``engine.events()``."""

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
LABELLED = frozenset({"container", "image"})
OWN = frozenset({"name", "image"})
OWN_OF_ACTION: Mapping[str, frozenset[str]] = {
    "die": OWN | {"exitCode", "execDuration"},
    "exec_create": OWN | {"execID"},
    "exec_start": OWN | {"execID"},
    "exec_detach": OWN | {"execID"},
    "exec_die": OWN | {"execID", "exitCode"},
    "kill": OWN | {"signal"},
    "rename": OWN | {"oldName"},
    "resize": OWN | {"height", "width"},
    "commit": OWN | {"comment", "imageID", "imageRef"},
    "prune": OWN | {"reclaimed"},
}
OWN_OF_PODMAN = OWN | {"podId", "containerExitCode", "exitCode", "error", "network"}


def event_row(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event as the engine sends it, as a mapping with the column names as keys.

    ``time`` is in integer nanoseconds, what is missing is None; ``exit_code_trusted`` and
    ``healthcheck`` take more than one event to know and are None, except that a Podman event
    is trusted: there the engine's attributes win over labels.
    """
    actor = event.get("Actor") or {}
    attributes: Mapping[str, Any] = actor.get("Attributes") or {}
    get = attributes.get
    kind = _text(event.get("Type"))
    action, _, detail = (_text(event.get("Action")) or _text(event.get("status")) or "").partition(
        ": "
    )
    ident = _text(actor.get("ID")) or _text(event.get("id"))
    name = _text(get("name"))
    podman = "podId" in attributes
    if kind in LABELLED:
        own = OWN_OF_PODMAN if podman else OWN_OF_ACTION.get(action, OWN)
        labels = {key: value for key, value in attributes.items() if key not in own}
        kept = {key: value for key, value in attributes.items() if key in own}
    else:
        labels, kept = {}, dict(attributes)
        name = name or (ident if kind == "volume" else _text(get("network")))
        ident = ident or (name if kind == "volume" else None)
    ended = action in ENDINGS
    return {
        "time": _nanoseconds(event),
        "type": kind,
        "action": action or None,
        "detail": detail.rstrip() or _text(event.get("HealthStatus")),
        "name": name and name.lstrip("/"),
        "id": ident,
        "image": name if kind == "image" else _text(get("image")) or _text(event.get("from")),
        "exit_code": integer(get("exitCode", get("containerExitCode"))) if ended else None,
        "exit_code_trusted": True if podman and ended else None,
        "signal": integer(get("signal")) if action == "kill" else None,
        "container": ident if kind == "container" else _text(get("container")),
        "network": name if kind == "network" else None,
        "volume": name if kind == "volume" else None,
        "exec_id": _text(get("execID")) if "execID" in kept else None,
        "healthcheck": None,
        "project": _text(labels.get(PROJECT)),
        "service": _text(labels.get(SERVICE)),
        "labels": labels,
        "attributes": kept,
    }


def events_frame(
    events: Iterable[Mapping[str, Any]], *, healthchecks: Mapping[str, str | None] | None = None
) -> pd.DataFrame:
    """A frame of the events, in the order they are given in: the engine's order of arrival.

    Parameters
    ----------
    events : iterable of mapping
        Events as the engine sends them, decoded.
    healthchecks : mapping of str to str or None, optional
        What the healthcheck of a container runs, by full id, None where it has none (see
        `opskit.frames.event_evidence.healthcheck_command`). Without it the healthcheck is known
        by its order: the engine tells of the health right after the probe's exec has ended.

    Returns
    -------
    pandas.DataFrame
        With `COLUMNS`.

    Raises
    ------
    BadResponse
        An event is no JSON object.
    """
    return rows_frame(map(_row, events), healthchecks=healthchecks)


def rows_frame(
    rows: Iterable[Mapping[str, Any]], *, healthchecks: Mapping[str, str | None] | None = None
) -> pd.DataFrame:
    """A frame of rows of `event_row`, or of the mappings that ``engine.watch()`` gives."""
    rows = list(rows)
    data: dict[str, Sequence[Any]] = {c.name: [row.get(c.name) for row in rows] for c in COLUMNS}
    data["time"] = [_count(value) for value in data["time"]]
    frame = build(COLUMNS, data)
    coded: Any = {name: pd.factorize(frame[name]) for name in CODED}
    labelled = np.array(["exitCode" in (labels or ()) for labels in data["labels"]], dtype=bool)
    trusted = cast("BooleanArray", frame["exit_code_trusted"].array)
    frame["exit_code_trusted"] = exit_codes_trusted(coded, trusted, labelled)
    known = cast("BooleanArray", frame["healthcheck"].array)
    frame["healthcheck"] = healthcheck_execs(coded, healthchecks or {}, known)
    return frame


def _row(event: Any) -> dict[str, Any]:
    if not isinstance(event, Mapping):
        raise BadResponse(
            f"An event must be a JSON object, not {event!r:.80}.",
            "Check that the address is that of a Docker Engine and not of another service.",
        )
    return event_row(event)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def integer(value: Any) -> int | None:
    """An exit code or signal, None where a label put something else in its place."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _nanoseconds(event: Mapping[str, Any]) -> int | None:
    exact = event.get("timeNano")
    if isinstance(exact, int) and exact:
        return exact
    seconds = event.get("time")
    return seconds * 1_000_000_000 if isinstance(seconds, int) and seconds else None


def _count(value: Any) -> int | None:
    return value.value if isinstance(value, pd.Timestamp) else value
