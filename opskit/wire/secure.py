"""TLS on a duplex connection, half-closes included, which asyncio's own TLS cannot do.

``docker run -i`` ends its stdin by a half-close; over TLS that is the close_notify alert
(RFC 8446, section 6.1), after which the engine goes on sending.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from opskit.wire.duplex import Duplex

__all__ = ["SecureDuplex"]

_READ = 256 * 1024


class SecureDuplex(Duplex):
    """A connection whose bytes are encrypted on their way; `handshake` comes first."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        super().__init__()
        self._received = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=host)
        self._shaken: asyncio.Future[None] = self._loop.create_future()

    async def handshake(self) -> None:
        """Agree on keys; raises `ssl.SSLError` or `ConnectionError`."""
        self._shake()
        await self._shaken

    def data_received(self, data: bytes) -> None:
        self._received.write(data)
        if not self._shaken.done():
            self._shake()
        if self._shaken.done() and not self._shaken.exception():
            self._read()

    def eof_received(self) -> bool:
        if not self._shaken.done():
            self._shaken.set_exception(ConnectionResetError("closed during the TLS handshake"))
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._shaken.done():
            self._shaken.set_exception(exc or ConnectionResetError("closed during the handshake"))
        super().connection_lost(exc)

    def _hear_last_words(self) -> None:
        pass  # they would be encrypted, and incomplete

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._shaken.set_exception(error)
        else:
            self._shaken.set_result(None)
        self._flush()

    def _read(self) -> None:
        try:
            while data := self._tls.read(_READ):
                super().data_received(data)
            self._end()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLZeroReturnError:
            self._end()
        except ssl.SSLError as error:
            self.error = error
            self._end()

    def _flush(self) -> None:
        if self._to_send.pending and not self.lost:
            self.transport.write(self._to_send.read())

    def send(self, data: bytes) -> None:
        if self.lost:
            raise ConnectionResetError("the peer is gone") from self.error
        if data:
            self._tls.write(data)
            self._flush()

    def half_close(self) -> None:
        if not (self.half_closed or self.lost or self.transport.is_closing()):
            self.half_closed = True
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush()
