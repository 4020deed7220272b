"""The cassette: exchanges in a file, how they are written, found again, redacted and paced.

`load` and `save` open and write cassettes, `recover` makes one of what a killed recording left.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opskit.cassette.format import Cassette, load, save
    from opskit.cassette.recovery import recover

__all__ = ["Cassette", "load", "recover", "save"]

_HOME = {"Cassette": "format", "load": "format", "save": "format", "recover": "recovery"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'opskit.cassette' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"opskit.cassette.{_HOME[name]}"), name)
    globals()[name] = value
    return value
