"""Remove what nothing uses: look first, then do it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from opskit.actions.unused import PRUNE_COLUMNS, Unused, unused
from opskit.api.versions import version_key
from opskit.engine.base import RawEngine
from opskit.errors import APIError, EngineError
from opskit.frames.columns import build

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PruneCalls"]

KINDS = ("containers", "volumes", "networks", "images", "build-cache")  # in the engine's order
DEFAULT = ("containers", "networks", "images", "build-cache")
_PATHS = {kind: f"/{kind}/prune" for kind in KINDS} | {"build-cache": "/build/prune"}


class PruneCalls(RawEngine):
    """The call that removes what nothing uses."""

    def prune(
        self,
        *kinds: str,
        all: bool = False,
        filters: Mapping[str, Any] | None = None,
        dry_run: bool = True,
        timeout: float | None = None,
    ) -> pd.DataFrame:
        """Show what nothing uses, and with ``dry_run=False`` remove it.

        Endpoints ``GET /system/df`` and ``GET /networks`` for the preview, then
        ``POST /containers/prune`` and its like.

        Parameters
        ----------
        *kinds : {"containers", "networks", "images", "build-cache", "volumes"}
            What to remove; without, all but volumes, as ``docker system prune`` does.
        all : bool
            Images with names too, volumes with names too, and all of the build cache.
        filters : mapping, optional
            ``{"until": "24h"}``, ``{"label": "tmp"}``, ``{"label!": "keep"}``, as the docker CLI
            takes them. ``until`` does not go with volumes.
        dry_run : bool
            Only show. It is the default: nobody removes without having looked.
        timeout : float, optional
            Seconds to wait for each answer; the engine walks its disk for the sizes.

        Returns
        -------
        pandas.DataFrame
            A row for each object: ``type, name, id, created, size_bytes, removed, error``.
            ``removed`` is what the engine said it removed, never what was meant to be.
            ``frame.attrs["reclaimed_bytes"]`` is the space it gave back.

        Raises
        ------
        APIError
            The engine refused (another prune is running, a filter it does not know); where
            several kinds were asked for, the refusal is in the rows of its kind.
        """
        wanted = kinds or DEFAULT
        for kind in wanted:
            if kind not in KINDS:
                raise ValueError(f"prune() knows no {kind!r}: give some of {', '.join(KINDS)}")
        wait = 10 * self.timeout if timeout is None else timeout
        found = unused(self, wanted, all=all, filters=filters or {}, timeout=wait)
        reclaimed = 0
        if not dry_run:
            for kind in (kind for kind in KINDS if kind in wanted):
                try:
                    answer = self._prune(kind, all, filters or {}, wait)
                except EngineError as error:
                    if len(wanted) == 1 or not isinstance(error, APIError):
                        raise
                    _mark(found, kind, {"error": error.message})
                    continue
                reclaimed += answer.get("SpaceReclaimed") or 0
                _note(found, kind, answer)
        data = {c.name: [row[c.name] for row in found] for c in PRUNE_COLUMNS}
        frame = self.stamp(build(PRUNE_COLUMNS, data), "GET /system/df" if dry_run else "prune")
        frame.attrs["reclaimed_bytes"] = reclaimed
        frame.attrs["dry_run"] = dry_run
        return frame

    def _prune(
        self, kind: str, all: bool, filters: Mapping[str, Any], timeout: float
    ) -> dict[str, Any]:
        sent = dict(filters)
        query: dict[str, Any] = {}
        if kind == "images":
            sent["dangling"] = not all
        if kind == "volumes" and all and version_key(self.api_version) >= (1, 42):
            sent["all"] = True
        if kind == "build-cache":
            query["all"] = all or None
        answer = self.post(_PATHS[kind], filters=sent or None, timeout=timeout, **query)
        return dict(answer or {})


def _mark(
    found: list[Unused], kind: str, change: Unused, ids: Collection[str] | None = None
) -> None:
    singular = "build-cache" if kind == "build-cache" else kind.removesuffix("s")
    for n, row in enumerate(found):
        if row["type"] == singular and (ids is None or row["id"] in ids or row["name"] in ids):
            found[n] = row | change


def _note(found: list[Unused], kind: str, answer: Mapping[str, Any]) -> None:
    """Mark as removed what the engine says it removed; add what the preview did not know."""
    key = {"build-cache": "CachesDeleted"}.get(kind, f"{kind.capitalize()}Deleted")
    deleted: list[str] = []
    for item in answer.get(key) or ():
        name = item.get("Deleted") if isinstance(item, Mapping) else item
        if name and kind == "images" and re.fullmatch("[0-9a-f]{64}", name):  # Podman's
            name = f"sha256:{name}"
        if name:
            deleted.append(name)
    _mark(found, kind, {"removed": True}, set(deleted))
    known = {row["id"] for row in found} | {row["name"] for row in found}
    if kind in ("containers", "volumes", "networks"):
        for name in deleted:
            if name not in known:
                row = dict.fromkeys((c.name for c in PRUNE_COLUMNS), None)
                found.append(row | {"type": kind.removesuffix("s"), "id": name, "removed": True})
