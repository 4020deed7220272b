"""The swarm that an engine belongs to, as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opskit.engine.base import RawEngine
from opskit.errors import APIError
from opskit.frames import swarm as frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Swarm", "SwarmCalls"]

Filters = dict[str, Any] | None


class Swarm:
    """The swarm of one engine, which must be one of its managers. Had as ``engine.swarm``.

    Every call raises `APIError` (503) where the engine is in no swarm, or no manager of it.
    """

    def __init__(self, engine: RawEngine) -> None:
        self._engine = engine

    @property
    def active(self) -> bool:
        """Whether the engine is in a swarm (endpoint ``GET /info``)."""
        about = self._engine.get("/info").get("Swarm") or {}
        return bool(about.get("LocalNodeState") == "active")

    def nodes(self, *, filters: Filters = None) -> pd.DataFrame:
        """Nodes (endpoint ``GET /nodes``): columns `opskit.frames.swarm.NODE_COLUMNS`."""
        return self._stamped(frames.nodes(self._get("/nodes", filters)), "GET /nodes")

    def services(self, *, filters: Filters = None) -> pd.DataFrame:
        """Services, their running tasks counted (endpoints ``GET /services``, ``GET /tasks``).

        Columns `opskit.frames.swarm.SERVICE_COLUMNS`.
        """
        items = self._get("/services", filters)
        running = self._get("/tasks", {"desired-state": "running"})
        return self._stamped(frames.services(items, running), "GET /services")

    def tasks(self, *, filters: Filters = None) -> pd.DataFrame:
        """Tasks, the ended ones too (endpoints ``GET /tasks``, ``/services``, ``/nodes``).

        Columns `opskit.frames.swarm.TASK_COLUMNS`.
        """
        items = self._get("/tasks", filters)
        services, nodes = self._get("/services", None), self._get("/nodes", None)
        return self._stamped(frames.tasks(items, services, nodes), "GET /tasks")

    def configs(self, *, filters: Filters = None) -> pd.DataFrame:
        """Configs without their content (endpoint ``GET /configs``)."""
        return self._stamped(frames.configs(self._get("/configs", filters)), "GET /configs")

    def secrets(self, *, filters: Filters = None) -> pd.DataFrame:
        """Secrets, which no engine gives away (endpoint ``GET /secrets``)."""
        return self._stamped(frames.secrets(self._get("/secrets", filters)), "GET /secrets")

    def _get(self, path: str, filters: Filters) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] | None = self._engine.get(path, filters=filters)
        except APIError as error:
            if error.status == 503:
                error.remedy = "engine.swarm works on a swarm's managers: 'docker swarm init'"
            raise
        return found or []

    def _stamped(self, frame: pd.DataFrame, request: str) -> pd.DataFrame:
        return self._engine.stamp(frame, request)

    def __repr__(self) -> str:
        return f"<Swarm of {self._engine!r}>"


class SwarmCalls(RawEngine):
    """The way to the engine's swarm."""

    @property
    def swarm(self) -> Swarm:
        """The swarm that this engine belongs to: its nodes, services, tasks, configs, secrets."""
        return Swarm(self)
