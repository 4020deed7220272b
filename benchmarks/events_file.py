"""One way of reading an events file, in a process of its own: seconds and peak memory as JSON.

``python -m benchmarks.events_file WAY FILE``
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

__all__ = ["WAYS", "main"]


def opskit_reads(path: str) -> pd.DataFrame:
    from opskit.events.files import read_events

    return read_events(path)


def bare_pyarrow(path: str) -> pd.DataFrame:
    """The columns that opskit's are made of, under the engine's names and otherwise untouched."""
    import pyarrow as pa
    import pyarrow.json as pj

    text = pa.string()
    names = ("name", "image", "exitCode", "signal", "container", "network", "execID")
    labels = ("com.docker.compose.project", "com.docker.compose.service")
    attributes = pa.struct([(name, text) for name in (*names, *labels)])
    actor = pa.struct([("ID", text), ("Attributes", attributes)])
    fields = [("Type", text), ("Action", text), ("Actor", actor), ("timeNano", pa.int64())]
    parse = pj.ParseOptions(explicit_schema=pa.schema(fields), unexpected_field_behavior="ignore")
    table = pj.read_json(path, parse_options=parse)
    frame: pd.DataFrame = table.flatten().flatten().to_pandas()
    frame["timeNano"] = pd.to_datetime(frame["timeNano"], utc=True)
    return frame


def pandas_lines(path: str) -> pd.DataFrame:
    frame = pd.read_json(path, lines=True)
    assert isinstance(frame, pd.DataFrame)
    return frame


WAYS: dict[str, Callable[[str], pd.DataFrame]] = {
    "pyarrow.json, bare": bare_pyarrow,
    "opskit.read_events": opskit_reads,
    "pandas.read_json(lines=True)": pandas_lines,
}


def main(way: str, path: str) -> None:
    """Measure one way."""
    import pyarrow.json  # noqa: F401

    import opskit.events.files  # noqa: F401

    with Path(path).open("rb") as file:  # into the page cache, for all alike
        while file.read(1 << 24):
            pass
    began = time.perf_counter()
    frame = WAYS[way](path)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    told: dict[str, float] = {"seconds": seconds, "peak_mb": peak, "rows": len(frame)}
    if way == "opskit.read_events":
        told |= _stories(frame)
    print(json.dumps(told))


def _stories(frame: pd.DataFrame) -> dict[str, float]:
    from opskit.events.timeline import timeline
    from opskit.plot.spans import timeline as draw

    draw(timeline(frame.head(100))).figure.savefig("/dev/null", format="png")  # loads the fonts
    began = time.perf_counter()
    labels = sum(len(labels) for labels in frame["labels"].iloc[::1000])
    told = {"labels": time.perf_counter() - began, "found": float(labels)}
    began = time.perf_counter()
    spans = timeline(frame)
    told["timeline"] = time.perf_counter() - began
    began = time.perf_counter()
    draw(spans, limit=200).figure.savefig("/dev/null", format="png")
    return told | {"figure": time.perf_counter() - began, "spans": float(len(spans))}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
