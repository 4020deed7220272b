"""Events as they happen: a feed to filter and pause, and the timeline of the window."""

from __future__ import annotations

import html
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import ipywidgets as W
import pandas as pd

import opskit
from opskit import plot
from opskit.engine import Engine
from opskit.events.watch import NOT_EVENTS, Watch
from opskit.frames.events import rows_frame
from opskit.widgets.panel import Panel
from opskit.widgets.picture import Picture, png
from opskit.widgets.style import beside

__all__ = ["Events"]

WINDOWS = ("1m", "5m", "15m", "1h")
TYPES = ("all", "container", "image", "network", "volume", "plugin", "daemon")
LINES = 200
KEPT = 20_000
LANES = 40
DRAW_SECONDS = 2.0  # with news; without, the picture's right edge may lag behind the clock
IDLE_SECONDS = 15.0
SETTLE_SECONDS = 0.2
SEARCHED = ("type", "action", "detail", "name", "image")
LOUD = ("die", "oom", "kill", "gap")


@dataclass(slots=True)
class Reading:
    """What is painted: whether there is news, and the picture of the window if it was drawn."""

    news: bool
    picture: bytes | None


class Events(Panel):
    """See `opskit.widgets.events`."""

    def __init__(self, engine: Engine, *, window: str = "5m", live: bool = True) -> None:
        self._engine = engine
        self._rows: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._watching: Watch | None = None
        self._failure: Exception | None = None
        self._count = self._painted_count = self._drawn_count = 0
        self._drawn_at = 0.0
        self._type = W.Dropdown(description="Type", options=TYPES)
        self._search = W.Text(description="Filter", placeholder="action, name, image …")
        self._probes = W.Checkbox(value=False, description="healthcheck execs", indent=False)
        self._window = W.Dropdown(
            description="Window", options=list(dict.fromkeys((*WINDOWS, window))), value=window
        )
        self._pause = W.ToggleButton(
            description="Pause", tooltip="hold the feed still; nothing is lost meanwhile"
        )
        self._image = Picture()
        self._feed = W.HTML()
        for name in ("type", "search", "probes", "window", "pause", "image", "feed"):
            getattr(self, f"_{name}").add_class(f"opskit-{name}")
        choosers = beside(self._type, self._search, self._window, self._probes)
        super().__init__(engine.address, [choosers, self._image, self._feed], interval=0.25)
        self.bar.children = (self._toggle, self._pause, self._once, self._status)
        for name in ("type", "search", "probes", "window"):
            widget = getattr(self, f"_{name}")
            self.remember(name, widget)
            widget.observe(lambda _: self._show(), "value")
        self._window.observe(self._rewatch, "value")
        self.remember("pause", self._pause)
        self._pause.observe(lambda _: self._show(), "value")
        if live and "live" not in self._former:
            self.start()

    def _rewatch(self, _: Any) -> None:
        self._drawn_count = -1
        self.release()

    def read(self) -> Reading:
        if not self.live:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a row of the feed says it instead
                frame = self._engine.events(since=self._window.value)
            rows = _records(frame)
            if frame.attrs["truncated"]:
                rows.insert(0, _forgotten(frame.attrs["memory_begins"]))
            with self._lock:
                self._rows.clear()
                self._rows.extend(rows)
                self._count += 1
            return Reading(True, self._draw())
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._watching is None:
            self._watch()
        with self._lock:
            news = self._count != self._painted_count
            self._painted_count = self._count
        return Reading(news, self._draw() if self._draw_is_due() else None)

    def _watch(self) -> None:
        watch = self._engine.watch(since=self._window.value)
        self._watching = watch
        with self._lock:
            self._rows.clear()
            self._count += 1

        def drain() -> None:
            try:
                for event in watch:
                    with self._lock:
                        self._rows.append(dict(event))
                        self._count += 1
            except Exception as error:
                self._failure = error
            if self._watching is watch:
                self._watching = None

        threading.Thread(target=drain, name="opskit-feed", daemon=True).start()
        time.sleep(SETTLE_SECONDS)  # what the engine remembers comes at once: paint it at once

    def _draw_is_due(self) -> bool:
        waited = time.monotonic() - self._drawn_at
        due = DRAW_SECONDS if self._count != self._drawn_count else IDLE_SECONDS
        return waited >= due and not self._away()

    def _away(self) -> bool:
        return self._watching is not None and not self._watching.connected

    def _draw(self) -> bytes:
        self._drawn_at, self._drawn_count = time.monotonic(), self._count
        begin = self._begin()
        with self._lock:
            rows = [r for r in self._rows if r["time"] >= begin]
        listed = self._engine.get("/containers/json", all=True) or []
        inspected = self._engine.get_many([f"/containers/{one['Id']}/json" for one in listed])
        existing = [one for one in inspected if isinstance(one, dict)]
        spans = opskit.timeline(rows_frame(rows), existing)
        if not len(spans):
            return b""  # no picture rather than an empty one
        return png(plot.timeline(spans, since=begin, limit=LANES))

    def _begin(self) -> pd.Timestamp:
        return pd.Timestamp.now(tz="UTC") - pd.Timedelta(self._window.value)

    @property
    def frame(self) -> pd.DataFrame:
        """The events of the window, filtered as chosen, with the columns of `Engine.events`."""
        begin = self._begin()
        chosen = [
            r for r in self._chosen_rows() if r["time"] >= begin and r["type"] not in NOT_EVENTS
        ]
        return rows_frame(reversed(chosen))

    def _chosen_rows(self) -> Iterator[dict[str, Any]]:
        """The rows that the filters let through, the newest first."""
        with self._lock:
            rows = list(self._rows)
        words = self._search.value.lower().split()
        return (one for one in reversed(rows) if self._wanted(one, words))

    def _wanted(self, event: dict[str, Any], words: list[str]) -> bool:
        if event["type"] == "gap":
            return True
        if self._type.value not in ("all", event["type"]):
            return False
        if not self._probes.value and event.get("healthcheck") is True:
            return False
        text = " ".join(str(event.get(key, "")) for key in SEARCHED).lower()
        return all(word in text for word in words)

    def paint(self, data: Reading) -> None:
        if data.picture is not None:
            self._image.show(data.picture, self._said())
        if data.news and not self._pause.value:
            self._show()

    def state(self) -> str:
        if self._away():
            return "the engine does not answer: waiting for it"
        return "live, the feed is held still" if self._pause.value else "live"

    def _show(self) -> None:
        self._feed.value = self._lines()

    def _lines(self) -> str:
        lines = "".join(map(_line, islice(self._chosen_rows(), LINES)))
        style = "max-height: 24em; overflow: auto; font-family: monospace"
        return f"<div style='{style}' role='log' tabindex='0'>{lines or '(no events)'}</div>"

    def _said(self) -> str:
        """What the picture shows, in words; the feed below tells the events themselves."""
        frame = self.frame
        of = frame.loc[frame["type"] == "container", "id"].nunique()
        events, containers = f"events: {len(frame)}", f"containers: {of}"
        return f"Timeline of {self._window.value}; {events}, {containers}"

    def table(self) -> str:
        return self._image.table() + self._lines()

    def release(self) -> None:
        watch, self._watching = self._watching, None
        if watch is not None:
            watch.close()

    def __repr__(self) -> str:
        return f"<Events of {self._engine.address}: {len(self.frame)}>"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _forgotten(begins: str) -> dict[str, Any]:
    detail = "the engine remembers only the last 256 events"
    return {"time": pd.Timestamp(begins), "type": "gap", "action": "memory", "detail": detail}


def _line(event: dict[str, Any]) -> str:
    kind, action = event["type"], str(event["action"])
    if kind == "gap":
        text, action = f"events may be missing here: {event['detail']}", "gap"
    elif kind == "reconcile":
        text = f"found after the gap: {event.get('name')} {action}"
    else:
        parts = (kind, action, event.get("detail"), event.get("name"), _code(event))
        text = " ".join(part for part in parts if isinstance(part, str) and part)
    colour = "var(--jp-error-color1, #b00020)" if action in LOUD else "inherit"
    clock = event["time"].strftime("%H:%M:%S.%f")[:-3]
    return f"<div style='color: {colour}'><time>{clock}</time> {html.escape(text)}</div>"


def _code(event: dict[str, Any]) -> str:
    code = event.get("exit_code")
    return "" if code is None or pd.isna(code) else f"exit code {code}"
