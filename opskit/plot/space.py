"""What takes the engine's disk, and what could be given back, as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opskit.plot.canvas import COLOURS, GREY, Picture, byte_axis, nothing, size_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["disk_usage"]

_TYPES = {"image": 0, "container": 1, "volume": 2, "build-cache": 3}


def disk_usage(frame: pd.DataFrame, ax: Axes | None = None, *, n: int = 15) -> Axes:
    """Draw what takes the space: a bar an object, its type in colour, what is reclaimable hatched.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``engine.disk_usage()``.
    ax : matplotlib Axes, optional
        Drawn into this; by default into a new figure.
    n : int
        So many of the largest; the rest are one grey bar.

    Notes
    -----
    A layer that several images share is in each image's bar; the title counts it once where the
    engine told how much all layers take.
    """
    known = frame[frame["size_bytes"].fillna(0) > 0].sort_values("size_bytes", ascending=False)
    shown, rest = known.head(n), known.iloc[n:]
    if ax is None:
        ax = Picture(8.5, 1.2 + 0.28 * max(len(shown) + bool(len(rest)), 3)).subplots()
    ax.set_title(_title(frame), fontsize=9, loc="left")
    if not len(shown):
        nothing(ax)
        return ax
    sizes = shown["size_bytes"].to_numpy("float64")
    back = shown["reclaimable_bytes"].fillna(0).to_numpy("float64")
    rows = np.arange(len(shown))
    colours = [COLOURS[_TYPES.get(kind, -1)] for kind in shown["type"]]
    ax.barh(rows, sizes, color=colours, height=0.7)
    ax.barh(rows, back, color="none", edgecolor="white", hatch="////", linewidth=0, height=0.7)
    labels = [_label(kind, name, found) for kind, name, found in zip(
        shown["type"], shown["name"], shown["id"], strict=True)]  # fmt: skip
    texts = [size_text(size) for size in sizes]
    if len(rest):
        total = float(rest["size_bytes"].sum())
        ax.barh([len(shown)], [total], color=GREY, height=0.7)
        labels.append(f"{len(rest)} others")
        texts.append(size_text(total))
    for row, (bar, text) in enumerate(zip([*sizes, *_sum(rest)], texts, strict=True)):
        ax.text(bar, row, f" {text}", va="center", fontsize=7)
    ax.set_yticks(range(len(labels)), labels, fontsize=7)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    byte_axis(ax.xaxis)
    ax.tick_params(axis="x", labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)
    _legend(ax, set(shown["type"]), bool(back.any()))
    return ax


def _sum(rest: pd.DataFrame) -> list[float]:
    return [float(rest["size_bytes"].sum())] if len(rest) else []


def _label(kind: str, name: object, found: object) -> str:
    short = str(found).removeprefix("sha256:")[:12]
    text = name if isinstance(name, str) and name else short
    text = short if kind == "volume" and len(text) == 64 else text
    return text if len(text) <= 40 else f"{text[:38]}…"


def _title(frame: pd.DataFrame) -> str:
    images = frame[frame["type"] == "image"]
    layers = frame.attrs.get("layers_size_bytes")
    others = frame[frame["type"] != "image"]["size_bytes"].sum()
    total = others + (images["size_bytes"].sum() if layers is None else layers)
    back = frame["reclaimable_bytes"].sum()
    return f"{size_text(float(total))} in use, {size_text(float(back))} of it reclaimable"


def _legend(ax: Axes, kinds: set[str], hatched: bool) -> None:
    from matplotlib.patches import Patch

    marks = [Patch(color=COLOURS[i], label=kind) for kind, i in _TYPES.items() if kind in kinds]
    if hatched:
        marks.append(Patch(label="reclaimable", facecolor=GREY, edgecolor="white", hatch="////"))
    ax.legend(handles=marks, fontsize=7, frameon=False, loc="lower right")
