"""Figures of opskit's frames, drawn with matplotlib: Axes in, Axes out, nothing global.

Each takes a frame and draws into a figure of its own, or into the Axes given; none touches pyplot,
so that they work in a notebook, in a thread and without a display.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opskit.plot.calls import audit
    from opskit.plot.explained import log_rate
    from opskit.plot.overview import heatmap, top
    from opskit.plot.rates import calendar, event_rate
    from opskit.plot.space import disk_usage
    from opskit.plot.spans import timeline
    from opskit.plot.usage import stats

__all__ = [
    "audit",
    "calendar",
    "disk_usage",
    "event_rate",
    "heatmap",
    "log_rate",
    "stats",
    "timeline",
    "top",
]

# no module here is called as a function is: importing it would put it in the function's place
_HOME = {
    "audit": "opskit.plot.calls",
    "calendar": "opskit.plot.rates",
    "disk_usage": "opskit.plot.space",
    "event_rate": "opskit.plot.rates",
    "heatmap": "opskit.plot.overview",
    "log_rate": "opskit.plot.explained",
    "stats": "opskit.plot.usage",
    "timeline": "opskit.plot.spans",
    "top": "opskit.plot.overview",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'opskit.plot' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
