"""Build images from Dockerfiles, with the engine's own builder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from opskit.actions.context import context_entries
from opskit.actions.credentials import registry_config_header
from opskit.actions.progress import measured, post_following
from opskit.actions.proxies import with_proxy_args
from opskit.actions.rows import image_rows
from opskit.actions.steps import Steps
from opskit.actions.tar import pack, pieces_of
from opskit.actions.transfer import Transfer, transfer
from opskit.engine.base import RawEngine
from opskit.errors import InvalidOption, OperationFailed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Build", "BuildCalls"]

_REMOTE = ("http://", "https://", "git://", "git@", "github.com/")


@dataclass(frozen=True, repr=False)
class Build(Transfer):
    """A built image: what a `Transfer` has, and ``steps``.

    Attributes
    ----------
    steps : pandas.DataFrame
        A row for each instruction: ``step, instruction, cached, seconds, image_id, output``.
    """

    steps: pd.DataFrame | None = None


class BuildCalls(RawEngine):
    """The call that builds."""

    def build(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        tag: str | Sequence[str] | None = None,
        dockerfile: str | None = None,
        fileobj: BinaryIO | None = None,
        custom_context: bool = False,
        encoding: str | None = None,
        buildargs: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        target: str | None = None,
        platform: str | None = None,
        nocache: bool = False,
        pull: bool = False,
        rm: bool = True,
        forcerm: bool = True,
        cache_from: Sequence[str] | None = None,
        network_mode: str | None = None,
        extra_hosts: Mapping[str, str] | None = None,
        shmsize: int | None = None,
        squash: bool = False,
        container_limits: Mapping[str, Any] | None = None,
        isolation: str | None = None,
        use_config_proxy: bool = True,
        progress: bool = True,
        timeout: float | None = None,
    ) -> Build:
        """Build an image (endpoint ``POST /build``) with the classic builder.

        The context is sent as it is read; an interrupt ends the build on the engine too, and its
        container is removed.

        BuildKit is no part of this: it speaks gRPC with a client of its own, ``docker build``. Of
        a Dockerfile written for it, ``RUN --mount`` and ``COPY --chmod`` are refused, as are
        flags that the engine does not know; here-documents and ``COPY --exclude`` are refused by
        older engines and taken without effect by newer ones.

        Parameters
        ----------
        path : path or URL
            The folder of the context (its .dockerignore is honoured), or what the engine is to
            fetch.
        tag : str or sequence of str, optional
            The image's names.
        dockerfile : str, optional
            Where it is, from the folder on; it may lie outside.
        fileobj : open binary file, optional
            A Dockerfile without a context, instead of ``path``; with ``custom_context`` a tar
            archive of a context, compressed as ``encoding`` says.
        buildargs, labels, target, platform, nocache, pull, rm, forcerm, cache_from
            In the words of the Docker SDK, as the rest.
        use_config_proxy : bool
            Set the build arguments for proxies that docker's config file has.
        timeout : float, optional
            Seconds of silence to bear; without it, any.

        Returns
        -------
        Build
            ``image``, ``steps`` with time and cache hit, ``log``.

        Raises
        ------
        OperationFailed
            A step failed; the error has ``steps`` and ``log``.
        InvalidOption
            There is no such folder, or no Dockerfile in it.
        """
        remote = isinstance(path, str) and path.startswith(_REMOTE)
        arguments = dict(buildargs or {})
        if use_config_proxy:
            arguments = with_proxy_args(arguments, self.address)
        query = {
            "t": [tag] if isinstance(tag, str) else list(tag or ()),
            "remote": path if remote else None,
            "buildargs": arguments or None,
            "labels": dict(labels) if labels else None,
            "target": target,
            "platform": platform,
            "nocache": nocache or None,
            "pull": pull or None,
            "rm": rm,
            "forcerm": forcerm,
            "cachefrom": _json(list(cache_from)) if cache_from else None,
            "networkmode": network_mode,
            "extrahosts": [f"{name}:{ip}" for name, ip in (extra_hosts or {}).items()],
            "shmsize": shmsize,
            "squash": squash or None,
            "isolation": isolation,
            **(container_limits or {}),
        }
        if remote:
            pieces, query["dockerfile"] = None, dockerfile
        else:
            pieces, query["dockerfile"] = _context(path, dockerfile, fileobj, custom_context)
        headers = registry_config_header()
        if pieces is not None:
            headers["Content-Type"] = "application/x-tar"
        if encoding:
            headers["Content-Encoding"] = encoding
        steps = Steps(progress)
        try:
            log = post_following(
                self,
                "/build",
                data=None if pieces is None else measured(pieces, "context", show=progress),
                headers=headers,
                show=progress,
                timeout=timeout,
                watch=steps.take,
                **query,
            )
            if steps.built is None:
                raise OperationFailed(
                    "POST /build: the engine ended the build without naming an image",
                    "see .log of this error",
                    status=200,
                    message="no image",
                    request="POST /build",
                )
        except OperationFailed as error:
            error.steps = steps.frame()
            raise
        finally:
            steps.close()
        made = transfer(image_rows(self, query["t"] or [steps.built]), log)
        return Build(made.images, made.log, made.digest, made.status, steps.frame())


def _context(
    path: str | os.PathLike[str] | None,
    dockerfile: str | None,
    fileobj: BinaryIO | None,
    custom_context: bool,
) -> tuple[Iterable[bytes], str | None]:
    """The context's archive in pieces, and the Dockerfile's name in it."""
    if (path is None) == (fileobj is None):
        raise InvalidOption("build() takes a path or a fileobj", "give one of the two")
    if fileobj is None:
        assert path is not None
        name, entries = context_entries(path, dockerfile)
        return pack(entries), name
    if custom_context:
        return pieces_of(fileobj), dockerfile
    return pack([("Dockerfile", fileobj.read())]), None


def _json(value: list[str]) -> str:
    import orjson

    return orjson.dumps(value).decode()
