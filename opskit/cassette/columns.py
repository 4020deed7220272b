"""The columns of a cassette's exchanges as a frame."""

from __future__ import annotations

from opskit.frames.columns import Column

__all__ = ["EXCHANGE_COLUMNS"]

EXCHANGE_COLUMNS = (
    Column("number", "int64", "", "Number of the exchange in the recording, from 1."),
    Column("time", "datetime64[ns, UTC]", "", "When the request was made; missing where the "
           "cassette does not say when it was recorded."),
    Column("at_s", "float64", "seconds", "The same, since the recording began."),
    Column("method", "str", "", "HTTP method."),
    Column("path", "str", "", "Path without the API version."),
    Column("query", "str", "", "The query as it was sent."),
    Column("api_version", "str", "", "Version in the path; missing without one."),
    Column("status", "Int64", "", "HTTP status; missing when no answer came."),
    Column("kind", "str", "", "json, json stream, text, tar, output (of a container), hijacked "
           "(both sides talk), binary, empty, none, or not replayable."),
    Column("pieces", "int64", "", "In how many pieces the answer's bytes came."),
    Column("size_bytes", "int64", "bytes", "Size of the answer, both directions if hijacked."),
    Column("duration_s", "float64", "seconds", "From the request to the last piece."),
    Column("end", "str", "", "complete, client_left, engine_lost, recording_stopped or "
           "unfinished."),
)  # fmt: skip
"""Columns of ``Cassette.frame()``."""
