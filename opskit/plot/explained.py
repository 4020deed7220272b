"""One container around one moment: its lanes, what it ate and what it said, on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from opskit.plot.canvas import COLOURS, Picture, as_days, nothing, time_axis
from opskit.plot.spans import timeline
from opskit.plot.usage import stats

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from opskit.events.explain import Explanation

__all__ = ["explained", "log_rate"]


def explained(found: Explanation) -> Picture:
    """Draw what `opskit.explain` found: lanes, CPU, memory, log lines."""
    lanes = max(found.spans["story"].nunique(), 1)
    figure = Picture(10, 5.2 + 0.28 * min(lanes, 12))
    heights = [0.5 + 0.28 * min(lanes, 12), 1.0, 1.0, 0.8]
    axes = figure.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": heights})
    timeline(found.spans, axes[0], since=found.begin, until=found.end, limit=12)
    axes[0].set_xlabel("")
    stats(found.stats, axes[1:3], metrics=("cpu", "memory"))
    for panel in axes[1:3]:
        if panel.get_legend():
            panel.get_legend().remove()  # there is one container
    log_rate(found.logs, axes[3], since=found.begin, until=found.end)
    figure.suptitle(f"{found.name} around {found.begin:%Y-%m-%d %H:%M} UTC", fontsize=10, x=0.02,
                    ha="left")  # fmt: skip
    return figure


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
    return ax
