"""One container around one moment: its lanes, what it ate and what it said, on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from opskit.plot.canvas import COLOURS, Picture, as_days, count_axis, nothing, time_axis
from opskit.plot.spans import MARKS, mark_names, timeline
from opskit.plot.usage import stats

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from opskit.events.explain import Explanation

__all__ = ["explained", "log_rate"]

_LEGEND = 1.6  # inches that a timeline's legend takes beside it


def explained(found: Explanation) -> Picture:
    """Draw what `opskit.explain` found: lanes, CPU, memory, log lines."""
    lanes = max(found.spans["story"].nunique(), 1)
    eaten = [1.0, 1.0] if len(found.stats) else []  # else the notes say why
    heights = [max(0.5 + 0.28 * min(lanes, 12), _LEGEND), *eaten, 0.8]
    figure = Picture(10, 0.7 + 0.27 * len(heights) + 0.15 * len(found.notes) + sum(heights))
    rows = {"height_ratios": heights}
    axes = figure.subplots(len(heights), 1, sharex=True, gridspec_kw=rows)
    timeline(found.spans, axes[0], since=found.begin, until=found.end, limit=12)
    for label in axes[0].get_yticklabels():
        label.set_weight("bold" if label.get_text() == found.name else "normal")
    if eaten:
        stats(found.stats, axes[1:3], metrics=("cpu", "memory"))
    for panel in axes[1:3]:
        if panel.get_legend():
            panel.get_legend().remove()  # there is one container
    log_rate(found.logs, axes[-1], since=found.begin, until=found.end)
    _ends(found, axes[1:])
    said = f"{found.name}, {found.begin:%Y-%m-%d %H:%M:%S} to {found.end:%H:%M:%S} UTC"
    notes = [f"({note})" for note in found.notes]
    figure.suptitle("\n".join([said, *notes]), fontsize=9, x=0.02, ha="left")
    return figure


def _ends(found: Explanation, panels: Sequence[Axes]) -> None:
    """Carry each end of the container down to what it ate and said at that moment."""
    spans = found.spans[found.spans["story"].eq(found.name) & found.spans["kind"].eq("span")]
    names = mark_names(spans)
    inside = (spans["end"] >= found.begin) & (spans["end"] <= found.end)
    for name, when in zip(names[inside], spans["end"][inside], strict=True):
        if name in MARKS:
            for panel in panels:
                panel.axvline(
                    as_days(np.int64(when.value)), color=MARKS[name].colour, linestyle=(0, (2, 2)),
                    linewidth=1, zorder=1,
                )  # fmt: skip


def log_rate(
    logs: pd.DataFrame, ax: Axes | None = None, *, since: Any = None, until: Any = None
) -> Axes:
    """Draw how many lines a log had over time: stdout upwards, stderr downwards.

    Parameters
    ----------
    logs : pandas.DataFrame
        From ``engine.logs()``.
    ax : matplotlib Axes, optional
        Drawn into this; by default into a new figure.
    since, until : pandas.Timestamp, optional
        The part to show.
    """
    if ax is None:
        ax = Picture(10, 2).subplots()
    time_axis(ax)
    ax.set_title("log lines: stdout up, stderr down", fontsize=9, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    known = logs[logs["time"].notna()]
    if not len(known):
        nothing(ax)
        return ax
    when = known["time"].astype("int64").to_numpy()
    low = since.value if since is not None else int(when.min())
    high = max(until.value if until is not None else int(when.max()), low + 10**9)
    edges = np.linspace(low, high, 121).astype(np.int64)
    left, width = as_days(edges[:-1]), (edges[1] - edges[0]) / 86_400e9
    for sign, name, colour in ((1, "stdout", COLOURS[0]), (-1, "stderr", COLOURS[1])):
        count, _ = np.histogram(when[known["stream"].eq(name).to_numpy()], edges)
        ax.bar(left, sign * count, width, align="edge", color=colour, label=name)
    ax.axhline(0, color="#555555", linewidth=0.6)
    count_axis(ax.yaxis)
    return ax
