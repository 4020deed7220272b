"""One request on a client's connection: what arrived, who watches, and the ways to answer it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Literal, Protocol

from opskit.cassette.model import End, Framing
from opskit.wire.bodies import request_body
from opskit.wire.duplex import HELD, Duplex
from opskit.wire.http1 import Malformed, RequestHead, ResponseHead, parse_response

__all__ = ["BODY_TIMEOUT", "Call", "Client", "ClientGone", "Observer", "Service", "Side", "refusal"]

BODY_TIMEOUT = 60.0
"""Seconds without a byte of a body that has to be complete before the call goes on."""
GATHERED_IN_MEMORY = 1024 * 1024

Side = Literal["client", "engine"]


class ClientGone(Exception):
    """The client left before its request was complete or its answer delivered."""


class Observer:
    """Sees what happens to one call, in the order in which it happens; subclasses pick what.

    Every method is called from the relay's event loop and must return quickly.
    """

    def request(self, head: RequestHead) -> None:
        """The request's head has arrived."""

    def upload(self, data: bytes) -> None:
        """A part of the request's body has arrived."""

    def uploaded(self) -> None:
        """The request's body is complete."""

    def response(self, head: ResponseHead, framing: Framing) -> None:
        """The response's head was sent to the client."""

    def piece(self, side: Side, data: bytes | None) -> None:
        """A chunk of the response, or of a hijacked connection; None: that side sends no more."""

    def end(self, end: End, notes: dict[str, Any]) -> None:
        """The call is over. Called once, whatever happened."""


class Service(Protocol):
    """What a relay does with a call: forward it, answer it from a cassette, refuse it.

    Services wrap each other: one that refuses some calls hands the others to its inner service.
    """

    async def serve(self, call: Call) -> None:
        """See to it that the call is answered."""

    async def release(self, client: Client) -> None:
        """The client's connection has ended."""


@dataclass(slots=True, eq=False)
class Client:
    """A client's connection, and what services keep for it while it lasts."""

    duplex: Duplex
    number: int
    body_timeout: float = BODY_TIMEOUT
    kept: dict[object, Any] = field(default_factory=dict)

    @property
    def pid(self) -> int | None:
        """The client's process, over a unix socket."""
        sock = self.duplex.socket
        if sock is None or sock.family != socket.AF_UNIX:
            return None
        with contextlib.suppress(OSError):
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return int(struct.unpack("3i", credentials)[0]) or None
        return None


