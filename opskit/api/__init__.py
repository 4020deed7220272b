"""The Docker Engine API as data: endpoints, versions, and calls rendered for other clients."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from opskit.api.endpoints import Route, endpoints, lookup, route
from opskit.api.model import Endpoint, Param
from opskit.api.versions import NEWEST, OLDEST, engine_release, negotiate, versions

if TYPE_CHECKING:
    from opskit.api import render
    from opskit.api.search import find

__all__ = [
    "NEWEST",
    "OLDEST",
    "Endpoint",
    "Param",
    "Route",
    "endpoints",
    "engine_release",
    "find",
    "lookup",
    "negotiate",
    "render",
    "route",
    "versions",
]


def __getattr__(name: str) -> Any:
    if name == "render":
        return importlib.import_module("opskit.api.render")
    if name == "find":
        return importlib.import_module("opskit.api.search").find
    raise AttributeError(f"module 'opskit.api' has no attribute {name!r}")
