"""Run a command inside containers that run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opskit.actions.batch import act
from opskit.actions.finished import Finished, collect, deadline
from opskit.actions.stdin import Stdin, check_stdin, given
from opskit.actions.targets import Target, one, path_of
from opskit.engine.base import RawEngine

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExecCalls"]

UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}


class ExecCalls(RawEngine):
    """The call that runs a command inside a container."""

    def exec(
        self,
        what: Any,
        command: str | Sequence[str],
        *,
        stdin: Stdin | None = None,
        environment: Mapping[str, str] | Sequence[str] | None = None,
        workdir: str | None = None,
        user: str | None = None,
        privileged: bool = False,
        tty: bool = False,
        detach: bool = False,
        timeout: float | None = None,
    ) -> Finished | pd.DataFrame:
        """Run a command in a running container, or in many at once.

        Endpoints ``POST /containers/ID/exec``, ``POST /exec/ID/start``, ``GET /exec/ID/json``.

        Parameters
        ----------
        what : str, row, frame, SDK object, or many of them
            One container, or many.
        command : str or sequence of str
            A string is split as a shell would, but no shell runs it: for pipes and variables give
            ``["sh", "-c", "…"]``.
        stdin : str, bytes, open binary file or iterable of bytes, optional
            What it reads: sent as it takes it, then ended. Many containers get the same text or
            bytes each; a file or iterable goes to one.
        environment : mapping or sequence of str, optional
            Variables, added to the container's own.
        workdir, user, privileged, tty
            As ``docker exec`` takes them.
        detach : bool
            Don't wait: ``exit_code`` is then -1 and nothing is collected.
        timeout : float, optional
            Seconds to wait for the command to end; it goes on running when they are over.

        Returns
        -------
        Finished or pandas.DataFrame
            One: ``exit_code``, ``stdout`` and ``stderr`` as bytes, ``text``. A missing program is
            exit code 126 or 127 with the runtime's words. Many: a row each, with ``exit_code``
            and both outputs as text.

        Raises
        ------
        Conflict
            The container is paused or does not run.
        EngineUnresponsive
            The command still runs after ``timeout`` seconds.
        """
        from docker.utils.utils import format_environment, split_command

        check_stdin(stdin, tty=tty, detach=detach)
        if not isinstance(stdin, str | bytes | None):
            what = one(self, what)  # it can be read once
        words = split_command(command) if isinstance(command, str) else list(command)
        env = format_environment(environment) if isinstance(environment, Mapping) else environment
        body = {
            "AttachStdout": not detach,
            "AttachStderr": not detach,
            "Cmd": words,
            "Env": list(env or ()),
            "WorkingDir": workdir or "",
            "User": user or "",
            "Privileged": privileged,
            "Tty": tty,
        }
        if stdin is not None:  # said only then, so that sessions recorded without it still match
            body["AttachStdin"] = True
        single: list[Finished] = []

        def call(target: Target) -> dict[str, Any]:
            done = self._exec(target, body, detach, timeout, stdin)
            single.append(done)
            return {
                "exit_code": None if detach else done.exit_code,
                "stdout": done.text,
                "stderr": done.stderr.decode("utf-8", "replace"),
            }

        extras = ["exit_code", "stdout", "stderr"]
        result = act(self, what, "exec", call, row=lambda _: single[0], extras=extras)
        finished: Finished | pd.DataFrame = result
        return finished

    def _exec(
        self,
        target: Target,
        body: Mapping[str, Any],
        detach: bool,
        timeout: float | None,
        stdin: Stdin | None,
    ) -> Finished:
        made = self.post(f"/containers/{path_of(target)}/exec", body)["Id"]
        start = f"/exec/{made}/start"
        tty = bool(body["Tty"])
        how = {"Detach": detach, "Tty": tty}
        if detach:
            self.post(start, how)
            return Finished(-1, b"", b"", target.id or "")
        about = f"{body['Cmd'][0]} in {target.name or target.ref}"
        stream = self.open_stream(start, method="POST", json=how, headers=UPGRADE)
        with stream, deadline(stream, timeout, about):
            if stdin is not None:
                stream.feed(given(stdin))
            out, errors = collect(stream, tty=tty)
        ended = self.get(f"/exec/{made}/json")
        return Finished(ended["ExitCode"], out, errors, ended["ContainerID"])
