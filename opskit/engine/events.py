"""What happened: ``engine.events()``, ``.watch()``, ``.timeline()``, ``.collect()``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from opskit.engine.base import RawEngine

if TYPE_CHECKING:
    import os

    import pandas as pd

    from opskit.engine import Engine
    from opskit.events.query import Values
    from opskit.events.watch import Watch

__all__ = ["EventCalls"]


class EventCalls(RawEngine):
    """The calls about events, mixed into `opskit.Engine`."""

    def events(
        self,
        *,
        since: Any = None,
        until: Any = None,
        filters: Mapping[str, Any] | None = None,
        type: Values = None,
        event: Values = None,
        container: Values = None,
        image: Values = None,
        network: Values = None,
        volume: Values = None,
        label: Values | Mapping[str, str] = None,
        check: bool = True,
        timeout: float | None = None,
    ) -> pd.DataFrame:
        """What the engine still remembers of what happened (endpoint ``GET /events``).

        Docker keeps its last 256 events. Where that cuts the answer a warning says so, and
        ``frame.attrs`` has ``truncated`` and ``memory_begins``. It forgets them all when it
        restarts, and does not tell that it did: who has to know watches (`watch`, `collect`).

        Parameters
        ----------
        since, until : optional
            ``"1h"`` back from now, an RFC 3339 time, seconds since the epoch, a datetime. Without,
            from the oldest event that is remembered until now.
        filters : mapping, optional
            The Engine API's filters; the keywords below are added to them.
        type, event, container, image, network, volume, label : str or iterable of str, optional
            Filters as ``docker events --filter`` has them; several values of one mean "or".
            ``label`` also takes a mapping.
        check : bool
            Inspect the containers whose exit codes a label may hide, or whose execs may be
            healthchecks: one more round trip, and only where the events leave it open.
            ``attrs["unchecked_exit_codes"]`` counts what stays open because the container is gone.
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        pandas.DataFrame
            `opskit.frames.events.COLUMNS`, one row an event, in the engine's order.

        Raises
        ------
        ValueError
            ``since`` is after ``until``, a time that is none, or a filter that does not exist.
        EngineError
            The engine could not be reached, or its answer not be read.

        Warns
        -----
        EventsForgotten
            Events since ``since`` were forgotten to make room for later ones.
        """
        from opskit.events.clock import now_of
        from opskit.events.query import filters_of, window
        from opskit.events.read import read

        merged = filters_of(
            filters,
            type=type,
            event=event,
            container=container,
            image=image,
            network=network,
            volume=volume,
            label=label,
        )
        now = now_of(self)
        begin, end = window(since, until, now)
        return read(self, begin, end, merged, now=now, check=check, timeout=timeout)

    def watch(
        self,
        *,
        since: Any = None,
        filters: Mapping[str, Any] | None = None,
        type: Values = None,
        event: Values = None,
        container: Values = None,
        image: Values = None,
        network: Values = None,
        volume: Values = None,
        label: Values | Mapping[str, str] = None,
        timeout: float | None = None,
        limit: int | None = None,
        reconcile: bool = True,
        check: bool = True,
        buffer: int = 100_000,
    ) -> Watch:
        """Events as they happen, over lost connections and restarts of the engine.

        A thread of its own reads the engine's stream all the time, because a subscriber that
        stops reading stalls the whole engine. When the connection is lost it connects again, asks
        for what happened since, and leaves out what it had already.

        Parameters
        ----------
        since : optional
            Begin with what the engine remembers since then. Without, with what happens next.
        filters, type, event, container, image, network, volume, label
            As for `events`.
        timeout : float, optional
            Seconds after which the iteration ends.
        limit : int, optional
            Events after which it ends; gap and reconcile rows are not counted.
        reconcile : bool
            After a gap list the containers and give a row for each that changed meanwhile.
        check : bool
            Inspect a container at its first exec, to tell its healthcheck from other execs.
        buffer : int
            Events that are kept for a reader that falls behind; a gap row stands for more.

        Returns
        -------
        Watch
            An iterator, async iterator and context manager of mappings with the keys of
            `opskit.frames.events.COLUMNS`, ``time`` as pandas.Timestamp, missing values None. A
            row of type ``"gap"`` says that events may have been lost between its ``begin`` and
            ``end``; its ``action`` is ``restart``, ``memory``, ``clock``, ``reader`` or
            ``unreadable``, its ``detail`` says why. Rows of type ``"reconcile"`` follow it: the
            ``action`` is the state in which a container is now.
            `opskit.frames.events.rows_frame` makes a frame of such rows.

        Raises
        ------
        ValueError
            A time that is none, or a filter that does not exist.
        EngineError
            At the call, when the engine cannot be reached. Later it is waited for.
        """
        from opskit.events.clock import now_of
        from opskit.events.drain import Drain
        from opskit.events.query import filters_of
        from opskit.events.watch import Watch
        from opskit.times import to_ns

        merged = filters_of(
            filters,
            type=type,
            event=event,
            container=container,
            image=image,
            network=network,
            volume=volume,
            label=label,
        )
        begin = None if since is None else to_ns(since, now_of(self))
        drain = Drain(self, merged, since=begin, reconcile=reconcile, buffer=buffer)
        return Watch(drain, timeout=timeout, limit=limit, check=check)

    def timeline(self, since: Any = None, *, until: Any = None, **filters: Any) -> pd.DataFrame:
        """The stories of the containers in the events that the engine remembers.

        Parameters
        ----------
        since, until, **filters
            As for `events`.

        Returns
        -------
        pandas.DataFrame
            `opskit.events.timeline.COLUMNS`: spans and markers, completed by inspecting the
            containers that exist (one list and one pipelined round trip).
        """
        from opskit.events.timeline import timeline

        events = self.events(since=since, until=until, **filters)
        return timeline(events, self._inspected(events, filters))

    def incidents(self, since: Any = None, *, until: Any = None, **filters: Any) -> pd.DataFrame:
        """What went wrong in the events that the engine remembers.

        Parameters
        ----------
        since, until, **filters
            As for `events`.

        Returns
        -------
        pandas.DataFrame
            `opskit.events.incidents.COLUMNS`, one row an incident.
        """
        from opskit.events.incidents import incidents

        events = self.events(since=since, until=until, **filters)
        return incidents(events, self._inspected(events, filters))

    def collect(
        self,
        path: str | os.PathLike[str],
        what: str | Iterable[str] = "events,stats",
        *,
        interval: str | float = "10s",
        rotate: str | float = "1h",
        timeout: float | None = None,
    ) -> dict[str, int]:
        """Watch and sample into files until it is interrupted, for days if need be.

        ``opskit collect`` does the same from the shell; `opskit.read_collected` reads the files,
        also while this runs. It needs pyarrow: ``pip install 'opskit[collect]'``.

        Parameters
        ----------
        path : path
            A folder, made if need be. Called again with it, it goes on after the last event that
            is there, without doubles; where events may be missing in between a row says so.
        what : str or iterable of str
            ``"events"``, ``"stats"`` or both.
        interval : str or float
            Time between the samples of a container.
        rotate : str or float
            Time after which the journal becomes a Parquet file.
        timeout : float, optional
            Seconds to collect.

        Returns
        -------
        dict of str to int
            How many rows of each kind were added.

        Raises
        ------
        OpskitError
            Another collector is at work there, or the folder is something else's.
        """
        from opskit.collect.collector import Collector

        with Collector(cast("Engine", self), path, what, interval=interval, rotate=rotate) as one:
            return one.run(timeout)

    def _inspected(self, events: pd.DataFrame, filters: Mapping[str, Any]) -> list[Any]:
        """The containers that exist: all of them, or with filters those that the events name."""
        listed = [one["Id"] for one in self.get("/containers/json", all=True) or []]
        if filters:
            named = set(events["container"].dropna())
            listed = [ident for ident in listed if ident in named]
        answers = self.get_many([f"/containers/{ident}/json" for ident in listed]) if listed else []
        return [answer for answer in answers if isinstance(answer, dict)]
