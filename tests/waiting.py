"""Waiting for what will happen soon, without knowing when."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["eventually"]


def eventually(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return as soon as `what` is true; fail when it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
