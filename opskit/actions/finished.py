"""How a process in a container ended, and what it wrote."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opskit.errors import EngineUnresponsive
from opskit.stream import Stream

__all__ = ["Finished", "collect", "deadline"]

STDERR = 2
SHOWN = 2000


@dataclass(frozen=True, repr=False)
class Finished:
    """How a process in a container ended.

    Attributes
    ----------
    exit_code : int
        0 where it succeeded.
    stdout, stderr : bytes
        What it wrote; with a TTY everything is in ``stdout``.
    id : str
        The container's full id, also where it has been removed.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    id: str = ""

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode("utf-8", "replace")

    def __repr__(self) -> str:
        parts = [f"exit code {self.exit_code}"]
        for name, data in (("", self.stdout), ("stderr: ", self.stderr)):
            if data:
                text = data.decode("utf-8", "replace").rstrip()
                cut = f"\n… {len(text) - SHOWN} more characters" if len(text) > SHOWN else ""
                parts.append(name + text[:SHOWN] + cut)
        return "\n".join(parts)


def collect(stream: Stream, *, tty: bool) -> tuple[bytes, bytes]:
    """Everything a hijacked stream carries, standard output and error apart.

    Without a TTY each piece has a header of 8 bytes: the stream's number, three zeros, and the
    length, big-endian.
    """
    if tty:
        return stream.read(), b""
    out: dict[int, list[bytes]] = {1: [], STDERR: []}
    buffer = bytearray()
    for chunk in stream:
        buffer += chunk
        start = 0
        while len(buffer) - start >= 8:
            end = start + 8 + int.from_bytes(buffer[start + 4 : start + 8], "big")
            if len(buffer) < end:
                break
            out[STDERR if buffer[start] == STDERR else 1].append(bytes(buffer[start + 8 : end]))
            start = end
        del buffer[:start]
    out[1].append(bytes(buffer))
    return b"".join(out[1]), b"".join(out[STDERR])


@contextmanager
def deadline(
    stream: Stream, seconds: float | None, what: str, then: str = "it goes on: look at it"
) -> Iterator[None]:
    """Give up on the stream after so many seconds altogether; ``then`` says what to do.

    Raises
    ------
    EngineUnresponsive
        The time ran out.
    """
    if seconds is None:
        yield
        return
    late = threading.Event()

    def close() -> None:
        late.set()
        stream.close()

    timer = threading.Timer(seconds, close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise EngineUnresponsive(f"{what} still ran after {seconds:g} s", then)
