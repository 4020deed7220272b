"""Looking into one object: its record, processes, changed files, an image's layers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from opskit.engine.logs import LogCalls
from opskit.engine.target import name_part
from opskit.errors import Conflict, NotFound

if TYPE_CHECKING:
    import pandas as pd

    from opskit.frames.record import Record

__all__ = ["ObjectCalls"]

_PATHS = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
    "exec": "/exec/{}/json",
    "plugin": "/plugins/{}/json",
    "service": "/services/{}",
    "task": "/tasks/{}",
    "node": "/nodes/{}",
    "secret": "/secrets/{}",
    "config": "/configs/{}",
}
_LANES = 8
_GUESSED = ("container", "image", "network", "volume")


class ObjectCalls(LogCalls):
    """Calls about one object, by its name or id; a name that is not there raises `NotFound`."""

    def inspect(
        self, name: str, *, kind: str | None = None, timeout: float | None = None
    ) -> Record:
        """Everything the engine tells about one object, as a record to browse.

        Parameters
        ----------
        name : str
            Name or id.
        kind : str, optional
            container, image, network, volume, exec, plugin, service, task, node, secret or config.
            Without it the first of container, image, network and volume that has the name, as
            with ``docker inspect`` (endpoints ``GET /containers/NAME/json`` and so on).
        timeout : float, optional
            Seconds to wait for each answer.

        Returns
        -------
        Record
            ``.State.Health.Status`` and ``["State"]``, ``.flat()``, a tree in a notebook, where
            values of telling names (passwords, tokens) are stars.

        Raises
        ------
        NotFound
            Nothing has that name.
        ValueError
            An empty name, or a kind that there is not.
        """
        from opskit.frames.record import Record

        if kind is not None and kind not in _PATHS:
            raise ValueError(f"no kind {kind!r}: it is one of {', '.join(_PATHS)}")
        missing: NotFound | None = None
        for each in (kind,) if kind else _GUESSED:
            try:
                answer = self.get(_PATHS[each].format(name_part(name, each)), timeout=timeout)
                return Record(answer, f"{each} {name}", _without_secrets)
            except NotFound as error:
                missing = error
        if kind and missing:
            raise missing
        raise NotFound(
            f"no container, image, network or volume called {name!r} at {self.address}",
            "engine.containers(all=True), .images(), .networks() and .volumes() list them; say "
            "kind= for a service, secret or another kind",
            status=404,
            message=f"No such object: {name}",
            request=f"GET {_PATHS['container'].format(name)}",
        )

    def top(
        self, container: str, *, ps_args: str | None = None, timeout: float | None = None
    ) -> pd.DataFrame:
        """Processes of a running container (endpoint ``GET /containers/NAME/top``).

        Parameters
        ----------
        container : str
            Name or id.
        ps_args : str, optional
            What ps is asked for instead of ``-ef``, such as ``"aux"`` or
            ``"-o pid,rss,etime,args"``. The columns follow; pid must be among them.
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        DataFrame
            Columns of `opskit.frames.processes`.

        Raises
        ------
        Conflict
            The container does not run.
        """
        from opskit.frames import processes as frames

        target = self.target(f"/containers/{name_part(container)}/top", {"ps_args": ps_args})
        return self.stamp(frames.top(self._call("GET", target, timeout=timeout)), f"GET {target}")

    def processes(
        self, *, ps_args: str | None = None, timeout: float | None = None
    ) -> pd.DataFrame:
        """Processes of all running containers (``GET /containers/ID/top`` of each, pipelined).

        Parameters
        ----------
        ps_args : str, optional
            As for `top`.
        timeout : float, optional
            Seconds to wait for the answers.

        Returns
        -------
        DataFrame
            ``name`` and ``id`` of the container, the columns of `top`, and ``error``. Containers
            that ended in between are absent; one that could not be asked for another reason is a
            row with that reason in ``error``.
        """
        from opskit.frames import processes as frames
        from opskit.frames.containers import name_of

        running = self.get("/containers/json", timeout=timeout) or []
        tail = self.target("/top", {"ps_args": ps_args}).partition("?")[2]
        paths = [f"/containers/{item['Id']}/top" + (f"?{tail}" if tail else "") for item in running]
        answers = self._get_abreast(paths, timeout)
        owners = [(name_of(item.get("Names")), item["Id"]) for item in running]
        ended = [isinstance(answer, NotFound | Conflict) for answer in answers]
        frame = frames.processes(
            [owner for owner, gone in zip(owners, ended, strict=True) if not gone],
            [answer for answer, gone in zip(answers, ended, strict=True) if not gone],
        )
        return self.stamp(frame, f"GET {self.target('/containers/{id}/top', {})}")

    def _get_abreast(self, paths: list[str], timeout: float | None) -> list[Any]:
        """`get_many` in several lanes: the engine starts a ps for each of these, 20 ms long."""
        answers: list[Any] = [None] * len(paths)
        lanes = [paths[lane::_LANES] for lane in range(_LANES)]
        with ThreadPoolExecutor(_LANES, "opskit-top") as pool:
            asked = pool.map(lambda lane: self.get_many(lane, timeout=timeout), lanes)
            for lane, part in enumerate(asked):
                answers[lane::_LANES] = part
        return answers

    def changes(self, container: str, *, timeout: float | None = None) -> pd.DataFrame:
        """Files that a container has changed against its image, as ``docker diff``.

        One row a path (endpoint ``GET /containers/NAME/changes``); columns ``path`` and
        ``change``: modified, added or deleted.
        """
        from opskit.frames import system as frames

        target = self.target(f"/containers/{name_part(container)}/changes", {})
        answer = self._call("GET", target, timeout=timeout)
        return self.stamp(frames.changes(answer), f"GET {target}")

    def history(self, image: str, *, timeout: float | None = None) -> pd.DataFrame:
        """Layers of an image, the newest first (endpoint ``GET /images/NAME/history``).

        Columns of `opskit.frames.images.HISTORY_COLUMNS`.
        """
        from opskit.frames import images as frames

        target = self.target(f"/images/{name_part(image, 'image')}/history", {})
        answer = self._call("GET", target, timeout=timeout)
        return self.stamp(frames.history(answer), f"GET {target}")


def _without_secrets(data: Any) -> Any:
    import orjson

    from opskit.cassette.secrets import mask_json

    return orjson.loads(mask_json(orjson.dumps(data)))
