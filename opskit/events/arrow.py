"""Events by pyarrow: JSON lines to typed columns without a Python object for each event.

`derived` says column by column what `opskit.frames.events.event_row` says of each event. Texts
that need no change are not copied: a million events have 64 MB of container ids alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from pandas.arrays import BooleanArray, IntegerArray

from opskit.errors import OpskitError
from opskit.frames.columns import NO_TIME, build
from opskit.frames.event_evidence import CODED, ENDINGS, exit_codes_trusted, healthcheck_execs
from opskit.frames.events import COLUMNS, LABELLED, PROJECT, SERVICE, integer

__all__ = ["derived", "frame_of", "need_pyarrow", "parse_options", "row_table"]

EXECS_WITH_ID = frozenset({"exec_create", "exec_start", "exec_detach", "exec_die"})
WANTED = (
    "name", "image", "exitCode", "containerExitCode", "signal", "container", "network", "execID",
    "podId", PROJECT, SERVICE,
)  # fmt: skip
TYPED = tuple(c for c in COLUMNS if c.dtype != "object" and c.name != "healthcheck")
Array = np.ndarray[Any, Any]


def need_pyarrow(what: str) -> None:
    """Say how to get pyarrow if it is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise OpskitError(f"{what} needs pyarrow", "pip install 'opskit[collect]'")


@cache
def parse_options() -> Any:
    """What pyarrow.json is to look for in an event."""
    import pyarrow as pa
    import pyarrow.json as pj

    text = pa.string()
    attributes = pa.struct([(name, text) for name in WANTED])
    schema = pa.schema(
        [
            ("Type", text),
            ("Action", text),
            ("HealthStatus", text),
            ("Actor", pa.struct([("ID", text), ("Attributes", attributes)])),
            ("timeNano", pa.int64()),
        ]
    )
    return pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")


@cache
def _schema() -> Any:
    import pyarrow as pa

    # with large offsets, as pandas keeps texts
    kinds = {"str": pa.large_string(), "Int64": pa.int64(), "boolean": pa.bool_()}
    fields = [(c.name, kinds.get(c.dtype, pa.int64())) for c in TYPED]
    return pa.schema([*fields, ("labelled", pa.bool_())])


def derived(raw: Any) -> Any:
    """The table of the events' columns, or None where one is not as today's engines write it.

    Parameters
    ----------
    raw : pyarrow.Table
        Parsed with `parse_options`.
    """
    import pyarrow as pa

    if any(raw[name].null_count for name in ("Actor", "Action", "timeNano")):
        return None
    ident, attributes = raw["Actor"].flatten()
    given = dict(zip(WANTED, attributes.flatten(), strict=True))
    got = {name: _filled(texts) for name, texts in given.items()}
    kind, ident = _filled(raw["Type"]), _filled(ident)
    kinds, actions = _Codes(kind), _Codes(raw["Action"])
    container, image, network, volume = (
        kinds.among({name}) for name in ("container", "image", "network", "volume")
    )
    labelled, words = kinds.among(LABELLED), [_word(text) for text in actions.texts]
    ended, killed, execs = (
        actions.where([word in words_of for word in words])
        for words_of in (ENDINGS, {"kill"}, EXECS_WITH_ID)
    )
    stand_in = _either(volume, ident, _where(~labelled, got["network"]))
    name = _stripped(_coalesced(got["name"], _where(~labelled, stand_in)))
    ident = _coalesced(ident, _where(volume, name))
    code = _where(ended, _coalesced(got["exitCode"], got["containerExitCode"]))
    details = [text.partition(": ")[2].rstrip() or None for text in actions.texts]
    podman = ended & _valid(given["podId"])
    columns = {
        "time": raw["timeNano"],
        "type": kind,
        "action": actions.spread(words),
        "detail": _coalesced(actions.spread(details), _filled(raw["HealthStatus"])),
        "name": name,
        "id": ident,
        "image": _either(image, name, got["image"]),
        "exit_code": _integers(code),
        "exit_code_trusted": pa.array(podman, mask=~podman),
        "signal": _integers(_where(killed, got["signal"])),
        "container": _either(container, ident, got["container"]),
        "network": _where(network, name),
        "volume": _where(volume, name),
        "exec_id": _where(container & execs, got["execID"]),
        "project": _where(labelled, got[PROJECT]),
        "service": _where(labelled, got[SERVICE]),
        "labelled": pa.array(_valid(given["exitCode"])),
    }
    return pa.table(columns).cast(_schema())


