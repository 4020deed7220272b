"""The health report of an engine's containers, and how a notebook shows it."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from opskit.frames.health import health
from opskit.stats.now import frame_of, warm_sampler
from opskit.stats.selection import RUNS, listed
from opskit.stats.snapshot import snapshot

if TYPE_CHECKING:
    from opskit.engine.stats import StatsCalls

__all__ = ["HealthReport", "report"]

_COLOURS = {2: "#fbd5c5", 1: "#fdf0c4", 0: ""}  # told apart with any kind of colour vision
_MARKS = {2: "✖ ", 1: "▲ ", 0: ""}
_LEFT_OUT = ("severity", "started", "id")
_MOST_TEXT = 48
_NOWRAP = ' style="white-space: nowrap; text-align: left"'


class HealthReport(pd.DataFrame):
    """A DataFrame that a notebook shows in colours; what is made of it is a plain one."""

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        shown = [name for name in self.columns if name not in _LEFT_OUT]
        head = "".join(f"<th{_NOWRAP}>{html.escape(name)}</th>" for name in shown)
        body = "".join(self._row_html(row, shown) for _, row in self.iterrows())
        return (
            '<table class="dataframe opskit-health" border="0">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _row_html(self, row: Any, shown: list[str]) -> str:
        severity = int(row.get("severity", 0))
        colour = (
            f' style="background-color: {_COLOURS[severity]}; color: black"' if severity else ""
        )
        cells = []
        for name in shown:
            text = _text(name, row[name])
            mark = _MARKS[severity] if name == "attention" else ""
            cells.append(f"<td{_NOWRAP}>{mark}{_short(text, name)}</td>")
        return f"<tr{colour}>{''.join(cells)}</tr>"


def _short(text: str, name: str) -> str:
    if name == "attention" or len(text) <= _MOST_TEXT:
        return html.escape(text)
    return f'<span title="{html.escape(text)}">{html.escape(text[: _MOST_TEXT - 1])}…</span>'


def _text(name: str, value: Any) -> str:
    if pd.isna(value) or (name == "oom_killed" and not value):
        return ""
    if name.endswith("percent"):
        return f"{value:.1f}"
    if isinstance(value, pd.Timedelta):
        seconds = int(value.total_seconds())
        days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
        if days:
            return f"{days} d {hours} h"
        return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s"
    return str(value)


def report(
    engine: StatsCalls,
    containers: str | Iterable[str] | None,
    filters: Mapping[str, Any] | None,
    *,
    all: bool,
    cpu: bool,
    timeout: float | None,
) -> HealthReport:
    """See `opskit.engine.stats.StatsCalls.health`."""
    chosen = [
        each for each in listed(engine, containers, filters, all=True)
        if all or containers is not None or not each.ended_well
    ]  # fmt: skip

    def ask(ids: Sequence[str]) -> Sequence[Any]:
        return engine.get_many([f"/containers/{id_}/json" for id_ in ids]) if ids else []

    sampler = warm_sampler(engine)
    known = sampler.inspected if sampler else None
    states = {each.id: each.state for each in chosen}
    inspects = known.of(states, ask) if known else ask(list(states))
    if sampler:
        stats = sampler.latest()
    else:
        taken, engine._stats_at_once = snapshot(
            engine,
            [each.id for each in chosen if each.state in RUNS],
            at_once=engine._stats_at_once,
            gap=0.25,
            patient=cpu,
            timeout=engine.timeout if timeout is None else timeout,
        )
        stats = frame_of([each for each in chosen if each.id in taken], taken, {})
    frame = health([each.item for each in chosen], inspects, stats, time.time_ns())
    return engine.stamp(HealthReport(frame), "GET /containers/{id}/json")
