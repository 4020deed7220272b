"""Replaying: a service that answers calls from a cassette instead of an engine."""

from __future__ import annotations

from opskit.cassette.match import Index, Match
from opskit.cassette.model import Body
from opskit.cassette.pace import Pace
from opskit.errors import CassetteError, NoRecordedMatch
from opskit.wire.answer import Answer
from opskit.wire.call import Call, Client, Observer
from opskit.wire.http1 import RequestHead
from opskit.wire.upload import Upload

__all__ = ["NO_MATCH", "Player"]

NO_MATCH = "no-recorded-match"
"""What the header ``X-Opskit-Error`` says where a request was not recorded."""


class Player:
    """A service that answers from recorded exchanges.

    Parameters
    ----------
    index : Index
        Finds the exchange that answers a request.
    pace : Pace
        When each part of an answer is sent.

    Attributes
    ----------
    refused : list of str
        Why requests were refused that had been recorded, but could not be replayed.
    """

    def __init__(self, index: Index, pace: Pace) -> None:
        self.refused: list[str] = []
        self._index = index
        self._pace = pace

    async def release(self, client: Client) -> None:
        """The client's connection has ended."""

    async def serve(self, call: Call) -> None:
        """Answer one call; one that was not recorded is told so (501)."""
        reading = _Reading()
        call.watch(reading)
        if call.request.lists("expect", "100-continue") and not call.body_read:
            call.client.duplex.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not call.body_read:
            await call.read(timely=True)
        try:
            match = self._find(call.request, reading.whole.body())
        except NoRecordedMatch as error:
            message = f"{error.message}\n  -> {error.remedy}" if error.remedy else error.message
            await call.refuse(501, "Not Implemented", message, [("X-Opskit-Error", NO_MATCH)])
            return
        except CassetteError as error:  # damaged where nobody had looked before
            self.refused.append(str(error))
            headers = [("X-Opskit-Error", "damaged-cassette")]
            await call.refuse(500, "Internal Server Error", str(error), headers)
            return
        await self.play(call, match)

    def known(self, request: RequestHead, body: Body) -> Match | None:
        """The recorded exchange that answers this request, if there is one that can be read."""
        try:
            return self._find(request, body)
        except (NoRecordedMatch, CassetteError):
            return None

    def _find(self, request: RequestHead, body: Body) -> Match:
        return self._index.find(request.method, request.target, request.headers, body)

    async def play(self, call: Call, match: Match) -> None:
        """Send the recorded answer."""
        exchange = match.exchange
        if not exchange.replayable:
            why = exchange.notes.get("why", "it depends on the client")
            message = (
                f"{call.request.method} {call.request.target} was recorded but cannot be "
                f"replayed: {why}"
            )
            self.refused.append(message)
            headers = [("X-Opskit-Error", "not-replayable")]
            await call.refuse(501, "Not Implemented", message, headers)
            return
        turns = self._pace.begin(exchange, repeated=match.repeated)
        try:
            await Answer(call, match, turns).send()
        finally:
            turns.over()


class _Reading(Observer):
    def request(self, head: RequestHead) -> None:
        self.whole = Upload(head)

    def upload(self, data: bytes) -> None:
        self.whole.add(data)
