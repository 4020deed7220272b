"""Who did what when: an audit log as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opskit.plot.canvas import COLOURS, Picture, as_days, nothing, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["audit"]

_READING = ("GET", "HEAD")
_KINDS = (  # what, marker, colour, how large
    ("read", "o", COLOURS[0], 22),
    ("changed", "s", COLOURS[2], 30),
    ("failed", "^", COLOURS[4], 34),
    ("denied", "X", COLOURS[1], 46),
)
_LONG = 1.0
"""Seconds from which on a call is drawn as a line."""


def audit(calls: pd.DataFrame, ax: Axes | None = None, *, top: int = 20) -> Axes:
    """Draw who did what when.

    Each client has a line of its own. What read, what changed something, what the engine refused
    and what was denied have marks of their own; calls that took longer than a second, streams
    above all, are drawn as long as they took.

    Parameters
    ----------
    calls : pandas.DataFrame
        From ``opskit.audit.read()``, or some rows of it.
    ax : matplotlib Axes, optional
        Drawn into this; by default into a new figure.
    top : int
        Of so many clients each has a line, those with the most calls; the rest is "others".
    """
    known = calls[calls["time"].notna()]
    who = known["who"].astype(object).where(known["who"].notna(), "unknown").astype(str)
    ranked = who.value_counts(sort=True).index[:top].tolist()
    who = who.where(who.isin(ranked), "others")
    lanes = ranked + (["others"] if who.eq("others").any() and "others" not in ranked else [])
    if ax is None:
        ax = Picture(10, 1.1 + 0.34 * max(2, len(lanes))).subplots()
    time_axis(ax)
    ax.spines[["top", "right", "left"]].set_visible(False)
    if not lanes:
        nothing(ax)
        return ax
    begin = known["time"].astype("datetime64[ns, UTC]").astype("int64").to_numpy()
    lane = who.map({name: place for place, name in enumerate(lanes)}).to_numpy(dtype=float)
    kind = _kinds(known)
    _draw_long(ax, known, begin, lane, kind)
    for name, marker, colour, size in _KINDS:
        chosen = kind == name
        if chosen.any():
            ax.scatter(
                as_days(begin[chosen]),
                lane[chosen],
                marker=marker,
                s=size,
                color=colour,
                alpha=0.75,
                linewidths=0,
                label=f"{name} ({int(chosen.sum())})",
                zorder=3,
            )
    ax.set_yticks(range(len(lanes)), lanes, fontsize=8)
    ax.set_ylim(len(lanes) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color="#e6e6e6", linewidth=0.8, zorder=0)
    ax.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=len(_KINDS), fontsize=8, frameon=False
    )
    return ax


def _kinds(calls: pd.DataFrame) -> Any:
    """For each call the name of its mark."""
    denied = calls["allowed"].eq(False).fillna(False).to_numpy(dtype=bool)
    failed = calls["status"].ge(400).fillna(False).to_numpy(dtype=bool)
    reading = calls["method"].isin(_READING).to_numpy(dtype=bool)
    return np.select([denied, failed, reading], ["denied", "failed", "read"], "changed")


def _draw_long(ax: Axes, calls: pd.DataFrame, begin: Any, lane: Any, kind: Any) -> None:
    seconds = calls["seconds"].to_numpy(dtype=float)
    for name, _, colour, _ in _KINDS:
        chosen = (kind == name) & (seconds >= _LONG)
        if chosen.any():
            end = begin[chosen] + (seconds[chosen] * 1e9).astype("int64")
            ax.hlines(
                lane[chosen],
                as_days(begin[chosen]),
                as_days(end),
                color=colour,
                linewidth=5,
                alpha=0.35,
                zorder=2,
            )
