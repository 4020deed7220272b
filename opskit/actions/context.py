"""A build's context: the folder without what .dockerignore leaves out, as it is sent."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from opskit.actions.tar import Entry
from opskit.errors import InvalidOption

__all__ = ["context_entries"]


def context_entries(
    folder: str | os.PathLike[str], dockerfile: str | None
) -> tuple[str, Iterator[Entry]]:
    """The Dockerfile's name in a build context, and the context's entries.

    Which files belong to it is docker-py's decision.

    Raises
    ------
    InvalidOption
        The folder does not exist, or there is no Dockerfile.
    """
    top = Path(folder)
    if not top.is_dir():
        raise InvalidOption(f"{top} is no folder", "give the folder that the Dockerfile is in")
    path = top / (dockerfile or "Dockerfile")
    if not path.is_file():
        raise InvalidOption(f"there is no Dockerfile at {path}", "name it with dockerfile=…")
    try:
        name = path.resolve().relative_to(top.resolve()).as_posix()
    except ValueError:  # it lies outside and comes along under a name of its own
        name = ".dockerfile." + hashlib.sha256(str(path).encode()).hexdigest()[:16]
        return name, chain(_entries(top, name), [(name, path.read_bytes())])
    return name, _entries(top, name)


def _entries(top: Path, dockerfile: str) -> Iterator[Entry]:
    from docker.utils.build import exclude_paths

    ignore = top / ".dockerignore"
    lines = ignore.read_text().splitlines() if ignore.exists() else []
    patterns = [line.strip() for line in lines if line.strip() and line.strip()[0] != "#"]
    for name in sorted(exclude_paths(str(top), patterns, dockerfile)):
        yield name, top / name
