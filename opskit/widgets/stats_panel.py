"""What containers eat, live: the charts of a window and a table of the highest, from a sampler."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import ipywidgets as W
import pandas as pd

from opskit import plot
from opskit.engine import Engine
from opskit.stats.sampler import Sampler
from opskit.widgets.panel import Panel
from opskit.widgets.picture import Picture, png
from opskit.widgets.style import beside

__all__ = ["Stats"]

WINDOWS = ("1m", "5m", "15m", "1h")
INTERVALS = (1.0, 2.0, 5.0, 10.0)
SORTS = {"CPU": "cpu_percent", "memory": "memory_bytes", "pids": "pids"}
PICTURES = ("all together", "one for each", "heat map")
SHOWN = (
    "name",
    "cpu_percent",
    "memory_bytes",
    "memory_limit_bytes",
    "memory_percent",
    "network_rx_bytes",
    "network_tx_bytes",
    "block_read_bytes",
    "block_write_bytes",
    "pids",
    "note",
)
LARGEST = 25


@dataclass(slots=True)
class Reading:
    """What is painted: the newest figures and the picture of the window."""

    latest: pd.DataFrame
    picture: bytes
    away: bool


class Stats(Panel):
    """See `opskit.widgets.stats`."""

    def __init__(
        self, engine: Engine, *, window: str = "5m", interval: float = 1.0, live: bool = True
    ) -> None:
        self._engine = engine
        self._sampler: Sampler | None = None
        self._reading = threading.Lock()
        self._latest = pd.DataFrame(columns=list(SHOWN))
        self._away = False
        offered = sorted({*INTERVALS, float(interval)})
        self._window = W.Dropdown(
            description="Window", options=list(dict.fromkeys((*WINDOWS, window))), value=window
        )
        self._every = W.Dropdown(
            description="Every",
            options=[(f"{seconds:g} s", seconds) for seconds in offered],
            value=float(interval),
        )
        self._kind = W.Dropdown(description="Charts", options=PICTURES)
        self._sort = W.Dropdown(description="Highest", options=list(SORTS.items()))
        self._image = Picture()
        self._table = W.HTML()
        for name in ("window", "every", "kind", "sort", "image", "table"):
            getattr(self, f"_{name}").add_class(f"opskit-{name}")
        self._table.add_class("jp-RenderedHTMLCommon")
        choosers = beside(self._window, self._every, self._kind, self._sort)
        view = [choosers, self._image, self._table]
        super().__init__(engine.address, view, interval=max(interval, 1.0), live=False)
        for name in ("window", "every", "kind", "sort"):
            self.remember(name, getattr(self, f"_{name}"))
        self._window.observe(self._resample, "value")
        self._every.observe(self._resample, "value")
        self._sort.observe(lambda _: self._show(), "value")
        self.interval = max(float(self._every.value), 1.0)
        if live and "live" not in self._former:
            self.start()

    def _resample(self, _: Any) -> None:
        self.interval = max(float(self._every.value), 1.0)
        self.release()

    def read(self) -> Reading:
        with self._reading:  # one figure is drawn at a time
            sampler = self._sampler
            if sampler is None:
                sampler = self._engine.sampler(
                    window=self._window.value, interval=self._every.value
                )
                self._sampler = sampler
                sampler.wait(timeout=2 * self.interval + 3)
            latest, kind = sampler.latest(), self._kind.value
            series = sampler.frame()
            if kind == "heat map":
                axes: Any = plot.heatmap(series)
            else:
                axes = plot.stats(series, multiples=kind == "one for each")
            gaps = sampler.gaps
            return Reading(latest, png(axes), bool(gaps["end"].tail(1).isna().any()))

    def paint(self, data: Reading) -> None:
        self._latest = data.latest
        self._away = data.away
        self._image.show(data.picture, self._said())
        self._show()

    def state(self) -> str:
        return "the engine does not answer: waiting for it" if self._away else "live"

    def _show(self) -> None:
        self._table.value = self._largest()

    def _largest(self) -> str:
        if not len(self._latest):
            return f"<p>{'no container is running' if self.readings else 'nothing read yet'}</p>"
        top = self._latest.sort_values(self._sort.value, ascending=False).head(LARGEST)
        shown = top[[name for name in SHOWN if name in top]].opskit.short()
        rest = len(self._latest) - len(top)
        more = f"<p>and {rest} more</p>" if rest > 0 else ""
        return f"{shown.to_html(border=0, index=False)}{more}"

    def _said(self) -> str:
        """What the picture shows, in words; the figures themselves are in the table."""
        count = f"{len(self._latest)} container{'s' * (len(self._latest) != 1)}"
        said = f"Charts of {count} over {self._window.value}"
        highest = self._latest.dropna(subset=["cpu_percent"]).nlargest(1, "cpu_percent")
        for name, percent in zip(highest["name"], highest["cpu_percent"], strict=True):
            said += f"; highest CPU: {name}, {percent:.0f} %"
        return said

    def table(self) -> str:
        return self._image.table() + self._largest()

    def release(self) -> None:
        sampler, self._sampler = self._sampler, None
        if sampler is not None:  # its end is waited for elsewhere: this may be the kernel's loop
            threading.Thread(target=sampler.close, name="opskit-closing", daemon=True).start()

    def __repr__(self) -> str:
        return f"<Stats of {self._engine.address}: {len(self._latest)} containers>"