def refusal(
    status: int,
    reason: str,
    message: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    keep: bool = False,
) -> tuple[ResponseHead, bytes]:
    """A response of the relay's own: the engine's form of an error, and then close."""
    body = json.dumps({"message": message}, ensure_ascii=False).encode() + b"\n"
    lines = [f"HTTP/1.1 {status} {reason}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers]
    connection = "keep-alive" if keep else "close"
    lines += [f"Content-Length: {len(body)}", f"Connection: {connection}", "", ""]
    return parse_response("\r\n".join(lines).encode("latin-1", "replace")), body


class Call:
    """One request and its way to an answer.

    Attributes
    ----------
    request : RequestHead
        What the client asks for.
    client : Client
        Its connection.
    keep : bool
        Whether the client's connection may carry another request after this one.
    client_left : bool
        The client closed its connection while the call was under way.
    """

    def __init__(self, request: RequestHead, client: Client) -> None:
        self.request = request
        self.client = client
        self.keep = request.persistent
        self.client_left = False
        self.notes: dict[str, Any] = {}
        self.answered = False
        self._observers: list[Observer] = []
        self._decoder = request_body(request)
        self._held: IO[bytes] | None = None
        self._ended = False

    # watching

    def watch(self, observer: Observer) -> None:
        """Let ``observer`` see what happens to this call from here on, beginning with its head."""
        self._observers.append(observer)
        observer.request(self.request)
        if self._decoder.done:
            observer.uploaded()

    # the request's body

    @property
    def framing(self) -> Framing:
        """How the request's body is framed."""
        return self._decoder.framing

    @property
    def body_left(self) -> int | None:
        """How many bytes of the body have not been read; None when the client does not say."""
        return getattr(self._decoder, "left", None)

    @property
    def body_read(self) -> bool:
        """Whether `read` has given out the whole body."""
        return self._decoder.done and self._held is None

    async def read(self, *, timely: bool = False) -> bytes:
        """The next bytes of the body as they came, chunk sizes and all; empty at its end.

        With ``timely`` the client is given up when it sends nothing for too long.
        """
        if self._held is not None:
            if data := self._held.read(HELD):
                return data
            self.forget_body()
        return await self._arriving(self.client.body_timeout if timely else None)

    async def gather(self, limit: int | None = None) -> bool:
        """Read the body ahead, to be given out again by `read`; False if it is longer.

        What takes more than a megabyte is kept in a temporary file.
        """
        if self._held is None:
            self._held = tempfile.SpooledTemporaryFile(GATHERED_IN_MEMORY)  # noqa: SIM115
        held = self._held
        held.seek(0, os.SEEK_END)  # somebody may have gathered before
        while not self._decoder.done and (limit is None or held.tell() < limit):
            held.write(await self._arriving(self.client.body_timeout))
        held.seek(0)
        return self._decoder.done

    def forget_body(self) -> None:
        """Let go of what was gathered: nobody will `read` it."""
        if self._held is not None:
            self._held.close()
            self._held = None

    async def _arriving(self, timeout: float | None) -> bytes:
        if self._decoder.done:
            return b""
        duplex = self.client.duplex
        if not duplex.data:
            try:
                async with asyncio.timeout(timeout):
                    more = await duplex.fill()
            except TimeoutError:
                raise Malformed("the request's body took too long", 408) from None
            if not more:
                raise ClientGone("the client left in the middle of its request")
        left = self.body_left
        data = duplex.take(HELD if left is None else min(left, HELD))
        used, pieces = self._decoder.feed(data)
        if used < len(data):
            duplex.untake(data[used:])
            data = data[:used]
        for observer in self._observers:
            for piece in pieces:
                observer.upload(piece)
            if self._decoder.done:
                observer.uploaded()
        return data

    # the answer

    def respond(self, head: ResponseHead, framing: Framing) -> None:
        """Tell that the response's head goes to the client."""
        self.answered = True
        for observer in self._observers:
            observer.response(head, framing)

    def piece(self, side: Side, data: bytes | None) -> None:
        """Tell that a piece goes to the other side."""
        for observer in self._observers:
            observer.piece(side, data)

    def finish(self, end: End) -> None:
        """Tell how the call ended; only the first time counts."""
        if not self._ended:
            self._ended = True
            self.forget_body()
            for observer in self._observers:
                observer.end(end, self.notes)

    async def refuse(
        self,
        status: int,
        reason: str,
        message: str,
        headers: Iterable[tuple[str, str]] = (),
        *,
        keep: bool = False,
    ) -> None:
        """Answer with an error of the relay's own, then close the connection.

        With ``keep`` it stays open, if there is no body that nobody has read.
        """
        self.keep = self.keep and keep and self._decoder.done and not self.request.get("expect")
        if self.keep and self._held is not None:
            self._held.close()
            self._held = None
        head, body = refusal(status, reason, message, headers, keep=self.keep)
        if self.request.method == "HEAD":
            self.client.duplex.send(head.raw)
            self.respond(head, Framing.NONE)
        else:
            self.client.duplex.send(head.raw + body)
            self.respond(head, Framing.LENGTH)
            self.piece("engine", body)
        self.finish(End.COMPLETE)
        await self.client.duplex.drain()

    @contextlib.contextmanager
    def while_client_stays(self, *, eof_is_leaving: bool = False) -> Iterator[None]:
        """Stop what runs inside when the client leaves, and raise `ClientGone`."""
        task = asyncio.current_task()
        duplex = self.client.duplex
        assert task is not None

        def left() -> None:
            if duplex.hung_up or eof_is_leaving:
                self.client_left = True
                task.cancel()

        duplex.on_end = left
        if duplex.eof:
            left()
        try:
            yield
        except asyncio.CancelledError:
            if self.client_left and task.uncancel() == 0:
                raise ClientGone("the client left before the end of the answer") from None
            raise
        finally:
            duplex.on_end = None
