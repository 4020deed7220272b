"""What happens to containers that exist: start, stop, pause, limit, wait for, remove."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from opskit.actions.batch import act
from opskit.actions.rows import container_row
from opskit.actions.spec import limits_spec
from opskit.actions.targets import Target, one, path_of
from opskit.engine.base import RawEngine
from opskit.errors import EngineUnresponsive, OperationFailed

if TYPE_CHECKING:
    import pandas as pd

    Rows = pd.Series[Any] | pd.DataFrame

__all__ = ["LifecycleCalls"]

log = logging.getLogger("opskit")
GRACE = 300  # seconds that a container's own stop timeout may take where the call names none


class LifecycleCalls(RawEngine):
    """Calls on containers that exist.

    Each takes one container (a name, an id, a row of ``engine.containers()``, an SDK object) or
    many (a frame, a list). For one it returns the container's row as it is afterwards, and raises
    what went wrong. For many it works on all at once and returns a frame with a row each, in
    which ``done`` and ``error`` say how it went.
    """

    def start(self, what: Any) -> Rows:
        """Start containers (endpoint ``POST /containers/ID/start``).

        Returns
        -------
        pandas.Series or pandas.DataFrame
            One: its row. Many: a row each, ``changed`` False for those that ran already.

        Raises
        ------
        NotFound, APIError
            For one; a port in use or a missing program are the engine's 500 or 400.
        WrongEngine
            The rows came from another engine.
        """
        return self._each(what, "start", self._poster("start"))

    def stop(self, what: Any, *, timeout: int | None = None, signal: str | None = None) -> Rows:
        """Stop containers (endpoint ``POST /containers/ID/stop``).

        Parameters
        ----------
        timeout : int, optional
            Seconds before the engine kills it; without it the container's own, 10 by default.
        signal : str, optional
            Sent instead of the container's stop signal (API 1.42).
        """
        wait = self.timeout + (GRACE if timeout is None else max(timeout, 0))
        return self._each(
            what, "stop", self._poster("stop", wait, t=timeout, signal=signal), ended=True
        )

    def restart(self, what: Any, *, timeout: int | None = None) -> Rows:
        """Stop and start containers (endpoint ``POST /containers/ID/restart``)."""
        wait = self.timeout + (GRACE if timeout is None else max(timeout, 0))
        return self._each(what, "restart", self._poster("restart", wait, t=timeout))

    def pause(self, what: Any) -> Rows:
        """Freeze containers' processes (endpoint ``POST /containers/ID/pause``)."""
        return self._each(what, "pause", self._poster("pause"))

    def unpause(self, what: Any) -> Rows:
        """Thaw containers that were paused (endpoint ``POST /containers/ID/unpause``)."""
        return self._each(what, "unpause", self._poster("unpause"))

    def kill(self, what: Any, *, signal: str | int | None = None) -> Rows:
        """Send containers a signal, SIGKILL by default (endpoint ``POST /containers/ID/kill``)."""
        return self._each(what, "kill", self._poster("kill", signal=signal))

    def rename(self, container: Any, name: str) -> pd.Series[Any]:
        """Give one container another name (endpoint ``POST /containers/ID/rename``).

        Raises
        ------
        Conflict
            Another container has the name.
        """
        target = one(self, container)
        self.post(f"/containers/{path_of(target)}/rename", name=name)
        return container_row(self, target.id or name)

    def update(self, what: Any, **limits: Any) -> Rows:
        """Change containers' limits (endpoint ``POST /containers/ID/update``).

        Parameters
        ----------
        **limits
            In the SDK's words: ``mem_limit``, ``memswap_limit``, ``mem_reservation``,
            ``cpu_quota``, ``cpu_period``, ``cpu_shares``, ``nano_cpus``, ``cpuset_cpus``,
            ``pids_limit``, ``blkio_weight``, ``restart_policy``…

        Raises
        ------
        InvalidOption
            A value that cannot be, before anything is sent.
        """
        if not limits:
            raise TypeError("update() needs a limit to change, such as mem_limit='256m'")
        body = limits_spec(self.api_version, limits)

        def call(target: Target) -> dict[str, Any]:
            answer = self.post(f"/containers/{path_of(target)}/update", body)
            warn(answer, target.name or target.ref)
            return {}

        return self._each(what, "update", call)

    def wait(
        self, what: Any, *, condition: str | None = None, timeout: float | None = None
    ) -> int | pd.DataFrame:
        """Wait until containers have stopped (endpoint ``POST /containers/ID/wait``).

        Parameters
        ----------
        condition : str, optional
            ``not-running`` (the default), ``next-exit`` or ``removed``.
        timeout : float, optional
            Seconds to wait; without it, as long as it takes.

        Returns
        -------
        int or pandas.DataFrame
            One: its exit code. Many: a row each with ``exit_code``.

        Raises
        ------
        EngineUnresponsive
            It still runs after ``timeout`` seconds.
        """

        def call(target: Target) -> dict[str, Any]:
            return {"exit_code": self._wait(target, condition, timeout)}

        result = act(self, what, "wait", call, extras=["exit_code"])
        return int(result["exit_code"]) if result.ndim == 1 else result

    def remove(
        self, what: Any, *, force: bool = False, v: bool = False, link: bool = False
    ) -> Rows:
        """Remove containers (endpoint ``DELETE /containers/ID``).

        Parameters
        ----------
        force : bool
            Kill running ones first.
        v : bool
            Remove their anonymous volumes too.
        link : bool
            Remove the link of that name, not the container.

        Returns
        -------
        pandas.Series or pandas.DataFrame
            One: what was done, as its row would be among many. Many: a row each.

        Raises
        ------
        Conflict
            It runs, and ``force`` was not given.
        """

        def call(target: Target) -> dict[str, Any]:
            path = f"/containers/{path_of(target)}"
            self.delete(path, force=force or None, v=v or None, link=link or None)
            return {}

        removed: Rows = act(self, what, "remove", call)
        return removed

    def _each(
        self,
        what: Any,
        action: str,
        call: Callable[[Target], Mapping[str, Any]],
        *,
        ended: bool = False,
    ) -> Rows:
        def row(target: Target) -> pd.Series[Any]:
            return container_row(self, target.id or target.ref, ended=ended)

        rows: Rows = act(self, what, action, call, row=row, ended=ended)
        return rows

    def _poster(
        self, verb: str, timeout: float | None = None, **query: Any
    ) -> Callable[[Target], Mapping[str, Any]]:
        def call(target: Target) -> dict[str, Any]:
            path = self.target(f"/containers/{path_of(target)}/{verb}", query)
            reply = self._reply("POST", path, timeout=timeout)
            return {"changed": reply.status != 304}

        return call

    def _wait(self, target: Target, condition: str | None, timeout: float | None) -> int:
        path = f"/containers/{path_of(target)}/wait"
        try:
            answer = self._long_post(path, timeout, condition=condition)
        except EngineUnresponsive as error:
            raise EngineUnresponsive(
                f"container {target.name or target.ref} still runs after {timeout:g} s",
                "wait longer, or stop it",
            ) from error
        if (problem := (answer.get("Error") or {}).get("Message")) is not None:
            raise OperationFailed(
                f"waiting for {target.ref}: {problem}",
                "look at the container",
                status=200,
                message=problem,
                request=f"POST {path}",
            )
        return int(answer["StatusCode"])

    def _long_post(self, path: str, timeout: float | None, **query: Any) -> dict[str, Any]:
        import orjson

        with self.open_stream(path, method="POST", timeout=timeout, **query) as stream:
            answer: dict[str, Any] = orjson.loads(stream.read())
        return answer


def warn(answer: Any, about: str) -> None:
    """Pass on what the engine warned of: a limit that this host cannot keep, say."""
    for warning in (answer or {}).get("Warnings") or ():
        log.warning("%s: the engine warns: %s", about, warning)
