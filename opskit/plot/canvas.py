"""What all of opskit's figures share: a canvas without pyplot, colours, units on the axes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import matplotlib.dates
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "DASHES",
    "GREY",
    "Picture",
    "as_days",
    "byte_axis",
    "count_axis",
    "nothing",
    "settle_ticks",
    "size_text",
    "time_axis",
]

# Okabe and Ito: told apart with any kind of colour vision; the dashes repeat it in black and white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B6914")
DASHES = ("-", (0, (6, 2)), (0, (2, 1)), (0, (6, 2, 1, 2)))
GREY = "#767676"
_TICKS = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", ":%S.%f"]
_AT_ZERO = ["", "%Y", "%Y-%m-%d", "%m-%d", "%H:%M", "%H:%M:%S"]
_BESIDE = ["", "UTC", "%Y UTC", "%Y-%m-%d UTC", "%Y-%m-%d UTC", "%Y-%m-%d %H:%M UTC"]
_NS_PER_DAY = 86_400e9
_COLOURS_KEPT = 96


class Picture(Figure):
    """A figure that notebooks show as a PNG whether or not pyplot was ever imported."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), dpi=100, layout="constrained")
        self._agg: Any = FigureCanvasAgg(self)

    def margins(self, **inches: float) -> None:
        """Keep this room around the Axes and, as ``between``, above each other.

        Finding the room out as the layout engine does draws everything twice: too slow for a
        picture that is drawn every second.
        """
        self.set_layout_engine(None)
        width, height = self.get_size_inches()
        self.subplots_adjust(
            left=inches["left"] / width,
            right=1 - inches["right"] / width,
            bottom=inches["bottom"] / height,
            top=1 - inches["top"] / height,
        )
        if "between" in inches:
            rows = len({panel.get_position().y0 for panel in self.axes})
            free = height - inches["bottom"] - inches["top"] - (rows - 1) * inches["between"]
            self.subplots_adjust(hspace=inches["between"] * rows / free)

    def widest(self, texts: Iterable[str], size: float) -> float:
        """Inches that the widest of these texts takes at a font size in points."""
        renderer, font = self._agg.get_renderer(), FontProperties(size=size)
        widths = (renderer.get_text_width_height_descent(text, font, False)[0] for text in texts)
        return max(widths, default=0.0) / self.dpi

    def _repr_png_(self) -> bytes:
        """The picture in few colours: a third of the size, in notebooks that are kept."""
        from PIL import Image

        drawn = io.BytesIO()
        self.savefig(drawn, format="png")
        png = io.BytesIO()
        few = Image.open(drawn).convert("RGB").quantize(_COLOURS_KEPT, dither=Image.Dither.NONE)
        few.save(png, "png", optimize=True)
        return png.getvalue()


def as_days(nanoseconds: Any) -> Any:
    """Nanoseconds since the epoch as matplotlib counts time."""
    return nanoseconds / _NS_PER_DAY


def time_axis(axes: Axes, most: int = 8) -> None:
    """Times in UTC along x, as short as they can be."""
    dates: Any = matplotlib.dates
    locator = dates.AutoDateLocator(tz="UTC", minticks=min(3, most), maxticks=most)
    locator.intervald[dates.MICROSECONDLY] = [10**n for n in range(7)]
    for unit in (dates.SECONDLY, dates.MINUTELY):  # else ten minutes have two ticks
        locator.intervald[unit] = [1, 2, 5, 10, 15, 30]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(
            locator, "UTC", _TICKS, zero_formats=_AT_ZERO, offset_formats=_BESIDE
        )
    )
    axes.tick_params(labelsize=8)
    axes.xaxis.get_offset_text().set_fontsize(8)


def size_text(value: float, base: int = 1024, digits: int = 3) -> str:
    """Bytes for people: ``12.5 MiB``; with base 1000, ``12.5 MB``."""
    units = ("B", "KiB", "MiB", "GiB", "TiB") if base == 1024 else ("B", "kB", "MB", "GB", "TB")
    size = abs(float(value))
    for unit in units:
        if size < base or unit == units[-1]:
            break
        size /= base
    return f"{size:.0f} {unit}" if unit == "B" or size >= 999.5 else f"{size:.{digits}g} {unit}"


def byte_axis(axis: Any, *, per_second: bool = False) -> None:
    """Bytes along an axis; the sign only tells the direction of a rate."""
    tail, base = ("/s", 1000) if per_second else ("", 1024)
    axis.set_major_locator(_RoundBytes(base))
    axis.set_major_formatter(FuncFormatter(lambda value, _: size_text(value, base, 4) + tail))


def count_axis(axis: Any) -> None:
    """Whole numbers along an axis; the sign only tells the direction."""
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):.0f}"))


class _RoundBytes(MaxNLocator):
    """Ticks at round numbers of the unit that they are written in."""

    def __init__(self, base: int) -> None:
        super().__init__(nbins=5, steps=[1, 2, 2.5, 4, 5, 10])
        self._base = base

    def tick_values(self, vmin: float, vmax: float) -> Any:
        unit = 1.0
        while max(abs(vmin), abs(vmax)) >= 2 * unit * self._base:
            unit *= self._base
        ticks = np.asarray(super().tick_values(vmin / unit, vmax / unit))
        if unit == 1:  # bytes are written whole
            ticks = ticks[ticks == ticks.round()]
        return ticks * unit


def settle_ticks(axis: Any) -> None:
    """Keep the ticks as they are, for all that share the axis: worked out once, not by each."""
    places, formatter = axis.get_majorticklocs(), axis.get_major_formatter()
    fixed = FixedFormatter(formatter.format_ticks(places))
    fixed.set_offset_string(formatter.get_offset())
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(fixed)


def nothing(axes: Axes) -> None:
    """Say in the Axes that there is nothing to draw."""
    axes.set_yticks([])
    axes.text(0.5, 0.5, "nothing known", transform=axes.transAxes, ha="center", color=GREY)
