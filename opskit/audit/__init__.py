"""Who called what: an audit log of every call to an engine, written in the relay."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opskit.audit.log import AuditLog
    from opskit.audit.reading import read

__all__ = ["AuditLog", "read"]

_HOME = {"AuditLog": "opskit.audit.log", "read": "opskit.audit.reading"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'opskit.audit' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
