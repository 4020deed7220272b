"""Browse a cassette, see a stream again at its pace, and serve the cassette as an engine."""

from __future__ import annotations

import html
import os
import threading
from pathlib import Path
from typing import Any

import ipywidgets as W
import pandas as pd

from opskit.cassette.format import Cassette as Recorded
from opskit.cassette.format import load
from opskit.cassette.model import Exchange
from opskit.cassette.show import bodies
from opskit.cassette.summary import exchanges_html
from opskit.widgets.panel import Panel
from opskit.widgets.style import beside
from opskit.wire.session import Replay, open_cassette

__all__ = ["Cassette"]

PACES = ("causal", "recorded", "instant")
SPEEDS = {"as recorded": 1.0, "10 times faster": 10.0, "100 times faster": 100.0}
ROWS = 500
SEARCHED = ("method", "path", "query", "status", "kind", "end")
BLOCK = "max-height: 30em; overflow: auto; white-space: pre-wrap"


class Cassette(Panel):
    """See `opskit.widgets.cassette`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._cassette: Recorded = load(self._path)
        self._frame = self._cassette.frame()
        self._numbers = {e.number: i for i, e in enumerate(self._cassette.exchanges)}
        self._served: Replay | None = None
        self._stopping = threading.Event()
        self._search = W.Text(description="Filter", placeholder="method, path, status, kind …")
        self._exchanges = W.Select(description="Exchanges", rows=10, layout=W.Layout(width="auto"))
        self._detail = W.HTML()
        self._speed = W.Dropdown(description="Speed", options=list(SPEEDS.items()))
        self._play = W.Button(description="Play", tooltip="show the answer as it came, in time")
        self._pace = W.Dropdown(description="Pace", options=PACES)
        self._serve = W.ToggleButton(description="Serve", tooltip="be an engine for any client")
        self._address = W.HTML()
        named = ("search", "exchanges", "detail", "speed", "play", "pace", "serve", "address")
        for name in named:
            getattr(self, f"_{name}").add_class(f"opskit-{name}")
        controls = beside(self._play, self._speed, self._serve, self._pace)
        title = W.HTML(f"<b>{html.escape(self._cassette.title())}</b>")
        view = [title, self._search, self._exchanges, controls, self._address, self._detail]
        super().__init__(str(self._path), view)
        self.bar.children = (self._status,)
        for name in ("search", "speed", "pace"):
            self.remember(name, getattr(self, f"_{name}"))
        self._search.observe(lambda _: self._list(), "value")
        self._exchanges.observe(lambda _: self._show(), "value")
        self._play.on_click(lambda _: self._replay())
        self._serve.observe(self._on_serve, "value")
        self._pace.observe(lambda _: self._serve_again(), "value")
        self._list()
        self.tell("choose an exchange")
        self.remember("exchange", self._exchanges)

    @property
    def frame(self) -> pd.DataFrame:
        """The exchanges that the filter lets through, with the columns of ``Cassette.frame()``."""
        frame = self._frame
        for word in self._search.value.lower().split():
            rows = frame[list(SEARCHED)].itertuples(index=False)
            frame = frame.loc[[word in " ".join(map(str, row)).lower() for row in rows]]
        return frame

    @property
    def exchange(self) -> Exchange | None:
        """The exchange that is chosen."""
        number = self._exchanges.value
        return None if number is None else self._cassette.exchanges[self._numbers[number]]

    def _list(self) -> None:
        shown = self.frame.head(ROWS)
        former = self._exchanges.value
        self._exchanges.options = [(_line(row), row["number"]) for _, row in shown.iterrows()]
        if former in set(shown["number"]):
            self._exchanges.value = former

    def _show(self) -> None:
        exchange = self.exchange
        self._stopping.set()
        text = "\n".join(bodies(exchange, limit=200)) if exchange else ""
        told = f"exchange {exchange.number}" if exchange else "choose an exchange"
        self.tell(f"{told} of {len(self._frame)}" if exchange else told)
        self._detail.value = f"<pre style='{BLOCK}' tabindex='0'>{html.escape(text)}</pre>"

    def _replay(self) -> None:
        exchange = self.exchange
        if exchange is None or exchange.response is None:
            self.tell("choose an exchange that has an answer")
            return
        self._stopping.set()
        self._stopping = stopping = threading.Event()
        pieces, speed = exchange.response.pieces, self._speed.value
        shown: list[str] = []

        def play() -> None:
            last = exchange.request.at
            for piece in pieces:
                if stopping.wait(max(piece.at - last, 0) / speed):
                    return
                last = piece.at
                mark = {"client": "> ", "engine": ""}[piece.side]
                shown.append(mark + (piece.data or b"(end)").decode("utf-8", "replace"))
                self._later(self._played, stopping, "".join(shown[-400:]))

        self.act("play", play)

    def _played(self, stopping: threading.Event, text: str) -> None:
        if not stopping.is_set():
            self._detail.value = f"<pre style='{BLOCK}' tabindex='0'>{html.escape(text)}</pre>"

    def _on_serve(self, change: Any) -> None:
        self._unserve()
        if change["new"]:
            try:
                self._served = open_cassette(self._path, pace=self._pace.value)
            except Exception as error:
                self._serve.value = False
                self.tell(error)
                return
            command = f"export DOCKER_HOST={self._served.address}"
            self._address.value = f"<pre>{html.escape(command)}</pre>"

    def _serve_again(self) -> None:
        if self._serve.value:
            self._on_serve({"new": True})

    def _unserve(self) -> None:
        served, self._served = self._served, None
        self._address.value = ""
        if served is not None:
            served.close()

    def table(self) -> str:
        return f"<b>{html.escape(self._cassette.title())}</b>{exchanges_html(self.frame)}"

    def release(self) -> None:
        self._stopping.set()
        self._unserve()

    def __repr__(self) -> str:
        return f"<Cassette {self._cassette.title()}>"


def _line(row: pd.Series[Any]) -> str:
    status = "no answer" if pd.isna(row["status"]) else row["status"]
    end = "" if row["end"] == "complete" else f" · {row['end']}"
    query = f"?{row['query']}" if isinstance(row["query"], str) and row["query"] else ""
    return f"{row['number']} · {status} {row['method']} {row['path']}{query} · {row['kind']}{end}"
