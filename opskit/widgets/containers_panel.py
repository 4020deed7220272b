"""A live table of an engine's containers, and what an operator does to them."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as W
import pandas as pd

from opskit.engine import Engine
from opskit.errors import OpskitError
from opskit.frames import containers as frames
from opskit.widgets.panel import Panel
from opskit.widgets.style import beside

__all__ = ["Containers"]

SORTS = ("name", "state", "health", "image", "created", "project")
LISTED = ("name", "state", "health", "image", "ports", "project")
WIDEST = 48
SHOWN = ("name", "state", "status", "health", "image", "created", "ports", "project", "id")
LINES = 200
DETAILED = 60  # rows that are drawn again and again without holding the kernel up
ACTIONS = ("start", "stop", "restart", "pause", "unpause", "kill", "remove")
ASKS = {"kill": "Kill", "remove": "Remove"}


class Containers(Panel):
    """See `opskit.widgets.containers`."""

    def __init__(self, engine: Engine, *, all: bool = True, interval: float = 2.0) -> None:
        self._engine = engine
        self._frame = self._view = frames.containers([])
        self._filter = W.Text(description="Filter", placeholder="name, image, state, label …")
        self._sort = W.Dropdown(description="Sort by", options=SORTS)
        self._all = W.Checkbox(value=all, description="stopped ones too", indent=False)
        self._descending = W.Checkbox(description="descending", indent=False)
        self._details = W.ToggleButton(description="Details", tooltip="all columns, in a table")
        self._rows = W.SelectMultiple(layout=W.Layout(width="auto"))
        self._argument = W.Text(description="With", placeholder="new name, or command for exec")
        self._table = W.HTML()
        self._result = W.HTML()
        choosers = ("filter", "sort", "descending", "all", "details")
        for name in (*choosers, "rows", "argument", "table", "result"):
            getattr(self, f"_{name}").add_class(f"opskit-{name}")
        self._rows.add_class("opskit-listed")
        self._table.add_class("jp-RenderedHTMLCommon")
        self._result.add_class("jp-RenderedHTMLCommon")
        chooser = beside(*(getattr(self, f"_{name}") for name in choosers))
        view = [chooser, self._rows, *self._buttons(), self._result, self._table]
        super().__init__(engine.address, view, interval=interval)
        self.add_class("opskit-texts")
        for name in choosers:
            widget = getattr(self, f"_{name}")
            self.remember(name, widget)
            widget.observe(lambda _: self._show(), "value")
        self.refresh()
        self.remember("rows", self._rows)
        self.remember("argument", self._argument)

    def _buttons(self) -> list[W.Widget]:
        looks: list[tuple[str, Callable[[], None]]] = [
            ("inspect", self._inspect),
            ("logs", self._logs),
        ]
        rows = []
        if not self._engine.read_only:
            changes = [self._button(name, partial(self._change, name)) for name in ACTIONS]
            rows.append(beside(*changes))
            looks += [("rename", self._rename), ("exec", self._exec)]
        buttons = [self._button(name, call) for name, call in looks]
        with_word = [] if self._engine.read_only else [self._argument]
        rows.append(beside(*buttons, *with_word))
        return rows

    def _button(self, name: str, call: Callable[[], None]) -> W.Button:
        style = "danger" if name in ASKS else ""
        button = W.Button(
            description=name.capitalize(),
            tooltip=f"{name} the chosen containers",
            button_style=style,
            layout=W.Layout(width="auto"),
        )
        button.add_class(f"opskit-do-{name}")
        button.on_click(lambda _: call())
        return button

    @property
    def frame(self) -> pd.DataFrame:
        """The containers that are shown, as `Engine.containers` gives them."""
        return self._view

    @property
    def selected(self) -> pd.DataFrame:
        """The rows that are chosen."""
        chosen = self._view[self._view["id"].isin(self._rows.value)]
        chosen.attrs = dict(self._frame.attrs)
        return chosen

    def read(self) -> pd.DataFrame:
        return self._engine.containers(all=True)

    def paint(self, data: pd.DataFrame) -> None:
        self._frame = data
        self._show()

    def _show(self) -> None:
        frame = self._frame
        if not self._all.value:
            frame = frame[frame["state"].isin(("running", "paused", "restarting"))]
        for word in self._filter.value.lower().split():
            rows = frame[[*SHOWN, "labels"]].itertuples(index=False)
            frame = frame.loc[[word in " ".join(map(str, row)).lower() for row in rows]]
        by, up = self._sort.value, not self._descending.value
        self._view = frame.sort_values(by, ascending=up, kind="stable", na_position="last")
        head, *lines = _lines(self._view)
        options = list(zip(lines, self._view["id"], strict=True))
        if list(self._rows.options) != options:  # setting them moves the list under the reader
            kept = set(self._rows.value)
            with self._rows.hold_sync():  # the page may not hear of a shorter list alone
                self._rows.description, self._rows.rows = head, min(max(len(options), 3), 15)
                self._rows.options = options
                self._rows.value = [identity for _, identity in options if identity in kept]
        self._table.value = self._as_table(DETAILED) if self._details.value else ""

    def table(self) -> str:
        return self._as_table(len(self._view))

    def _as_table(self, rows: int) -> str:
        if not len(self._view):
            return "<p>no containers</p>"
        view = self._view[list(SHOWN)].head(rows)
        view.attrs = dict(self._frame.attrs)
        short = view.opskit.short()
        rest = len(self._view) - len(view)
        more = f"<p>and {rest} more: filter to see them</p>" if rest else ""
        return f"{short.to_html(border=0, index=False)}{more}"

    def _picked(self, *, one: bool = False) -> pd.DataFrame | None:
        chosen = self.selected
        if len(chosen) and not (one and len(chosen) > 1):
            return chosen
        wanted = "one container" if one else "one container or several"
        self.tell(OpskitError(f"choose {wanted} in the list first"))
        return None

    def _change(self, action: str) -> None:
        chosen = self._picked()
        if chosen is None:
            return
        call = getattr(self._engine, action)
        options = {"force": True} if action == "remove" else {}
        names = ", ".join(chosen["name"])

        def do() -> None:
            self.act(f"{action} {names}", lambda: call(chosen, **options), self._outcome)

        if action in ASKS:
            self.ask(f"{ASKS[action]} {names}?", ASKS[action], do)
        else:
            do()

    def _outcome(self, results: pd.DataFrame) -> None:
        columns = [c for c in ("name", "action", "done", "state", "error") if c in results]
        failed = results[~results["done"]]
        if len(failed):
            self.tell(OpskitError(f"{len(failed)} of {len(results)} failed"))
        self._result.value = results[columns].to_html(border=0, index=False, na_rep="")
        self._again()

    def _again(self) -> None:
        """Show what an action changed, and go on telling how the action went."""
        if not self.live:
            self.act("", self.read, self._painted)

    def _rename(self) -> None:
        chosen, name = self._picked(one=True), self._argument.value.strip()
        if chosen is None:
            return
        if not name:
            self.tell(OpskitError("write the new name into the field beside the buttons"))
            return
        one = chosen.iloc[0]
        self.act(
            f"rename {one['name']} to {name}",
            lambda: self._engine.rename(one["id"], name),
            lambda _: self._again(),
        )

    def _exec(self) -> None:
        chosen, command = self._picked(one=True), self._argument.value.strip()
        if chosen is None:
            return
        if not command:
            self.tell(OpskitError("write the command into the field beside the buttons"))
            return
        one = chosen.iloc[0]
        self.act(
            f"exec in {one['name']}", lambda: self._engine.exec(one["id"], command), self._executed
        )

    def _executed(self, done: Any) -> None:
        text = f"exit code {done.exit_code}\n{_text(done.stdout)}{_text(done.stderr)}"
        self._result.value = _pre(text)

    def _logs(self) -> None:
        chosen = self._picked(one=True)
        if chosen is None:
            return
        one = chosen.iloc[0]
        self.act(
            f"logs of {one['name']}",
            lambda: self._engine.logs(one["id"], tail=LINES),
            lambda frame: self._say(_pre("\n".join(frame["line"].astype(str)) or "(no lines)")),
        )

    def _inspect(self) -> None:
        chosen = self._picked(one=True)
        if chosen is None:
            return
        one = chosen.iloc[0]
        self.act(
            f"inspect {one['name']}",
            lambda: self._engine.inspect(one["id"], kind="container"),
            lambda record: self._say(record._repr_html_()),
        )

    def _say(self, value: str) -> None:
        self._result.value = value

    def __repr__(self) -> str:
        return f"<Containers of {self._engine.address}: {len(self._view)}>"


def _lines(view: pd.DataFrame) -> list[str]:
    """A head and a line for each container, in columns of equal width; empty columns left out."""
    columns = []
    for name in LISTED:
        cells = [value if isinstance(value, str) else "" for value in view[name]]
        if name == "state":
            codes = view["exit_code"].tolist()
            cells = [
                cell if pd.isna(code) or cell != "exited" else f"{cell} ({code})"
                for cell, code in zip(cells, codes, strict=True)
            ]
        if any(cells) or name == "name":
            width = min(max(map(len, (name, *cells))), WIDEST)
            columns.append([cell[:width].ljust(width) for cell in (name, *cells)])
    # spaces that the browser does not fold into one
    return ["  ".join(cells).rstrip().replace(" ", "\xa0") for cells in zip(*columns, strict=True)]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _pre(text: str) -> str:
    style = "max-height: 20em; overflow: auto; white-space: pre-wrap"
    return f'<pre style="{style}" tabindex="0">{html.escape(text)}</pre>'
