"""Many connections to one engine, read in one thread as their answers arrive.

A connection for each container costs a socket and a parser here, where a thread each would cost a
stack and the interpreter's lock: a hundred streams are read with two percent of a core.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opskit.closing import Closing
from opskit.dial import connection_error
from opskit.errors import EngineError, EngineLost
from opskit.response import ResponseParser
from opskit.transport import encode

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["Channel", "Heard", "Hub"]

_READ_SIZE = 65_536
_DIALLERS = 16  # TLS handshakes wait for the network, connecting to a local socket does not


@dataclass(slots=True, eq=False)
class Channel:
    """One kept-alive connection, and what it is for."""

    key: str
    sock: socket.socket
    parser: ResponseParser = field(default_factory=ResponseParser)
    rest: bytes = b""
    asked: int = 0  # requests whose answers have not ended
    told: bool = False  # the answer under way has brought a line

    @property
    def closed(self) -> bool:
        """The connection is no more."""
        return self.sock.fileno() < 0


@dataclass(slots=True)
class Heard:
    """What one channel brought: whole lines, an answer's end, or the connection's."""

    channel: Channel
    lines: list[bytes]
    status: int = 200
    answered: bool = False
    empty: bool = False  # the answer that ended brought nothing at all
    lost: EngineError | None = None


class Hub(Closing):
    """Sends GET requests on many connections and hears their answers line by line.

    Used by one thread at a time, but for `wake`.
    """

    def __init__(self, engine: RawEngine) -> None:
        self._engine = engine
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)

    def open(self, keys: Iterable[str]) -> list[Channel]:
        """A connection of its own for each key."""
        wanted = list(keys)
        if self._engine.where.scheme == "unix" or len(wanted) < 2:
            sockets = [self._engine.dial() for _ in wanted]
        else:
            with ThreadPoolExecutor(_DIALLERS) as pool:
                sockets = list(pool.map(lambda _: self._engine.dial(), wanted))
        channels = [Channel(key, sock) for key, sock in zip(wanted, sockets, strict=True)]
        for channel in channels:
            self._selector.register(channel.sock, selectors.EVENT_READ, channel)
        return channels

    def ask(self, channel: Channel, path: str, *, times: int = 1, **query: Any) -> None:
        """Send a GET request, or the same one several times, pipelined.

        A connection that the engine closed after its last answer is dialled again.
        """
        request = encode("GET", self._engine.target(path, query))
        try:
            if channel.closed:
                channel.sock, channel.parser = self._engine.dial(), ResponseParser()
                self._selector.register(channel.sock, selectors.EVENT_READ, channel)
            channel.sock.settimeout(self._engine.timeout)
            channel.sock.sendall(request * times)
        except OSError as error:
            raise connection_error(self._engine.where, error, self._engine.timeout) from error
        channel.asked += times

    def hear(self, timeout: float) -> Iterator[Heard]:
        """What arrives within `timeout` seconds at most; nothing when it is over or `wake` rang."""
        for key, _ in self._selector.select(max(timeout, 0)):
            if key.data is None:
                self._silence()
            elif not key.data.closed:  # dropped while the others were read
                yield from self._read(key.data)

    def until(self, deadline: float) -> Iterator[Heard]:
        """What arrives until `deadline` (of ``time.monotonic``)."""
        while (left := deadline - time.monotonic()) > 0:
            yield from self.hear(left)

    def _read(self, channel: Channel) -> Iterator[Heard]:
        parser, ended, lost = channel.parser, True, None
        channel.sock.setblocking(False)
        try:
            while data := channel.sock.recv(_READ_SIZE):
                parser.feed(data, self._engine.where)
            if parser.until_close:
                parser.finish()
        except (BlockingIOError, ssl.SSLWantReadError):
            ended = False
        except EngineError as error:
            lost = error
        except OSError as error:
            lost = connection_error(self._engine.where, error, self._engine.timeout)
        while parser.replies:
            reply = parser.replies.popleft()
            channel.asked -= 1
            lines = (channel.rest + reply.body).splitlines()
            empty = not lines and not channel.told
            channel.rest, channel.told = b"", False
            yield Heard(channel, lines, reply.status, answered=True, empty=empty)
        if parser.chunks:
            *lines, channel.rest = (channel.rest + b"".join(parser.chunks)).split(b"\n")
            parser.chunks.clear()
            if lines:
                channel.told = True
                yield Heard(channel, lines, parser.reply.status)
        if not ended:
            return
        self.drop(channel)
        if channel.asked:
            where = self._engine.address
            yield Heard(channel, [], lost=lost or EngineLost(
                f"the engine at {where} closed a connection in the middle of an answer",
                "did it stop or restart? the next call connects again",
            ))  # fmt: skip

    def drop(self, channel: Channel) -> None:
        """Close one connection."""
        if not channel.closed:
            self._selector.unregister(channel.sock)
            channel.sock.close()

    def wake(self) -> None:
        """Make `hear` return at once; callable from any thread."""
        self._bell.send(b"!")

    def _silence(self) -> None:
        self._ear.recv(4096)

    def close(self) -> None:
        """Close all connections."""
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._bell.close()
