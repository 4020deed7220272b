"""One line of a check-up, and many of them as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Line", "Status", "as_frame"]

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Line:
    """What one check found.

    Attributes
    ----------
    check : str
        What was looked at.
    status : {"ok", "warn", "fail"}
        ``fail``: the engine cannot be used like this.
    detail : str
        What was found.
    remedy : str
        What to do; empty if there is nothing to do.
    """

    check: str
    status: Status
    detail: str
    remedy: str = ""


def as_frame(lines: Sequence[Line]) -> pd.DataFrame:
    """The lines as a frame of four text columns; a remedy that is not needed is missing."""
    import pandas as pd

    columns = {
        "check": [line.check for line in lines],
        "status": [line.status for line in lines],
        "detail": [line.detail for line in lines],
        "remedy": [line.remedy or None for line in lines],
    }
    return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})
