"""The Docker Engine API as data: endpoints, versions, and calls rendered for other clients."""

from __future__ import annotations

from opskit.api.endpoints import Route, endpoints, lookup, route
from opskit.api.model import Endpoint, Param
from opskit.api.versions import NEWEST, OLDEST, engine_release, negotiate, versions

__all__ = [
    "NEWEST",
    "OLDEST",
    "Endpoint",
    "Param",
    "Route",
    "endpoints",
    "engine_release",
    "lookup",
    "negotiate",
    "route",
    "versions",
]
