"""The guard in the relay: decides on each call, and hands on what is allowed."""

from __future__ import annotations

import dataclasses
from urllib.parse import quote

from opskit.errors import EngineError
from opskit.guard.asked import Ambiguous, Asked, read_request
from opskit.guard.gojson import NotJson, read_json
from opskit.guard.lookup import Lookup
from opskit.guard.rules import Policy, decide
from opskit.guard.subjects import Container, subjects
from opskit.wire.call import Call, Client, Observer, Service
from opskit.wire.http1 import RequestHead

__all__ = ["Guard"]

BODY_READ = 4 * 1024 * 1024
"""Longest body that is looked into; a create call is some kilobytes."""


class Guard:
    """A service that lets through what a policy allows, to its inner service.

    Parameters
    ----------
    inner : Service
        What answers the calls that are allowed.
    policy : Policy
        What is allowed.
    lookup : Lookup, optional
        Finds containers; needed where the policy is about some of them.
    sockets : tuple of str
        Where engines listen, beside the usual places.
    """

    def __init__(
        self,
        inner: Service,
        policy: Policy,
        lookup: Lookup | None = None,
        *,
        sockets: tuple[str, ...] = (),
    ) -> None:
        self.policy = policy
        self.denied = 0
        self.allowed = 0
        self._inner = inner
        self._lookup = lookup
        self._sockets = sockets

    async def serve(self, call: Call) -> None:
        """Let the call through, or answer 403."""
        try:
            asked, target = read_request(call.request)
            if self.policy.needs_body(asked):
                asked = dataclasses.replace(asked, body=read_json(await _body(call)))
            known = await self._known(call, asked)
        except Ambiguous as error:
            await self._deny(call, f"not passed on: {error}")
            return
        except NotJson as error:
            await self._deny(call, f"its body has to be looked into, and cannot be: {error}")
            return
        except EngineError as error:
            call.notes["error"] = str(error)
            await call.refuse(502, "Bad Gateway", f"opskit guard: {error}")
            return
        verdict = decide(self.policy, asked, known, sockets=self._sockets)
        if not verdict.allowed:
            await self._deny(call, verdict.why, asked)
            return
        self.allowed += 1
        call.notes["rule"] = verdict.why
        call.request = _rewritten(call.request, _exact(asked, target, known))
        await self._inner.serve(call)

    async def release(self, client: Client) -> None:
        """The client's connection has ended."""
        if self._lookup is not None:
            await self._lookup.release(client)
        await self._inner.release(client)

    async def _known(self, call: Call, asked: Asked) -> dict[str, Container]:
        if not self.policy.scoped or self._lookup is None:
            return {}
        # Not for everybody: what is denied whatever the container must not reach the engine.
        if decide(self.policy.unscoped, dataclasses.replace(asked, body=None)).allowed:
            return await self._lookup.containers(call.client, subjects(asked))
        return {}

    async def _deny(self, call: Call, why: str, asked: Asked | None = None) -> None:
        self.denied += 1
        call.notes["denied"] = why
        what = str(asked) if asked is not None else "the request"
        message = f"opskit guard: {what} is denied: {why}"
        await call.refuse(403, "Forbidden", message, keep=asked is not None)


async def _body(call: Call) -> bytes:
    if call.request.lists("expect", "100-continue") and not call.body_read:
        call.client.duplex.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    reading = _Reading()
    call.watch(reading)
    if not await call.gather(BODY_READ):
        raise NotJson(f"it is longer than {BODY_READ} bytes")
    return b"".join(reading.parts)


class _Reading(Observer):
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def upload(self, data: bytes) -> None:
        self.parts.append(data)


def _exact(asked: Asked, target: str, known: dict[str, Container]) -> str:
    """The target with the container's full id: no other can get its name meanwhile."""
    named = subjects(asked).path if known else ""
    found = known.get(named)
    if found is None:
        return target
    return target.replace(f"/containers/{quote(named)}", f"/containers/{found.id}", 1)


def _rewritten(head: RequestHead, target: str) -> RequestHead:
    if target == head.target and head.raw.startswith(f"{head.method} {target} ".encode("latin-1")):
        return head
    _, fields = head.raw.split(b"\r\n", 1)
    line = f"{head.method} {target} HTTP/{head.version}\r\n".encode("latin-1")
    return RequestHead(line + fields, head.version, head.headers, head.method, target)
