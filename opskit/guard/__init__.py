"""Deciding which calls go on to the engine: rules, and the relay that keeps to them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opskit.guard.policyfile import parse_policy, read_policy
    from opskit.guard.rules import Policy
    from opskit.guard.session import guarding

__all__ = ["Policy", "guarding", "parse_policy", "read_policy"]

_HOME = {
    "Policy": "opskit.guard.rules",
    "guarding": "opskit.guard.session",
    "parse_policy": "opskit.guard.policyfile",
    "read_policy": "opskit.guard.policyfile",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'opskit.guard' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
