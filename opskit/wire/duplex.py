"""One connection: bytes that arrived and were not yet taken, and a way to send, both held back.

Reading pauses while `HELD` bytes wait to be taken; `drain` waits while the peer does not read.
So whatever passes through takes bounded memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import socket
import struct
import termios
from collections.abc import Callable
from typing import Literal

__all__ = ["HELD", "Duplex"]

HELD = 256 * 1024
_LOOK_AGAIN = 0.0002
_SETTLE_UNIX = 0.25
_SETTLE_TCP = 0.015


class Duplex(asyncio.Protocol):
    """A connection as bytes in and bytes out, with half-closes told apart from the end.

    Attributes
    ----------
    eof : bool
        The peer sends no more.
    lost : bool
        Nothing can be sent to the peer any more.
    error : Exception or None
        Why the connection broke, if it did not end in an orderly way.
    on_end : callable or None
        Called once, when ``eof`` becomes true, from within the event loop.
    sieve : callable or None
        Says of bytes that are to be sent which ones are, and what to raise then.
    """

    def __init__(self, connected: Callable[[Duplex], None] | None = None) -> None:
        self._connected = connected
        self._loop = asyncio.get_running_loop()
        self._data: bytes | bytearray = b""
        self._reading: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None
        self._paused = False
        self._held = False
        self.transport: asyncio.Transport
        self.eof = False
        self.lost = False
        self.half_closed = False
        self.error: Exception | None = None
        self.on_end: Callable[[], None] | None = None
        self.sieve: Callable[[bytes], tuple[bytes, Exception | None]] | None = None

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        sock = self.socket
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._connected is not None:
            self._connected(self)

    def data_received(self, data: bytes) -> None:
        if not self._data:
            self._data = data
        else:
            if isinstance(self._data, bytes):
                self._data = bytearray(self._data)
            self._data += data
        if len(self._data) >= HELD and not self._held:
            self._held = True
            self.transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> bool:
        self._end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.error = exc
        if exc is not None and not self.eof:
            self._hear_last_words()
        self._end()
        if self._writing is not None and not self._writing.done():
            self._writing.set_result(None)

    def _hear_last_words(self) -> None:
        """Read what the peer had sent before sending to it failed: it may say why."""
        sock = self.socket
        with contextlib.suppress(OSError):
            while sock is not None and (data := os.read(sock.fileno(), HELD)):
                self._data = bytes(self._data) + data

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._writing is not None and not self._writing.done():
            self._writing.set_result(None)

    def _end(self) -> None:
        if not self.eof:
            self.eof = True
            self._wake_reader()
            if self.on_end is not None:
                self.on_end()

    def _wake_reader(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)

    # reading

    @property
    def data(self) -> bytes | bytearray:
        """What arrived and was not yet taken."""
        return self._data

    async def fill(self) -> bool:
        """Wait until more arrives than there is now; False when no more will."""
        if self.eof:
            return False
        if self._held:
            self._held = False
            self.transport.resume_reading()
        before = len(self._data)
        while len(self._data) == before and not self.eof:
            self._reading = self._loop.create_future()
            try:
                await self._reading
            finally:
                self._reading = None
        return len(self._data) > before

    def take(self, count: int | None = None) -> bytes:
        """Take what has arrived, or the first ``count`` bytes of it."""
        data = self._data
        if count is None or count >= len(data):
            self._data = b""
        else:
            self._data = bytearray(memoryview(data)[count:])
            data = data[:count]
        if self._held and len(self._data) < HELD and not self.eof:
            self._held = False
            self.transport.resume_reading()
        return bytes(data)

    def untake(self, data: bytes) -> None:
        """Put bytes back in front of what has arrived."""
        self._data = bytearray(data) + self._data if self._data else data

    # writing

    def send(self, data: bytes) -> None:
        """Send at once, or queue; follow with `drain` before sending much more."""
        if self.lost:
            raise ConnectionResetError("the peer is gone") from self.error
        error = None
        if self.sieve is not None:
            data, error = self.sieve(data)
        if data:
            self.transport.write(data)
        if error is not None:
            raise error

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what was sent."""
        while self._paused and not self.lost:
            self._writing = self._loop.create_future()
            try:
                await self._writing
            finally:
                self._writing = None
        if self.lost:
            raise ConnectionResetError("the peer is gone") from self.error

    @property
    def blocked(self) -> bool:
        """Whether the peer is slow to take what was sent."""
        return self._paused

    def half_close(self) -> None:
        """Send no more; the peer may still send."""
        if not (self.half_closed or self.lost or self.transport.is_closing()):
            self.half_closed = True
            if self.transport.can_write_eof():
                self.transport.write_eof()

    def close(self) -> None:
        """Send what is queued, then close both directions."""
        self.transport.close()

    def abort(self) -> None:
        """Close both directions, whatever is queued."""
        self.transport.abort()

    # the socket underneath

    @property
    def socket(self) -> socket.socket | None:
        """The socket underneath (its descriptor only: not to be read or written)."""
        return self.transport.get_extra_info("socket")  # type: ignore[no-any-return]

    @property
    def hung_up(self) -> bool:
        """Whether the peer closed both directions (over TCP that shows only when sending)."""
        if self.lost:
            return True
        sock = self.socket
        if sock is None or sock.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(sock.fileno(), 0)
        return bool(poll.poll(0))

    async def settle(self) -> None:
        """Give the peer time to read what was sent, so that later bytes come in a later read.

        Over a unix socket this is known: the send queue is empty once the peer has read. Over TCP
        the queue only tells what arrived, so a moment is added.
        """
        until = self._loop.time() + _SETTLE_UNIX
        while not self.lost and self._unread() and self._loop.time() < until:
            await asyncio.sleep(_LOOK_AGAIN)
        if self.family != "unix":
            await asyncio.sleep(_SETTLE_TCP)

    def _unread(self) -> int:
        sock = self.socket
        if sock is None or sock.fileno() < 0:
            return 0
        queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        return self.transport.get_write_buffer_size() + int(struct.unpack("i", queued)[0])

    @property
    def family(self) -> Literal["unix", "tcp"]:
        """What kind of socket this is."""
        sock = self.socket
        return "unix" if sock is not None and sock.family == socket.AF_UNIX else "tcp"
