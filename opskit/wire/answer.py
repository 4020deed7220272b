"""One recorded answer on its way to a client: the same bytes in the same pieces."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib

from opskit.cassette.match import Match
from opskit.cassette.model import End, Framing, Piece, Response
from opskit.cassette.turns import Turns
from opskit.wire.call import Call
from opskit.wire.http1 import ResponseHead, parse_response

__all__ = ["Answer"]

_TOGETHER = 64 * 1024
_CONNECTION_ONLY = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_FINAL = (End.COMPLETE, End.ENGINE_LOST)


class Answer:
    """Sends one recorded answer."""

    def __init__(self, call: Call, match: Match, turns: Turns) -> None:
        self._call = call
        self._exchange = match.exchange
        self._playback = match.playback()
        self._turns = turns
        self._duplex = call.client.duplex
        self._waiting = bytearray()  # what goes out in one write

    async def send(self) -> None:
        """Send it all; what was still open when the recording ended stays open."""
        response = self._exchange.response
        final = self._exchange.end in _FINAL
        with self._call.while_client_stays(eof_is_leaving=not final and self._is_stream(response)):
            if response is not None:
                await self._send(response)
            if not final:
                await asyncio.get_running_loop().create_future()
        if response is None:
            self._lost()

    @staticmethod
    def _is_stream(response: Response | None) -> bool:
        return response is None or response.framing is not Framing.HIJACK

    async def _send(self, response: Response) -> None:
        call = self._call
        await self._turns.wait(response.order, response.at)
        head = self._head(response)
        self._waiting += head.raw
        call.respond(head, response.framing)
        self._turns.sent()
        reader: asyncio.Task[None] | None = None
        if response.framing is Framing.HIJACK:
            await self._flush()
            # Some clients read past the head's buffer: stream bytes must not come with the head.
            await self._duplex.settle()
            reader = asyncio.create_task(self._listen())
        try:
            if response.blob is not None:
                await self._send_file(response)
            for piece in response.pieces:
                if piece.side == "engine":
                    await self._send_piece(piece, response)
            await self._end(response)
        finally:
            if reader is not None:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    def _head(self, response: Response) -> ResponseHead:
        call, framing = self._call, response.framing
        old = call.request.version == "1.0"
        lines = [f"HTTP/{'1.0' if old else '1.1'} {response.status} {response.reason}"]
        for name, value in self._playback.headers():
            key = name.lower()
            if key == "content-length" and self._length_as_recorded(response):
                lines.append(f"{name}: {value}")
            elif key == "sec-websocket-accept":
                lines.append(f"{name}: {self._websocket_accept()}")
            elif key not in _CONNECTION_ONLY or (key == "connection" and response.status == 101):
                lines.append(f"{name}: {value}")
        if framing is Framing.CHUNKED and not old:
            lines.append("Transfer-Encoding: chunked")
        elif framing is Framing.LENGTH and not self._length_as_recorded(response):
            lines.append(f"Content-Length: {self._playback.length()}")
        if framing in (Framing.CLOSE, Framing.HIJACK) or (framing is Framing.CHUNKED and old):
            call.keep = False
        if not call.keep and framing is not Framing.HIJACK:
            lines.append("Connection: close")
        elif old:
            lines.append("Connection: keep-alive")
        return parse_response("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))

    def _length_as_recorded(self, response: Response) -> bool:
        """Whether the head tells another length than that of the bytes that follow."""
        if response.framing is Framing.LENGTH:
            return self._exchange.end is not End.COMPLETE
        return response.framing is Framing.NONE

    def _websocket_accept(self) -> str:
        key = self._call.request.get("sec-websocket-key") + _WEBSOCKET
        return base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()

    async def _send_piece(self, piece: Piece, response: Response) -> None:
        if not self._turns.ready(piece.order):
            await self._flush()
            await self._turns.wait(piece.order, piece.at)
        if piece.data is None:
            await self._flush()
            self._duplex.half_close()
        else:
            self._put(self._playback.data(piece), response)
        self._call.piece("engine", piece.data)
        self._turns.sent()
        if len(self._waiting) > _TOGETHER or response.framing is Framing.HIJACK:
            await self._flush()

    async def _send_file(self, response: Response) -> None:
        with contextlib.closing(self._playback.file()) as parts:
            for data in parts:
                self._put(data, response)
                self._call.piece("engine", data)
                if len(self._waiting) > _TOGETHER:
                    await self._flush()

    def _put(self, data: bytes, response: Response) -> None:
        if response.framing is Framing.NONE:
            return
        if response.framing is not Framing.CHUNKED or self._call.request.version == "1.0":
            self._waiting += data
        elif data:
            self._waiting += b"%x\r\n%b\r\n" % (len(data), data)

    async def _end(self, response: Response) -> None:
        exchange = self._exchange
        if exchange.end not in _FINAL:
            await self._flush()
            return
        if not self._turns.ready(exchange.end_order):
            await self._flush()
            await self._turns.wait(exchange.end_order, 0.0)
        if exchange.end is End.ENGINE_LOST:
            await self._flush()
            self._turns.sent()
            self._lost()
            return
        if response.framing is Framing.CHUNKED and self._call.request.version != "1.0":
            self._waiting += b"0\r\n\r\n"
        await self._flush()
        self._turns.sent()

    def _lost(self) -> None:
        """The engine was lost here: the connection ends without the message's end."""
        self._call.keep = False
        self._call.finish(End.ENGINE_LOST)

    async def _flush(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        self._duplex.send(data)
        if self._duplex.blocked:
            self._turns.stuck = True
            await self._duplex.drain()
            self._turns.stuck = False

    async def _listen(self) -> None:
        """Follow what the client says on a hijacked connection."""
        while True:
            if data := self._duplex.take():
                self._turns.received(len(data))
                self._call.piece("client", data)
            elif not await self._duplex.fill():
                break
        self._turns.half_closed()
        self._call.piece("client", None)
