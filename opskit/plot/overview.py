"""Many containers at a glance: a heat map over time, and bars of who eats most."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opskit.plot.canvas import COLOURS, Picture, byte_axis, nothing, size_text, time_axis
from opskit.plot.series import Floats, Series
from opskit.plot.usage import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["heatmap", "top"]

_BINS = 240


def heatmap(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    *,
    value: str = "cpu_percent",
    bins: int = _BINS,
) -> Axes:
    """Draw many containers over time, a row each, the highest mean on top.

    Parameters
    ----------
    frame : pandas.DataFrame
        A series of stats.
    ax : matplotlib Axes, optional
        Drawn into this; by default into a new figure.
    value : str
        A numeric column of the frame.
    bins : int
        At most so many columns; each shows the mean of its time. Grey is where nothing is known.
    """
    series = Series(frame)
    figure = None
    if ax is None:
        figure = Picture(9.5, min(1.6 + 0.17 * max(len(series), 4), 10))
        ax = figure.subplots()
    time_axis(ax)
    ax.set_title(f"{_title(value)} (mean of each moment)", fontsize=9, loc="left", y=1.0)
    if not len(series):
        nothing(ax)
        return ax
    edges, means = series.grid(series.values(value), bins)
    order = np.argsort(-np.nan_to_num(_means(means), nan=-1.0), kind="stable")
    ax.set_facecolor("#d9d9d9")
    mesh = ax.pcolormesh(
        edges, np.arange(len(series) + 1), np.ma.masked_invalid(means[order]), cmap="cividis"
    )
    beside = ax.inset_axes((1.01, 0, 0.015, 1)) if figure is not None else None
    bar = ax.figure.colorbar(mesh, cax=beside, ax=ax, pad=0.01, aspect=40)
    _unit(bar.ax.yaxis, value)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    step = max(1, -(-len(series) // 60))
    rows = np.arange(0, len(series), step)
    ax.set_yticks(rows + 0.5, [series.names[order[row]] for row in rows], fontsize=7)
    ax.set_ylim(len(series), 0)
    ax.tick_params(axis="y", length=0)
    if figure is not None:
        left = min(figure.widest(series.names, 7) + 0.15, 4.0)
        figure.margins(left=left, right=1.0, bottom=0.45, top=0.3)
    return ax


def _means(grid: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a row of nothing stays nothing
        return np.asarray(np.nanmean(grid, axis=1))


def top(
    frame: pd.DataFrame, ax: Axes | None = None, *, by: str = "cpu_percent", n: int = 15
) -> Axes:
    """Draw who eats most, as bars.

    Parameters
    ----------
    frame : pandas.DataFrame
        Stats of one moment or a series: then a bar is the mean and a mark the highest value.
    ax : matplotlib Axes, optional
        Drawn into this; by default into a new figure.
    by : str
        A numeric column of the frame. With ``memory_bytes`` a line marks each limit that is near.
    n : int
        At most so many containers.
    """
    series = Series(frame)
    values = series.values(by)
    means, peaks = (series.by_container(values, how) for how in (np.nanmean, np.nanmax))
    known = np.flatnonzero(~np.isnan(means))
    ranked = known[np.argsort(-means[known], kind="stable")][:n]
    if ax is None:
        ax = Picture(7, 0.9 + 0.27 * max(len(ranked), 2)).subplots()
    told = f"the {len(ranked)} highest of {len(known)}" if len(known) > len(ranked) else "mean"
    title = _title(by)
    ax.set_title(title if series.single else f"{title}: {told}", fontsize=9, loc="left")
    ax.tick_params(labelsize=8)
    if not len(ranked):
        ax.set_xticks([])
        nothing(ax)
        return ax
    rows = np.arange(len(ranked))
    ax.barh(rows, means[ranked], color=COLOURS[0], height=0.65)
    reach = (means if series.single else peaks)[ranked]
    if not series.single:
        ax.plot(reach, rows, "|", color="black", markersize=9, label="highest")
    texts = [_text(value, by) for value in means[ranked]]
    if by == "memory_bytes":
        limits = series.by_container(series.values("memory_limit_bytes"), np.nanmax)[ranked]
        for row in np.flatnonzero(limits <= 4 * peaks[ranked].max()).tolist():
            marked = None if "limit" in ax.get_legend_handles_labels()[1] else "limit"
            ax.plot([limits[row]] * 2, [row - 0.4, row + 0.4], color=COLOURS[1], label=marked)
            texts[row] += f" of {size_text(limits[row])}"
            reach[row] = max(reach[row], limits[row])
    for row, text in enumerate(texts):
        ax.annotate(text, (reach[row], row), (6, 0), textcoords="offset points", va="center",
                    fontsize=8)  # fmt: skip
    ax.set_yticks(rows, [series.names[container] for container in ranked], fontsize=8)
    ax.set_ylim(max(len(ranked), 2) - 0.4, -0.6)
    ax.margins(x=0.2)
    ax.set_xlim(left=0)
    _unit(ax.xaxis, by)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if ax.get_legend_handles_labels()[0]:
        beside: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 0.99), "ncols": 2}
        ax.legend(**beside, frameon=False, fontsize=8, borderpad=0)
    return ax


def _title(column: str) -> str:
    """A column in words."""
    titles = {metric.column: metric.title for metric in METRICS.values() if not metric.down}
    return titles.get(column, column.replace("_", " "))


def _unit(axis: Any, column: str) -> None:
    if column.endswith(("bytes", "bytes_per_second")):
        byte_axis(axis, per_second=column.endswith("per_second"))


def _text(value: float, column: str) -> str:
    if column.endswith("bytes"):
        return size_text(value)
    if column.endswith("bytes_per_second"):
        return size_text(value, 1000) + "/s"
    return f"{value:.3g}" + (" %" if "percent" in column else "")
