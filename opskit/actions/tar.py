"""Archives made while they are sent and unpacked while they arrive: never held as a whole."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from opskit.errors import OpskitError

__all__ = ["Entry", "entries_of", "pack", "pieces_of", "unpack"]

PIECE = 1 << 20
SMALL = 1 << 16
BLOCK = 512

Entry = tuple[str, Path | bytes]
"""A name in an archive and what it holds: a path (file, folder, link) or content."""


def entries_of(source: str | os.PathLike[str] | Mapping[str, str | bytes]) -> Iterator[Entry]:
    """A file, a folder with all it holds, or contents by name, as entries of an archive."""
    if isinstance(source, Mapping):
        for name, content in source.items():
            yield name, content.encode() if isinstance(content, str) else content
        return
    top = Path(source)
    top.lstat()  # one that is missing is an error now, not in the middle of a request
    yield from _below(top, top.resolve().name)


def _below(path: Path, name: str) -> Iterator[Entry]:
    yield name, path
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            yield from _below(inner, f"{name}/{inner.name}")


def pack(entries: Iterable[Entry]) -> Iterator[bytes]:
    """A tar archive of the entries, in pieces; everything in it belongs to root.

    Raises
    ------
    OSError
        A file cannot be read, or became shorter while it was.
    """
    buffer = bytearray()
    for piece in _pack(entries):
        if len(piece) >= SMALL:
            if buffer:
                yield bytes(buffer)
                buffer.clear()
            yield piece
        else:
            buffer += piece
            if len(buffer) >= PIECE:
                yield bytes(buffer)
                buffer.clear()
    yield bytes(buffer) + bytes(2 * BLOCK)


def _pack(entries: Iterable[Entry]) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as tar:
        for name, content in entries:
            if isinstance(content, bytes):
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(content), int(time.time())
                yield _head(info) + content + bytes(-len(content) % BLOCK)
                continue
            found = tar.gettarinfo(content, arcname=name)
            if found is None:
                continue  # a socket: archives have none
            yield _head(found)
            if found.isreg():
                yield from _content(content, found.size)
                yield bytes(-found.size % BLOCK)


def _head(info: tarfile.TarInfo) -> bytes:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = max(0, int(info.mtime))
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _content(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with open(path, "rb") as file:
        while left:
            piece = file.read(min(PIECE, left))
            if not piece:
                raise OSError(f"{path} became shorter while it was read; send it again")
            left -= len(piece)
            yield piece


def pieces_of(file: Any) -> Iterator[bytes]:
    """The content of an open binary file, in pieces."""
    while piece := file.read(PIECE):
        yield cast("bytes", piece)


class _Reader(io.RawIOBase):
    """Pieces as a file that can only be read forwards."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self.rest:
            self.rest = memoryview(next(self.pieces, b""))
        count = min(len(buffer), len(self.rest))
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count


def unpack(pieces: Iterable[bytes], folder: Path) -> list[Path]:
    """Unpack an archive that arrives in pieces; the top paths of what was written.

    Owners are not kept, devices are left out, and nothing is written outside ``folder``.

    Raises
    ------
    tarfile.TarError
        The archive is damaged or would write outside ``folder``.
    OpskitError
        This Python cannot unpack safely.
    """
    if not hasattr(tarfile, "tar_filter"):
        raise OpskitError(
            "this Python's tarfile cannot unpack archives safely",
            "use Python 3.11.4 or later, or get the archive itself by giving an open file",
        )
    tops: dict[str, None] = {}
    reader = io.BufferedReader(_Reader(pieces), PIECE)
    with tarfile.open(fileobj=reader, mode="r|") as tar:
        for member in tar:
            tops[member.name.strip("/").split("/")[0]] = None
            if not member.isdev():
                # so that getting it again can replace it
                member.mode |= 0o700 if member.isdir() else 0o600
                tar.extract(member, folder, filter="tar")
    while reader.read(PIECE):  # the padding behind the archive's end
        pass
    return [folder / top for top in tops]
