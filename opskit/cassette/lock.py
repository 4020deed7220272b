"""One recorder at a time: a journal is locked by the process that writes it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from opskit.errors import CassetteBusy, CassetteError

__all__ = ["lock_journal"]


def lock_journal(path: Path, target: Path, *, stale: bool = False) -> int:
    """Open a journal for appending, and lock it until the descriptor is closed.

    Parameters
    ----------
    path, target : Path
        The journal and its cassette.
    stale : bool
        Whether the journal is one that was left behind, to be recovered; else such a one is an
        error.

    Returns
    -------
    int
        The descriptor.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CassetteError(
                f"cannot record to {target}: {error.strerror} ({path})",
                "record to a folder that exists and that you may write to",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise CassetteBusy(
                f"{target} is being recorded by another process or block",
                "wait until it has ended, or record to another file",
            ) from error
        size = os.fstat(descriptor).st_size
        try:
            same = os.stat(path).st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            same = False
        if not same:  # the other one finished in between and took its journal away
            os.close(descriptor)
            continue
        if size and not stale:
            os.close(descriptor)
            raise CassetteError(
                f"{path} was left by a recording that did not end",
                f"`opskit cassette recover {target}` makes a cassette of it; "
                "delete it if you don't want it",
            )
        return descriptor
