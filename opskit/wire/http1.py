"""HTTP/1.1 as a byte stream: where a head ends, and what it says.

Heads are kept as the bytes they came in, so that a relay can pass them on untouched; what is read
out of them is read strictly, because a relay that understands a message otherwise than the engine
behind it can be tricked. Sources: RFC 9112 sections 2.2, 5.1 and 6.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from opskit.cassette.model import Headers

__all__ = [
    "MAX_FIELDS",
    "MAX_HEAD",
    "Malformed",
    "RequestHead",
    "ResponseHead",
    "find_head",
    "parse_fields",
    "parse_request",
    "parse_response",
]

MAX_HEAD = 1 << 20
"""Most bytes of one head; the engine's own limit (Go's ``DefaultMaxHeaderBytes``)."""
MAX_FIELDS = 256
"""Most header fields of one head."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([^\x00-\x20\x7f]+) HTTP/(1\.[01])")
_STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?")
_NAME = re.compile(_TOKEN)
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_STRAY = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\x00")
_LENGTH = re.compile(r"[0-9]{1,18}")


class Malformed(Exception):
    """A message that is not HTTP/1.1, or not in a way that two readers agree on."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class _Head:
    raw: bytes
    version: str
    headers: Headers
    index: dict[str, list[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.index = {}
        for name, value in self.headers:
            self.index.setdefault(name.lower(), []).append(value)

    def get(self, name: str, default: str = "") -> str:
        """The value of a field, its repetitions joined by commas; ``name`` in lower case."""
        values = self.index.get(name)
        return default if values is None else ", ".join(values)

    def lists(self, name: str, token: str) -> bool:
        """Whether a field's comma-separated list has this token, in any case."""
        return token in (part.strip() for part in self.get(name).lower().split(","))

    @property
    def persistent(self) -> bool:
        """Whether the connection may carry another message after this one."""
        if self.version == "1.0":
            return self.lists("connection", "keep-alive")
        return not self.lists("connection", "close")

    def length(self) -> int | None:
        values = self.index.get("content-length")
        if values is None:
            return None
        if len(values) > 1:
            raise Malformed("more than one Content-Length")
        if not _LENGTH.fullmatch(values[0]):
            raise Malformed("Content-Length is not a number of bytes")
        return int(values[0])

    def chunked(self) -> bool:
        values = self.index.get("transfer-encoding")
        if values is None:
            return False
        if len(values) > 1 or values[0].lower() != "chunked":
            raise Malformed("a Transfer-Encoding other than 'chunked'")
        if "content-length" in self.index:
            raise Malformed("both Content-Length and Transfer-Encoding")
        if self.version == "1.0":
            raise Malformed("Transfer-Encoding in HTTP/1.0")
        return True


@dataclass(slots=True)
class RequestHead(_Head):
    """The head of a request; ``target`` is path and query, undecoded."""

    method: str
    target: str

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def upgrade(self) -> str:
        """The protocol that the client wants to change to, in lower case; else empty."""
        return self.get("upgrade").lower() if self.lists("connection", "upgrade") else ""


@dataclass(slots=True)
class ResponseHead(_Head):
    """The head of a response."""

    status: int
    reason: str


def find_head(data: bytes | bytearray, start: int = 0) -> int:
    """Where the first head in ``data`` ends, or -1 while it is incomplete.

    ``start`` is how much of ``data`` was looked at in vain before. A line end that is not CR LF
    is refused at once: its sender would wait for an answer that never comes.
    """
    end = data.find(b"\r\n\r\n", max(0, start - 3))
    stray = _STRAY.search(data, max(0, start - 1), len(data) if end < 0 else end + 4)
    if stray:
        raise Malformed("a bare CR, LF or NUL in the head")
    if (len(data) if end < 0 else end + 4) > MAX_HEAD:
        raise Malformed(f"the head is longer than {MAX_HEAD} bytes", 431)
    return -1 if end < 0 else end + 4


def parse_fields(lines: list[bytes]) -> Headers:
    """Read header fields or trailers, a line each."""
    if len(lines) > MAX_FIELDS:
        raise Malformed(f"more than {MAX_FIELDS} header fields", 431)
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not (colon and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise Malformed("a header field that is not 'Name: value'")
        headers.append((name.decode("latin-1"), value.decode("latin-1")))
    return headers


def parse_request(raw: bytes) -> RequestHead:
    """Read a request's head, from its first byte to its empty line.

    Raises
    ------
    Malformed
        With the status to refuse it with.
    """
    first, *lines = raw[:-4].split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        other = b" HTTP/" in first and not re.search(rb" HTTP/1\.[01]\Z", first)
        raise Malformed("the first line is no HTTP/1.1 request", 505 if other else 400)
    method, target, version = (part.decode("latin-1") for part in line.groups())
    if not target.startswith("/"):
        target = _origin_form(target)
    head = RequestHead(raw, version, parse_fields(lines), method, target)
    if len(head.index.get("host", ())) > 1:
        raise Malformed("more than one Host")
    return head


def _origin_form(target: str) -> str:
    """The path of a target in absolute form, as clients behind a proxy send it."""
    scheme, separator, rest = target.partition("://")
    if scheme.lower() not in ("http", "https") or not separator:
        raise Malformed("the request's target is no path")
    return "/" + rest.partition("/")[2]


def parse_response(raw: bytes) -> ResponseHead:
    """Read a response's head, from its first byte to its empty line."""
    first, *lines = raw[:-4].split(b"\r\n")
    line = _STATUS_LINE.fullmatch(first)
    if line is None:
        raise Malformed("the first line is no HTTP/1.1 status line")
    version, status, reason = line.groups(b"")
    headers = parse_fields(lines)
    return ResponseHead(
        raw, version.decode(), headers, int(status), reason.decode("latin-1", "replace")
    )
