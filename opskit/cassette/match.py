"""Finding the recorded answer to a request.

Requests are looked up by what they ask for, so the cost does not grow with the cassette. Equal
requests play in the order in which they were recorded. When they run out, GET and HEAD repeat the
last answer; anything else is refused, because it would have changed something once more.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from opskit.cassette.canonical import form
from opskit.cassette.format import Exchanges
from opskit.cassette.model import Body, Exchange, Headers, Request
from opskit.errors import NoRecordedMatch

__all__ = ["Index", "Match"]

SAFE = {"GET", "HEAD"}


@dataclass(slots=True)
class Match:
    """A recorded exchange that answers a request."""

    exchange: Exchange
    repeated: bool = False
    bindings: dict[str, str] = field(default_factory=dict)


class Index:
    """The exchanges of a cassette, to be found by request.

    Parameters
    ----------
    exchanges : Sequence[Exchange]
        In recorded order.
    strict_version : bool
        Whether a request for another API version is another request.
    names : bool
        Whether generated names are learned.
    """

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        *,
        strict_version: bool = False,
        names: bool = True,
    ) -> None:
        self._exchanges = exchanges
        self._strict = strict_version
        self._names = names
        self._queues: dict[bytes, array[int]] = {}
        self._next: dict[bytes, int] = {}
        self._played: set[int] = set()
        for index, request in enumerate(_requests(exchanges)):
            key = self._key(request.method, request.target, request.body)
            self._queues.setdefault(key, array("L")).append(index)

    def find(self, method: str, target: str, headers: Headers, body: Body) -> Match:
        """The recorded exchange to answer a request with.

        Raises
        ------
        NoRecordedMatch
            There is none. The message names the request, the nearest recorded ones and what
            differs.
        """
        key = self._key(method, target, body)
        queue = self._queues.get(key)
        if queue is None:
            raise self._refusal(method, target, "was not recorded")
        place = self._next.get(key, 0)
        if place >= len(queue):
            if method not in SAFE:
                times = "once" if len(queue) == 1 else f"{len(queue)} times"
                raise self._refusal(method, target, f"was recorded {times}, and has been played")
            return Match(self._exchanges[queue[-1]], repeated=True)
        self._next[key] = place + 1
        self._played.add(queue[place])
        return Match(self._exchanges[queue[place]])

    def unplayed(self) -> list[int]:
        """Places of the exchanges that were never played."""
        return [i for i in range(len(self._exchanges)) if i not in self._played]

    def _key(self, method: str, target: str, body: Body) -> bytes:
        return form(method, target, body).key(strict_version=self._strict)

    def _refusal(self, method: str, target: str, what: str) -> NoRecordedMatch:
        return NoRecordedMatch(
            f"{method} {target} {what}",
            "record it: mode new_episodes adds to a cassette",
            status=501,
            message=f"{method} {target} {what}",
            request=f"{method} {target}",
        )


def _requests(exchanges: Sequence[Exchange]) -> Iterable[Request]:
    if isinstance(exchanges, Exchanges):
        return exchanges.requests()
    return (exchange.request for exchange in exchanges)
