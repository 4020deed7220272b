"""Which calls only read: GET and HEAD do, but for the one that writes to a container's stdin."""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["only_reads"]

_TYPES = re.compile(r"/containers/.+/attach/+ws/*")


def only_reads(method: str, target: str) -> bool:
    """Whether a call changes nothing on the engine.

    Parameters
    ----------
    method : str
        In upper case.
    target : str
        Path and query, with or without a version.
    """
    if method not in ("GET", "HEAD"):
        return False
    path = target.partition("?")[0]
    if "attach" not in path and "%" not in path:
        return True
    return not _TYPES.search(unquote(path))
