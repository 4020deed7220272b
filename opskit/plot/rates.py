"""How much happened when: events over time, and over the hours of days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opskit.frames.columns import NO_TIME
from opskit.plot.canvas import COLOURS, Picture, as_days, count_axis, nothing, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calendar", "event_rate"]

_STEPS = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
    43200, 86400,
)  # fmt: skip
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++", "oooo")
SECOND, HOUR, DAY = 10**9, 3_600 * 10**9, 86_400 * 10**9


def event_rate(
    events: pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str = "action",
    top: int = 7,
    every: str | float | None = None,
) -> Axes:
    """Draw how many events there were over time, stacked by what they were.

    Parameters
    ----------
    events : pandas.DataFrame
        From ``engine.events()`` or what else has its columns.
    ax : matplotlib Axes, optional
        Drawn into this; by default into a new figure.
    by : str
        A column of the events: ``"action"``, ``"type"``, ``"name"``, ``"service"``…
    top : int
        Of so many values each has a colour; the rest is "other".
    every : str or float, optional
        Time that a bar stands for; without, what gives some 60 bars.
    """
    if ax is None:
        ax = Picture(10, 2.8).subplots()
    time_axis(ax)
    ax.spines[["top", "right"]].set_visible(False)
    known = events[events["time"].notna() & events["type"].ne("gap").fillna(True)]
    if not len(known):
        nothing(ax)
        return ax
    time = known["time"].astype("int64").to_numpy()
    width = _width(time, every)
    low = int(time.min()) // width * width
    place = (time - low) // width
    labels = known[by].astype(object).where(known[by].notna(), "none").astype(str)
    ranked = labels.value_counts().index[:top].tolist()
    bottom = np.zeros(int(place.max()) + 1)
    left = as_days(low + np.arange(len(bottom), dtype=np.int64) * width)
    rest = ~labels.isin(ranked).to_numpy()
    for number, name in enumerate([*ranked, *(["other"] if rest.any() else [])]):
        mine = rest if number == len(ranked) else labels.eq(name).to_numpy()
        count = np.bincount(place[mine], minlength=len(bottom))
        look: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "edgecolor": "white"}
        look |= {"hatch": _HATCHES[number % len(_HATCHES)], "linewidth": 0}
        ax.bar(
            left, count, width / DAY, bottom, align="edge", label=f"{name}, {mine.sum()}", **look
        )
        bottom += count
    ax.set_ylabel(f"events in {_length(width)}", fontsize=8)
    count_axis(ax.yaxis)
    ax.legend(loc="upper left", bbox_to_anchor=(1.005, 1.02), frameon=False, fontsize=8)
    return ax


def _width(time: Any, every: str | float | None) -> int:
    if every is not None:
        from opskit.stats.durations import seconds

        return max(int(seconds(every) * SECOND), 1)
    span = (time.max() - time.min()) / SECOND
    fitting = [step for step in _STEPS if span / step <= 80]
    return int((fitting[0] if fitting else 86_400) * SECOND)


def _length(width: int) -> str:
    for size, unit in ((DAY, "d"), (HOUR, "h"), (60 * SECOND, "min")):
        if width % size == 0:
            return f"{width // size} {unit}"
    return f"{width / SECOND:g} s"


def calendar(events: pd.DataFrame, ax: Axes | None = None, *, value: str = "events") -> Axes:
    """Draw how much happened in each hour of each day: a row a day, a column an hour, UTC.

    Parameters
    ----------
    events : pandas.DataFrame
        From ``engine.events()``, `opskit.read_collected`, or incidents from `opskit.incidents`.
    ax : matplotlib Axes, optional
        Drawn into this; by default into a new figure.
    value : str
        What the rows are called on the colour bar.
    """
    time = events["time" if "time" in events else "begin"].astype("int64").to_numpy()
    time = time[time != NO_TIME]
    days = np.arange(time.min() // DAY, time.max() // DAY + 1) if len(time) else np.array([])
    if ax is None:
        ax = Picture(8.5, 1.2 + min(0.24 * max(len(days), 2), 9)).subplots()
    ax.set_xlabel("hour of the day, UTC", fontsize=8, loc="left")
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    if not len(days):
        nothing(ax)
        return ax
    grid = np.zeros((len(days), 24))
    np.add.at(grid, (time // DAY - days[0], time % DAY // HOUR), 1)
    mesh = ax.pcolormesh(
        np.arange(25), np.arange(len(days) + 1), np.ma.masked_equal(grid, 0), cmap="cividis_r",
        vmin=0, edgecolors="white", linewidth=0.6,
    )  # fmt: skip
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.01, aspect=30)
    bar.set_label(value, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    count_axis(bar.ax.yaxis)
    bar.outline.set_visible(False)
    ax.set_facecolor("#f0f0f0")
    step = max(1, -(-len(days) // 40))
    names = [pd.Timestamp(day * DAY).strftime("%a %Y-%m-%d") for day in days[::step].tolist()]
    ax.set_yticks(np.arange(0, len(days), step) + 0.5, names, fontsize=8)
    ax.set_xticks(range(0, 25, 3))
    ax.set_ylim(len(days), 0)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(labelsize=8)
    return ax
