"""What an engine answered: decoded, or turned into an error that says what to do."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import orjson

from opskit.errors import (
    APIError,
    BadResponse,
    Conflict,
    Forbidden,
    NoRecordedMatch,
    NotFound,
    VersionMismatch,
)
from opskit.transport import Reply

__all__ = ["api_error", "decode", "decode_lines", "refused"]

_NAME = "check the name: engine.containers(all=True), .images(), .networks() … list them"
_IN_THE_WAY = "the object's name or state is in the way: look at it first"
_NOT_ALLOWED = "it says why: take what it names out of the way, or leave it be"
_PROXY = "ask whoever runs the proxy to allow it, or connect to the engine directly"


def decode(body: bytes, content_type: str, request: str) -> Any:
    """JSON to objects, text to str, nothing to None, anything else as bytes.

    Raises
    ------
    BadResponse
        The content claims to be JSON and is not, or is a web page.
    """
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            documents = decode_lines(body)
            if documents is not None:
                return documents
            raise BadResponse(
                f"the answer to {request} is not complete JSON: {error}; it ends {body[-40:]!r}",
                "is a proxy in between cutting it? ask again, or ask the engine directly",
            ) from None
    if kind == "text/html":
        raise BadResponse(
            f"the answer to {request} is a web page: {_text_of(body)[:120]!r}",
            "is the address that of a Docker Engine, not of a proxy or another server?",
        )
    if kind.startswith("text/"):
        return body.decode("utf-8", "replace")
    if not kind and body[:1] in (b"{", b"["):  # Podman sends some JSON without saying so
        with contextlib.suppress(orjson.JSONDecodeError):
            return orjson.loads(body)
    return body


def decode_lines(body: bytes) -> list[Any] | None:
    """Several JSON documents, one a line; None where a line is not one."""
    try:
        return [orjson.loads(line) for line in body.splitlines() if line.strip()]
    except orjson.JSONDecodeError:
        return None


def refused(status: int) -> bool:
    """Whether a response's status says that nothing was done: errors, and redirects.

    An engine redirects a path that it would rather have written otherwise, and does nothing.
    """
    return status >= 400 or (status >= 300 and status != 304)


def api_error(reply: Reply, request: str, address: str) -> APIError:
    """The error that a `refused` response stands for."""
    message = _message(reply)
    kind: type[APIError] = APIError
    remedy = ""
    if reply.headers.get("x-opskit-error") == "no-recorded-match":
        kind = NoRecordedMatch
        remedy = "record the call too, or make the call that was recorded"
    elif own := _podmans_own(reply.status, message):
        kind, remedy = own
    elif reply.status == 404:
        kind = NotFound
        page = "page not found" in message or message == "Not Found"
        remedy = (
            "this engine has no such endpoint: see opskit.api.endpoints() for when it came"
            if page
            else _NAME
        )
    elif reply.status < 400:
        remedy = "the engine did nothing: a name in the path is not what it takes"
    elif reply.status == 409:
        kind, remedy = Conflict, _IN_THE_WAY
    elif reply.status == 403 or (reply.status == 405 and "text/plain" in _kind(reply)):
        kind = Forbidden
        remedy = (
            _NOT_ALLOWED
            if "json" in _kind(reply)
            else _forbidden(request, plain="plain" in _kind(reply))
        )
    elif re.search(r"client version [\d.]+ is too (new|old)", message):
        kind = VersionMismatch
        remedy = "leave api_version out to negotiate, or ask for one that the engine names"
    elif reply.status in (502, 503, 504) and "html" in _kind(reply):
        remedy = "the proxy in front of the engine does not reach it: is the engine running?"
    else:
        remedy = _remedy(reply.status, message)
    message = message.removeprefix(f"{reply.status} ")
    what = f"{request} at {address}: {reply.status} {message}"
    return kind(what, remedy, status=reply.status, message=message, request=request)


_REMEDIES = (
    (
        "port is already allocated|address already in use",
        "something listens on that port: take another; engine.containers() lists ports",
    ),
    ("no space left", "engine.disk_usage() shows what takes the space, engine.prune() frees some"),
    (
        "no such host|network is unreachable|i/o timeout|dial tcp",
        "the engine does not reach it: check its network, its proxy settings, the name",
    ),
    ("^invalid ", "check the call's parameters"),  # with status 500 before 23.0
)


def _remedy(status: int, message: str) -> str:
    found = (remedy for words, remedy in _REMEDIES if re.search(words, message))
    usual = "the engine's own log says more" if status >= 500 else ""
    return next(found, "check the call's parameters" if status == 400 else usual)


# Podman's Docker API says with status 500 what an engine says with a status of its own
_PODMANS_OWN: tuple[tuple[str, type[APIError], str], ...] = (
    (
        r"name \S+ (is )?already (in use|used)|container state improper",
        Conflict,
        _IN_THE_WAY,
    ),
    (
        "image not known|no such (container|image|volume|network)",
        NotFound,
        _NAME,
    ),
    ("Podman does not support", APIError, "Podman has no such endpoint: it needs a Docker Engine"),
)


def _podmans_own(status: int, message: str) -> tuple[type[APIError], str] | None:
    if status not in (500, 503):
        return None
    found = (entry[1:] for entry in _PODMANS_OWN if re.search(entry[0], message))
    return next(found, None)


def _kind(reply: Reply) -> str:
    return reply.headers.get("content-type", "")


def _message(reply: Reply) -> str:
    if reply.body[:1] == b"{":
        try:
            value = orjson.loads(reply.body)
            return str(value.get("message") or value.get("cause") or value)
        except orjson.JSONDecodeError:
            pass
    return _text_of(reply.body) or reply.reason or "(no message)"


def _text_of(body: bytes) -> str:
    text = body[:4000].decode("utf-8", "replace")
    if "<html" in text.lower():
        text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.split())[:1000]


def _forbidden(request: str, *, plain: bool) -> str:
    from opskit.guard.sections import SECTIONS, section_of, switch_of

    method, _, target = request.partition(" ")
    path = re.sub(r"^/v[\d.]+(?=/)", "", target.partition("?")[0])
    section = section_of(path)
    if section not in SECTIONS:
        return f"a socket proxy refused it: {_PROXY}"
    reads = method in ("GET", "HEAD")
    allow = f"{section.upper()}=1" + ("" if reads else " and POST=1")
    single = " or ".join(f"ALLOW_{switch.upper()}=1" for switch in sorted(switch_of(method, path)))
    if single:
        allow += f" (this call alone with {single}, in Tecnativa's beside POST=1)"
    if plain:
        allow = f"-allow{method}=(/v[0-9.]+)?{path}"
        return f"a socket proxy refused it; wollomatic's allows it with {allow}. Else {_PROXY}"
    return (
        f"a socket proxy refused it; docker-socket-proxy allows it with {allow}, opskit guard with "
        f"--allow {section}{'' if reads else ' --post'}. Else {_PROXY}"
    )
