"""The notebooks' own entry: on your engine where one answers, else on cassettes."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["notebook_cassette"]

ENTRY = "OPSKIT_NOTEBOOK_CASSETTE"


def notebook_cassette() -> Path | None:
    """The cassette that stands in where no engine runs; None outside the notebooks' own entry."""
    path = os.environ.get(ENTRY)
    return Path(path) if path else None
