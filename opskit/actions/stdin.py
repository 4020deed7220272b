"""What a process in a container reads from its standard input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from opskit.actions.tar import pieces_of
from opskit.errors import InvalidOption

__all__ = ["Stdin", "check_stdin", "given"]

Stdin = str | bytes | BinaryIO | Iterable[bytes]


def check_stdin(stdin: Stdin | None, *, tty: bool, detach: bool) -> None:
    """Refuse what no process could read.

    Raises
    ------
    InvalidOption
        Nobody sends it when the call returns at once, and a terminal's input has no end.
    TypeError
        As `given`.
    """
    if stdin is None:
        return
    given(stdin)
    if detach:
        raise InvalidOption("stdin and detach do not go together", "wait for the end, or put_files")
    if tty:
        raise InvalidOption("stdin and tty do not go together", "leave tty out: input has an end")


def given(stdin: Stdin) -> Iterator[bytes]:
    """The input in pieces, text as UTF-8.

    Raises
    ------
    TypeError
        It is none; also while it is read, when a piece is no bytes: a file opened as text.
    """
    if isinstance(stdin, str):
        return iter([stdin.encode()])
    if isinstance(stdin, bytes | bytearray | memoryview):
        return iter([bytes(stdin)])
    if hasattr(stdin, "read"):
        return _bytes_only(pieces_of(stdin))
    if isinstance(stdin, Iterable):
        return _bytes_only(stdin)
    raise TypeError(
        f"stdin={stdin!r}: give text, bytes, an open binary file or an iterable of bytes"
    )


def _bytes_only(pieces: Iterable[Any]) -> Iterator[bytes]:
    for piece in pieces:
        if not isinstance(piece, bytes):
            raise TypeError(f"stdin gave {type(piece).__name__}, not bytes: open files with 'rb'")
        yield piece
