"""One request on each of many engines' kept connections, asked and read by one thread.

Threads would do, but for small answers their coming and going costs more than the answers.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from opskit.address import Address
from opskit.dial import connection_error
from opskit.errors import EngineError
from opskit.response import READ_SIZE, Reply, ResponseParser
from opskit.transport import Transport, encode

__all__ = ["get_each"]

_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(slots=True)
class _Talk:
    """A connection with a request under way."""

    place: int
    transport: Transport
    sock: socket.socket
    parser: ResponseParser = field(default_factory=ResponseParser)

    def read(self) -> bool:
        """Take what has come; whether that was the end of the answer."""
        address = self.transport.address
        while not self.parser.replies:
            try:
                data = self.sock.recv(READ_SIZE)
            except _LATER:
                return False
            if not data and self.parser.until_close:
                self.parser.finish()
                self.parser.keep = False
            elif not data:
                raise ConnectionResetError("it hung up")
            else:
                self.parser.feed(data, address)
        return True


def get_each(
    asked: Sequence[tuple[Transport, str]], timeout: float
) -> list[Reply | EngineError | None]:
    """GET one target from each of many engines, all at once.

    Parameters
    ----------
    asked : sequence of (Transport, str)
        Engines and targets.
    timeout : float
        Seconds that all have together.

    Returns
    -------
    list
        For each its answer, or the error of one that did not answer in time; None where nothing
        was heard because no kept connection is good: ask that one as usual.
    """
    answers: list[Reply | EngineError | None] = [None] * len(asked)
    deadline = time.monotonic() + timeout
    open_talks: dict[int, _Talk] = {}
    with selectors.DefaultSelector() as selector:
        try:
            for place, (transport, target) in enumerate(asked):
                if (talk := _begin(place, transport, target)) is not None:
                    open_talks[place] = talk
                    selector.register(talk.sock, selectors.EVENT_READ, talk)
            while open_talks and (left := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    talk = key.data
                    if (ended := _hear(talk)) is not False:
                        selector.unregister(talk.sock)
                        del open_talks[talk.place]
                        answers[talk.place] = _end(talk) if ended is True else ended
            for talk in open_talks.values():
                answers[talk.place] = _error(talk.transport.address, TimeoutError(), timeout)
        finally:
            for talk in open_talks.values():
                talk.sock.close()
    return answers


def _begin(place: int, transport: Transport, target: str) -> _Talk | None:
    sock = transport.take_idle()
    if sock is None:
        return None
    sock.settimeout(0)
    try:
        sock.sendall(encode("GET", target))
    except OSError:
        sock.close()
        return None
    return _Talk(place, transport, sock)


def _hear(talk: _Talk) -> bool | EngineError | None:
    """Whether the answer is complete; an error, or None where the connection was stale."""
    try:
        return talk.read()
    except (OSError, EngineError) as error:
        talk.sock.close()
        stale = isinstance(error, OSError) and not talk.parser.started
        return None if stale else _error(talk.transport.address, error)


def _end(talk: _Talk) -> Reply:
    if talk.parser.keep and not talk.parser.started:
        talk.transport.give_back(talk.sock)
    else:
        talk.sock.close()
    return talk.parser.replies[0]


def _error(address: Address, error: BaseException, timeout: float | None = None) -> EngineError:
    told = connection_error(address, error, timeout)
    told.__cause__ = error if told is not error else None
    return told
