"""Create and run containers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from opskit.actions.execs import UPGRADE
from opskit.actions.finished import Finished, collect, deadline
from opskit.actions.lifecycle import LifecycleCalls, warn
from opskit.actions.registry import RegistryCalls
from opskit.actions.rows import container_row, image_row
from opskit.actions.spec import container_spec
from opskit.actions.stdin import Stdin, check_stdin, given
from opskit.actions.targets import Target, one
from opskit.errors import NotFound, OpskitError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ContainerCalls"]

Pull = Literal["missing", "always", "never"]


class ContainerCalls(LifecycleCalls, RegistryCalls):
    """The calls that make containers."""

    def run(
        self,
        image: Any,
        command: str | list[str] | None = None,
        *,
        stdin: Stdin | None = None,
        detach: bool = False,
        remove: bool = False,
        pull: Pull = "missing",
        timeout: float | None = None,
        **options: Any,
    ) -> pd.Series[Any] | Finished:
        """Create a container and start it.

        Endpoints ``POST /containers/create``, ``POST /containers/ID/attach``,
        ``POST /containers/ID/start``, ``POST /containers/ID/wait``. A container that cannot start
        (its port is in use, its program missing) is removed again.

        Parameters
        ----------
        image : str, row of ``engine.images()``, or SDK object
            What to run.
        command : str or list of str, optional
            Instead of the image's own.
        stdin : str, bytes, open binary file or iterable of bytes, optional
            What it reads: sent as it takes it, then ended.
        detach : bool
            Return at once and leave it running; else wait for its end.
        remove : bool
            Remove it when it has ended.
        pull : {"missing", "always", "never"}
            When to pull the image.
        timeout : float, optional
            Seconds to wait for its end; when they are over, and on an interrupt, it is killed.
        **options
            What the Docker SDK's ``containers.run`` takes: ``name``, ``ports={"80/tcp": 8080}``,
            ``mem_limit="256m"``, ``cpu_quota=50000``, ``restart_policy={"Name": "always"}``,
            ``labels``, ``environment``, ``volumes``, ``mounts``, ``healthcheck``, ``network``…;
            and ``stop_timeout``. The proxies of docker's config file are set in the container
            unless ``use_config_proxy=False``.

        Returns
        -------
        pandas.Series or Finished
            Detached: its row of ``engine.containers()``. Else ``exit_code``, ``stdout`` and
            ``stderr``; a failing program raises nothing.

        Raises
        ------
        NotFound
            The image is neither on the engine nor in a registry.
        Conflict
            Another container has the name.
        InvalidOption
            A value that cannot be, before anything is sent.
        APIError
            A limit, port or volume that the engine refuses.
        """
        tty = bool(options.get("tty"))
        check_stdin(stdin, tty=tty, detach=detach)
        if remove and detach:
            options["auto_remove"] = True
        if stdin is not None:
            options["stdin_open"] = True
        made = self._create(image, command, {**options, "detach": detach}, pull)
        if not detach:
            return self._foreground(made, tty, remove, timeout, stdin)
        self._start(made)
        return container_row(self, made.ref)

    def create(
        self,
        image: Any,
        command: str | list[str] | None = None,
        *,
        pull: Pull = "missing",
        **options: Any,
    ) -> pd.Series[Any]:
        """Create a container without starting it. Options and errors as for `run`."""
        return container_row(self, self._create(image, command, options, pull).ref)

    def commit(
        self,
        container: Any,
        repository: str | None = None,
        *,
        tag: str | None = None,
        message: str | None = None,
        author: str | None = None,
        pause: bool = True,
        changes: str | list[str] | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> pd.Series[Any]:
        """Make an image of a container's present state (endpoint ``POST /commit``).

        Parameters
        ----------
        repository, tag : str, optional
            The image's name; ``"snap:1"`` has the tag in it.
        message, author : str, optional
            Noted in its history.
        pause : bool
            Freeze the container meanwhile.
        changes : str or list of str, optional
            Dockerfile instructions to apply, such as ``'CMD ["serve"]'``.
        conf : mapping, optional
            The image's configuration in the Engine API's words, instead of the container's.

        Returns
        -------
        pandas.Series
            The image's row of ``engine.images()``.
        """
        if tag is None and repository and ":" in repository.rpartition("/")[2]:
            repository, _, tag = repository.rpartition(":")
        answer = self.post(
            "/commit",
            dict(conf or {}),
            container=one(self, container).ref,
            repo=repository,
            tag=tag,
            comment=message,
            author=author,
            pause=pause,
            changes="\n".join(changes) if isinstance(changes, list) else changes,
        )
        return image_row(self, answer["Id"])

    def _create(self, image: Any, command: Any, options: Mapping[str, Any], pull: Pull) -> Target:
        if pull not in ("missing", "always", "never"):
            raise ValueError(f"pull={pull!r}: it is 'missing', 'always' or 'never'")
        wanted = one(self, image)
        ref = wanted.name or wanted.ref
        body, query = container_spec(self.api_version, self.address, ref, command, options)
        if pull == "always":
            self.pull(ref, platform=query["platform"])
        try:
            answer = self.post("/containers/create", body, **query)
        except NotFound as error:
            if pull != "missing" or "no such image" not in error.message.lower():
                raise
            self.pull(ref, platform=query["platform"])
            answer = self.post("/containers/create", body, **query)
        warn(answer, query["name"] or answer["Id"][:12])
        return Target(answer["Id"], query["name"], answer["Id"])

    def _start(self, made: Target) -> None:
        try:
            self.post(f"/containers/{made.ref}/start")
        except BaseException:
            self._discard(made)
            raise

    def _foreground(
        self,
        made: Target,
        tty: bool,
        remove: bool,
        timeout: float | None,
        stdin: Stdin | None,
    ) -> Finished:
        path = f"/containers/{made.ref}"
        attach: dict[str, Any] = {"stream": True, "stdout": True, "stderr": True}
        attach["stdin"] = True if stdin is not None else None
        about = f"container {made.name or made.ref[:12]}"
        with self.open_stream(path + "/attach", method="POST", headers=UPGRADE, **attach) as stream:
            self._start(made)
            try:
                with deadline(stream, timeout, about, "it was killed; timeout=… waits longer"):
                    if stdin is not None:
                        stream.feed(given(stdin))
                    out, errors = collect(stream, tty=tty)
                code = self._wait(made, None, timeout)
            except BaseException:
                with contextlib.suppress(OpskitError):  # it may have ended by itself
                    self.post(path + "/kill")
                if remove:
                    self._discard(made)
                raise
        if remove:
            self.delete(path, v=True)
        return Finished(code, out, errors, made.ref)

    def _discard(self, made: Target) -> None:
        with contextlib.suppress(OpskitError):  # what failed before is the error to show
            self.delete(f"/containers/{made.ref}", force=True, v=True)
