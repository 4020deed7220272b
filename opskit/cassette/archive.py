"""Archives that an engine sent, with the names in them that are said now."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO

from opskit.cassette.names import Names

__all__ = ["is_archive", "rewritten"]

MEMBER_LIMIT = 1024 * 1024
"""Names are looked for in contents up to this size."""

_BLOCK = 512
_READ = 256 * 1024


def is_archive(start: bytes) -> bool:
    """Whether a body that begins like this is a tar."""
    return start[257:262] == b"ustar"


def rewritten(archive: IO[bytes], names: Names) -> Iterator[bytes]:
    """A tar bit by bit: members without names in them as they are, the others written anew.

    Parameters
    ----------
    archive : file
        Can be sought in. What is no tar from some place on is passed on as it is.
    names : Names
        What is bound now.
    """
    place = 0
    archive.seek(0)
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would keep them all
                end = member.offset_data + (_whole(member.size) if member.isreg() else 0)
                new = None if member.issparse() else _anew(tar, member, names)
                if new is not None:
                    yield from _copied(archive, place, member.offset)
                    header, content = new
                    yield header
                    if content is None:
                        yield from _copied(archive, member.offset_data, end)
                    else:
                        yield content.ljust(_whole(len(content)), b"\0")
                    place = end
    except tarfile.TarError:
        pass
    yield from _copied(archive, place, None)


def _anew(
    tar: tarfile.TarFile, member: tarfile.TarInfo, names: Names
) -> tuple[bytes, bytes | None] | None:
    """Header and content of a member with names in it; content None is as it was."""
    name, link = _text(member.name, names), _text(member.linkname, names)
    content = None
    if member.isreg() and member.size <= MEMBER_LIMIT:
        file = tar.extractfile(member)
        old = file.read() if file else b""
        if (said := names.outgoing(old)) is not old:
            content = said
    if content is None and (name, link) == (member.name, member.linkname):
        return None
    member.name, member.linkname = name, link
    member.pax_headers = {key: v for key, v in member.pax_headers.items() if "path" not in key}
    if content is not None:
        member.size = len(content)
    return member.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape"), content


def _whole(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _copied(file: IO[bytes], start: int, end: int | None) -> Iterator[bytes]:
    file.seek(start)
    left = end - start if end is not None else None
    while data := file.read(_READ if left is None else min(_READ, left)):
        if left is not None:
            left -= len(data)
        yield data


def _text(text: str, names: Names) -> str:
    return names.outgoing(text.encode(errors="surrogateescape")).decode(errors="surrogateescape")
