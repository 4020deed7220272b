"""Reading an engine as frames: what runs on it, what it has, what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opskit.api.versions import version_key
from opskit.engine.objects import ObjectCalls

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ReadCalls", "check_filters"]

Filters = Mapping[str, Any] | None


def check_filters(filters: Any) -> None:
    """Raise a TypeError for what is no mapping: the engine would take it for something else."""
    if filters is not None and not isinstance(filters, Mapping):
        raise TypeError(
            f"filters={filters!r}: give a mapping such as {{'label': 'app=web'}}, with a list "
            "where one of several will do"
        )


class ReadCalls(ObjectCalls):
    """The engine's lists as frames, each one HTTP request however many objects there are.

    The frames' columns, dtypes and units are listed in the README. A call's ``filters`` are the
    Engine API's: ``{"label": "app=web"}``, ``{"status": ["exited", "dead"]}``. All raise
    `EngineError` and its family; ``frame.attrs`` says which request the rows come from.
    """

    def _frame(
        self,
        make: Callable[[Any], pd.DataFrame],
        path: str,
        *,
        timeout: float | None = None,
        **query: Any,
    ) -> pd.DataFrame:
        check_filters(query.get("filters"))
        target = self.target(path, query)
        return self.stamp(make(self._call("GET", target, timeout=timeout)), f"GET {target}")

    def containers(
        self,
        *,
        all: bool = False,
        filters: Filters = None,
        limit: int | None = None,
        size: bool = False,
        detail: bool = False,
        timeout: float | None = None,
    ) -> pd.DataFrame:
        """The containers, one row each (endpoint ``GET /containers/json``).

        Parameters
        ----------
        all : bool
            Stopped ones too; the running ones otherwise.
        filters : mapping, optional
            As ``docker ps --filter``: status, label, name, network, health…
        limit : int, optional
            The last so many that were created, whatever their state.
        size : bool
            Add ``size_bytes`` and ``size_root_bytes``; the engine walks the disk for them.
        detail : bool
            Add what only an inspect tells, such as restarts, limits and exact times: one more
            request a container (``GET /containers/ID/json``), pipelined. A container that
            vanishes in between keeps its row, and ``detail_error`` says so.
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        DataFrame
            Columns of `opskit.frames.containers` (and `opskit.frames.details`), the newest
            container first.

        Raises
        ------
        APIError
            400 for a filter that the engine does not know.
        """
        from opskit.frames import containers as frames

        query = {"all": all or None, "filters": filters, "limit": limit, "size": size or None}
        if not detail:

            def make(items: Any) -> pd.DataFrame:
                return frames.containers(items, size=size)

        else:

            def make(items: Any) -> pd.DataFrame:
                paths = [f"/containers/{item['Id']}/json" for item in items or ()]
                inspects = self.get_many(paths, timeout=timeout)
                return frames.containers(items, size=size, inspects=inspects)

        return self._frame(make, "/containers/json", timeout=timeout, **query)

    def images(
        self,
        *,
        all: bool = False,
        filters: Filters = None,
        shared_size: bool = False,
        timeout: float | None = None,
    ) -> pd.DataFrame:
        """The images, one row each (endpoint ``GET /images/json``).

        Parameters
        ----------
        all : bool
            Intermediate images of builds too.
        filters : mapping, optional
            As ``docker images --filter``: dangling, label, reference, before, since…
        shared_size : bool
            Fill ``shared_bytes`` in, which takes the engine long (API 1.42; missing before).
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        DataFrame
            Columns of `opskit.frames.images`.
        """
        from opskit.frames import images as frames

        query = {"all": all or None, "filters": filters, "shared-size": shared_size or None}
        return self._frame(frames.images, "/images/json", timeout=timeout, **query)

    def networks(
        self, *, filters: Filters = None, detail: bool = False, timeout: float | None = None
    ) -> pd.DataFrame:
        """The networks, one row each (endpoint ``GET /networks``).

        Parameters
        ----------
        filters : mapping, optional
            As ``docker network ls --filter``: driver, label, name, scope, type, dangling.
        detail : bool
            Add which containers are in each and their addresses: one more request a network
            (``GET /networks/ID``), pipelined.
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        DataFrame
            Columns of `opskit.frames.networks`.
        """
        from opskit.frames import networks as frames

        def detailed(items: Any) -> pd.DataFrame:
            paths = [f"/networks/{item['Id']}" for item in items or ()]
            answers = self.get_many(paths, timeout=timeout)
            found = [
                {**item, "Containers": None} if isinstance(answer, Exception) else answer
                for item, answer in zip(items or (), answers, strict=True)
            ]
            return frames.networks(found, detail=True)

        make = detailed if detail else frames.networks
        return self._frame(make, "/networks", timeout=timeout, filters=filters)

    def volumes(self, *, filters: Filters = None, timeout: float | None = None) -> pd.DataFrame:
        """The volumes, one row each (endpoint ``GET /volumes``).

        Parameters
        ----------
        filters : mapping, optional
            As ``docker volume ls --filter``: dangling, driver, label, name.
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        DataFrame
            Columns of `opskit.frames.volumes`. Their sizes are in `disk_usage`.
        """
        from opskit.frames import volumes as frames

        return self._frame(frames.volumes, "/volumes", timeout=timeout, filters=filters)

    def info(self, *, timeout: float | None = None) -> pd.DataFrame:
        """What the engine and its host are: one row (endpoint ``GET /info``).

        ``engine.info().T`` reads well. Columns of `opskit.frames.system.INFO_COLUMNS`.
        """
        from opskit.frames import system as frames

        return self._frame(frames.info, "/info", timeout=timeout)

    def version(self, *, timeout: float | None = None) -> pd.DataFrame:
        """Releases of the engine and its parts, one row each (endpoint ``GET /version``).

        The engine's own row is the first and has the API versions that it speaks. Columns of
        `opskit.frames.system.VERSION_COLUMNS`.
        """
        from opskit.frames import system as frames

        return self._frame(frames.version, "/version", timeout=timeout)

    def disk_usage(
        self, *, type: str | Sequence[str] | None = None, timeout: float | None = None
    ) -> pd.DataFrame:
        """What takes the engine's disk, one row an object (endpoint ``GET /system/df``).

        The engine walks its disk for this, which takes seconds where there is much.

        Parameters
        ----------
        type : str or list of str, optional
            ``container``, ``image``, ``volume``, ``build-cache``: only these. Since API 1.42 the
            engine then looks at nothing else; older ones look at all.
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        DataFrame
            Columns of `opskit.frames.disk`. ``frame.groupby("type")[["size_bytes",
            "reclaimable_bytes"]].sum()`` is the summary.

        Raises
        ------
        ValueError
            A type that there is not.
        """
        from opskit.frames import disk as frames

        wanted = [type] if isinstance(type, str) else list(type or ())
        if wrong := [name for name in wanted if name not in frames.TYPES]:
            raise ValueError(f"no type {wrong[0]!r}: it is one of {', '.join(frames.TYPES)}")
        newer = version_key(self.api_version) >= (1, 52)  # says nothing of objects unless asked

        def make(answer: Any) -> pd.DataFrame:
            frame = frames.disk_usage(answer)
            if not wanted:
                return frame
            return frame[frame["type"].isin(wanted)].reset_index(drop=True)

        return self._frame(
            make, "/system/df", timeout=timeout, type=wanted or None, verbose=newer or None
        )

    def search(
        self,
        term: str,
        *,
        limit: int | None = None,
        filters: Filters = None,
        timeout: float | None = None,
    ) -> pd.DataFrame:
        """Images of a registry whose name has `term` in it (endpoint ``GET /images/search``).

        Parameters
        ----------
        term : str
            What to look for on Docker Hub; ``registry:port/word`` asks another registry.
        limit : int, optional
            At most so many.
        filters : mapping, optional
            ``stars`` (at least so many) and ``is-official``.
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        DataFrame
            Columns of `opskit.frames.images.SEARCH_COLUMNS`.

        Raises
        ------
        APIError
            The engine cannot reach the registry.
        """
        from opskit.frames import images as frames

        query = {"term": term, "limit": limit, "filters": filters}
        return self._frame(frames.search, "/images/search", timeout=timeout, **query)
