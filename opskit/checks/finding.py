"""One line of a check-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Line", "Status"]

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
