"""A container's log as it is written: searched, coloured by level, stdout and stderr apart."""

from __future__ import annotations

import html
import re
import threading
from collections import deque
from typing import Any
from urllib.parse import quote

import ipywidgets as W

from opskit.engine import Engine
from opskit.frames.logs import LogDecoder, LogLine
from opskit.stream import Stream
from opskit.times import to_wire
from opskit.widgets.panel import Panel
from opskit.widgets.style import beside

__all__ = ["Logs", "level"]

SHOWN = 500
BOX = (  # reversed, so that its end is in view
    "max-height: 30em; overflow: auto; display: flex; flex-direction: column-reverse; "
    "white-space: pre-wrap; word-break: break-word; "
    "font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)"
)
_LEVELS = {
    "error": re.compile(
        r"\b(error|err|fatal|crit(ical)?|panic|emerg|alert|exception|traceback)\b", re.I
    ),
    "warning": re.compile(r"\bwarn(ing)?\b", re.I),
    "debug": re.compile(r"\b(debug|trace)\b", re.I),
}
COLOURS = {
    "error": "var(--jp-error-color1, #b00020)",
    "warning": "var(--jp-warn-color0, #b35900)",
    "debug": "var(--jp-ui-font-color2, #616161)",
    "": "inherit",
}


def level(line: str) -> str:
    """``error``, ``warning``, ``debug`` or nothing, by the words that loggers use."""
    head = line[:200]
    return next((name for name, words in _LEVELS.items() if words.search(head)), "")


class Logs(Panel):
    """See `opskit.widgets.logs`."""

    def __init__(
        self, engine: Engine, container: str, *, tail: int = 200, lines: int = 10_000
    ) -> None:
        self._engine = engine
        self._container = container
        self._tail = tail
        self._lines: deque[dict[str, Any]] = deque(maxlen=lines)
        self._lock = threading.Lock()
        self._changed = False
        self._following: Stream | None = None
        self._followed: threading.Event | None = None
        self._failure: Exception | None = None
        self._search = W.Text(description="Search", placeholder="words, or /a regex/")
        self._stream = W.Dropdown(description="Stream", options=["both", "stdout", "stderr"])
        self._level = W.Dropdown(description="Level", options=["all", "warning", "error"])
        self._text = W.HTML()
        for name in ("search", "stream", "level", "text"):
            getattr(self, f"_{name}").add_class(f"opskit-{name}")
        choosers = beside(self._search, self._stream, self._level)
        super().__init__((engine.address, container), [choosers, self._text], interval=0.25)
        self._toggle.description = "Follow"
        for name in ("search", "stream", "level"):
            widget = getattr(self, f"_{name}")
            self.remember(name, widget)
            widget.observe(lambda _: self._show(), "value")
        self.refresh()

    def read(self) -> bool:
        """Begin to follow when the panel is live, else read the tail; whether there is news."""
        halt = self._halt
        if halt is None or halt.is_set():
            rows = self._engine.logs(self._container, tail=self._tail).to_dict("records")
            with self._lock:
                self._lines.clear()
                self._lines.extend({str(k): v for k, v in each.items()} for each in rows)
            return True
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._following is None:
            self._follow(halt)
        with self._lock:
            news, self._changed = self._changed, False
        return news

    def _follow(self, halt: threading.Event) -> None:
        """Follow from the beginning, or go on: the engine, or the container, may have restarted."""
        path = f"/containers/{quote(self._container, safe='')}"
        facts = self._engine.get(f"{path}/json")
        goes_on = self._followed is halt
        if goes_on and not (facts["State"]["Running"] or facts["State"]["Restarting"]):
            halt.set()
            self._later(self._ended)
            return
        decoder = LogDecoder(tty=bool(facts["Config"].get("Tty")))
        with self._lock:
            if not goes_on:
                self._lines.clear()
            last = next((row["time"] for row in reversed(self._lines) if row["time"]), None)
        begin = {"tail": self._tail} if last is None else {"since": to_wire(last)}
        stream = self._engine.open_stream(
            f"{path}/logs", follow=True, stdout=True, stderr=True, timestamps=True, **begin
        )
        self._followed, self._following = halt, stream

        def take(lines: list[LogLine]) -> None:
            rows = [{"time": row.time, "stream": row.stream, "line": row.line} for row in lines]
            new = [row for row in rows if last is None or row["time"] is None or row["time"] > last]
            with self._lock:
                self._lines.extend(new)
                self._changed = True

        def drain() -> None:
            try:
                for chunk in stream:
                    take(decoder.feed(chunk))
                take(decoder.close())
            except Exception as error:
                if self._following is stream:  # it was not closed here
                    self._failure = error
            if self._following is stream:
                self._following = None

        threading.Thread(target=drain, name="opskit-follow", daemon=True).start()

    def _ended(self) -> None:
        self._show()
        self._toggle.value = False
        self.tell(f"{self._container} has ended; this is its whole log")

    def paint(self, data: bool) -> None:
        if data:
            self._show()

    @property
    def matching(self) -> list[dict[str, Any]]:
        """The lines that are shown: ``time``, ``stream``, ``line``."""
        with self._lock:
            lines = list(self._lines)
        stream, wanted = self._stream.value, self._level.value
        found = _searcher(self._search.value)
        levels = {"all": None, "warning": ("warning", "error"), "error": ("error",)}[wanted]
        return [
            line
            for line in lines
            if (stream in ("both", line["stream"]))
            and found(line["line"])
            and (levels is None or level(line["line"]) in levels)
        ]

    def _show(self) -> None:
        self._text.value = self.table()

    def table(self) -> str:
        lines = self.matching
        rows = "".join(map(_row, lines[-SHOWN:]))
        left_out = len(lines) - SHOWN
        note = f"<p>the last {SHOWN} of {len(lines)} lines</p>" if left_out > 0 else ""
        lines_or_none = f"<div>{rows or '(no lines)'}</div>"
        return f"{note}<div style='{BOX}' tabindex='0' role='log'>{lines_or_none}</div>"

    def release(self) -> None:
        stream, self._following = self._following, None
        if stream is not None:
            stream.close()

    def __repr__(self) -> str:
        return f"<Logs of {self._container}: {len(self.matching)} lines>"


def _searcher(text: str) -> Any:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "/":
        try:
            return re.compile(text[1:-1]).search
        except re.error:  # not finished typing
            return lambda _: True
    words = text.lower().split()
    return lambda line: all(word in line.lower() for word in words)


def _row(line: dict[str, Any]) -> str:
    clock = getattr(line["time"], "strftime", lambda _: "")("%H:%M:%S.%f")[:-3]
    mark = "E" if line["stream"] == "stderr" else " "
    style = f"color: {COLOURS[level(line['line'])]}"
    if line["stream"] == "stderr":
        style += "; border-left: 3px solid var(--jp-error-color1, #b00020); padding-left: 4px"
    return (
        f"<div style='{style}'><span aria-label='{line['stream']}'>{mark}</span> "
        f"<time>{clock}</time> {html.escape(line['line'])}</div>"
    )
