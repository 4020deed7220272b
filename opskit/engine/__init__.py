"""One object for one Docker Engine: its methods are the Engine API's own words.

Loaded when first used: `opskit.actions` builds on this package's modules, and `Engine` on those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opskit.engine.connecting import Engine, connect

__all__ = ["Engine", "connect"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'opskit.engine' has no attribute {name!r}")
    from opskit.engine import connecting

    value = globals()[name] = getattr(connecting, name)
    return value
