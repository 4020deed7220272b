"""The lanes of a timeline: who is in which, what of it is drawn, and where marks make room."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from opskit.frames.columns import NO_TIME

__all__ = ["GROUPS", "Lanes", "apart", "bars"]

GROUPS = ("story", "service", "project", "image", "engine", "id")
Array = np.ndarray[Any, Any]
PIXELS = 1600  # finer than a figure is drawn


class Lanes:
    """A timeline's rows sorted into lanes.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `opskit.timeline`.
    group : str
        The column that makes a lane.
    limit : int
        At most so many lanes; those where most is marked stay.
    since, until : pandas.Timestamp, optional
        The part to show.
    """

    def __init__(self, frame: pd.DataFrame, group: str, limit: int, since: Any, until: Any) -> None:
        if group not in GROUPS:
            raise ValueError(f"cannot group by {group!r}; choose one of {', '.join(GROUPS)}")
        spans = frame["kind"].eq("span").to_numpy(dtype=bool)
        begin = frame["begin"].astype("int64").to_numpy()
        end = frame["end"].astype("int64").to_numpy()
        known = np.concatenate([begin, end])
        known = known[known != NO_TIME]
        self.low = since.value if since is not None else int(known.min(initial=2**62))
        self.high = until.value if until is not None else int(known.max(initial=0))
        if self.high <= self.low:
            self.high = self.low + 1_000_000_000
        end = np.where(end == NO_TIME, np.where(spans, self.high, begin), end)
        inside = (end >= self.low) & (begin <= self.high)
        texts = frame[group]
        if group == "service":  # the same service of another project is another
            texts = (frame["project"] + "/" + frame["service"]).fillna(frame["story"])
        texts = texts.where(texts.notna(), None)
        # what no container is about: pulls get a lane of their own, gaps go across all
        pulls = frame["what"].eq("pull") & texts.isna()
        texts = texts.mask(pulls, "(images)")
        lane, names = pd.factorize(texts)
        inside &= lane >= 0
        self.across = frame[frame["what"].isin(("gap", "clock")) & (frame["kind"] == "marker")]
        lane = self._choose(frame, lane, list(map(str, names)), inside, spans, limit)
        rows = np.flatnonzero(lane >= 0)
        self.rows, self.lane, begin, end = frame.iloc[rows], lane[rows], begin[rows], end[rows]
        self.begin, self.end = np.maximum(begin, self.low), np.minimum(end, self.high)
        self.cut_begin, self.cut_end = begin < self.low, end > self.high
        self.spans = spans[rows]

    def _choose(
        self, frame: pd.DataFrame, lane: Array, names: list[str], inside: Array, spans: Array,
        limit: int,
    ) -> Array:  # fmt: skip
        shown = np.unique(lane[inside])
        self.hidden = max(len(shown) - limit, 0)
        if self.hidden:
            marked = np.bincount(lane[inside & ~spans], minlength=len(names))
            marked += np.bincount(lane[inside & spans], minlength=len(names)) // 3
            shown = shown[np.argsort(-marked[shown], kind="stable")[:limit]]
        project = np.full(len(names), "~", dtype=object)
        has = frame["project"].notna().to_numpy(dtype=bool) & (lane >= 0)
        project[lane[has]] = frame["project"].to_numpy(dtype=object)[has]
        order = sorted(shown, key=lambda n: (names[n] == "(images)", str(project[n]), n))
        place = np.full(len(names) + 1, -1)
        place[order] = np.arange(len(order))
        self.names = [names[n] for n in order]
        self.projects = [str(project[n]) for n in order]
        return np.where(inside, place[lane], -1)

    def __len__(self) -> int:
        return len(self.names)


def bars(lane: Array, begin: Array, end: Array, low: int, high: int) -> tuple[Array, Array, Array]:
    """Bars to draw: those narrower than a pixel are drawn once a pixel, however many there are."""
    pixel = max((high - low) // PIXELS, 1)
    narrow = end - begin < pixel
    place = np.unique(np.stack([lane[narrow], (begin[narrow] - low) // pixel]), axis=1)
    return (
        np.concatenate([lane[~narrow], place[0]]),
        np.concatenate([begin[~narrow], low + place[1] * pixel]),
        np.concatenate([end[~narrow], low + (place[1] + 1) * pixel]),
    )


def apart(lane: Array, when: Array, what: Array, width: float) -> tuple[Array, Array]:
    """Which marks to draw, and how far off their lane's middle, so that none hides another.

    Of equal marks nearer than a third of a mark's `width` one is drawn.
    """
    if not len(when):
        return np.array([], dtype=int), np.array([])
    near = np.stack([lane, (when / (width / 3)).astype(np.int64), what])
    _, kept = np.unique(near, axis=1, return_index=True)
    kept = kept[np.lexsort((when[kept], lane[kept]))]
    at, of = when[kept], lane[kept]
    crowd = np.append(True, (np.diff(at) > width) | (np.diff(of) != 0))
    first = np.maximum.accumulate(np.where(crowd, np.arange(len(kept)), 0))
    rank = np.arange(len(kept)) - first
    step = (rank + 1) // 2 * np.where(rank % 2, 1, -1)
    return kept, (step % 5 - 5 * (step % 5 > 2)) * 0.16
