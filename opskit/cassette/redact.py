"""Keeping secrets out of a cassette: before anything is written, and again when matching.

Three things are masked: headers that carry credentials (whole), values with telling names in
targets and JSON bodies, and the literals that the user named, anywhere. Bodies keep their length,
so the length of a secret shows, and nothing else of it.

What a container prints is masked for the named literals only: a container that prints its
environment prints its password into the cassette, so name such a password.

A masked cassette still replays: a request is masked in the same way before it is looked up.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, Protocol
from urllib.parse import quote, unquote_plus

from opskit.cassette.literals import Frames, Literals, Tail
from opskit.cassette.mask import Mask, new_mask
from opskit.cassette.model import Body, Headers, Request, Response
from opskit.cassette.secrets import JsonFilter, hinted, mask_json, mask_text, telling

__all__ = ["Redactor", "Stream"]

_CREDENTIALS = {"x-registry-auth", "x-registry-config", "set-cookie"}
_HARMLESS_HEADERS = {"sec-websocket-key", "www-authenticate"}
_PAYLOADS = re.compile(r"(?:/v[\d.]+)?/(?:secrets|configs)(?:/|\?|$)")


class Stream(Protocol):
    """Masks one direction of one exchange as it passes.

    All that is fed comes out again, masked and as long as it was, some of it later: `feed` holds
    back what may be the beginning of a secret, `flush` lets it go.
    """

    def feed(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...


class Redactor:
    """What to keep out of a cassette.

    Parameters
    ----------
    literals : iterable of str or bytes
        Secrets by value. They are found raw, in base64, JSON-escaped and percent-encoded, also
        when a stream splits them.
    enabled : bool
        Whether to look for secrets by their names. The literals are masked in any case.

    Attributes
    ----------
    masked : Counter
        How many ``headers``, ``values`` and ``literals`` were masked.
    """

    def __init__(self, literals: Iterable[str | bytes] = (), *, enabled: bool = True) -> None:
        if isinstance(literals, (str, bytes)):
            literals = [literals]
        self.enabled = enabled
        self.masked: Counter[str] = Counter()
        make = new_mask()

        def mask(secret: bytes) -> bytes:
            self.masked["values"] += 1
            return make(secret)

        self._mask = mask
        self._literals = Literals(literals, self.masked)

    def summary(self) -> dict[str, int]:
        """How many headers, named values and literals were masked so far."""
        return {what: self.masked[what] for what in ("headers", "values", "literals")}

    def __repr__(self) -> str:
        return f"Redactor(enabled={self.enabled}, literals={'…' if self._literals else 'none'})"

    def request(self, request: Request) -> Request:
        """The request as it may be written."""
        return dataclasses.replace(
            request,
            target=self.target(request.target),
            headers=self._headers(request.headers),
            body=self.body(request.target, request.body),
        )

    def response(self, request: Request, response: Response) -> Response:
        """The head of a response as it may be written; its bytes pass a `stream`."""
        return dataclasses.replace(
            response,
            reason=self._text(response.reason),
            headers=self._headers(response.headers),
        )

    def stream(
        self, request: Request, response: Response | None, side: Literal["client", "engine"]
    ) -> Stream:
        """A filter for the bytes of one direction."""
        stages: list[Stream] = []
        if self.enabled and side == "engine":
            payload = bool(_PAYLOADS.match(request.target))
            stages.append(_Sniffing(response, self._mask, payload=payload))
        if self._literals:
            stages.append(
                _Multiplexed(self._literals) if side == "engine" else Tail(self._literals)
            )
        return _Chain(stages)

    def target(self, target: str) -> str:
        """A request's path and query as they may be written."""
        if self.enabled and "?" in target:
            path, _, query = target.partition("?")
            target = (
                path + "?" + "&".join(_parameter(part, self._mask) for part in query.split("&"))
            )
        return self._text(target)

    def body(self, target: str, body: Body) -> Body:
        """A request's body as it may be written."""
        if not body.data:
            return body
        data = body.data
        if self.enabled:
            data = mask_json(data, self._mask, payload=bool(_PAYLOADS.match(target)))
        return dataclasses.replace(body, data=self._literals.mask(data))

    def _headers(self, headers: Headers) -> Headers:
        return [(self._text(name), self._header(name, value)) for name, value in headers]

    def _header(self, name: str, value: str) -> str:
        if self.enabled and not _harmless(name, value):
            if _is_credential(name):
                self.masked["headers"] += 1
                return "REDACTED"
            value = mask_text(value.encode("latin-1", "replace"), self._mask).decode("latin-1")
        return self._text(value)

    def _text(self, text: str) -> str:
        if not self._literals:
            return text
        try:
            return self._literals.mask(text.encode("latin-1")).decode("latin-1")
        except UnicodeEncodeError:
            return self._literals.mask(text.encode()).decode(errors="replace")


