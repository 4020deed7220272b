"""The kernel that a panel is in: its main event loop, and the cell that is running."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["cell_id", "kernel_loop"]


def kernel_loop() -> asyncio.AbstractEventLoop | None:
    """The main shell's event loop; None in a script or a test. To be called from a cell."""
    with contextlib.suppress(Exception):
        from IPython import get_ipython

        shell = get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            loop: asyncio.AbstractEventLoop = shell.kernel.io_loop.asyncio_loop
            return loop
    return None


def cell_id() -> str:
    """The id of the cell that is running, so that running it again replaces its panel."""
    with contextlib.suppress(Exception):
        from IPython import get_ipython

        parent = get_ipython().kernel.get_parent()
        return str(parent["metadata"].get("cellId", ""))
    return ""
