"""A cassette as text that people can read: a list of its exchanges, and what was said in them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

import orjson

from opskit.cassette.format import Cassette
from opskit.cassette.model import Exchange, Headers, Response
from opskit.cassette.summary import Line, kind_of_answer, line_of

__all__ = ["bodies", "exchange_list"]

_HEAD: tuple[str, ...] = ("#", "at", "method", "request", "status", "answer", "size", "took", "end")
_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
REQUEST_WIDTH = 72


def exchange_list(cassette: Cassette, numbers: set[int] | None = None) -> Iterator[str]:
    """The lines of a table, one for each exchange."""
    yield cassette.title()
    for key, value in cassette.metadata.items():
        if key not in {"engine_version", "api_version", "recorded_at", "recorded_by", "exchanges"}:
            yield f"  {key}: {_told(value)}"
    chosen = (e for e in cassette.exchanges if numbers is None or e.number in numbers)
    rows = [_HEAD, *(_row(line_of(exchange)) for exchange in chosen)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    right = {0, 1, 4, 6, 7}
    for row in rows:
        cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def bodies(exchange: Exchange, *, limit: int = 40) -> Iterator[str]:
    """The lines of what was said in an exchange.

    Parameters
    ----------
    exchange : Exchange
        JSON is indented, each piece of a stream begins with its time, and of a conversation
        ``>`` is what the client said and ``<`` what the engine said.
    limit : int
        How many lines of each body are given.
    """
    request, response = exchange.request, exchange.response
    yield f"── {exchange.number} ── {request.method} {request.target}"
    yield from _headers(request.headers)
    if request.body.data is None:
        yield f"  an upload of {request.body.length:,} bytes, sha256 {request.body.sha256[:12]}…"
    else:
        yield from _limited(_text(request.body.data), limit)
    if response is None:
        yield f"── no answer: {exchange.end.value}"
        return
    yield f"── {response.status} {response.reason} ({kind_of_answer(response)})"
    yield from _headers(response.headers)
    if response.blob is not None:
        yield f"  a body kept in {response.blob}"
    elif len(response.pieces) > 1:
        yield from _limited(_pieces(response), limit)
    else:
        yield from _limited(_text(response.body()), limit)
    if exchange.notes:
        yield f"  notes: {exchange.notes}"


def _row(line: Line) -> tuple[str, ...]:
    request = unquote_plus(line.path + ("?" + line.query if line.query else ""))
    request = _ID.sub(r"\1…", "".join(c if c.isprintable() else "�" for c in request))
    if len(request) > REQUEST_WIDTH:
        request = request[: REQUEST_WIDTH - 1] + "…"
    return (
        str(line.number),
        f"{line.at_s:.3f}",
        line.method,
        request,
        str(line.status or "-"),
        line.kind if line.pieces <= 1 else f"{line.kind}, {line.pieces} pieces",
        _size(line.size_bytes),
        _duration(line.duration_s),
        "" if line.end == "complete" else line.end.replace("_", " "),
    )


def _told(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{count} {what}" for what, count in value.items())
    return value


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def _headers(headers: Headers) -> Iterator[str]:
    for name, value in headers:
        yield f"  {name}: {value}"


def _pieces(response: Response) -> Iterator[str]:
    for piece in response.pieces:
        mark = ">" if piece.side == "client" else "<"
        if piece.data is None:
            yield f"  {piece.at:9.3f} {mark} (says no more)"
        for text in _text(piece.data or b""):
            yield f"  {piece.at:9.3f} {mark}{text[1:]}"


def _text(data: bytes) -> Iterator[str]:
    if not data:
        return
    if data[:1] in b"{[":
        with contextlib.suppress(ValueError):  # several JSON texts, or none
            data = orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ascii(data)[2:-1]
    for line in text.splitlines():
        yield "  " + "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line)


def _limited(lines: Iterator[str], limit: int) -> Iterator[str]:
    for count, line in enumerate(lines):
        if count >= limit:
            left = 1 + sum(1 for _ in lines)
            yield f"  … {left} more line{'s' if left > 1 else ''}"
            return
        yield line
