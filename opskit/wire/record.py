"""Recording: watch the calls that pass, and write them to a cassette's journal as they happen."""

from __future__ import annotations

import time
from typing import Any

from opskit.cassette.journal import Journal
from opskit.cassette.model import End, Framing, Piece, Request, Response
from opskit.wire.call import Call, Client, Observer, Service, Side
from opskit.wire.http1 import RequestHead, ResponseHead
from opskit.wire.replay import Player
from opskit.wire.upload import Upload

__all__ = ["Recorder"]

_NO_REPLAY = {
    "h2c": "BuildKit's own connection (HTTP/2): its frames depend on the client",
}


class Recorder:
    """A service that records what passes through its inner service.

    Parameters
    ----------
    inner : Service
        What answers the calls.
    journal : Journal
        Where they are written. When it fails, calls go on unrecorded, and it keeps its error.
    player : Player, optional
        Answers the calls that it knows; they are not recorded again.
    """

    def __init__(self, inner: Service, journal: Journal, *, player: Player | None = None) -> None:
        self.journal = journal
        self._inner = inner
        self._player = player
        self._began = time.monotonic()
        self.count = 0
        self._order = 0

    async def serve(self, call: Call) -> None:
        """Record one call."""
        entry = _Entry(self)
        call.watch(entry)
        if self._player is not None:
            await call.gather()
            match = self._player.known(call.request, entry.whole.body())
            if match is not None:
                call.forget_body()
                await self._player.play(call, match)
                return
        self.count += 1
        entry.record(self.count)
        await self._inner.serve(call)

    async def release(self, client: Client) -> None:
        """The client's connection has ended."""
        await self._inner.release(client)

    def place(self) -> tuple[int, float]:
        """The next place in the order of the recording, and the time since it began."""
        self._order += 1
        return self._order, round(time.monotonic() - self._began, 6)


class _Entry(Observer):
    """One exchange on its way into the journal; nothing is written before `record`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._journal = recorder.journal
        self._number = 0
        self._request: Request
        self._complete = False
        self._written = False
        self._early: list[Response | Piece] = []
        self._skip = ""

    def record(self, number: int) -> None:
        """Write this exchange, under this number."""
        self._number = number

    def request(self, head: RequestHead) -> None:
        order, at = self._recorder.place()
        self._request = Request(
            head.method,
            head.target,
            head.headers,
            version=head.version,
            order=order,
            at=at,
        )
        self.whole = Upload(head)

    def upload(self, data: bytes) -> None:
        self.whole.add(data)

    def uploaded(self) -> None:
        self._complete = True
        if self._early:
            self._begin()

    def _begin(self) -> None:
        """Write the request; not before the answer comes, so that the engine need not wait."""
        if not self._written:
            self._written = True
            self._request.body = self.whole.body()
            self._journal.request(self._number, self._request)
            for early in self._early:
                self._write(early)
            self._early.clear()

    def response(self, head: ResponseHead, framing: Framing) -> None:
        order, at = self._recorder.place()
        if head.status == 101:
            self._skip = _NO_REPLAY.get(head.get("upgrade").lower(), "")
        self._note(
            Response(
                head.status,
                head.reason,
                head.headers,
                framing,
                version=head.version,
                order=order,
                at=at,
            )
        )

    def piece(self, side: Side, data: bytes | None) -> None:
        if not self._skip:
            order, at = self._recorder.place()
            self._note(Piece(order, at, side, data))

    def end(self, end: End, notes: dict[str, Any]) -> None:
        if not self._number:
            return
        order, _ = self._recorder.place()
        self._begin()
        if self._skip:
            notes = {**notes, "replayable": False, "why": self._skip}
        self._journal.end(self._number, end, order, notes or None)

    def _note(self, what: Response | Piece) -> None:
        if self._complete:
            self._begin()
            self._write(what)
        else:  # the engine answers while it still reads: a journal has the request first
            self._early.append(what)

    def _write(self, what: Response | Piece) -> None:
        if isinstance(what, Response):
            self._journal.response(self._number, what)
        else:
            self._journal.piece(self._number, what)
