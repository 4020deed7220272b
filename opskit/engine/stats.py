"""What containers eat: ``engine.stats()``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from opskit.engine.base import RawEngine

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StatsCalls"]


class StatsCalls(RawEngine):
    """The calls about stats, mixed into `opskit.Engine`."""

    _stats_at_once: bool | None = None

    def stats(
        self,
        containers: str | Iterable[str] | None = None,
        *,
        filters: Mapping[str, Any] | None = None,
        interval: str | float = 0.25,
        timeout: float | None = None,
    ) -> pd.DataFrame:
        """What each container eats now.

        Parameters
        ----------
        containers : str or iterable of str, optional
            Names, full ids or beginnings of ids; without, all that run.
        filters : mapping, optional
            As in ``engine.containers()``: ``{"label": "app=web"}``.
        interval : str or float
            The two readings of a container are at least this far apart. Processor time is handed
            out in slices of 100 ms, so a longer interval gives a steadier percentage.
        timeout : float, optional
            Seconds until `EngineUnresponsive`; the engine's by default.

        Returns
        -------
        pandas.DataFrame
            `opskit.frames.stats.COLUMNS`, one row per container, sorted by name. A container that
            does not run, or vanished meanwhile, has a row that says so in ``note``.

        Raises
        ------
        NotFound
            No container is called that.
        EngineLost, EngineUnresponsive
            The engine went away, or left containers without an answer.

        Notes
        -----
        ``GET /containers/{id}/stats`` for all at the same time, on a connection each. An engine
        before 23.0 collects once a second, so two readings take it one to two seconds and the
        time that it takes to collect; a newer one answers two one-shot requests in `interval`.
        """
        from opskit.stats.now import stats_now

        return stats_now(self, containers, filters, interval, timeout)
