"""A column of dicts that stay in the file they came from until somebody looks at one.

A million dicts take gigabytes and most are never read; their place in the file takes eight bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype, take

__all__ = ["LazyDicts", "LazyDictsDtype"]

type_ = type  # the dtype's own attribute of that name hides it
Read = Callable[[int], dict[str, Any]]
Places = np.ndarray[Any, np.dtype[np.int64]]


class LazyDictsDtype(ExtensionDtype):
    """The dtype of `LazyDicts`: values are dicts, missing is None."""

    name = "dicts"
    type = dict
    na_value = None

    @classmethod
    def construct_array_type(cls) -> type_[LazyDicts]:  # type: ignore[type-arg]
        return LazyDicts


class LazyDicts(ExtensionArray):
    """Dicts read on demand.

    Parameters
    ----------
    read : callable
        Gives the dict at a place.
    places : array of int64
        The place of each row's dict, -1 where it is missing.
    """

    def __init__(self, read: Read, places: Places) -> None:
        self._read = read
        self._places = places

    @classmethod
    def _from_sequence(
        cls, scalars: Iterable[Any], *, dtype: Any = None, copy: bool = False
    ) -> Self:
        values = list(scalars)
        known = np.array([isinstance(value, dict) for value in values], dtype=bool)
        if not all(value is None or is_dict for value, is_dict in zip(values, known, strict=True)):
            raise TypeError("a column of dicts takes dicts and None only")
        return cls(values.__getitem__, np.where(known, np.arange(len(values)), -1))

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[Self]) -> Self:
        if len({part._read for part in to_concat}) == 1:
            return cls(to_concat[0]._read, np.concatenate([part._places for part in to_concat]))
        bases = np.cumsum([0, *(len(part) for part in to_concat)])

        def read(place: int) -> dict[str, Any]:
            part = int(np.searchsorted(bases, place, side="right")) - 1
            return to_concat[part][place - bases[part]]  # type: ignore[no-any-return]

        missing = np.concatenate([part.isna() for part in to_concat])
        return cls(read, np.where(missing, -1, np.arange(bases[-1])))

    def _cast_pointwise_result(self, values: Any) -> Any:
        return pd.Series(list(values)).array  # what .map() makes of dicts is seldom dicts

    @property
    def dtype(self) -> LazyDictsDtype:
        return LazyDictsDtype()

    @property
    def nbytes(self) -> int:
        return int(self._places.nbytes)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, item: Any) -> Any:
        item = pd.api.indexers.check_array_indexer(self, item)
        place = self._places[item]
        if np.ndim(place):
            return type(self)(self._read, place)
        return None if place < 0 else self._read(int(place))

    def __eq__(self, other: Any) -> Any:
        if isinstance(other, pd.Series | pd.DataFrame | pd.Index):
            return NotImplemented
        others = [other] * len(self) if isinstance(other, dict) else other
        return np.array([a == b for a, b in zip(self, others, strict=True)], dtype=bool)

    __hash__ = None  # type: ignore[assignment]

    def isna(self) -> Any:
        return self._places < 0

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Self:
        places = take(self._places, np.asarray(indices), allow_fill=allow_fill, fill_value=-1)
        return type(self)(self._read, np.asarray(places))

    def copy(self) -> Self:
        return type(self)(self._read, self._places.copy())
