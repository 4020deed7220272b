"""Events by pyarrow: JSON lines to typed columns without a Python object for each event.

`fast_columns` says column by column what `opskit.frames.events.event_row` says of each event.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from pandas.arrays import BooleanArray, IntegerArray

from opskit.errors import OpskitError
from opskit.events.coded import Coded
from opskit.frames.columns import build
from opskit.frames.event_evidence import CODED, ENDINGS, exit_codes_trusted, healthcheck_execs
from opskit.frames.events import COLUMNS, LABELLED, PROJECT, SERVICE, integer

__all__ = ["fast_columns", "frame_of", "need_pyarrow", "slow_columns"]

EXECS_WITH_ID = frozenset({"exec_create", "exec_start", "exec_detach", "exec_die"})
WANTED = (
    "name", "image", "exitCode", "containerExitCode", "signal", "container", "network", "execID",
    "podId", PROJECT, SERVICE,
)  # fmt: skip
TYPED = tuple(c for c in COLUMNS if c.dtype != "object" and c.name != "healthcheck")
Columns = dict[str, Any]


def need_pyarrow(what: str) -> None:
    """Say how to get pyarrow if it is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise OpskitError(f"{what} needs pyarrow", "pip install 'opskit[collect]'")


@cache
def _options() -> Any:
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


def fast_columns(data: bytes | memoryview) -> Columns | None:
    """The columns of a block of lines, or None where a line is not as today's engines write it."""
    import pyarrow as pa
    import pyarrow.json as pj

    read = pj.ReadOptions(use_threads=False, block_size=len(data) + 1)
    try:
        table = pj.read_json(pa.BufferReader(data), read_options=read, parse_options=_options())
    except pa.ArrowInvalid:
        return None
    raw = {name: table[name].combine_chunks() for name in table.column_names}
    if any(raw[name].null_count for name in ("Actor", "Action", "timeNano")):
        return None
    return _derived(raw)


def _derived(raw: dict[str, Any]) -> Columns:
    ident, attributes = raw["Actor"].flatten()
    ident = Coded.of(ident)
    given = dict(zip(WANTED, attributes.flatten(), strict=True))
    got = {name: Coded.of(texts) for name, texts in given.items()}
    kind, action = Coded.of(raw["Type"]), Coded.of(raw["Action"])
    word = action.mapped(lambda text: text.partition(": ")[0] or None)
    detail = action.mapped(lambda text: text.partition(": ")[2].rstrip() or None)
    of_container, of_volume = kind.among({"container"}), kind.among({"volume"})
    labelled, ended = kind.among(LABELLED), word.among(ENDINGS)
    stand_in = ident.where(of_volume).otherwise(got["network"].where(~of_volume))
    name = got["name"].otherwise(stand_in.where(~labelled)).stripped("/")
    ident = ident.otherwise(name.where(of_volume))
    code = got["exitCode"].otherwise(got["containerExitCode"]).where(ended)
    podman = ended & _valid(given["podId"])
    of_image = kind.among({"image"})
    return {
        "time": raw["timeNano"].to_numpy(),
        "type": kind,
        "action": word,
        "detail": detail.otherwise(Coded.of(raw["HealthStatus"])),
        "name": name,
        "id": ident,
        "image": name.where(of_image).otherwise(got["image"].where(~of_image)),
        "exit_code": IntegerArray(*code.numbers(integer)),
        "exit_code_trusted": BooleanArray(podman, ~podman),
        "signal": IntegerArray(*got["signal"].where(word.among({"kill"})).numbers(integer)),
        "container": ident.where(of_container).otherwise(got["container"].where(~of_container)),
        "network": name.where(kind.among({"network"})),
        "volume": name.where(of_volume),
        "exec_id": got["execID"].where(of_container & word.among(EXECS_WITH_ID)),
        "project": got[PROJECT].where(labelled),
        "service": got[SERVICE].where(labelled),
        "labelled": _valid(given["exitCode"]),
    }


def _valid(texts: Any) -> Any:
    return texts.is_valid().to_numpy(zero_copy_only=False)


def slow_columns(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """The same columns from rows of `event_row`."""
    import pyarrow as pa

    typed = build(TYPED, {c.name: [row[c.name] for row in rows] for c in TYPED})
    data: Columns = {
        c.name: Coded.of(pa.array([row[c.name] for row in rows], pa.string()))
        if c.dtype == "str"
        else typed[c.name].array
        for c in TYPED
    }
    data["time"] = typed["time"].astype("int64").to_numpy()
    data["labelled"] = np.array(["exitCode" in row["labels"] for row in rows], dtype=bool)
    return data


def frame_of(parts: list[Columns], pool: ThreadPoolExecutor) -> pd.DataFrame:
    """The frame of the blocks' columns. Empties the list, to hold each text once."""
    parts = parts or [slow_columns([])]
    names = list(parts[0])
    joined = dict(
        zip(names, pool.map(_joined, ([p.pop(n) for p in parts] for n in names)), strict=True)
    )
    coded: Any = {name: (joined[name].codes, joined[name].texts) for name in CODED}
    for name in ("type", "action"):
        coded[name] = (joined[name].codes, joined[name].texts.to_pylist())
    labelled = joined.pop("labelled")
    data = dict(zip(joined, pool.map(_plain, joined.values()), strict=True))
    data["exit_code_trusted"] = exit_codes_trusted(coded, data["exit_code_trusted"], labelled)
    data["healthcheck"] = healthcheck_execs(coded, {})
    return build([c for c in COLUMNS if c.name in data], data)


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], Coded):
        return Coded.joined(parts)
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return type(parts[0])._concat_same_type(parts)


def _plain(column: Any) -> Any:
    return column.column() if isinstance(column, Coded) else column
