"""TLS on a duplex connection, half-closes included, which asyncio's own TLS cannot do.

``docker run -i`` ends its stdin by a half-close; over TLS that is the close_notify alert
(RFC 8446, section 6.1), after which the engine goes on sending.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable
from typing import Any

from opskit.errors import AddressError, TLSError
from opskit.wire.duplex import Duplex

__all__ = ["SecureDuplex", "server_context"]

_READ = 256 * 1024


class SecureDuplex(Duplex):
    """A connection whose bytes are encrypted on their way; `handshake` comes first.

    ``host`` is the name that the other side's certificate must be for; None on a server's side.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        host: str | None,
        connected: Callable[[Duplex], None] | None = None,
    ) -> None:
        super().__init__(connected)
        self._received = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._received, self._to_send, server_side=host is None, server_hostname=host
        )
        self._shaken: asyncio.Future[None] = self._loop.create_future()

    async def handshake(self) -> None:
        """Agree on keys; raises `ssl.SSLError` or `ConnectionError`."""
        self._shake()
        await asyncio.shield(self._shaken)

    @property
    def certificate(self) -> Any:
        """The other side's certificate, as `ssl.SSLSocket.getpeercert` gives it, once verified."""
        agreed = self._shaken.done() and self._shaken.exception() is None
        return self._tls.getpeercert() if agreed else None

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

    def close(self) -> None:
        self.half_close()  # else what was sent could be taken for cut off
        super().close()


def server_context(folder: str | os.PathLike[str]) -> ssl.SSLContext:
    """TLS for a server with the files of a folder; only clients with a certificate get in.

    Parameters
    ----------
    folder : path
        Holds ca.pem, which the clients' certificates must be from, server-cert.pem and
        server-key.pem, as ``opskit tls init`` makes them.

    Raises
    ------
    AddressError, TLSError
        A file is missing, or cannot be used.
    """
    names = ("ca.pem", "server-cert.pem", "server-key.pem")
    ca, certificate, key = files = [os.path.join(folder, name) for name in names]
    for file in files:
        if not os.path.isfile(file):
            raise AddressError(f"{file} does not exist", "opskit tls init makes such a folder")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(ca)
    except (ssl.SSLError, OSError) as error:
        raise TLSError(
            f"the certificates in {os.fspath(folder)} cannot be used: {error}",
            "they must be PEM files, and server-key.pem the key of server-cert.pem",
        ) from error
    context.verify_mode = ssl.CERT_REQUIRED
    return context
