"""An exchange as plain data in vcrpy's shape, and back.

A record has vcrpy's two keys, ``request`` and ``response``, and beside them ``opskit`` with what
vcrpy has no place for:

``number``
    The exchange's number in the recording.
``order``, ``at``
    Places in the order of the whole recording, and seconds since its start: of the request, of
    the response's head, and (order only) of the end.
``framing``, ``end``, ``http``
    How the body's end was known, how the exchange ended, protocol versions other than 1.1.
``pieces``
    A line for each piece in which bytes arrived: order, seconds, ``<`` (engine) or ``>``
    (client), length, or ``-`` where that side said it would send no more. The engine's bytes
    are the response's body, the client's are under ``client``.
``blob``, ``request_blob``, ``client_blob``, ``upload``
    The sha256 and length of a large body that lives beside the cassette (the response's, the
    request's, what the client said on a hijacked connection), or of one that was not kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opskit.cassette.model import Body, End, Exchange, Framing, Headers, Piece, Request, Response
from opskit.cassette.plain import RecordError, as_bytes, as_loose_text, as_text, as_whole, why

__all__ = ["Blob", "Spool", "decode", "decode_request", "encode", "spool_of"]

BASE_URL = "http://localhost:2375"
"""What vcrpy sees as the engine's address: docker's own port for plain TCP."""

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
_NO_RESPONSE = {"code": 502, "message": "No response was recorded"}

Record = dict[str, Any]


@dataclass(slots=True)
class Blob:
    """A body beside the cassette: where it is now, its sha256 and length."""

    path: Path
    sha256: str
    length: int


@dataclass(slots=True)
class Spool:
    """A response's bytes apart from its head: the engine's, the client's, and how they came."""

    body: bytes | Blob = b""
    client: bytes = b""
    pieces: str = ""


def spool_of(response: Response) -> Spool:
    """What the pieces of a response hold, as one body and a table."""
    if response.blob is not None:
        path = Path(response.blob)
        return Spool(Blob(path, path.name, path.stat().st_size))
    return Spool(
        response.body(),
        b"".join(p.data for p in response.pieces if p.side == "client" and p.data),
        "\n".join(piece_line(p.order, p.at, p.side, p.data) for p in response.pieces),
    )


def piece_line(order: int, at: float, side: str, data: bytes | int | None) -> str:
    size = "-" if data is None else data if isinstance(data, int) else len(data)
    return f"{order} {at!r} {'>' if side == 'client' else '<'} {size}"


def encode(exchange: Exchange, spool: Spool | None) -> Record:
    """The record of an exchange, its bodies as bytes or `Blob`."""
    request, response = exchange.request, exchange.response
    extra: Record = {
        "number": exchange.number,
        "order": [request.order, response.order if response else 0, exchange.end_order],
        "at": [request.at, response.at if response else 0.0],
    }
    record: Record = {"opskit": extra}
    record["request"] = {
        "method": request.method,
        "uri": BASE_URL + request.target if request.target.startswith("/") else request.target,
        "body": request.body.data or None,
        "headers": _grouped(request.headers, extra, "request_headers"),
    }
    if request.body.data is None:
        extra["upload"] = {"sha256": request.body.sha256, "length": request.body.length}
        if request.body.fingerprint:
            extra["upload"]["fingerprint"] = request.body.fingerprint
    if response is None or spool is None:
        extra["no_response"] = True
        record["response"] = {"status": _NO_RESPONSE, "headers": {}, "body": {"string": b""}}
    else:
        record["response"] = {
            "status": {"code": response.status, "message": response.reason},
            "headers": _grouped(response.headers, extra, "response_headers"),
            "body": {"string": spool.body},
        }
        extra["framing"] = response.framing.value
        if spool.pieces:
            extra["pieces"] = spool.pieces
        if spool.client:
            extra["client"] = spool.client
    versions = [request.version, response.version if response else "1.1"]
    if versions != ["1.1", "1.1"]:
        extra["http"] = versions
    if exchange.end is not End.COMPLETE:
        extra["end"] = exchange.end.value
    if not exchange.replayable:
        extra["replayable"] = False
    if exchange.notes:
        extra["notes"] = exchange.notes
    return record


def decode_request(record: Record, blobs: Path) -> Request:
    """The request of a record, without looking at the response."""
    try:
        extra = record.get("opskit") or {}
        given = record["request"]
        uri = given["uri"]
        origin = _ORIGIN.match(uri)
        order, at = extra.get("order") or (0,), extra.get("at") or (0.0,)
        request = Request(
            as_text(given["method"]),
            (uri[origin.end() :] or "/") if origin else uri,
            _headers(given.get("headers"), extra.get("request_headers")),
            _body(_beside(extra, "request_blob", blobs, given.get("body")), extra.get("upload")),
            order=as_whole(order[0]),
            at=float(at[0]),
        )
        if "http" in extra:
            request.version = as_text(extra["http"][0])
        return request
    except RecordError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"its request is not one ({why(error)})") from error


