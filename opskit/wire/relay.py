"""The relay: a server on a socket that hands each request to a service.

It runs on an event loop in a thread of its own, so that it serves clients in this process too.
What the service does is its affair (`opskit.wire.call.Service`): forward to an engine and record,
answer from a cassette, refuse. The relay sees to connections, keep-alive, slow and malformed
clients, and to leaving nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from opskit.cassette.model import End
from opskit.wire.call import BODY_TIMEOUT, Call, Client, ClientGone, Service, refusal
from opskit.wire.duplex import Duplex
from opskit.wire.http1 import Malformed, RequestHead, find_head, parse_request
from opskit.wire.listen import Listener
from opskit.wire.secure import SecureDuplex

__all__ = ["Relay"]

_log = logging.getLogger("opskit.wire")

HEAD_TIMEOUT = 30.0
"""Seconds a client has for the head of a request, from its first byte on."""
LINGER = 2.0
"""Seconds to go on reading from a client that was refused, so that it reads the refusal."""
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    505: "HTTP Version Not Supported",
}


class Relay:
    """A server that hands each request to a service. Use it as a context manager.

    Parameters
    ----------
    service : Service
        What to do with the requests.
    listener : Listener
        Where to listen; closed with the relay.
    head_timeout : float
        Seconds a client has for the head of a request, from its first byte on.
    body_timeout : float
        Seconds without a byte of a body that must be complete before the call can go on.
    tls : ssl.SSLContext, optional
        Speak TLS with the clients.
    turned_away : callable, optional
        Told of clients that never came to a call: the status (0 without an answer) and why.
    """

    def __init__(
        self,
        service: Service,
        listener: Listener,
        *,
        head_timeout: float = HEAD_TIMEOUT,
        body_timeout: float = BODY_TIMEOUT,
        tls: ssl.SSLContext | None = None,
        turned_away: Callable[[Client, int, str], None] | None = None,
    ) -> None:
        self.service = service
        self.address = listener.address
        self._listener = listener
        self._head_timeout = head_timeout
        self._body_timeout = body_timeout
        self._tls = tls
        self._turned_away = turned_away
        self._clients: set[asyncio.Task[None]] = set()
        self._count = 0
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opskit-relay", daemon=True)

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._clients)

    def start(self) -> Self:
        """Begin to accept connections."""
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """End all connections and the thread; returns when nothing is left."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        sock = self._listener.socket
        create = self._loop.create_unix_server if self._listener.unix else self._loop.create_server
        server = await create(self._connection, sock=sock)
        self._ready.set()
        await self._stop.wait()
        server.close()
        tasks = list(self._clients)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _connection(self) -> Duplex:
        if self._tls is None:
            return Duplex(self._accept)
        return SecureDuplex(self._tls, None, self._accept)

    def _accept(self, duplex: Duplex) -> None:
        self._count += 1
        client = Client(duplex, self._count, self._body_timeout)
        task = self._loop.create_task(self._attend(client))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _attend(self, client: Client) -> None:
        duplex = client.duplex
        try:
            if isinstance(duplex, SecureDuplex) and not await self._secured(client, duplex):
                return
            while True:
                call = await self._next_call(client)
                if call is None or not await self._serve(call):
                    break
            await self._linger(duplex)
        except Malformed as error:
            await self._turn_away(duplex, error.status, str(error))
        except (ConnectionError, ClientGone):
            duplex.abort()
        except Exception:
            _log.exception("the relay failed; the connection is closed")
            duplex.abort()
        finally:
            duplex.close()
            await self.service.release(client)

    async def _secured(self, client: Client, duplex: SecureDuplex) -> bool:
        """Whether the client and this side have agreed on TLS."""
        try:
            async with asyncio.timeout(self._head_timeout):
                await duplex.handshake()
            return True
        except (ssl.SSLError, ConnectionError, TimeoutError) as error:
            if self._turned_away is not None:
                why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or error
                self._turned_away(client, 0, f"no TLS: {why}")
            return False

    async def _next_call(self, client: Client) -> Call | None:
        try:
            head = await self._head(client.duplex)
            return None if head is None else Call(head, client)
        except Malformed as error:
            if self._turned_away is not None:
                self._turned_away(client, error.status, str(error))
            raise

    async def _head(self, duplex: Duplex) -> RequestHead | None:
        looked = 0
        while duplex.data or await duplex.fill():
            if duplex.data[0] not in b"\r\n":
                break
            duplex.take(1)
            looked += 1
            if looked > 4:
                raise Malformed("empty lines where a request should begin")
        else:
            return None
        looked = 0
        try:
            end = find_head(duplex.data)
            if end < 0:
                async with asyncio.timeout(self._head_timeout):
                    while end < 0:
                        looked = len(duplex.data)
                        if not await duplex.fill():
                            return None
                        end = find_head(duplex.data, looked)
        except TimeoutError:
            raise Malformed("the request's head took too long", 408) from None
        return parse_request(duplex.take(end))

    async def _serve(self, call: Call) -> bool:
        end = End.UNFINISHED
        try:
            await self.service.serve(call)
            end = End.COMPLETE
        except asyncio.CancelledError:
            end = End.RECORDING_STOPPED
            raise
        except (ConnectionError, ClientGone):
            end = End.CLIENT_LEFT
            raise
        except Malformed as error:
            call.notes["error"] = str(error)
            if call.answered:
                call.client.duplex.abort()
                return False
            raise
        except Exception as error:
            call.notes["error"] = repr(error)
            raise
        finally:
            call.finish(end)
        return call.keep and call.body_read and not call.client.duplex.lost

    async def _turn_away(self, duplex: Duplex, status: int, message: str) -> None:
        head, body = refusal(status, _REASONS[status], f"opskit: {message}")
        try:
            duplex.send(head.raw + body)
            await self._linger(duplex)
        except ConnectionError:
            duplex.abort()

    async def _linger(self, duplex: Duplex) -> None:
        """Half-close and read on for a while: closing with unread data would reset the answer."""
        duplex.half_close()
        try:
            async with asyncio.timeout(LINGER):
                while await duplex.fill():
                    duplex.take()
        except TimeoutError:
            duplex.abort()
