"""A stats frame taken apart for drawing: by container, in bins of time, thinned to what shows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from opskit.plot.canvas import as_days

__all__ = ["Line", "Series", "spread"]

Floats = NDArray[np.float64]

_MOST_POINTS = 500  # more in one line are no line any more but a smear


class Line(NamedTuple):
    """Points to draw: times, values, and between what they vary where there are too many."""

    x: Floats
    y: Floats
    low: Floats | None
    high: Floats | None


class Series:
    """Samples by container.

    Parameters
    ----------
    frame : pandas.DataFrame
        What ``engine.stats()`` gives; rows without a time are left out.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        if missing := [name for name in ("time", "name") if name not in frame]:
            raise ValueError(
                f"the frame has no column {missing[0]!r}: give what engine.stats() answered"
            )
        frame = frame[frame["time"].notna()]
        key = frame["id"] if "id" in frame else frame["name"]
        codes, ids = pd.factorize(key)
        order = np.argsort(codes, kind="stable")
        self.codes: NDArray[np.int64] = codes[order]
        self._frame, self._order = frame, order
        self.ns: NDArray[np.int64] = _nanoseconds(frame)[order]
        self.days = as_days(self.ns)
        self.starts = np.searchsorted(self.codes, np.arange(len(ids) + 1))
        first: NDArray[np.int64] = order[self.starts[:-1]]
        self.names = _distinct([str(name) for name in frame["name"].iloc[first]], list(ids))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def single(self) -> bool:
        """No container has more than one sample: there is no course of time to draw."""
        return len(self.ns) <= len(self.names)

    def values(self, column: str) -> Floats:
        """One column as floats, in the order of `codes`; NaN where it is missing."""
        if column not in self._frame:
            raise ValueError(
                f"the frame has no column {column!r}; it has {', '.join(self._frame.columns)}"
            )
        return self._frame[column].to_numpy("float64", na_value=np.nan)[self._order]

    def by_container(self, values: Floats, how: Any) -> Floats:
        """One number for each container: `how` (``np.nanmax``…) of its values, NaN of none."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # all missing is missing
            pieces = [values[a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]
            return np.array([how(piece) for piece in pieces], dtype="float64")

    def line(self, values: Floats, container: int) -> Line:
        """One container's course; of many samples the mean of each moment, with low and high."""
        piece = slice(self.starts[container], self.starts[container + 1])
        x, y = self.days[piece], values[piece]
        if len(x) <= _MOST_POINTS:
            return Line(x, y, None, None)
        cuts = np.arange(0, len(x), -(-len(x) // _MOST_POINTS))
        known = ~np.isnan(y)
        total = np.add.reduceat(np.where(known, y, 0.0), cuts)
        count = np.add.reduceat(known.astype("int64"), cuts)
        means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return Line(x[cuts], means, np.fmin.reduceat(y, cuts), np.fmax.reduceat(y, cuts))

    def grid(self, values: Floats, most: int) -> tuple[Floats, Floats]:
        """Edges of at most `most` bins of time (in days), and the mean of each container in each.

        Returns
        -------
        edges : array of shape (bins + 1,)
        means : array of shape (containers, bins)
            NaN where a container has no sample.
        """
        samples = int(np.diff(self.starts).max(initial=1))
        bins = max(1, min(most, samples))
        low, high = self.days.min(), self.days.max()
        edges = np.linspace(low, high if high > low else low + 1 / 86_400, bins + 1)
        at = ((self.days - low) / (edges[-1] - low) * bins).astype("int64").clip(0, bins - 1)
        cell = self.codes * bins + at
        known = ~np.isnan(values)
        size = len(self) * bins
        count = np.bincount(cell[known], minlength=size)
        total = np.bincount(cell[known], weights=values[known], minlength=size)
        means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return edges, means.reshape(len(self), bins)


def spread(grid: Floats, percents: Sequence[float]) -> list[Floats]:
    """Percentiles of the rows in each column, of those known; NaN where none is."""
    ordered = np.sort(grid, axis=0)  # what is missing comes last
    known = np.count_nonzero(~np.isnan(ordered), axis=0)
    columns = np.arange(grid.shape[1])
    return [
        ordered[np.maximum(np.ceil(known * percent / 100).astype("int64") - 1, 0), columns]
        for percent in percents
    ]


def _nanoseconds(frame: pd.DataFrame) -> NDArray[np.int64]:
    naive = frame["time"].dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(naive.to_numpy("datetime64[ns]").astype("int64"))


def _distinct(names: list[str], ids: list[Any]) -> list[str]:
    """Names, with the beginning of the id where two containers had the same one."""
    twice = (
        {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()
    )
    return [
        f"{name} ({str(id_)[:6]})" if name in twice else name
        for name, id_ in zip(names, ids, strict=True)
    ]
