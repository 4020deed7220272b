"""What containers eat and how they are: stats now, series, a sampler, the health report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from opskit.engine.base import RawEngine

if TYPE_CHECKING:
    import pandas as pd

    from opskit.health import HealthReport
    from opskit.stats.sampler import Sampler

__all__ = ["StatsCalls"]


class StatsCalls(RawEngine):
    """The calls about stats, mixed into `opskit.Engine`."""

    _stats_at_once: bool | None = None
    _samplers: tuple[Sampler, ...] = ()

    def stats(
        self,
        containers: str | Iterable[str] | None = None,
        *,
        filters: Mapping[str, Any] | None = None,
        duration: str | float | None = None,
        interval: str | float | None = None,
        timeout: float | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        """What each container eats: now, or for a while.

        Parameters
        ----------
        containers : str or iterable of str, optional
            Names, full ids or beginnings of ids; without, all that run.
        filters : mapping, optional
            As in ``engine.containers()``: ``{"label": "app=web"}``.
        duration : str or float, optional
            Sample for so long (``"60s"``) and give the series: one row per container and sample.
            Containers come and go meanwhile; one that stops has a last row that says so.
        interval : str or float, optional
            Of a series, the time between samples: a second by default, which is the engine's own
            pace. Without `duration`, the least time between the two readings that are compared:
            a quarter of a second by default, and the engine's own pace where that is slower.
            Processor time is handed out in slices of 100 ms, so longer is steadier.
        timeout : float, optional
            Without `duration`: seconds until `EngineUnresponsive`; the engine's by default.
        progress : bool, optional
            Show a progress bar; by default when it takes ten seconds or more.

        Returns
        -------
        pandas.DataFrame
            `opskit.frames.stats.COLUMNS`; sorted by name, a series by time. What is not known is
            missing and ``note`` says why: no earlier sample, stopped, restarted. The gaps of a
            series in which the engine was away are in ``attrs["gaps"]``.

        Raises
        ------
        NotFound
            No container is called that.
        EngineLost, EngineUnresponsive
            The engine went away, or left containers without an answer. A series waits for it.

        Notes
        -----
        ``GET /containers/{id}/stats`` for all at the same time, on a connection each. An engine
        before 23.0 collects once a second, so two readings take it one to two seconds and the
        time that it takes to collect; a newer one answers two one-shot requests in `interval`.
        While a sampler of all containers runs, its latest figures are the answer.
        """
        from opskit.stats import now, series

        if duration is not None:
            pace = 1.0 if interval is None else interval
            return series.stats_for(self, containers, filters, duration, pace, progress)
        if interval is None and not filters:
            latest = now.from_sampler(self, containers)
            if latest is not None:
                return latest
        gap = 0.25 if interval is None else interval
        return now.stats_now(self, containers, filters, gap, timeout)

    def sample(
        self,
        containers: str | Iterable[str] | None = None,
        *,
        filters: Mapping[str, Any] | None = None,
        interval: str | float = 1.0,
        duration: str | float | None = None,
    ) -> Iterator[pd.DataFrame]:
        """The stats of all containers again and again: a frame every `interval`.

        Parameters
        ----------
        containers, filters
            As in `stats`; containers that start later come in too.
        interval : str or float
            Time between frames.
        duration : str or float, optional
            End after so long; without, it goes on until the loop is left.

        Yields
        ------
        pandas.DataFrame
            The newest figures of each running container, as in `stats`.
        """
        from opskit.stats.durations import seconds

        pause, length = seconds(interval), None if duration is None else seconds(duration)
        with self.sampler(
            window=max(4 * pause, 10.0), interval=interval, containers=containers, filters=filters
        ) as sampler:
            sampler.wait(timeout=3 * max(pause, 1.0))
            begun = due = time.monotonic()
            while length is None or due - begun < length:
                yield sampler.latest()
                due = max(due + pause, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))

    def sampler(
        self,
        *,
        window: str | float = "15m",
        interval: str | float = 1.0,
        containers: str | Iterable[str] | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> Sampler:
        """Sample in the background from now on.

        Parameters
        ----------
        window : str or float
            How long samples are kept: 168 bytes each.
        interval : str or float
            Time between the samples of a container. A second is read from streams; a slower pace
            costs the engine less, a quicker one needs an engine of 23.0 or later.
        containers, filters
            As in `stats`; containers that start later come in too.

        Returns
        -------
        opskit.stats.Sampler
            A context manager with ``latest()``, ``frame()`` and ``gaps``.

        Warns
        -----
        UserWarning
            The engine cannot keep the interval: the one that it keeps is taken.
        """
        from opskit.stats.sampler import Sampler

        sampler = Sampler(
            self, window=window, interval=interval, containers=containers, filters=filters
        )
        self._samplers = (*(each for each in self._samplers if each.running), sampler)
        return sampler

    def health(
        self,
        containers: str | Iterable[str] | None = None,
        *,
        all: bool = False,
        filters: Mapping[str, Any] | None = None,
        cpu: bool = False,
        timeout: float | None = None,
    ) -> HealthReport:
        """The health report: what needs looking at, and why, on top.

        Parameters
        ----------
        containers, filters
            As in `stats`.
        all : bool
            Also those that were never started or ended with exit code 0. Without, the report has
            what runs and what ended otherwise.
        cpu : bool
            Wait for a CPU percentage where the engine takes a second more for it (before 23.0, and
            no sampler is running); else it is missing there.
        timeout : float, optional
            Seconds until `EngineUnresponsive`; the engine's by default.

        Returns
        -------
        opskit.health.HealthReport
            A DataFrame with `opskit.frames.health.COLUMNS`, the worst first; a notebook shows it
            in colours.

        Raises
        ------
        NotFound
            No container is called that.
        EngineLost, EngineUnresponsive
            The engine went away, or left containers without an answer.

        Notes
        -----
        One list, ``GET /containers/{id}/json`` for all, pipelined, and the stats as in `stats`, or
        those of a running sampler.
        """
        from opskit.health import report

        return report(self, containers, filters, all=all, cpu=cpu, timeout=timeout)

    def close(self) -> None:
        """Close what this engine holds open, its samplers too."""
        for sampler in self._samplers:
            sampler.close()
        self._samplers = ()
        super().close()
