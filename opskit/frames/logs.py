"""A container's log as lines, from the bytes that the engine sends, in whatever pieces they come.

Without a terminal the stream is frames of 8 bytes (stream, 0, 0, 0, length big-endian) and a
payload (https://docs.docker.com/reference/api/engine/, "attach", stream format). With a terminal it
is the terminal's own bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from opskit.frames.columns import Column, build, instants
from opskit.times import to_ns

__all__ = ["COLUMNS", "LogDecoder", "LogLine", "logs"]

COLUMNS = (
    Column("time", "datetime64[ns, UTC]", "", "When the engine got the line; missing without "
           "timestamps."),
    Column("stream", "str", "", "stdout or stderr; a terminal has only stdout."),
    Column("line", "str", "", "The line, without its end; bytes that are not UTF-8 as U+FFFD."),
)  # fmt: skip
"""Columns of ``engine.logs()``, in the order of the log."""

_STREAMS = {0: "stdin", 1: "stdout", 2: "stderr", 3: "system"}
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?")
_PIECE = 16_384  # the engine logs longer lines in pieces of this size, each with a timestamp


class LogLine(NamedTuple):
    """One line of a log.

    Attributes
    ----------
    stamp : str or None
        The engine's timestamp, RFC 3339; None where it sent none.
    stream : str
        ``stdout`` or ``stderr``.
    line : str
        The text, without its end.
    """

    stamp: str | None
    stream: str
    line: str

    @property
    def time(self) -> pd.Timestamp | None:
        """The timestamp to the nanosecond, in UTC."""
        return None if self.stamp is None else pd.Timestamp(to_ns(self.stamp), tz="UTC")


class LogDecoder:
    """Bytes in, lines out; feed it chunks of any size as they arrive.

    Parameters
    ----------
    tty : bool
        Whether the container has a terminal, so that its log has no frames.
    timestamps : bool
        Whether the log was asked for with ``timestamps=true``.

    Examples
    --------
    >>> decoder = LogDecoder(timestamps=False)
    >>> decoder.feed(b"\\x01\\0\\0\\0\\0\\0\\0\\x06hel")
    []
    >>> decoder.feed(b"lo\\n")
    [LogLine(stamp=None, stream='stdout', line='hello')]
    """

    def __init__(self, *, tty: bool = False, timestamps: bool = True) -> None:
        self._tty = tty
        self._timestamps = timestamps
        self._pending = b""
        self._open: dict[str, tuple[str | None, bytes]] = {}  # lines that have not ended yet

    def feed(self, data: bytes) -> list[LogLine]:
        """The lines that `data` completes."""
        data = self._pending + data if self._pending else data
        return self._feed_terminal(data) if self._tty else self._feed_frames(data)

    def close(self) -> list[LogLine]:
        """The lines that the stream's end leaves without an end of their own.

        Raises
        ------
        ValueError
            The stream ended inside a frame; the whole lines before are out already.
        """
        if self._tty:
            rest = [self._terminal_line(self._pending)] if self._pending else []
            self._pending = b""
            return rest
        cut, self._pending = len(self._pending), b""
        rest = [_line(stamp, stream, text) for stream, (stamp, text) in self._open.items()]
        self._open.clear()
        if cut:
            raise ValueError(f"the log ends inside a frame, {cut} bytes into it: it was cut off")
        return rest

    def _feed_terminal(self, data: bytes) -> list[LogLine]:
        *lines, self._pending = data.split(b"\n")
        return [self._terminal_line(line) for line in lines]

    def _terminal_line(self, text: bytes) -> LogLine:
        stamp, text = self._stamp(text)
        at = _PIECE
        while stamp and len(text) > at and (again := _STAMP.match(text, at)):
            text = text[:at] + text[again.end() :]
            at += _PIECE
        return _line(stamp, "stdout", text.removesuffix(b"\r"))

    def _feed_frames(self, data: bytes) -> list[LogLine]:
        lines: list[LogLine] = []
        at, size = 0, len(data)
        while at + 8 <= size:
            kind = data[at]
            if kind > 3 or data[at + 1 : at + 4] != b"\0\0\0":
                raise ValueError(
                    "this is no multiplexed log: a frame must begin with its stream and three "
                    "zeros. Decode it with tty=True"
                )
            end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
            if end > size:
                break
            self._payload(_STREAMS[kind], data[at + 8 : end], lines)
            at = end
        self._pending = data[at:]
        return lines

    def _payload(self, stream: str, text: bytes, lines: list[LogLine]) -> None:
        stamp, text = self._stamp(text)
        if stream in self._open:  # a piece of a long line: the first one's time is the line's
            stamp, before = self._open.pop(stream)
            text = before + text
        if text[-1:] == b"\n" and text.find(b"\n") == len(text) - 1:  # one message, one line
            lines.append(_line(stamp, stream, text[:-1]))
            return
        *whole, rest = text.split(b"\n")
        lines += [_line(stamp, stream, line) for line in whole]
        if rest:
            self._open[stream] = stamp, rest

    def _stamp(self, text: bytes) -> tuple[str | None, bytes]:
        if self._timestamps and (match := _STAMP.match(text)):
            return match[1].decode("ascii"), text[match.end() :]
        return None, text


def _line(stamp: str | None, stream: str, text: bytes) -> LogLine:
    return LogLine(stamp, stream, text.decode("utf-8", "replace"))


def logs(
    data: bytes | Iterable[LogLine], *, tty: bool = False, timestamps: bool = True
) -> pd.DataFrame:
    """A whole log, or lines of a `LogDecoder`, as a frame with `COLUMNS`.

    Parameters
    ----------
    data : bytes or lines
        The body of ``GET /containers/ID/logs``.
    tty, timestamps
        As for `LogDecoder`, when `data` are bytes.
    """
    if isinstance(data, bytes):
        decoder = LogDecoder(tty=tty, timestamps=timestamps)
        lines = decoder.feed(data) + decoder.close()
    else:
        lines = list(data)
    stamps, streams, texts = zip(*lines, strict=True) if lines else ((), (), ())
    return build(COLUMNS, {"time": instants(stamps), "stream": streams, "line": texts})
