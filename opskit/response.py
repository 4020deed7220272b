"""Responses off the wire: the framing of HTTP is httptools' (llhttp)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import httptools

from opskit.address import Address
from opskit.errors import BadResponse

__all__ = ["READ_SIZE", "Reply", "ResponseParser"]

READ_SIZE = 262_144


@dataclass(slots=True)
class Reply:
    """One response, read to its end. Header names are in lower case."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class ResponseParser:
    """What httptools calls while it reads; one for a run of pipelined responses."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.started = False
        self.headed = False
        self.keep = False
        self.chunks: list[bytes] = []
        self.reply = Reply()
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self.started, self.headed = True, False
        self.reply, self.chunks = Reply(), []

    def on_status(self, status: bytes) -> None:
        self.reply.reason += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.reply.status = self.parser.get_status_code()
        closing = self.reply.headers.get("connection", "").lower() == "close"
        self.keep = not closing and self.parser.get_http_version() != "1.0"
        self.headed = self.reply.status >= 200 or self.reply.status == 101

    def on_body(self, data: bytes) -> None:
        self.chunks.append(data)

    def on_message_complete(self) -> None:
        if self.headed:
            self.finish()

    def finish(self) -> None:
        self.reply.body = b"".join(self.chunks)
        self.replies.append(self.reply)
        self.started = self.headed = False
        self.chunks = []

    @property
    def until_close(self) -> bool:
        """The body has no length: it ends when the engine closes."""
        headers = self.reply.headers
        return (
            self.headed and "content-length" not in headers and "transfer-encoding" not in headers
        )

    def feed(self, data: bytes, address: Address) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if not self.headed:
                raise
        except httptools.HttpParserError as error:
            raise BadResponse(
                f"what answers at {address} does not speak HTTP: it sent {data[:60]!r} ({error})",
                "is the address that of a Docker Engine, and is TLS on or off as it should be?",
            ) from None