class _Codes:
    """A column of few different texts as numbers."""

    def __init__(self, column: Any) -> None:
        coded = column.dictionary_encode()
        coded = coded.combine_chunks() if hasattr(coded, "chunks") else coded
        self.codes: Array = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        self.texts: list[str] = coded.dictionary.to_pylist()

    def among(self, words: Collection[str]) -> Array:
        return self.where([text in words for text in self.texts])

    def where(self, chosen: list[bool]) -> Array:
        """The rows whose text is chosen."""
        picked: Array = np.array([*chosen, False], dtype=bool)[self.codes]
        return picked

    def spread(self, texts: list[str | None]) -> Any:
        """A column with other texts in these ones' places."""
        import pyarrow as pa

        dictionary = pa.array(texts, pa.string())
        return dictionary.take(pa.array(self.codes, mask=self.codes < 0))


def _word(action: str) -> str | None:
    return action.partition(": ")[0] or None


def _filled(texts: Any) -> Any:
    """The texts, empty ones missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = pc.equal(texts, "")
    if not pc.any(empty).as_py():
        return texts
    return pc.if_else(empty, pa.scalar(None, pa.string()), texts)


def _where(test: Array, texts: Any) -> Any:
    """Missing where the test fails."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not test.any() or texts.null_count == len(texts):
        return pa.nulls(len(texts), pa.string())
    if not (_valid(texts) & ~test).any():
        return texts
    return pc.if_else(pa.array(test), texts, pa.scalar(None, pa.string()))


def _either(test: Array, texts: Any, others: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pa.array(test), texts, others) if test.any() else others


def _coalesced(texts: Any, others: Any) -> Any:
    import pyarrow.compute as pc

    if not texts.null_count or others.null_count == len(others):
        return texts
    return pc.coalesce(texts, others)


def _stripped(names: Any) -> Any:
    import pyarrow.compute as pc

    slashed = pc.any(pc.starts_with(names, "/")).as_py()
    return pc.utf8_ltrim(names, characters="/") if slashed else names


def _integers(texts: Any) -> Any:
    """Texts as integers, missing where they are none."""
    import pyarrow as pa

    coded = _Codes(texts)
    values = [integer(text) for text in coded.texts] + [None]
    known = np.array([value is not None for value in values])[coded.codes]
    numbers = np.array([value or 0 for value in values], dtype=np.int64)[coded.codes]
    return pa.array(numbers, mask=~known)


def _valid(column: Any) -> Array:
    valid: Array = np.asarray(column.is_valid(), dtype=bool)
    return valid


def row_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The same table from rows of `event_row`."""
    import pyarrow as pa

    data = {name: [row.get(name) for row in rows] for name in _schema().names}
    data["labelled"] = ["exitCode" in row["labels"] for row in rows]
    return pa.table(data, schema=_schema())


def frame_of(tables: list[Any]) -> pd.DataFrame:
    """The frame of the tables, one after the other. The list is emptied on the way."""
    import pyarrow as pa

    table = pa.concat_tables([*tables, _schema().empty_table()])
    tables.clear()
    with ThreadPoolExecutor(2) as pool:
        coded: Any = dict(zip(CODED, pool.map(_coded, map(table.column, CODED)), strict=True))
        data = dict(zip(table.schema.names, pool.map(_pandas, table.columns), strict=True))
    data["time"] = data["time"].to_numpy(dtype="int64", na_value=NO_TIME)
    labelled = data.pop("labelled").to_numpy(dtype=bool)
    data["exit_code_trusted"] = exit_codes_trusted(coded, data["exit_code_trusted"], labelled)
    data["healthcheck"] = healthcheck_execs(coded, {})
    return build([c for c in COLUMNS if c.name in data], data)


def _coded(column: Any) -> tuple[Array, Any]:
    coded = column.dictionary_encode().combine_chunks()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    few = len(coded.dictionary) < 1_000
    return codes, coded.dictionary.to_pylist() if few else coded.dictionary


def _pandas(column: Any) -> Any:
    import pyarrow as pa

    if column.type == pa.large_string():
        return column.to_pandas().array
    known = _valid(column)
    values = column.fill_null(pa.scalar(0).cast(column.type)).to_numpy()
    return (BooleanArray if column.type == pa.bool_() else IntegerArray)(values, ~known)
