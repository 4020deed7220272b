"""The kernel that a panel is in: its main event loop, its threads, and the cell that is running."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Iterator

__all__ = ["cell_id", "giving_way", "kernel_loop"]

_SWITCH = 0.001
_lock = threading.Lock()
_usual: list[float] = []
"""The switch interval that holds otherwise, once for each that gives way now."""


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


@contextlib.contextmanager
def giving_way() -> Iterator[None]:
    """Let other threads in more often meanwhile.

    The kernel's threads hand a cell to each other dozens of times, and each time wait for one that
    computes until Python's switch interval is over: 5 ms, and so 0.2 s for a cell of no work.
    """
    with _lock:
        _usual.append(_usual[0] if _usual else sys.getswitchinterval())
        sys.setswitchinterval(min(_SWITCH, _usual[0]))
    try:
        yield
    finally:
        with _lock:
            usual = _usual.pop()
            if not _usual:
                sys.setswitchinterval(usual)