def decode(record: Record, blobs: Path, number: int) -> Exchange:
    """The exchange of a record. ``number`` is for records that vcrpy made and do not say."""
    request = decode_request(record, blobs)
    try:
        extra = record.get("opskit") or {}
        exchange = Exchange(
            as_whole(extra.get("number", number)),
            request,
            end=End(extra.get("end", "complete")),
            replayable=bool(extra.get("replayable", True)),
            notes=dict(extra.get("notes") or {}),
        )
        if not extra:
            # vcrpy knows neither order nor pieces: one after the other, each body in one piece.
            request.order, exchange.end_order = 4 * number - 3, 4 * number
        else:
            exchange.end_order = as_whole(extra["order"][2])
        if not extra.get("no_response"):
            exchange.response = _response(record["response"], extra, blobs, request.order)
        return exchange
    except RecordError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"its response is not one ({why(error)})") from error


def _response(given: Record, extra: Record, blobs: Path, order: int) -> Response:
    status = given["status"]
    code = as_whole(status["code"])
    if not 100 <= code <= 999:
        raise RecordError(f"{code} is no HTTP status")
    response = Response(
        code,
        as_text(status.get("message") or ""),
        _headers(given.get("headers"), extra.get("response_headers")),
        order=as_whole(extra["order"][1]) if extra else order + 1,
        at=float(extra["at"][1]) if extra else 0.0,
    )
    if "http" in extra:
        response.version = as_text(extra["http"][1])
    response.framing = (
        Framing(extra["framing"]) if "framing" in extra else _guess_framing(response.headers)
    )
    body = (given.get("body") or {}).get("string")
    if "blob" in extra and "pieces" not in extra:
        response.blob = str(_kept(extra["blob"], blobs))
        return response
    data = as_bytes(_beside(extra, "blob", blobs, body))
    if "pieces" in extra:
        client = as_bytes(_beside(extra, "client_blob", blobs, extra.get("client")))
        response.pieces = _cut(extra["pieces"], data, client)
    elif data:
        response.pieces = [Piece(response.order + 1, response.at, "engine", data)]
    return response


def _beside(extra: Record, name: str, blobs: Path, inside: Any) -> Any:
    """A body from the folder beside the cassette, if it is there, else the one inside."""
    return _kept(extra[name], blobs).read_bytes() if name in extra else inside


def _kept(blob: Record, blobs: Path) -> Path:
    path = blobs / as_text(blob["sha256"])
    if not path.is_file():
        raise RecordError(f"the body that it names is missing: {path}")
    if path.stat().st_size != blob["length"]:
        raise RecordError(f"the body that it names was changed: {path}")
    return path


def _cut(table: str, engine: bytes, client: bytes) -> list[Piece]:
    pieces = []
    place = {"<": 0, ">": 0}
    source = {"<": engine, ">": client}
    for line in table.splitlines():
        order, at, mark, size = line.split(" ")
        data: bytes | None = None
        if size != "-":
            start = place[mark]
            place[mark] = end = start + int(size)
            data = source[mark][start:end]
        pieces.append(Piece(int(order), float(at), "client" if mark == ">" else "engine", data))
    if place["<"] != len(engine) or place[">"] != len(client):
        raise RecordError(
            f"its pieces add up to {place['<']} and {place['>']} bytes, "
            f"but {len(engine)} and {len(client)} are there"
        )
    return pieces


def _guess_framing(headers: Headers) -> Framing:
    names = {name.lower(): value for name, value in headers}
    if "chunked" in names.get("transfer-encoding", "").lower():
        return Framing.CHUNKED
    return Framing.LENGTH if "content-length" in names else Framing.CLOSE


def _grouped(headers: Headers, extra: Record, key: str) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in headers:
        grouped.setdefault(name, []).append(value)
    if [(n, v) for n, values in grouped.items() for v in values] != headers:
        extra[key] = [[name, value] for name, value in headers]
    return grouped


def _headers(grouped: Any, exact: Any) -> Headers:
    if exact is not None:
        return [(as_text(name), as_text(value)) for name, value in exact]
    headers: Headers = []
    for name, values in (grouped or {}).items():
        if isinstance(values, (list, tuple)):
            headers += [(as_text(name), as_loose_text(value)) for value in values]
        else:
            headers.append((as_text(name), as_loose_text(values)))
    return headers


def _body(data: Any, upload: Any) -> Body:
    if upload is not None:
        return Body(
            None,
            as_text(upload["sha256"]),
            as_whole(upload["length"]),
            as_text(upload.get("fingerprint", "")),
        )
    if isinstance(data, dict):  # vcrpy reads JSON bodies that other recorders left structured
        raise RecordError("its request's body is neither text nor bytes")
    raw = as_bytes(data)
    return Body(raw, length=len(raw))
