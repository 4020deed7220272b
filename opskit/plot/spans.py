"""Timelines of containers: a lane each, bars for states, marks for what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.legend_handler import HandlerPatch
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from opskit.plot.canvas import GREY, Picture, as_days, nothing, time_axis
from opskit.plot.lanes import Lanes, apart, bars

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

__all__ = ["MARKS", "STATES", "mark_names", "timeline"]


class Stripe(NamedTuple):
    """A horizontal part of a bar: from the lane's middle downwards, in lanes."""

    top: float
    bottom: float
    colour: str


class Mark(NamedTuple):
    """How something that happened is drawn; its shape repeats what the colour says."""

    shape: str
    colour: str
    size: float = 36


STATES = {
    "created": (Stripe(-0.06, 0.06, "#56B4E9"),),
    "running": (Stripe(-0.31, 0.31, "#9ED9C5"),),
    "unhealthy": (Stripe(-0.31, 0.31, "#F5CE78"), Stripe(0.17, 0.31, "#B87700")),
    "paused": (Stripe(-0.31, -0.17, "#6E9FC2"), Stripe(0.17, 0.31, "#6E9FC2")),
    "restarting": (Stripe(-0.17, 0.17, "#E58A5B"),),
    "stopped": (Stripe(-0.04, 0.04, "#ABABAB"),),
}
"""States from `opskit.timeline`, in the legend's order; the form repeats what the colour says."""

MARKS = {
    "exit 0": Mark("o", "#767676", 22),
    "crash": Mark("X", "#D55E00", 44),
    "oom": Mark("*", "#CC79A7", 95),
    "kill": Mark("v", "#000000"),
    "stop": Mark("s", "#0072B2", 24),
    "engine restart": Mark("P", "#D55E00", 44),
    "restart loop": Mark("D", "#D55E00", 30),
    "flapping": Mark("d", "#8B6914", 44),
    "exec": Mark("|", "#0072B2", 60),
    "pull": Mark("^", "#009E73", 36),
    "connect": Mark("1", "#767676", 44),
    "disconnect": Mark("2", "#767676", 44),
}
"""Marks: ends of runs, then markers from `opskit.timeline`, in the legend's order."""

QUIET = ("connect", "disconnect")


def timeline(
    spans: pd.DataFrame,
    ax: Axes | None = None,
    *,
    group: str = "story",
    marks: Iterable[str] | None = None,
    limit: int = 200,
    since: Any = None,
    until: Any = None,
) -> Axes:
    """Draw what containers were over time, a lane each.

    Parameters
    ----------
    spans : pandas.DataFrame
        From `opskit.timeline` or ``engine.timeline()``.
    ax : matplotlib Axes, optional
        Drawn into this; by default into a new figure.
    group : str
        What makes a lane: ``"story"``, ``"service"``, ``"project"``, ``"image"``, ``"engine"``
        or ``"id"``.
    marks : iterable of str, optional
        Which of `MARKS` to draw; without, all but network connects and disconnects.
    limit : int
        At most so many lanes: those where most happened.
    since, until : optional
        The part to show; ``"1h"`` back from now, a time.

    Returns
    -------
    matplotlib.axes.Axes
        ``.figure`` is the figure. A bar that runs to an arrow began before, or lasts beyond, what
        the events show. Hatched bands across all lanes are times of which events may be missing.
    """
    wanted = [name for name in MARKS if name not in QUIET] if marks is None else list(marks)
    if unknown := [name for name in wanted if name not in MARKS]:
        raise ValueError(f"no mark {unknown[0]!r}: there are {', '.join(MARKS)}")
    lanes = Lanes(spans, group, limit, _time(since), _time(until))
    figure = Picture(10, 1.0 + _height(len(lanes)) * max(len(lanes), 2)) if ax is None else None
    if figure is not None:
        ax = figure.subplots()
    assert ax is not None
    time_axis(ax)
    if not len(lanes):
        nothing(ax)
        return ax
    _frame(ax, lanes)
    shown: list[Any] = [*_bars(ax, lanes), *_marks(ax, lanes, wanted)]
    shown += _across(ax, lanes)
    ax.legend(
        handles=shown, loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False, fontsize=8,
        handlelength=1.4, handler_map={_State: _StateHandler()},
    )  # fmt: skip
    if figure is not None:
        _fit(figure, lanes, [str(handle.get_label()) for handle in shown])
    return ax


