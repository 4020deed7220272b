"""What containers eat over time: a panel for each metric, or for each container."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from opskit.plot.canvas import (
    COLOURS,
    DASHES,
    GREY,
    Picture,
    byte_axis,
    nothing,
    settle_ticks,
    size_text,
    time_axis,
)
from opskit.plot.series import Floats, Series, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["METRICS", "stats"]


class Metric(NamedTuple):
    """One panel: what is drawn upwards, and downwards from the same line."""

    title: str
    column: str
    down: str | None = None
    unit: str = "%"


METRICS = {
    "cpu": Metric("CPU, percent of one CPU", "cpu_percent"),
    "cpu_quota": Metric("CPU, percent of the quota", "cpu_percent_quota"),
    "memory": Metric("memory without page cache", "memory_bytes", unit="B"),
    "memory_percent": Metric("memory, percent of the limit", "memory_percent"),
    "network": Metric(
        "network: received up, sent down",
        "network_rx_bytes_per_second",
        "network_tx_bytes_per_second",
        "B/s",
    ),
    "block": Metric(
        "block I/O: written up, read down",
        "block_write_bytes_per_second",
        "block_read_bytes_per_second",
        "B/s",
    ),
    "throttled": Metric("periods throttled, percent", "throttled_percent"),
}
"""What can be drawn, by the names that `stats` takes."""

_FEW = 8  # so many lines can be told apart
_MOST_MULTIPLES = 24
_BINS = 240
_LEGEND = 8  # points


def stats(
    frame: pd.DataFrame,
    axes: Any = None,
    *,
    metrics: str | Sequence[str] = ("cpu", "memory", "network", "block"),
    multiples: bool = False,
    highlight: int = 5,
) -> Any:
    """Draw a series of stats over time.

    Parameters
    ----------
    frame : pandas.DataFrame
        What ``engine.stats(duration=…)`` or a sampler's ``frame()`` gives.
    axes : matplotlib Axes or sequence of them, optional
        Drawn into these, one for each metric; by default into a new figure.
    metrics : str or sequence of str
        Names in `METRICS`.
    multiples : bool
        A small panel for each container instead of one for all of them: the 24 highest, of the
        first metric.
    highlight : int
        With more than 8 containers, how many of the highest are drawn as lines of their own; the
        others are a band from the 5th to the 95th percentile around their median.

    Returns
    -------
    matplotlib.axes.Axes or numpy.ndarray of them
        One Axes for one metric, else an array. ``.figure`` of any is the figure.
    """
    wanted = [metrics] if isinstance(metrics, str) else list(metrics)
    if unknown := [name for name in wanted if name not in METRICS]:
        raise ValueError(f"no metric {unknown[0]!r}: there are {', '.join(METRICS)}")
    series = Series(frame)
    if multiples:
        return _multiples(series, METRICS[wanted[0]])
    figure = Picture(9.5, 0.6 + 2.1 * len(wanted)) if axes is None else None
    if figure is not None:
        axes = figure.subplots(len(wanted), 1, sharex=True, squeeze=False)[:, 0]
    panels = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    if len(panels) != len(wanted):
        raise ValueError(f"{len(wanted)} metrics need as many Axes, not {len(panels)}")
    styles: dict[int, dict[str, Any]] = {}
    for panel, name in zip(panels, wanted, strict=True):
        _overlay(panel, series, METRICS[name], highlight, styles)
    if figure is not None:
        legends = [panel.get_legend() for panel in panels]
        said = [text.get_text() for each in legends if each for text in each.get_texts()]
        right = min(figure.widest(said, _LEGEND) + 0.55, 4.5) if said else 0.1
        figure.margins(left=0.85, right=right, bottom=0.45, top=0.3, between=0.35)
    return panels[0] if len(panels) == 1 else panels


def _overlay(
    axes: Axes, series: Series, metric: Metric, highlight: int, styles: dict[int, dict[str, Any]]
) -> None:
    _dress(axes, metric)
    up = series.values(metric.column)
    down = -series.values(metric.down) if metric.down else None
    size = up if down is None else np.fmax(up, -down)
    peaks = series.by_container(size, np.nanmax)
    known = np.flatnonzero(~np.isnan(peaks))
    ranked = known[np.argsort(-peaks[known], kind="stable")]
    if not len(ranked):
        nothing(axes)
        return
    lines = ranked if len(ranked) <= _FEW else ranked[:highlight]
    for container in lines:
        style = styles.setdefault(container, _style(len(styles)))
        label = f"{series.names[container]}, peak {_text(peaks[container], metric)}"
        for values in (up, down):
            if values is not None:
                _draw(axes, series, values, container, label if values is up else None, style)
    if others := sorted(set(ranked) - set(lines)):
        for values in (up, down):
            if values is not None:
                _band(axes, series, values, others, label=values is up)
    if metric.column == "memory_bytes":
        _limits(axes, series, lines, peaks, styles)
    if down is None:
        axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.02), frameon=False, fontsize=_LEGEND)


def _draw(
    axes: Axes,
    series: Series,
    values: Floats,
    container: int,
    label: str | None,
    style: dict[str, Any],
) -> None:
    line = series.line(values, container)
    mark = "o" if series.single else None
    axes.plot(line.x, line.y, label=label, marker=mark, markersize=4, **style)
    if line.low is not None and line.high is not None:
        axes.fill_between(
            line.x, line.low, line.high, color=style["color"], alpha=0.25, linewidth=0
        )


def _style(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": DASHES[number % len(DASHES)],
        "linewidth": 1.4,
    }


def _band(axes: Axes, series: Series, values: Floats, others: list[int], *, label: bool) -> None:
    edges, means = series.grid(values, _BINS)
    low, middle, high = spread(means[others], (5, 50, 95))
    x = (edges[:-1] + edges[1:]) / 2
    axes.fill_between(x, low, high, color=GREY, alpha=0.3, linewidth=0)
    said = f"{len(others)} others: median, 5 to 95 %" if label else None
    axes.plot(x, middle, color=GREY, linewidth=1, label=said)


def _limits(
    axes: Axes,
    series: Series,
    lines: NDArray[np.int64],
    peaks: Floats,
    styles: dict[int, dict[str, Any]],
) -> None:
    limits = series.by_container(series.values("memory_limit_bytes"), np.nanmax)[lines]
    alone = len(lines) == 1
    # one far above would press all lines to the ground, one hardly used tells nothing
    room = (20 if alone else 6) * peaks[lines].max()
    told = (limits <= room) & (alone | (peaks[lines] >= limits / 5))
    for limit in np.unique(limits[told]):
        named = lines[told & (limits == limit)]
        colour = styles[named[0]]["color"] if len(named) == 1 else "black"
        axes.axhline(limit, color=colour, linestyle=(0, (1, 2)), linewidth=1.2)
        axes.annotate(
            f"limit of {_listed([series.names[each] for each in named])}: {size_text(limit)}",
            (0.005, limit),
            (0, -3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="top",
            fontsize=7,
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} others"


def _multiples(series: Series, metric: Metric) -> Any:
    values = series.values(metric.column)
    down = -series.values(metric.down) if metric.down else None
    peaks = series.by_container(values, np.nanmax)
    ranked = np.argsort(-np.nan_to_num(peaks, nan=-1.0), kind="stable")[:_MOST_MULTIPLES]
    columns = min(4, max(1, len(ranked)))
    rows = max(1, -(-len(ranked) // columns))
    height = 0.8 + 1.5 * rows
    figure = Picture(10, height)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    figure.margins(left=0.8, right=0.1, bottom=0.5, top=0.55, between=0.35)
    figure.subplots_adjust(wspace=0.08)
    said = metric.title
    if len(series) > len(ranked):
        said += f": the {len(ranked)} highest of {len(series)} containers"
    figure.suptitle(said, x=0.08, ha="left", fontsize=10)
    limits = (
        series.by_container(series.values("memory_limit_bytes"), np.nanmax)
        if metric.column == "memory_bytes"
        else None
    )
    for panel, container in zip(panels, ranked, strict=False):
        _dress(panel, metric, ticks=4)
        panel.set_title(series.names[container], fontsize=8, loc="left", y=1.0)
        for each in (values, down):
            if each is not None:
                _draw(panel, series, each, container, None, {"color": COLOURS[0], "linewidth": 1})
        if limits is not None and limits[container] <= 4 * np.nanmax(peaks):
            panel.axhline(limits[container], color=COLOURS[1], linestyle=(0, (1, 2)))
        panel.tick_params(labelsize=7)
    if down is None:
        panels[0].set_ylim(bottom=0)
    for axis in (panels[0].xaxis, panels[0].yaxis):
        settle_ticks(axis)
    for panel in panels[len(ranked) :]:
        panel.set_visible(False)
    return panels[: len(ranked)]


def _dress(axes: Axes, metric: Metric, ticks: int = 8) -> None:
    time_axis(axes, ticks)
    axes.set_title(metric.title, fontsize=9, loc="left", y=1.0)  # given a place, none is sought
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    if metric.down:
        axes.axhline(0, color="black", linewidth=0.7)
    if metric.unit != "%":
        byte_axis(axes.yaxis, per_second=metric.unit == "B/s")


def _text(value: float, metric: Metric) -> str:
    if metric.unit == "%":
        return f"{value:.3g} %"
    return size_text(value) if metric.unit == "B" else size_text(value, 1000) + "/s"
