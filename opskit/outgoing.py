"""What is sent to a hijacked connection while it is read.

Sending all before reading would never end: a process that answers as it reads stops reading once
nobody takes its answer. So both go on in turns, in one thread, since a TLS connection may not be
used from two.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
from collections.abc import Iterable

from opskit.response import READ_SIZE

__all__ = ["Outgoing"]

PIECE = 1 << 16
_ENDED = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)


class Outgoing:
    """Pieces that go out on a socket while it is read; the end of sending follows the last one.

    Attributes
    ----------
    done : bool
        All is sent, or the other side takes no more.
    cut : bool
        The other side took no more before all was sent.
    failure : Exception or None
        What the pieces' source raised.
    """

    def __init__(self, sock: socket.socket, pieces: Iterable[bytes]) -> None:
        self._sock = sock
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")
        self._ending = False
        self.failure: Exception | None = None
        self.done = self.cut = False

    def receive(self, timeout: float | None) -> bytes | None:
        """What arrives while there is something to send, ``b""`` for the end; None once all is.

        Raises
        ------
        TimeoutError
            For so long, nothing came and nothing could be sent.
        """
        self._sock.settimeout(0)
        try:
            while not self.done:
                with contextlib.suppress(BlockingIOError):
                    return self._received()
                if not self._send() and not self._movable(timeout):
                    raise TimeoutError
            return None
        finally:
            self._sock.settimeout(timeout)

    def _received(self) -> bytes:
        try:
            return self._sock.recv(READ_SIZE)
        except ConnectionResetError:  # how an end looks with something unread behind it
            self.done = self.cut = True
            return b""

    def _send(self) -> bool:
        """Send a piece, or the end; whether that was possible."""
        if not self._rest and not self._ending:
            try:
                piece = next(self._pieces, None)
            except Exception as error:
                self.failure = error
                raise
            self._ending = piece is None
            self._rest = memoryview(piece or b"")
        try:
            if self._ending:
                self._sock.shutdown(socket.SHUT_WR)
                self.done = True
            elif self._rest:
                self._rest = self._rest[self._sock.send(self._rest[:PIECE]) :]
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _ENDED:
                raise
            self.done = self.cut = True
        return True

    def _movable(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | select.POLLOUT)
        return bool(poll.poll(None if timeout is None else timeout * 1000))
