"""Forwarding a call to the engine: bytes pass as they are, in both directions, as they come.

Each client's connection has one to the engine. Only what must be understood is read: where
messages end, and when a connection stops being HTTP.
"""

from __future__ import annotations

import asyncio
import re

from opskit.cassette.model import End, Framing
from opskit.errors import BadResponse, EngineError
from opskit.wire.bodies import response_body
from opskit.wire.call import Call, Client, ClientGone, Side
from opskit.wire.duplex import Duplex
from opskit.wire.http1 import Malformed, ResponseHead, find_head, parse_response
from opskit.wire.upstream import Dial

__all__ = ["Forwarder", "hijacks"]

TOGETHER = 64 * 1024
"""Bodies up to this size go to the engine in one write with their head."""
_ATTACH = re.compile(r"(/v[0-9.]+)?/(containers/[^/]+/attach|exec/[^/]+/start)")
_RAW_STREAMS = (
    "application/vnd.docker.raw-stream",
    "application/vnd.docker.multiplexed-stream",
)


def hijacks(call: Call, head: ResponseHead) -> bool:
    """Whether after this response's head both sides send bytes as they like."""
    if head.status == 101:
        return True
    return (
        200 <= head.status < 300
        and "content-length" not in head.index
        and "transfer-encoding" not in head.index
        and call.request.method == "POST"
        and (
            head.get("content-type") in _RAW_STREAMS
            or _ATTACH.fullmatch(call.request.path) is not None
        )
    )


