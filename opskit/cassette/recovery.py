"""Making a cassette of a journal that a killed recording left behind."""

from __future__ import annotations

import os
from pathlib import Path

from opskit.cassette.assemble import Assembly, assemble, journal_of
from opskit.cassette.lock import lock_journal
from opskit.cassette.model import RecordMode
from opskit.errors import CassetteError

__all__ = ["recover"]


def recover(path: str | os.PathLike[str]) -> Path:
    """Make a cassette of what a killed recording left behind.

    Parameters
    ----------
    path : str or PathLike
        The cassette that was being recorded, or its journal.

    Returns
    -------
    Path
        The cassette. Everything that was finished is in it, and what was in flight is marked
        unfinished. A cassette that was there before is kept beside it when the recording was
        to replace it.

    Raises
    ------
    CassetteError
        There is no journal.
    CassetteBusy
        The recording is still going on.
    """
    path = Path(path)
    target = path.with_name(path.name.removesuffix(".journal"))
    journal = journal_of(target)
    if not journal.exists():
        raise CassetteError(f"there is no journal {journal}", "nothing is left to recover")
    descriptor = lock_journal(journal, target, stale=True)
    try:
        mode = RecordMode(Assembly(journal, target).mode)
        if mode is not RecordMode.NEW_EPISODES and target.exists():
            target = _beside(target)
        assemble(journal, target, mode, {})
        journal.unlink()
    finally:
        os.close(descriptor)
    return target


def _beside(target: Path) -> Path:
    stem, ending = target.name.split(".", 1)
    number = 1
    while (found := target.with_name(f"{stem}.recovered{number}.{ending}")).exists():
        number += 1
    return found
