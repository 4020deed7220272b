"""Keeping secrets out of what is written: first version, headers only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal, Protocol

from opskit.cassette.model import Headers, Request, Response

__all__ = ["Redactor", "Stream"]

CREDENTIAL_HEADERS = {
    "authorization",
    "proxy-authorization",
    "x-registry-auth",
    "x-registry-config",
}


class Stream(Protocol):
    """Masks one direction of one exchange as it passes; all that is fed comes out, same length."""

    def feed(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...


class _Open:
    def feed(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class Redactor:
    """What to keep out of a cassette."""

    def __init__(self, literals: Iterable[str | bytes] = (), *, enabled: bool = True) -> None:
        self.literals = [x.encode() if isinstance(x, str) else x for x in literals]
        self.enabled = enabled

    def request(self, request: Request) -> Request:
        return dataclasses.replace(request, headers=self._headers(request.headers))

    def response(self, request: Request, response: Response) -> Response:
        return dataclasses.replace(response, headers=self._headers(response.headers))

    def stream(
        self, request: Request, response: Response | None, side: Literal["client", "engine"]
    ) -> Stream:
        return _Open()

    def _headers(self, headers: Headers) -> Headers:
        if not self.enabled:
            return headers
        return [
            (name, "REDACTED" if name.lower() in CREDENTIAL_HEADERS else value)
            for name, value in headers
        ]
