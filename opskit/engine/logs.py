"""A container's log: read as a frame, or followed line by line."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from opskit.api.versions import version_key
from opskit.engine.base import RawEngine
from opskit.engine.target import name_part
from opskit.times import to_wire

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LogCalls"]

_RAW, _MULTIPLEXED = (
    "application/vnd.docker.raw-stream",
    "application/vnd.docker.multiplexed-stream",
)


class LogCalls(RawEngine):
    """Calls about a container's log."""

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
        target = self.target(f"/containers/{name_part(container)}/logs", query)
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
        path = f"/containers/{name_part(container)}/logs"
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
        about = self.get(f"/containers/{name_part(container)}/json", timeout=timeout)
        return bool((about.get("Config") or {}).get("Tty"))
