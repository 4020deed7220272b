"""What an engine answers to a call of the explorer: sent, read to its end or cut, shown as HTML."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opskit.engine import Engine
from opskit.engine.replies import decode
from opskit.errors import APIError, EngineUnresponsive
from opskit.frames.record import Record
from opskit.frames.sdk import frame
from opskit.widgets.style import BLOCK

__all__ = ["Answer", "as_html", "send"]

STREAM_SECONDS = 3.0
MOST_BYTES = 4_000_000
ROWS = 50


@dataclass(slots=True)
class Answer:
    """What came back for one call."""

    status: int
    seconds: float
    headers: Mapping[str, str]
    body: Any
    cut: bool = False


def send(
    engine: Engine,
    method: str,
    path: str,
    query: Mapping[str, Any],
    body: Any,
    headers: Mapping[str, str],
    *,
    endless: bool,
    timeout: float,
) -> Answer:
    """Send the call and read its answer, of an endless one what comes in a few seconds."""
    begun = time.perf_counter()
    wait = STREAM_SECONDS if endless else timeout
    try:
        stream = engine.open_stream(
            path, method=method, json=body, headers=headers, timeout=wait, **query
        )
    except APIError as error:
        told = {"message": error.message, "what to do": error.remedy}
        return Answer(error.status, time.perf_counter() - begun, {}, told)
    data, cut = bytearray(), False
    with stream:
        try:
            for chunk in stream:
                data += chunk
                late = endless and time.perf_counter() - begun > wait
                if late or len(data) > MOST_BYTES:
                    cut = True
                    break
        except EngineUnresponsive:
            if not endless:
                raise
            cut = True
    seconds = time.perf_counter() - begun
    kind = stream.headers.get("content-type", "")
    if cut:
        data = data[: data.rfind(b"\n") + 1] or data
    return Answer(stream.status, seconds, stream.headers, decode(bytes(data), kind, path), cut)


def as_html(answer: Answer) -> str:
    """Status, time, headers, and the body as a tree and as a DataFrame."""
    cut = ", cut here: the stream goes on" if answer.cut else ""
    head = f"<b>{answer.status}</b> in {answer.seconds * 1000:.0f} ms{cut}"
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    parts = [head, _fold("headers", f"<pre style='{BLOCK}'>{html.escape(headers)}</pre>")]
    body = answer.body
    if isinstance(body, dict | list):
        items = body if isinstance(body, dict) else {str(n): x for n, x in enumerate(body[:ROWS])}
        parts.append(_fold("as a tree", Record(items, "answer")._repr_html_(), True))
        parts.append(_fold("as a DataFrame", _as_frame(body).to_html(border=0, max_rows=ROWS)))
    elif body is not None:
        text = body if isinstance(body, str) else f"{len(body)} bytes: {body[:2000]!r}"
        parts.append(f"<pre style='{BLOCK}' tabindex='0'>{html.escape(text[:100_000])}</pre>")
    return "".join(parts)


def _as_frame(body: Any) -> pd.DataFrame:
    try:
        return frame(body)
    except Exception:  # not a kind that has a frame of its own: flatten it
        rows = body if isinstance(body, list) else [body]
        if all(isinstance(row, dict) for row in rows):
            return pd.json_normalize(rows)
        return pd.DataFrame({"value": rows})


def _fold(title: str, content: str, opened: bool = False) -> str:
    return f"<details{' open' * opened}><summary>{title}</summary>{content}</details>"
