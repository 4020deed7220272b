"""A matplotlib figure as PNG, for an Image widget and for the HTML that stands for it."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import ipywidgets as W

__all__ = ["canvas", "img", "png", "show"]

COLOURS_KEPT = 96


def png(axes: Any, dpi: int = 90) -> bytes:
    """The figure of Axes (or of an array of them) as PNG."""
    from PIL import Image

    figure = (axes.flat[0] if hasattr(axes, "flat") else axes).figure
    figure.set_dpi(dpi)
    figure.canvas.draw()  # once, where savefig draws twice
    drawn = Image.frombuffer("RGBA", figure.canvas.get_width_height(), figure.canvas.buffer_rgba())
    few = drawn.convert("RGB").quantize(
        COLOURS_KEPT, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    buffer = io.BytesIO()
    few.save(buffer, "png", compress_level=3)  # a quarter of all colours' bytes, in less time
    return buffer.getvalue()


def img(data: bytes, text: str) -> str:
    """An HTML image with its bytes inside; ``text`` for who cannot see it."""
    if not data:
        return ""
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return f'<img alt="{html.escape(text)}" src="{source}">'


def canvas() -> W.Image:
    """A widget for `show`; until then it takes no room."""
    layout = W.Layout(max_width="100%", align_self="flex-start", display="none")
    return W.Image(format="png", layout=layout)


def show(image: W.Image, data: bytes) -> None:
    """Put a PNG into the widget, if it is another one."""
    if data != image.value:
        image.value = data
        image.layout.display = None if data else "none"
