"""See, drive and understand Docker Engines from Jupyter notebooks, live or from a cassette.

Importing opskit is quick and does no I/O: what a name needs is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opskit import api, audit, cassette, errors, guard, plot, stats, tls, widgets
    from opskit.checks.doctor import doctor
    from opskit.collect.reader import read_collected
    from opskit.compose import compose_projects
    from opskit.engine import Engine, connect
    from opskit.events.explain import explain
    from opskit.events.files import read_events
    from opskit.events.incidents import incidents
    from opskit.events.timeline import timeline
    from opskit.fleets import fleet
    from opskit.frames.sdk import frame
    from opskit.wire.session import record, replay

__version__ = "0.1.0"

_HOME = {
    "Engine": "opskit.engine",
    "compose_projects": "opskit.compose",
    "connect": "opskit.engine",
    "doctor": "opskit.checks.doctor",
    "explain": "opskit.events.explain",
    "fleet": "opskit.fleets",
    "frame": "opskit.frames.sdk",
    "incidents": "opskit.events.incidents",
    "load_ipython_extension": "opskit.notebook",
    "read_collected": "opskit.collect.reader",
    "read_events": "opskit.events.files",
    "record": "opskit.wire.session",
    "replay": "opskit.wire.session",
    "timeline": "opskit.events.timeline",
}
_MODULES = ("api", "audit", "cassette", "errors", "guard", "plot", "stats", "tls", "widgets")

__all__ = [
    "Engine",
    "api",
    "audit",
    "cassette",
    "compose_projects",
    "connect",
    "doctor",
    "errors",
    "explain",
    "fleet",
    "frame",
    "guard",
    "incidents",
    "plot",
    "read_collected",
    "read_events",
    "record",
    "replay",
    "stats",
    "timeline",
    "tls",
    "widgets",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"opskit.{name}")
    else:
        raise AttributeError(f"module 'opskit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
