"""An exchange in a line: what was asked, what kind of answer came, how large, how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.cassette.canonical import split_target
from opskit.cassette.model import Exchange, Framing, Response

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Line", "exchanges_frame", "exchanges_html", "kind_of_answer", "line_of"]


@dataclass(frozen=True, slots=True)
class Line:
    """What is told of an exchange in a list; the fields are the columns of ``Cassette.frame()``."""

    number: int
    at_s: float
    method: str
    path: str
    query: str
    api_version: str | None
    status: int | None
    kind: str
    pieces: int
    size_bytes: int
    duration_s: float
    end: str


def line_of(exchange: Exchange) -> Line:
    """The line of an exchange."""
    request, response = exchange.request, exchange.response
    version, path, query = split_target(request.target)
    size = last = 0.0
    if response is not None:
        last = max([response.at, *(piece.at for piece in response.pieces[-1:])])
        if response.blob is not None:
            size = Path(response.blob).stat().st_size
        else:
            size = sum(len(piece.data or b"") for piece in response.pieces)
    return Line(
        exchange.number,
        request.at,
        request.method,
        path,
        query,
        version or None,
        response.status if response else None,
        kind_of_answer(response) if exchange.replayable else "not replayable",
        len(response.pieces) if response else 0,
        int(size),
        max(0.0, round(last - request.at, 6)),
        exchange.end.value,
    )


def kind_of_answer(response: Response | None) -> str:
    """What came, as ``EXCHANGE_COLUMNS`` says it: ``json``, ``tar``, ``hijacked``…"""
    if response is None:
        return "none"
    if response.framing is Framing.HIJACK:
        return "hijacked"
    head = next((piece.data for piece in response.pieces if piece.data), b"")
    if response.blob is None and not head:
        return "empty"
    kind = next((v for n, v in response.headers if n.lower() == "content-type"), "").lower()
    if "json" in kind:
        several = response.framing is Framing.CHUNKED and len(response.pieces) > 1
        return "json stream" if several else "json"
    for word, told in {"tar": "tar", "docker": "output", "text": "text"}.items():
        if word in kind:
            return told
    if head[:1] <= b"\x03" and head[1:4] == b"\0\0\0":
        return "output"  # older engines send multiplexed output without a type
    return "binary" if b"\0" in head[:512] else "text"


def exchanges_frame(exchanges: Iterable[Exchange], began: str | None) -> pd.DataFrame:
    """The exchanges as a frame with `EXCHANGE_COLUMNS`.

    Parameters
    ----------
    exchanges : iterable of Exchange
        In recorded order.
    began : str or None
        When the recording began, in ISO 8601; None where that is not known.
    """
    import dataclasses

    import pandas as pd

    from opskit.cassette.columns import EXCHANGE_COLUMNS
    from opskit.frames.columns import build, transpose

    names = [field.name for field in dataclasses.fields(Line)]
    data = transpose(names, [dataclasses.astuple(line_of(exchange)) for exchange in exchanges])
    start = pd.Timestamp(began).value if began else None
    data["time"] = [None if start is None else start + int(at * 1e9) for at in data["at_s"]]
    return build(EXCHANGE_COLUMNS, data)


def exchanges_html(frame: pd.DataFrame, rows: int = 60) -> str:
    """A frame of `exchanges_frame` as HTML, its texts to the left, at most so many rows."""
    table: str = frame.drop(columns="time").to_html(
        index=False, max_rows=rows, na_rep="", border=0, classes="opskit-cassette"
    )
    # notebooks put text to the right, where long paths are far from what they belong to
    return (
        f"<style>table.dataframe.opskit-cassette :is(th, td) {{ text-align: left }}</style>{table}"
    )
