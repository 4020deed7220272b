"""Copy files into and out of containers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any, BinaryIO

from opskit.actions.progress import measured
from opskit.actions.tar import entries_of, pack, pieces_of, unpack
from opskit.actions.targets import one, path_of
from opskit.engine.base import RawEngine

__all__ = ["FileCalls"]


class FileCalls(RawEngine):
    """Calls that copy files. What is copied is never held in memory as a whole."""

    def put_files(
        self,
        container: Any,
        source: str | os.PathLike[str] | Mapping[str, str | bytes] | BinaryIO,
        path: str = "/",
        *,
        progress: bool = True,
    ) -> None:
        """Copy into a container, running or not (endpoint ``PUT /containers/ID/archive``).

        Parameters
        ----------
        container : str, row or SDK object
            One container.
        source : path, mapping or open binary file
            A file, a folder with all it holds, contents by file name
            (``{"index.html": "<h1>Hello"}``), or a file that is a tar archive. Everything
            belongs to root in the container.
        path : str
            The folder in the container to copy into; it must exist.
        progress : bool
            Show a progress bar.

        Raises
        ------
        NotFound
            No such container, or no such folder in it.
        OSError
            The source cannot be read.
        """
        target = one(self, container)
        pieces = pieces_of(source) if hasattr(source, "read") else pack(entries_of(source))
        with self.open_stream(
            f"/containers/{path_of(target)}/archive",
            method="PUT",
            data=measured(pieces, f"to {target.name or target.ref}", show=progress),
            headers={"Content-Type": "application/x-tar"},
            head_timeout=inf,
            path=path,
            noOverwriteDirNonDir=True,
        ) as stream:
            stream.read()

    def get_files(
        self,
        container: Any,
        path: str,
        to: str | os.PathLike[str] | BinaryIO = ".",
        *,
        progress: bool = True,
    ) -> Path | None:
        """Copy out of a container, running or not (endpoint ``GET /containers/ID/archive``).

        Parameters
        ----------
        container : str, row or SDK object
            One container.
        path : str
            A file or folder in it.
        to : path or open binary file
            The local folder to copy into, made where it is missing; or a file that takes the
            tar archive as the engine sends it.
        progress : bool
            Show a progress bar.

        Returns
        -------
        pathlib.Path or None
            Where it is now; None where a file took the archive.

        Raises
        ------
        NotFound
            No such container, or nothing at that path.
        tarfile.TarError
            The archive would write outside of ``to``.
        """
        target = one(self, container)
        with self.open_stream(
            f"/containers/{path_of(target)}/archive", path=path, head_timeout=inf
        ) as stream:
            pieces = measured(stream, f"from {target.name or target.ref}", show=progress)
            if not isinstance(to, str | os.PathLike):
                for piece in pieces:
                    to.write(piece)
                return None
            folder = Path(to)
            folder.mkdir(parents=True, exist_ok=True)
            tops = unpack(pieces, folder)
        return tops[0] if tops else folder
