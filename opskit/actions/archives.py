"""Images as archives: load, save, import. No archive is held in memory as a whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any, BinaryIO

from opskit.actions.progress import failed, measured, post_following
from opskit.actions.rows import image_rows
from opskit.actions.tar import pieces_of
from opskit.actions.targets import one, path_of, targets
from opskit.actions.transfer import Transfer, transfer
from opskit.engine.base import RawEngine

__all__ = ["ArchiveCalls"]

Source = str | os.PathLike[str] | BinaryIO


class ArchiveCalls(RawEngine):
    """Calls that bring images to an engine from archives, and into archives.

    Progress, interrupts and errors as for `opskit.actions.registry`.
    """

    def load(
        self, source: Source, *, progress: bool = True, timeout: float | None = None
    ) -> Transfer:
        """Load images from an archive that `save` made (endpoint ``POST /images/load``).

        Parameters
        ----------
        source : path or open binary file
            The archive, compressed or not. It is sent as it is read.

        Returns
        -------
        Transfer
            ``images``: the loaded ones.

        Raises
        ------
        OperationFailed
            It is no image archive, or the engine has no space left.
        OSError
            The file cannot be read.
        """
        with _opened(source) as (file, size):
            log = post_following(
                self,
                "/images/load",
                headers={"Content-Type": "application/x-tar"},
                data=measured(pieces_of(file), "load", total=size, show=progress),
                show=progress,
                timeout=timeout,
                quiet=False,
            )
        told = [_after(entry.status, "Loaded image") for entry in log.entries.values()]
        found = [name for names in told if names for name in names.split(",")]  # as Podman does
        if not found:
            raise failed("POST /images/load", "the archive held no image", log.frame())
        return transfer(image_rows(self, found), log)

    def save(
        self,
        what: Any,
        path: str | os.PathLike[str],
        *,
        progress: bool = True,
    ) -> Path:
        """Save images as an archive (endpoint ``GET /images/get``).

        Parameters
        ----------
        what : str, row, frame, or many of them
            The images. By name, so that the archive has their names.
        path : path
            The file to write; it is there only once it is complete.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        NotFound
            An image is not on the engine.
        """
        found, _ = targets(self, what)
        names = [target.name or target.ref for target in found]
        if not names:
            raise ValueError("save() needs at least one image")
        return self._write(Path(path), "save", "/images/get", progress, names=names)

    def export(
        self,
        container: Any,
        path: str | os.PathLike[str],
        *,
        progress: bool = True,
    ) -> Path:
        """Save a container's file system as an archive (endpoint ``GET /containers/ID/export``).

        `import_` makes an image of it; volumes are not part of it.

        Parameters
        ----------
        container : str, row or SDK object
            One container, running or not.
        path : path
            The file to write; it is there only once it is complete.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        NotFound
            No such container.
        """
        source = f"/containers/{path_of(one(self, container))}/export"
        return self._write(Path(path), "export", source, progress)

    def _write(self, goal: Path, title: str, source: str, progress: bool, **query: Any) -> Path:
        temporary = tempfile.NamedTemporaryFile(  # noqa: SIM115  closed below, then renamed
            dir=goal.parent, prefix=f".{goal.name}.", delete=False
        )
        try:
            with temporary, self.open_stream(source, head_timeout=inf, **query) as stream:
                for piece in measured(stream, title, show=progress):
                    temporary.write(piece)
            os.chmod(temporary.name, 0o644)
            os.replace(temporary.name, goal)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise
        return goal

    def import_(
        self,
        source: Source,
        repository: str | None = None,
        tag: str | None = None,
        *,
        message: str | None = None,
        changes: str | list[str] | None = None,
        platform: str | None = None,
        progress: bool = True,
        timeout: float | None = None,
    ) -> Transfer:
        """Make an image of a root file system (endpoint ``POST /images/create?fromSrc=-``).

        Parameters
        ----------
        source : path, open binary file, or URL
            A tar archive of the root file system; a URL is fetched by the engine.
        repository, tag : str, optional
            The image's name.
        message : str, optional
            Noted in its history.
        changes : str or list of str, optional
            Dockerfile instructions to apply, such as ``'CMD ["sh"]'``.
        """
        query: dict[str, Any] = {
            "repo": repository,
            "tag": tag,
            "message": message,
            "changes": changes,
            "platform": platform,
        }
        remote = isinstance(source, str) and source.startswith(("http://", "https://"))
        with _opened(None if remote else source) as (file, size):
            pieces = pieces_of(file) if file else None
            log = post_following(
                self,
                "/images/create",
                data=measured(pieces, "import", total=size, show=progress) if pieces else None,
                headers={"Content-Type": "application/x-tar"} if pieces else {},
                show=progress,
                timeout=timeout,
                fromSrc=source if remote else "-",
                **query,
            )
        made = [e.status for e in log.entries.values() if e.status.startswith("sha256:")]
        if not made:
            raise failed("POST /images/create", "the engine named no image", log.frame())
        return transfer(image_rows(self, made[-1:]), log)


def _after(text: str, word: str) -> str | None:
    head, found, tail = text.partition(": ")
    return tail.strip() if found and head.startswith(word) else None


@contextlib.contextmanager
def _opened(source: Source | None) -> Iterator[tuple[Any, int | None]]:
    if source is None or not isinstance(source, str | os.PathLike):
        yield source, None
        return
    with open(source, "rb") as file:
        yield file, os.fstat(file.fileno()).st_size
