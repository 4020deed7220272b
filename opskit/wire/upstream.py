"""Connecting to the engine from within the relay's event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from opskit.address import Address
from opskit.dial import connection_error, dial, ssl_context
from opskit.wire.duplex import Duplex
from opskit.wire.secure import SecureDuplex

__all__ = ["Dial", "dialler"]

Dial = Callable[[], Awaitable[Duplex]]
"""Opens one new connection to the engine."""


def dialler(address: Address, timeout: float = 30.0) -> Dial:
    """A function that connects to ``address``; it raises opskit's own errors."""

    async def connect() -> Duplex:
        try:
            async with asyncio.timeout(timeout):
                return await _connect(address)
        except OSError as error:  # TimeoutError included
            raise connection_error(address, error, timeout) from error

    return connect


async def _connect(address: Address) -> Duplex:
    loop = asyncio.get_running_loop()
    if address.scheme == "unix":
        _, duplex = await loop.create_unix_connection(Duplex, address.path)
    elif address.scheme == "tcp":
        if address.tls is not None:
            return await _secure(address.host, address.port, ssl_context(address.tls))
        _, duplex = await loop.create_connection(Duplex, address.host, address.port)
    else:
        sock = await loop.run_in_executor(None, dial, address)
        sock.setblocking(False)
        _, duplex = await loop.create_connection(Duplex, sock=sock)
    return duplex


async def _secure(host: str, port: int, context: ssl.SSLContext) -> Duplex:
    loop = asyncio.get_running_loop()
    _, duplex = await loop.create_connection(lambda: SecureDuplex(context, host), host, port)
    try:
        await duplex.handshake()
    except BaseException:
        duplex.abort()
        raise
    return duplex