class Forwarder:
    """A service that hands calls to an engine, and the engine's answers to the client."""

    def __init__(self, dial: Dial, base: str = "") -> None:
        self._dial = dial
        self._base = base

    async def release(self, client: Client) -> None:
        engine = client.kept.pop(self, None)
        if engine is not None:
            engine.abort()

    async def serve(self, call: Call) -> None:
        """Forward one call; returns when its answer was delivered."""
        together = await self._body_first(call)
        try:
            engine, reused = await self._connect(call.client)
        except EngineError as error:
            await self._no_engine(call, error)
            return
        start = self._head(call) + (await call.read() if together else b"")
        upload: asyncio.Task[None] | None = None
        try:
            engine.send(start)
            if not call.body_read:
                upload = asyncio.create_task(self._upload(call, engine))
            self._mind_the_client(call, engine)
            answered = await self._download(call, engine)
            if not answered and reused and call.request.method in ("GET", "HEAD"):
                # The engine closed the kept connection meanwhile: ask again on a new one.
                engine.abort()
                call.client.kept.pop(self)
                engine, _ = await self._connect(call.client)
                engine.send(start)
                self._mind_the_client(call, engine)
                answered = await self._download(call, engine)
            if not answered:
                self._lost(call, upload)
            if upload is not None and call.keep:
                await upload
        finally:
            call.client.duplex.on_end = None
            if upload is not None:
                upload.cancel()
                await asyncio.gather(upload, return_exceptions=True)
            if not call.keep:
                await self.release(call.client)

    async def _no_engine(self, call: Call, error: EngineError) -> None:
        call.notes["error"] = str(error)
        kind = type(error).__name__
        await call.refuse(502, "Bad Gateway", str(error), [("X-Opskit-Error", kind)])

    def _head(self, call: Call) -> bytes:
        raw = call.request.raw
        return raw.replace(b" /", b" " + self._base.encode() + b"/", 1) if self._base else raw

    async def _body_first(self, call: Call) -> bool:
        """Read a small body ahead, to go in one write with the head.

        The engine drops what it has read ahead when it hijacks, and takes later bytes for stdin.
        """
        if call.request.get("expect"):
            return False
        if call.body_left is None:
            hijacking = call.request.upgrade or _ATTACH.fullmatch(call.request.path)
            return bool(hijacking) and await call.gather(TOGETHER)
        return call.body_left <= TOGETHER and await call.gather(TOGETHER)

    async def _connect(self, client: Client) -> tuple[Duplex, bool]:
        engine: Duplex | None = client.kept.get(self)
        if engine is not None and not (engine.eof or engine.data):
            return engine, True
        if engine is not None:
            engine.abort()
        engine = client.kept[self] = await self._dial()
        return engine, False

    def _mind_the_client(self, call: Call, engine: Duplex) -> None:
        """Tell the engine when the client leaves while it waits for, or reads, the answer."""
        client = call.client.duplex

        def left() -> None:
            if client.hung_up:
                call.client_left = True
                engine.abort()
            elif not client.data and call.body_read:
                engine.half_close()

        client.on_end = left
        if client.eof:
            left()

    async def _upload(self, call: Call, engine: Duplex) -> None:
        try:
            while data := await call.read():
                engine.send(data)
                await engine.drain()
            if call.client.duplex.eof and call.client.duplex.on_end is not None:
                call.client.duplex.on_end()
        except ClientGone:
            call.client_left = True
            engine.abort()
        except Malformed:
            engine.abort()
            raise
        except ConnectionError:
            pass  # the engine may have answered before it closed: that is for the download to see

    async def _download(self, call: Call, engine: Duplex) -> bool:
        """Pass the answer on; False if the engine closed before it began one."""
        try:
            head = await self._final_head(call, engine)
            if head is None:
                return False
            if hijacks(call, head):
                await self._tunnel(call, engine, head)
            else:
                await self._pass_answer(call, engine, head)
        except Malformed as error:
            await self._bad_answer(call, error)
        return True

    async def _final_head(self, call: Call, engine: Duplex) -> ResponseHead | None:
        while True:
            head = await self._next_head(engine)
            if head is None or head.status == 101 or head.status >= 200:
                return head
            call.client.duplex.send(head.raw)

    async def _pass_answer(self, call: Call, engine: Duplex, head: ResponseHead) -> None:
        client = call.client.duplex
        body = response_body(call.request.method, head)
        framing = Framing.NONE if body.done else body.framing
        call.keep = call.keep and head.persistent and framing is not Framing.CLOSE
        start = head.raw
        while True:
            data = engine.take()
            used, pieces = body.feed(data)
            client.send(start + data[:used] if start else data[:used])
            if start:
                call.respond(head, framing)
                start = b""
            for piece in pieces:
                call.piece("engine", piece)
            await client.drain()
            if body.done:
                if used < len(data):
                    engine.untake(data[used:])
                return
            if not (engine.data or await engine.fill()):
                break
        call.keep = False
        if rest := body.rest():
            call.piece("engine", rest)
        if call.client_left:
            raise ClientGone("the client left in the middle of the answer")
        call.finish(End.COMPLETE if framing is Framing.CLOSE else End.ENGINE_LOST)

    async def _bad_answer(self, call: Call, error: Malformed) -> None:
        call.keep = False
        if call.answered:
            call.notes["error"] = f"the engine's answer is not HTTP: {error}"
            call.finish(End.ENGINE_LOST)
            return
        problem = BadResponse(
            f"the engine's answer is not HTTP: {error}", "what listens at its address?"
        )
        await self._no_engine(call, problem)

    async def _next_head(self, engine: Duplex) -> ResponseHead | None:
        looked = 0
        while (end := find_head(engine.data, looked)) < 0:
            looked = len(engine.data)
            if not await engine.fill():
                return None
        return parse_response(engine.take(end))

    def _lost(self, call: Call, upload: asyncio.Task[None] | None) -> None:
        call.keep = False
        if upload is not None and upload.done():
            upload.result()
        if call.client_left:
            raise ClientGone("the client left before the answer")
        call.finish(End.ENGINE_LOST)

    # hijacked connections

    async def _tunnel(self, call: Call, engine: Duplex, head: ResponseHead) -> None:
        client = call.client.duplex
        call.keep = False
        client.on_end = None
        client.send(head.raw)
        call.respond(head, Framing.HIJACK)
        # Some clients read past the head's buffer: stream bytes must not come in the same read.
        await client.settle()
        pumps = [
            asyncio.create_task(self._pump(call, "client", client, engine)),
            asyncio.create_task(self._pump(call, "engine", engine, client)),
        ]
        try:
            await pumps[1]
            if not engine.hung_up:
                await pumps[0]
        except ConnectionError:
            call.client_left = client.lost
            raise
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        if call.client_left:
            raise ClientGone("the client left the hijacked connection")

    async def _pump(self, call: Call, side: Side, source: Duplex, sink: Duplex) -> None:
        while True:
            if data := source.take():
                sink.send(data)
                call.piece(side, data)
                await sink.drain()
            elif not await source.fill():
                break
        if side == "client" and source.hung_up:
            call.client_left = True
            sink.close()
            return
        sink.half_close()
        call.piece(side, None)
