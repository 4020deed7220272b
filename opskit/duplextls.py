"""A client's TLS connection that can end its sending and go on receiving.

`ssl.SSLSocket` cannot: its ``shutdown`` forgets the keys, and its ``unwrap`` throws away what the
other side has sent meanwhile. A hijacked connection needs it: the end of standard input is the
close_notify alert (RFC 8446, section 6.1), and the output comes after it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

from opskit.response import READ_SIZE

__all__ = ["DuplexTLS"]


class DuplexTLS(socket.socket):
    """A connected socket's TLS side, the handshake done; for one thread at a time.

    ``shutdown(SHUT_WR)`` sends close_notify. Without a timeout to wait for, a call that cannot go
    on raises BlockingIOError and can be made again.

    Raises
    ------
    ssl.SSLError, OSError
        The handshake failed.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        timeout = sock.gettimeout()
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.settimeout(timeout)
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._unsent = bytearray()
        self._ended = False
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=host)
        try:
            self._wait_for(self._tls.do_handshake)
        except BaseException:
            self.close()
            raise

    def recv(self, size: int, flags: int = 0) -> bytes:
        """What the other side sent; ``b""`` for its end."""
        try:
            data: bytes = self._wait_for(self._tls.read, size)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        return data

    def send(self, data: Any, flags: int = 0) -> int:
        """Take some of the bytes to send; how many."""
        self._flush()
        taken = self._tls.write(data)
        self._flush_some()  # all of it is taken: the rest goes first next time
        return taken

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all the bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.send(rest) :]

    def shutdown(self, how: int) -> None:
        """End sending (``SHUT_WR``), receiving or both."""
        if how != socket.SHUT_WR:
            super().shutdown(how)
            return
        self._flush()
        if not self._ended:
            self._ended = True
            with contextlib.suppress(ssl.SSLError):  # the other side has not ended yet
                self._tls.unwrap()
        self._flush()

    def _wait_for(self, step: Any, *arguments: Any) -> Any:
        while True:
            try:
                done = step(*arguments)
            except ssl.SSLWantReadError:
                self._flush_some()
                data = super().recv(READ_SIZE)
                if data:
                    self._received.write(data)
                else:
                    self._received.write_eof()
            else:
                self._flush_some()
                return done

    def _flush_some(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._flush()

    def _flush(self) -> None:
        self._unsent += self._to_send.read()
        while self._unsent:
            del self._unsent[: super().send(self._unsent)]