def _height(lanes: int) -> float:
    """Inches of a lane: less the more there are, but the names stay readable."""
    return min(0.30, 13 / max(lanes, 1) + 0.04)


def _size(lanes: int) -> float:
    """Points of a lane's name."""
    return min(8, 56 * _height(lanes))


def _fit(figure: Picture, lanes: Lanes, legend: list[str]) -> None:
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, max(height, 0.3 + 0.18 * len(legend)))
    figure.margins(
        left=min(figure.widest(lanes.names, _size(len(lanes))) + 0.15, 4.0),
        right=figure.widest(legend, 8) + 0.55,
        bottom=0.45,
        top=0.3 if lanes.hidden else 0.1,
    )


def _time(value: Any) -> pd.Timestamp | None:
    from opskit.times import to_ns

    return None if value is None else pd.Timestamp(to_ns(value), tz="UTC")


def _days(ns: Any) -> Any:
    return as_days(np.asarray(ns, dtype=np.int64))


def _frame(ax: Axes, lanes: Lanes) -> None:
    count = len(lanes)
    ax.set_yticks(range(count), lanes.names, fontsize=_size(count))
    spare = 0.4 if count == 1 else 0  # one bar need not fill the figure
    ax.set_ylim(count - 0.4 + spare, -0.6 - spare)
    room = (lanes.high - lanes.low) * 0.012
    ax.set_xlim(*_days([lanes.low - room, lanes.high + room]))
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#ededed")
    ax.set_axisbelow(True)
    borders = [n for n in range(1, count) if lanes.projects[n] != lanes.projects[n - 1]]
    for n in borders if len(borders) < count / 3 else ():
        ax.axhline(n - 0.5, color="#d0d0d0", linewidth=0.8)
    if lanes.hidden:
        ax.set_title(
            f"{lanes.hidden} lanes more, where less happened", fontsize=8, loc="left", y=1.0
        )


def _bars(ax: Axes, lanes: Lanes) -> list[Any]:
    handles: list[Any] = []
    for name, stripes in STATES.items():
        rows = np.flatnonzero(lanes.spans & lanes.rows["what"].eq(name).to_numpy(dtype=bool))
        if not len(rows):
            continue
        lane, begin, end = bars(
            lanes.lane[rows], lanes.begin[rows], lanes.end[rows], lanes.low, lanes.high
        )
        for stripe in stripes:
            path = _rectangles(_days(begin), _days(end), lane + stripe.top, lane + stripe.bottom)
            ax.add_artist(PathPatch(path, facecolor=stripe.colour, linewidth=0, zorder=2))
        handles.append(_State(stripes, name))
    _open_ends(ax, lanes)
    return handles


def _rectangles(left: Any, right: Any, top: Any, bottom: Any) -> Path:
    """All in one path: drawing it takes a fraction of the time that thousands of shapes take."""
    corners = np.empty((len(left), 5, 2))
    corners[:, [0, 1, 4], 0], corners[:, [2, 3], 0] = left[:, None], right[:, None]
    corners[:, [0, 3, 4], 1], corners[:, [1, 2], 1] = bottom[:, None], top[:, None]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(corners.reshape(-1, 2), np.tile(codes, len(left)))


class _State(Patch):
    """A state in the legend, in the form that its bars have."""

    def __init__(self, stripes: tuple[Stripe, ...], label: str) -> None:
        super().__init__(label=label)
        self.stripes = stripes


class _StateHandler(HandlerPatch):
    def create_artists(
        self,
        legend: Any,
        orig_handle: Any,
        xdescent: float,
        ydescent: float,
        width: float,
        height: float,
        fontsize: float,
        trans: Any,
    ) -> list[Any]:
        scale, middle = height / 0.62, height / 2 - ydescent
        return [
            Rectangle(
                (-xdescent, middle - stripe.bottom * scale),
                width,
                (stripe.bottom - stripe.top) * scale,
                facecolor=stripe.colour,
                linewidth=0,
                transform=trans,
            )
            for stripe in orig_handle.stripes
        ]


