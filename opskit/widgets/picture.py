"""A matplotlib figure as PNG, for an image widget and for the HTML that stands for it."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import ipywidgets as W
from traitlets import Unicode

__all__ = ["Picture", "img", "png"]

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


class Picture(W.Image):  # type: ignore[misc]
    """A picture that is painted anew in place, with words for who cannot see it.

    Until there is something to show it takes no room.
    """

    # ipywidgets' Image has no alternative text. Its tooltip is the title of the img, and so what a
    # screen reader says; the frontend sets it for what has a description, an empty one.
    description = Unicode("").tag(sync=True)

    def __init__(self) -> None:
        layout = W.Layout(max_width="100%", align_self="flex-start", display="none")
        super().__init__(format="png", layout=layout)

    def show(self, data: bytes, text: str) -> None:
        """Put a PNG into its place, if it is another one, and say what is on it."""
        self.layout.display = None if data else "none"
        self.set_trait("value", data)
        self.set_trait("tooltip", text)

    def table(self) -> str:
        """The picture as HTML, for pages without a kernel."""
        return img(self.trait_values()["value"], self.trait_values()["tooltip"] or "")
