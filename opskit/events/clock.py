"""What time it is for the engine: its events carry its own clock, not the client's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["clock_of", "now_of"]

SECOND = 1_000_000_000
ALIKE = 2 * SECOND  # the Date header has whole seconds, and a network adds its delay


def clock_of(headers: Mapping[str, str]) -> int:
    """The engine's time in nanoseconds when it answered, or up to a second earlier.

    That is this machine's time, unless the answer's ``Date`` shows another.
    """
    here = time.time_ns()
    try:
        there = int(parsedate_to_datetime(headers["date"]).timestamp()) * SECOND
    except (KeyError, ValueError, TypeError):
        return here
    return here if abs(there - here) < ALIKE else there


def now_of(engine: RawEngine) -> int:
    """The engine's time now, or up to a second later.

    An engine on a local socket shares this machine's clock.
    """
    if engine.where.scheme == "unix":
        return time.time_ns()
    there = clock_of(engine.head("/_ping"))
    return there if abs(there - time.time_ns()) < SECOND else there + SECOND
