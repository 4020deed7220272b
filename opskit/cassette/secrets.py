"""Finding secrets by what they are called, in JSON that is read as text.

Values are masked where they stand, byte for byte as long as they were: content lengths, chunk
sizes and frame headers stay true, and so does the way the engine wrote its JSON.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial

from opskit.cassette.mask import Mask, stars

__all__ = ["JsonFilter", "hinted", "mask_json", "mask_text", "telling"]

_WORDS = frozenset(
    (
        *("apikey", "auth", "bearer", "cookie", "credential", "credentials", "dsn", "jwt", "pass"),
        *("passcode", "passphrase", "passwd", "password", "passwords", "pin", "pwd", "salt"),
        *("secret", "secrets", "token", "tokens"),
    )
)
_INSIDE = re.compile(
    r"passwo?r?d|passphrase|secret|token|credential|api_?key|access_?key|private_?key|auth_?key"
)
_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HARMLESS = frozenset(
    ("PWD", "OLDPWD", "SandboxKey", "DetachKeys", "SecretID", "SecretName", "pass_through")
)
"""Names of the Engine API and of shells that only sound like a secret's."""

_HINTS = tuple(
    hint.encode()
    for hint in (
        *("pass", "pwd", "secret", "token", "cred", "auth", "key", "jwt", "bearer", "cookie"),
        *("dsn", "pin", "salt", "swmtkn"),
    )
)
_STRING = rb'"((?:[^"\\]|\\.)*)"'
_PAIR = re.compile(rb'"([^"\\]{1,256})"\s*:\s*' + _STRING)
_WHOLE = re.compile(rb'"(-{0,2}[A-Za-z0-9_.-]{1,256})=((?:[^"\\]|\\.)+)"')
_WITHIN = re.compile(rb"(?<![A-Za-z0-9_.-])([A-Za-z0-9_.-]{1,256})=([^\s\"\\&,;*]+)")
_SET = re.compile(rb"\b(?:ENV|ARG)\s+([A-Za-z0-9_.-]{1,256})\s+([^\s\"\\*]+)")
_URL = re.compile(rb"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/@:\"\\]*:([^\s/@\"\\]+)@")
_URL_TOKEN = re.compile(rb"https?://([^\s/@:\"\\]+)@")
_SWARM = re.compile(rb"SWM(?:TKN|KEY)-[0-9]+-([A-Za-z0-9+/=-]+)")
_PEM = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)(?:-----END|\Z)", re.DOTALL)
_PAYLOAD = re.compile(rb'"Data"\s*:\s*' + _STRING)


@lru_cache(maxsize=4096)
def telling(name: str) -> bool:
    """Whether what is called so is likely to be a secret."""
    if name in _HARMLESS:
        return False
    words = [word.lower() for word in _SPLIT.split(name) if word]
    if not words:
        return False
    return (
        not _WORDS.isdisjoint(words)
        or (words[-1] in {"key", "keys"} and len(words) > 1 and words[-2] != "public")
        or _INSIDE.search(name.lower().replace("-", "_").replace(".", "_")) is not None
    )


def mask_text(data: bytes, mask: Mask = stars) -> bytes:
    """Mask what is a secret wherever it stands: URLs with a password, swarm tokens, NAME=value."""
    if not hinted(data):
        return data
    out = bytearray(data)
    for pattern in (_URL, _URL_TOKEN, _SWARM, _PEM):
        for found in pattern.finditer(data):
            _cover(out, data, *found.span(1), mask)
    for pattern in (_WITHIN, _SET):
        for found in pattern.finditer(data):
            start = found.start(1)
            escaped = data[start - 1 : start] == b"\\"  # the n of a \\n is not the name's
            name = found.group(1)[1 if escaped else 0 :].decode("ascii")
            if telling(name.lstrip("-")):
                _cover(out, data, *found.span(2), mask)
    return bytes(out)


def mask_json(
    data: bytes, mask: Mask = stars, *, payload: bool = False, fill: Mask | None = None
) -> bytes:
    """Mask the values of telling keys and of ``NAME=value`` strings with a telling name.

    Parameters
    ----------
    data : bytes
        JSON, or a run of JSON texts; need not be valid.
    mask : Mask
        Makes what stands for a secret.
    payload : bool
        Whether ``Data`` is a secret too: it is in the swarm's secrets and configs.
    fill : Mask, optional
        Makes what stands for such a payload.
    """
    if not (payload or hinted(data)):
        return data
    out = bytearray(mask_text(data, mask))
    for found in _PAIR.finditer(data):
        if telling(found.group(1).decode("latin-1")):
            _cover(out, data, *found.span(2), mask)
    for found in _WHOLE.finditer(data):
        if telling(found.group(1).decode("ascii").lstrip("-")):
            _cover(out, data, *found.span(2), mask)
    if payload:
        for found in _PAYLOAD.finditer(data):
            start = found.start(1)
            end = start + len(found.group(1).rstrip(b"="))
            _cover(out, data, start, end, fill or mask)
    return bytes(out)


def hinted(data: bytes) -> bool:
    """Whether there can be anything to mask; most of what passes is let go here."""
    low = data.lower()
    for hint in _HINTS:
        if hint in low:
            return True
    return b"://" in low and b"@" in low


def _cover(out: bytearray, data: bytes, start: int, end: int, mask: Mask) -> None:
    out[start:end] = mask(data[start:end])


class JsonFilter:
    """`mask_json` for JSON that arrives in pieces: what comes out is as long as what went in.

    Bytes are held back to the end of the line, or where a text has none, of the member.
    """

    PATIENCE = 64 * 1024

    def __init__(
        self, mask: Mask = stars, *, payload: bool = False, fill: Mask | None = None
    ) -> None:
        self._mask = partial(mask_json, mask=mask, payload=payload, fill=fill)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        held = self._held + data
        cut = held.rfind(b"\n") + 1
        if not cut and len(held) > self.PATIENCE:
            cut = _last_comma(held)
        self._held = held[cut:]
        return self._mask(held[:cut]) if cut else b""

    def flush(self) -> bytes:
        held, self._held = self._held, b""
        return self._mask(held)


_OUTSIDE = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|(,)', re.DOTALL)


def _last_comma(data: bytes) -> int:
    """Just past the last comma that stands outside of all strings, 0 without one."""
    last = 0
    for found in _OUTSIDE.finditer(data):
        if found.lastindex:
            last = found.end()
    return last
