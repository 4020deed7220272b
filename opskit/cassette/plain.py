"""Values out of a file that anybody may have edited: each is what it has to be, or an error."""

from __future__ import annotations

from typing import Any

__all__ = ["RecordError", "as_bytes", "as_loose_text", "as_text", "as_whole", "why"]


class RecordError(ValueError):
    """A record does not have the shape of an exchange."""


def as_bytes(value: Any) -> bytes:
    """A body: text or bytes."""
    if isinstance(value, bytes):
        return value
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    raise RecordError(f"a body is {type(value).__name__}, not text or bytes")


def as_text(value: Any) -> str:
    """Text, and nothing else."""
    if isinstance(value, str):
        return value
    raise RecordError(f"{value!r} is not text")


def as_loose_text(value: Any) -> str:
    """A header's value: also bytes and numbers, as other recorders write them."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (str, int, float)):
        return str(value)
    raise RecordError(f"the header value {value!r} is not text")


def as_whole(value: Any) -> int:
    """A whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise RecordError(f"{value!r} is not a whole number")


def why(error: Exception) -> str:
    """What is wrong, in words."""
    return f"no {error}" if isinstance(error, KeyError) else str(error)
