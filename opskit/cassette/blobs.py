"""Large bodies in a folder beside the cassette, each a file named by its sha256."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO

__all__ = ["BlobFolder", "BlobWriter"]

_NAME = re.compile(r"[0-9a-f]{64}")


class BlobWriter:
    """One body on its way to the folder: hashed while it is written, named when it is complete."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.part"
        self.length = 0
        self._hash = hashlib.sha256()
        self._file: IO[bytes] = self.path.open("wb", buffering=0)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._hash.update(data)
        self.length += len(data)

    def close(self) -> str:
        """Keep what was written and return its sha256; `BlobFolder.adopt` gives it its name."""
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest()

    def leave(self) -> None:
        """Stop writing; what was written stays."""
        self._file.close()

    def discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class BlobFolder:
    """The folder of large bodies that belongs to one cassette file."""

    def __init__(self, cassette: Path) -> None:
        self.path = cassette.with_name(cassette.name + ".bodies")

    def file(self, sha256: str) -> Path:
        return self.path / sha256

    def writer(self, name: str) -> BlobWriter:
        """A body to be written bit by bit."""
        return BlobWriter(self.path, name)

    def put(self, pieces: Iterable[bytes]) -> tuple[str, int]:
        """Store a body; give its sha256 and length."""
        writer = self.writer(f"{os.getpid()}-{id(pieces):x}")
        try:
            for piece in pieces:
                writer.write(piece)
            sha256 = writer.close()
        except BaseException:
            writer.discard()
            raise
        self.adopt(writer.path, sha256)
        return sha256, writer.length

    def adopt(self, part: Path, sha256: str) -> None:
        """Give a written part its final name."""
        part.rename(self.file(sha256))

    def bring(self, source: Path, sha256: str) -> None:
        """Have here what another cassette's folder has."""
        target = self.file(sha256)
        if source.suffix == ".part" and source.parent == self.path and source.exists():
            self.adopt(source, sha256)
        if target.exists():
            return
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            part = target.with_suffix(".part")
            shutil.copyfile(source, part)
            part.rename(target)

    def written(self, part: str, sha256: str) -> Path:
        """Where a body is: still a part, or adopted by an attempt that then failed."""
        path = self.path / part
        return path if path.exists() else self.file(sha256)

    def sweep(self, recording: str) -> None:
        """Remove the parts that a recording left, and the folder when it is empty."""
        if self.path.is_dir():
            for file in self.path.glob("*.part"):
                if file.name.startswith(recording + "."):
                    file.unlink(missing_ok=True)
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def keep_only(self, wanted: set[str]) -> None:
        """Remove the bodies that the cassette no longer names, and the folder when it is empty."""
        if not self.path.is_dir():
            return
        for file in self.path.iterdir():
            if _NAME.fullmatch(file.name) and file.name not in wanted:
                file.unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()
