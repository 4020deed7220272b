"""Sampling the stats of many containers, and what a series of them adds up to.

``engine.stats()``, ``engine.sample()`` and ``engine.sampler()`` sample; `summary` and `resample`
work on the frames that come of it, or on any that have their columns.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opskit.stats.sampler import Sampler
    from opskit.stats.summaries import resample, summary

__all__ = ["Sampler", "resample", "summary"]

_HOME = {
    "Sampler": "opskit.stats.sampler",
    "resample": "opskit.stats.summaries",
    "summary": "opskit.stats.summaries",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'opskit.stats' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
