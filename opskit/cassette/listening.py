"""Which calls of a recording listen to which others: events to all, logs to their container's."""

from __future__ import annotations

import re

import orjson

from opskit.cassette.model import Exchange

__all__ = ["Listening"]

_CONTAINER = re.compile(r"/containers/([^/?]+)/([a-z]+)")
_EXEC = re.compile(r"/exec/([^/?]+)/start")
_CREATE = re.compile(r"/containers/create(?:\?(?:[^#]*&)?name=([^&]*))?")
_RENAME = re.compile(r"/rename\?(?:[^#]*&)?name=([^&]*)")
_EVENTS = re.compile(r"/events(\?|$)")
_LISTENING = ("attach", "logs", "stats", "wait")
_ID = re.compile(r"[0-9a-f]{12,64}")


class Listening:
    """Who listens to whom, by the names and ids that the replay has given so far."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def of(self, target: str) -> tuple[str | None, bool]:
        """What an exchange listens to (a container, or "*"), and whether its head listens too."""
        if _EVENTS.search(target):
            return "*", False
        found = _CONTAINER.search(target)
        if (found and found[2] in _LISTENING) or _EXEC.search(target):
            return self.container(target), bool(found and found[2] == "wait")
        return None, False

    def container(self, target: str) -> str:
        """The container that a call is about, by a name that is always the same; else empty."""
        found = _CONTAINER.search(target) or _EXEC.search(target)
        return self._known(found[1]) if found else ""

    def _known(self, name: str) -> str:
        name = name[:12] if _ID.fullmatch(name) else name
        return self._ids.get(name, name)

    def learn(self, exchange: Exchange) -> None:
        """A client has made this exchange's request, which may give something a name."""
        target, response = exchange.request.target, exchange.response
        if exchange.request.method != "POST" or response is None or response.status >= 300:
            return
        created, found = _CREATE.search(target), _CONTAINER.search(target)
        if created and (given := _id_in(response.body())):
            if created[1]:
                self._ids[created[1]] = given
        elif found and found[2] == "exec" and (given := _id_in(response.body())):
            self._ids[given] = self._known(found[1])
        elif found and (renamed := _RENAME.search(target)):
            self._ids[renamed[1]] = self._known(found[1])


def _id_in(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["Id"])[:12]
    except (ValueError, KeyError, TypeError):
        return ""