@lru_cache(maxsize=1024)
def _harmless(name: str, value: str) -> bool:
    """Whether a header holds no secret; the same few come with every exchange."""
    return not _is_credential(name) and not hinted(value.encode("latin-1", "replace"))


def _is_credential(name: str) -> bool:
    low = name.lower()
    credential = low in _CREDENTIALS or telling(low) or "authorization" in low
    return credential and low not in _HARMLESS_HEADERS


def _parameter(part: str, mask: Mask) -> str:
    """One ``name=value`` of a query, masked; as it was written when there is nothing to mask."""
    name, equals, value = part.partition("=")
    if not value:
        return part
    plain = unquote_plus(value).encode()
    if telling(unquote_plus(name)):
        masked = mask(plain)
    elif plain[:1] in b"{[":
        masked = mask_json(plain, mask)
    else:
        quoted = b'"' not in plain
        masked = mask_json(b'"%b"' % plain, mask)[1:-1] if quoted else mask_text(plain, mask)
    if masked == plain:
        return part
    return name + equals + quote(masked, safe="*:/")


def _base64_mask(secret: bytes) -> bytes:
    """A payload that a client can still decode."""
    return b"x" * len(secret)


class _Chain:
    """Filters one after the other."""

    def __init__(self, stages: list[Stream]) -> None:
        self._stages = stages

    def feed(self, data: bytes) -> bytes:
        for stage in self._stages:
            data = stage.feed(data)
        return data

    def flush(self) -> bytes:
        rest = b""
        for stage in self._stages:
            rest = (stage.feed(rest) if rest else b"") + stage.flush()
        return rest


class _Sniffing:
    """`JsonFilter` for what is JSON by its type or by its first byte; anything else passes."""

    def __init__(self, response: Response | None, mask: Mask, *, payload: bool) -> None:
        kind = ""
        if response is not None:
            kind = next((v for n, v in response.headers if n.lower() == "content-type"), "")
        self._known = "json" in kind
        self._other = any(word in kind for word in ("tar", "octet-stream", "docker"))
        self._json = JsonFilter(mask, payload=payload, fill=_base64_mask)
        self._first = True

    def feed(self, data: bytes) -> bytes:
        if self._first and data:
            self._first = False
            self._known |= not self._other and data.lstrip()[:1] in (b"{", b"[", b'"')
        return self._json.feed(data) if self._known else data

    def flush(self) -> bytes:
        return self._json.flush() if self._known else b""


class _Multiplexed:
    """`Frames` for what begins with a frame's header; `Tail` for anything else."""

    def __init__(self, literals: Literals) -> None:
        self._literals = literals
        self._start = b""
        self._stage: Stream | None = None

    def feed(self, data: bytes) -> bytes:
        if self._stage is None:
            self._start += data
            head = self._start[:4]
            framed = head[:1] <= b"\x03" and not any(head[1:4])
            if framed and len(head) < 4:
                return b""
            self._stage = Frames(self._literals) if framed else Tail(self._literals)
            data, self._start = self._start, b""
        return self._stage.feed(data)

    def flush(self) -> bytes:
        if self._stage is None:
            start, self._start = self._start, b""
            return self._literals.mask(start)
        return self._stage.flush()
