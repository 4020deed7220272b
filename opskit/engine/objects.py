"""Looking into one object: its record, a log, processes, changed files, an image's layers."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from opskit.api.versions import version_key
from opskit.engine.base import RawEngine
from opskit.errors import Conflict, NotFound
from opskit.times import to_wire

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
_RAW, _MULTIPLEXED = (
    "application/vnd.docker.raw-stream",
    "application/vnd.docker.multiplexed-stream",
)


class ObjectCalls(RawEngine):
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
            ``.State.Health.Status`` and ``["State"]``, ``.flat()``, a tree in a notebook.

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
                answer = self.get(_PATHS[each].format(_named(name, each)), timeout=timeout)
                return Record(answer, f"{each} {name}")
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

    def logs(
        self,
        container: str,
        *,
        tail: int | str = "all",
        since: Any = None,
        until: Any = None,
        stdout: bool = True,
        stderr: bool = True,
        timestamps: bool = True,
        timeout: float | None = None,
    ) -> pd.DataFrame:
        """A container's log, one row a line (endpoint ``GET /containers/NAME/logs``).

        Parameters
        ----------
        container : str
            Name or id.
        tail : int or "all"
            The last so many lines.
        since, until : str, datetime, timedelta or number, optional
            ``"10m"`` ago, a time, seconds since the epoch: see `opskit.times.to_ns`.
        stdout, stderr : bool
            Which streams.
        timestamps : bool
            Fill ``time`` in, to the nanosecond; missing otherwise.
        timeout : float, optional
            Seconds to wait for the answer.

        Returns
        -------
        DataFrame
            Columns ``time`` (UTC), ``stream`` (stdout or stderr; a terminal has only stdout) and
            ``line``, in the order of the log.

        Raises
        ------
        APIError
            The container's logging driver cannot be read back.
        ValueError
            No stream asked for, no number of lines, or a time that is none.
        """
        from opskit.frames import logs as frames

        query = self._log_query(tail, since, until, stdout, stderr, timestamps)
        target = self.target(f"/containers/{_named(container)}/logs", query)
        reply = self._reply("GET", target, timeout=timeout)
        tty = self._is_terminal(container, reply.headers.get("content-type", ""), timeout)
        frame = frames.logs(reply.body, tty=tty, timestamps=timestamps)
        return self.stamp(frame, f"GET {target}")

    def follow(
        self,
        container: str,
        *,
        tail: int | str = "all",
        since: Any = None,
        stdout: bool = True,
        stderr: bool = True,
        timeout: float | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """A container's log as it is written, until the container ends.

        Parameters
        ----------
        container, tail, since, stdout, stderr
            As for `logs`.
        timeout : float, optional
            Seconds of silence after which `EngineUnresponsive` is raised; None waits for ever.

        Yields
        ------
        dict
            ``time`` (Timestamp, UTC), ``stream`` and ``line``. Closing the generator, or leaving
            its loop, ends the request.

        Raises
        ------
        EngineLost
            The engine went away in the middle.
        """
        from opskit.frames.logs import LogDecoder

        query = self._log_query(tail, since, None, stdout, stderr, True)
        path = f"/containers/{_named(container)}/logs"
        with self.open_stream(path, timeout=timeout, follow=True, **query) as stream:
            tty = self._is_terminal(container, stream.headers.get("content-type", ""), timeout)
            decoder = LogDecoder(tty=tty)
            for chunk in stream:
                for line in decoder.feed(chunk):
                    yield {"time": line.time, "stream": line.stream, "line": line.line}
            for line in decoder.close():
                yield {"time": line.time, "stream": line.stream, "line": line.line}

    def _log_query(
        self, tail: int | str, since: Any, until: Any, stdout: bool, stderr: bool, timestamps: bool
    ) -> dict[str, Any]:
        if not (stdout or stderr):
            raise ValueError("neither stdout nor stderr asked for: leave one of them True")
        if tail != "all" and not (isinstance(tail, int) and tail >= 0):
            raise ValueError(f'tail={tail!r}: give the number of lines, or "all"')
        return {
            "stdout": stdout,
            "stderr": stderr,
            "timestamps": timestamps,
            "tail": tail,
            "since": None if since is None else to_wire(since),
            "until": None if until is None else to_wire(until),
        }

    def _is_terminal(self, container: str, kind: str, timeout: float | None) -> bool:
        # before API 1.42 all logs claim to be raw, or nothing
        if version_key(self.api_version) >= (1, 42) and kind in (_RAW, _MULTIPLEXED):
            return kind == _RAW
        about = self.get(f"/containers/{_named(container)}/json", timeout=timeout)
        return bool((about.get("Config") or {}).get("Tty"))

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

        target = self.target(f"/containers/{_named(container)}/top", {"ps_args": ps_args})
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

        target = self.target(f"/containers/{_named(container)}/changes", {})
        answer = self._call("GET", target, timeout=timeout)
        return self.stamp(frames.changes(answer), f"GET {target}")

    def history(self, image: str, *, timeout: float | None = None) -> pd.DataFrame:
        """Layers of an image, the newest first (endpoint ``GET /images/NAME/history``).

        Columns of `opskit.frames.images.HISTORY_COLUMNS`.
        """
        from opskit.frames import images as frames

        target = self.target(f"/images/{_named(image, 'image')}/history", {})
        answer = self._call("GET", target, timeout=timeout)
        return self.stamp(frames.history(answer), f"GET {target}")


def _named(name: str, kind: str = "container") -> str:
    """A name as a part of a path; an empty one would make it another call's path."""
    bare = name.removeprefix("/") if kind == "container" else name
    if not bare.strip("/"):
        raise ValueError(f"an empty name is no {kind}: give its name or id")
    return quote(bare, safe="/:@" if kind == "image" else "")
