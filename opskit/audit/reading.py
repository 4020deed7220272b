"""Reading audit logs: one row a call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from opskit.api.endpoints import lookup
from opskit.audit.columns import AUDIT_COLUMNS
from opskit.audit.log import rotated
from opskit.errors import AuditError
from opskit.frames.columns import build, instants

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["calls", "read"]

_TEXTS = ("call", "command", "address", "certificate", "method", "path", "why", "end")
_NUMBERS = ("uid", "pid", "status", "seconds", "request_bytes", "response_bytes", "allowed")


def read(path: str | os.PathLike[str], *, rotated: bool = True) -> pd.DataFrame:
    """Read an audit log.

    Parameters
    ----------
    path : path
        The log; also while it is being written.
    rotated : bool
        Read the files that were put aside too.

    Returns
    -------
    pandas.DataFrame
        One row a call, in the order in which they came; see `opskit.audit.columns`.
        ``frame.attrs["torn"]`` counts lines that are not whole: what a killed machine left.

    Raises
    ------
    AuditError
        There is no such log.
    """
    torn: list[int] = []
    rows = list(calls(path, rotated=rotated, torn=torn))
    data: dict[str, Any] = {name: [row.get(name) for row in rows] for name in _TEXTS + _NUMBERS}
    data["time"] = instants([row.get("time") for row in rows])
    data["who"] = [_who(row) for row in rows]
    data["operation"] = [_operation(row.get("method"), row.get("path")) for row in rows]
    data["open"] = [row.get("state") == "open" for row in rows]
    data["body"] = [row.get("body") for row in rows]
    frame = build(AUDIT_COLUMNS, data)
    frame.attrs = {"audit": os.fspath(path), "torn": len(torn)}
    return frame


def calls(
    path: str | os.PathLike[str], *, rotated: bool = True, torn: list[int] | None = None
) -> Iterator[dict[str, Any]]:
    """The calls of an audit log as they are written down, each once.

    A call that took long has two lines; the second takes the first one's place.

    Parameters
    ----------
    path, rotated
        As for `read`.
    torn : list of int, optional
        Gets the numbers of the lines that are not whole.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(_lines(Path(path), rotated), 1):
        try:
            row = orjson.loads(line)
            found[row["call"]] = row
        except (orjson.JSONDecodeError, KeyError, TypeError):
            if line.strip() and torn is not None:
                torn.append(number)
    yield from sorted(found.values(), key=lambda row: str(row.get("time")))


def _lines(path: Path, with_rotated: bool) -> Iterator[bytes]:
    files = [*(rotated(path) if with_rotated else ()), path]
    if not any(file.exists() for file in files):
        raise AuditError(f"there is no audit log {path}", "check its name")
    for file in files:
        try:
            with file.open("rb") as lines:
                yield from lines
        except FileNotFoundError:
            continue  # put aside in this moment, or not begun again yet
        except OSError as error:
            raise AuditError(
                f"cannot read the audit log {file}: {error.strerror}", "check its rights"
            ) from error


def _who(row: dict[str, Any]) -> str | None:
    """The shortest that tells one client from another."""
    if row.get("certificate"):
        return str(row["certificate"])
    if row.get("uid") is not None:
        program = os.path.basename(str(row.get("command", "")).split(" ")[0])
        return f"{_user(row['uid'])} {program}".strip()
    return str(row["address"]).rpartition(":")[0] if row.get("address") else None


@lru_cache(maxsize=1024)
def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, TypeError):
        return str(uid)


@lru_cache(maxsize=4096)
def _operation(method: str | None, path: str | None) -> str | None:
    endpoint = lookup(method, path.partition("?")[0]) if method and path else None
    return None if endpoint is None else endpoint.operation
