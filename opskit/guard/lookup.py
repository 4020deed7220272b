"""Asking the engine which container a request means: its id, name and labels."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import orjson

from opskit.errors import BadResponse, EngineLost, EngineUnresponsive
from opskit.guard.subjects import Container, Subjects
from opskit.wire.bodies import response_body
from opskit.wire.call import Client
from opskit.wire.duplex import Duplex
from opskit.wire.http1 import Malformed, find_head, parse_response
from opskit.wire.upstream import Dial

__all__ = ["Lookup"]

_TIMEOUT = 30.0


class Lookup:
    """Looks containers up, on a connection of its own for each client of the guard."""

    def __init__(self, dial: Dial, base: str = "") -> None:
        self._dial = dial
        self._base = base

    async def containers(self, client: Client, about: Subjects) -> dict[str, Container]:
        """Those of a request's containers that the engine has, by how the request names them.

        Raises
        ------
        EngineError
            The engine does not say.
        """
        wanted = {reference: reference for reference in about.references()}
        if about.exec:
            session = await self._get(client, f"/exec/{quote(about.exec)}/json")
            if session:
                wanted[f"exec:{about.exec}"] = str(session.get("ContainerID", ""))
        known = {}
        for reference, name in wanted.items():
            found = await self._get(client, f"/containers/{quote(name)}/json") if name else None
            if found:
                labels = (found.get("Config") or {}).get("Labels") or {}
                names = (str(found["Name"]).removeprefix("/"),)
                known[reference] = Container(str(found["Id"]), names, labels)
        return known

    async def release(self, client: Client) -> None:
        """The client's connection has ended."""
        engine = client.kept.pop(self, None)
        if engine is not None:
            engine.abort()

    async def _get(self, client: Client, path: str) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._ask(client, path)
        except TimeoutError:
            await self.release(client)
            raise EngineUnresponsive(
                f"the engine did not say within {_TIMEOUT:g} s which container {path} is",
                "see whether it is overloaded",
            ) from None
        except (ConnectionError, EOFError, Malformed, orjson.JSONDecodeError) as error:
            await self.release(client)
            raise EngineLost(
                f"the engine did not say which container {path} is: {error}", "try again"
            ) from error

    async def _ask(self, client: Client, path: str) -> dict[str, Any] | None:
        kept: Duplex | None = client.kept.get(self)
        if kept is None or kept.eof or kept.lost:
            kept = client.kept[self] = await self._dial()
        kept.send(f"GET {self._base}{path} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
        while (end := find_head(kept.data)) < 0:
            if not await kept.fill():
                raise EOFError("it closed the connection")
        head = parse_response(kept.take(end))
        body, pieces = response_body("GET", head), []
        while not body.done:
            if not kept.data and not await kept.fill():
                raise EOFError("it closed the connection")
            _, some = body.feed(kept.take())
            pieces += some
        if not head.persistent:
            await self.release(client)
        if head.status == 404:
            return None
        if head.status != 200:
            raise BadResponse(
                f"the engine answers {path} with {head.status} {head.reason}", "see its log"
            )
        value = orjson.loads(b"".join(pieces))
        return value if isinstance(value, dict) else None
