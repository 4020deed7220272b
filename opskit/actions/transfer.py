"""What a pull, push, load or import brought, and what the engine told on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.actions.progress import Log

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Transfer", "transfer"]

_DIGEST = re.compile(r"\b[Dd]igest: (\w+:[0-9a-f]+)")


@dataclass(frozen=True, repr=False)
class Transfer:
    """What a pull, push, load or import brought.

    Attributes
    ----------
    images : pandas.DataFrame
        The rows of ``engine.images()`` of what is on the engine now.
    log : pandas.DataFrame
        What the engine told: a row for each layer and each thing that happened to it.
    digest : str or None
        The manifest's digest, where a registry was part of it.
    status : str
        The engine's last word.
    """

    images: pd.DataFrame
    log: pd.DataFrame
    digest: str | None = None
    status: str = ""

    @property
    def image(self) -> pd.Series[Any]:
        """The (first) image's row."""
        return self.images.iloc[0]

    @property
    def id(self) -> str:
        """The (first) image's id."""
        return str(self.image["id"])

    @property
    def name(self) -> str | None:
        """The (first) image's name."""
        name = self.image["name"]
        return name if isinstance(name, str) else None

    def __repr__(self) -> str:
        names = ", ".join(str(name) for name in self.images["name"].fillna(self.images["id"]))
        return "\n".join(part for part in (names, self.digest, self.status) if part)


def transfer(images: pd.DataFrame, log: Log) -> Transfer:
    """What the log and the images now on the engine tell."""
    entries = list(log.entries.values())
    status = entries[-1].status if entries else ""
    return Transfer(images, log.frame(), _digest(log), status)


def _digest(log: Log) -> str | None:
    """The digest that a pull or push reported."""
    for aux in log.aux:
        if digest := aux.get("Digest"):
            return str(digest)
    for entry in reversed(log.entries.values()):
        if told := _DIGEST.search(entry.status):
            return told[1]
    return None