def _open_ends(ax: Axes, lanes: Lanes) -> None:
    size = 24 if len(lanes) <= 40 else 8
    drawn = lanes.spans & lanes.rows["what"].ne("stopped").to_numpy(dtype=bool)
    for shape, opened, at in (
        ("<", lanes.rows["open_begin"].to_numpy(dtype=bool) | lanes.cut_begin, lanes.begin),
        (">", lanes.rows["open_end"].to_numpy(dtype=bool) | lanes.cut_end, lanes.end),
    ):
        rows = np.flatnonzero(drawn & opened)
        ax.scatter(
            _days(at[rows]), lanes.lane[rows], size, c="#5a5a5a", marker=shape, lw=0, zorder=3
        )


def _marks(ax: Axes, lanes: Lanes, wanted: list[str]) -> list[Any]:
    number = {name: n for n, name in enumerate(MARKS)}
    shown = {name: n if name in wanted else -1 for name, n in number.items()}
    code = np.array([shown.get(name, -1) for name in mark_names(lanes.rows)], dtype=int)
    when = np.where(lanes.spans, lanes.end, lanes.begin)
    rows = np.flatnonzero((code >= 0) & ((when > lanes.low) | ~lanes.spans))
    scale = 1.0 if len(lanes) <= 30 else max(0.25, 30 / len(lanes))
    width = (lanes.high - lanes.low) / 90 * scale**0.5
    kept, off = apart(lanes.lane[rows], when[rows], code[rows], width)
    rows = rows[kept]
    when = when[rows]
    handles = []
    for name, mark in MARKS.items():
        mine = np.flatnonzero(code[rows] == number[name])
        if not len(mine):
            continue
        look: dict[str, Any] = {"marker": mark.shape, "color": mark.colour}
        thin = mark.shape in "|12"
        edge: dict[str, Any] = {} if thin else {"edgecolors": "white"}
        ax.scatter(
            _days(when[mine]), lanes.lane[rows[mine]] + off[mine], mark.size * scale, zorder=4,
            linewidths=1.4 * scale if thin else 0.5, **look, **edge,
        )  # fmt: skip
        counted = lanes.rows["count"].to_numpy(dtype="float64", na_value=np.nan)[rows[mine]]
        if len(lanes) <= 40:
            for place, count in zip(mine, counted, strict=True):
                if count == count and len(mine) <= 40:  # noqa: PLR0124
                    ax.annotate(
                        f"\N{MULTIPLICATION SIGN}{count:.0f}",
                        (_days(when[place]), lanes.lane[rows[place]] + off[place]),
                        (5, -3), textcoords="offset points", fontsize=7, color="black", zorder=5,
                        path_effects=[withStroke(linewidth=2, foreground="white")],
                    )  # fmt: skip
        handles.append(Line2D([], [], linestyle="", label=name, markersize=mark.size**0.5, **look))
    return handles


def mark_names(spans: pd.DataFrame) -> Any:
    """The name in `MARKS` of each row: how a run ended, or what a marker is."""
    ended = spans["ended_by"].to_numpy(dtype=object)
    runs = spans["what"].isin(("running", "unhealthy", "paused")).to_numpy(dtype=bool)
    marker = spans["kind"].eq("marker").to_numpy(dtype=bool)
    clean = spans["exit_code"].eq(0).to_numpy(dtype=bool, na_value=False)
    by = np.where(ended == "exit", np.where(clean, "exit 0", "crash"), ended)
    what = spans["what"].to_numpy(dtype=object)
    # a death by signal, stop or oom is marked where the run ends, not where the signal was sent
    what = np.where(np.isin(what, ("kill", "oom")), "", what)
    return np.where(marker, what, np.where(runs, by, ""))


def _across(ax: Axes, lanes: Lanes) -> list[Any]:
    handles: list[Any] = []
    part = lanes.across
    bounds = part[["begin", "end"]].astype("int64").to_numpy().tolist()
    for what, (begin, end) in zip(part["what"], bounds, strict=True):
        if end < lanes.low or begin > lanes.high:
            continue
        if what == "clock":
            ax.axvline(_days(begin), color=GREY, linestyle=":", linewidth=1.2, zorder=1)
            handles.append(Line2D([], [], color=GREY, linestyle=":", label="clock set back"))
            continue
        least = (lanes.high - lanes.low) // 300
        style: dict[str, Any] = {"facecolor": "#e8e8e8", "edgecolor": "#9a9a9a", "hatch": "xxx"}
        ax.axvspan(
            *_days([begin, max(end, begin + least)]), linewidth=0, zorder=2.5, alpha=0.8, **style
        )
        handles.append(Patch(label="events may be missing", **style))
    return list({handle.get_label(): handle for handle in handles}.values())
