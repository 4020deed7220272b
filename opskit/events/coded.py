"""A column of texts as numbers into the few texts there are: cheap to compare, pick and combine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

__all__ = ["Coded"]

Codes = np.ndarray[Any, np.dtype[np.int32]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]


class Coded(NamedTuple):
    """For each row the number of its text, -1 where it is missing; `texts` is a pyarrow array."""

    codes: Codes
    texts: Any

    @classmethod
    def of(cls, column: Any) -> Self:
        """A pyarrow array of strings, the empty ones missing."""
        import pyarrow.compute as pc

        coded = column.dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        empty = pc.index(coded.dictionary, "").as_py()
        if empty >= 0:
            codes = np.where(codes == empty, np.int32(-1), codes)
        return cls(codes, coded.dictionary)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Parts one after the other, with one number for each different text."""
        import pyarrow as pa

        arrays = [
            pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), texts)
            for codes, texts in parts
        ]
        kind = pa.dictionary(pa.int32(), pa.string())
        whole = pa.chunked_array(arrays, kind).unify_dictionaries().combine_chunks()
        return cls(whole.indices.fill_null(-1).to_numpy(zero_copy_only=False), whole.dictionary)

    def among(self, words: Collection[str]) -> Flags:
        """Where the text is one of these."""
        chosen = [number for number, text in enumerate(self.texts.to_pylist()) if text in words]
        return np.asarray(np.isin(self.codes, chosen), dtype=bool)

    def where(self, test: Flags) -> Self:
        """Missing where the test fails."""
        return self._replace(codes=np.where(test, self.codes, np.int32(-1)))

    def otherwise(self, other: Self) -> Self:
        """The other's text where this one is missing."""
        import pyarrow as pa

        if not (other.codes >= 0).any():
            return self
        there = np.where(other.codes >= 0, other.codes + np.int32(len(self.texts)), np.int32(-1))
        texts = pa.concat_arrays([self.texts, other.texts])
        return type(self)(np.where(self.codes >= 0, self.codes, there), texts)

    def mapped(self, change: Callable[[str], str | None]) -> Self:
        """Each text changed, missing where that gives None."""
        import pyarrow as pa

        texts = [change(text) for text in self.texts.to_pylist()]
        gone = np.array([text is None for text in texts] + [True])
        codes = np.where(gone[self.codes], np.int32(-1), self.codes)
        return type(self)(codes, pa.array([text or "" for text in texts], pa.string()))

    def stripped(self, characters: str) -> Self:
        """Each text without these characters at its beginning."""
        import pyarrow.compute as pc

        return self._replace(texts=pc.utf8_ltrim(self.texts, characters=characters))

    def numbers(self, read: Callable[[str], int | None]) -> tuple[Any, Flags]:
        """Each text as an integer, and where there is none."""
        values = [read(text) for text in self.texts.to_pylist()] + [None]
        missing = np.array([value is None for value in values])
        integers = np.array([value or 0 for value in values], dtype=np.int64)
        return integers[self.codes], missing[self.codes]

    def column(self) -> Any:
        """The texts as a pandas array."""
        import pyarrow as pa

        picks = pa.array(self.codes, mask=self.codes < 0)
        return self.texts.cast(pa.large_string()).take(picks).to_pandas().array
