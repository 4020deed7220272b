"""Auditing in the relay: a line for each call, and no call without one."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from opskit.audit.log import AuditLog
from opskit.audit.peer import peer_of
from opskit.cassette.model import Body, End, Framing
from opskit.cassette.redact import Redactor
from opskit.wire.call import Call, Client, Observer, Service, Side
from opskit.wire.http1 import RequestHead, ResponseHead

__all__ = ["Audited"]

OPEN_AFTER = 1.0
"""Seconds after which a call that is still under way gets a line of its own."""
BODY_KEPT = 16 * 1024
"""Longest body of a request that is kept."""


class Audited:
    """A service that writes down who called what of its inner service, and what came of it.

    Parameters
    ----------
    inner : Service
        What answers the calls.
    log : AuditLog
        Where they are written down.
    redactor : Redactor, optional
        What not to write down; by default what cassettes do not hold either.
    bodies : bool
        Whether to write down what was sent, where it is JSON and not too long.
    refuse : bool
        Whether calls are refused while the log cannot be written.
    """

    def __init__(
        self,
        inner: Service,
        log: AuditLog,
        *,
        redactor: Redactor | None = None,
        bodies: bool = True,
        refuse: bool = True,
    ) -> None:
        self.log = log
        self.redactor = redactor or Redactor()
        self.bodies = bodies
        self._inner = inner
        self._refuse = refuse
        self._run = os.urandom(4).hex()
        self._count = 0

    async def serve(self, call: Call) -> None:
        """Let the inner service answer, and write it down."""
        if self._refuse and not self.log.ready():
            reason = self.log.error and self.log.error.strerror
            message = f"opskit audit: no call without a record, and none can be written: {reason}"
            await call.refuse(503, "Service Unavailable", message)
            return
        entry = _Entry(self, self._peer(call.client))
        call.watch(entry)
        if self.log.fsync == "always":
            entry.still_open()
            await asyncio.get_running_loop().run_in_executor(None, self.log.sync)
        else:
            entry.later = asyncio.get_running_loop().call_later(OPEN_AFTER, entry.still_open)
        await self._inner.serve(call)

    async def release(self, client: Client) -> None:
        """The client's connection has ended."""
        await self._inner.release(client)

    def turned_away(self, client: Client, status: int, why: str) -> None:
        """Write down a client that never came to a call."""
        told = {"time": _now(), "call": self.number(), **self._peer(client)}
        self.write({**told, "status": status or None, "allowed": False, "why": why})

    def _peer(self, client: Client) -> dict[str, Any]:
        """What a line says of the client; looked up once for each connection."""
        found = client.kept.get(self)
        if found is None:
            found = peer_of(client).fields()
            if "command" in found:
                found["command"] = self.masked("", found["command"].encode()).decode(
                    errors="replace"
                )
            client.kept[self] = found
        assert isinstance(found, dict)
        return found

    def masked(self, target: str, data: bytes) -> bytes:
        """What was sent, without secrets."""
        return self.redactor.body(target, Body(data, length=len(data))).data or b""

    def number(self) -> str:
        """What the next call is called: no other of this log has it."""
        self._count += 1
        return f"{self._run}.{self._count}"

    def write(self, told: dict[str, Any]) -> None:
        """Write one line."""
        self.log.write(orjson.dumps(told, default=str, option=orjson.OPT_APPEND_NEWLINE))


class _Entry(Observer):
    """One call on its way to a line."""

    def __init__(self, audited: Audited, peer: dict[str, Any]) -> None:
        self.later: asyncio.TimerHandle | None = None
        self._audited = audited
        self._told: dict[str, Any] = {"time": _now(), "call": audited.number(), **peer}
        self._began = time.perf_counter()
        self._sent = 0
        self._received = 0
        self._body: bytearray | None = None
        self._status: int | None = None

    def request(self, head: RequestHead) -> None:
        self._target = head.target
        self._told["method"] = head.method
        self._told["path"] = _text(self._audited.redactor.target(head.target))
        kind = head.get("content-type").partition(";")[0].strip().lower()
        if self._audited.bodies and kind == "application/json":
            self._body = bytearray()

    def upload(self, data: bytes) -> None:
        self._sent += len(data)
        if self._body is not None:
            self._body += data
            if len(self._body) > BODY_KEPT:
                self._body = None

    def response(self, head: ResponseHead, framing: Framing) -> None:
        self._status = head.status

    def piece(self, side: Side, data: bytes | None) -> None:
        if side == "engine":
            self._received += len(data or b"")
        else:
            self._sent += len(data or b"")

    def still_open(self) -> None:
        """Write down that the call is under way; its end gets a line too."""
        self._audited.write({**self._told, "state": "open", "status": self._status})

    def end(self, end: End, notes: dict[str, Any]) -> None:
        if self.later is not None:
            self.later.cancel()
        denied = notes.get("denied")
        told = self._told | {
            "state": "done",
            "status": self._status,
            "seconds": round(time.perf_counter() - self._began, 6),
            "request_bytes": self._sent,
            "response_bytes": self._received,
            "allowed": denied is None,
            "why": denied or notes.get("error") or notes.get("rule"),
            "end": str(end),
        }
        if self._body:
            told["body"] = self._masked(bytes(self._body))
        self._audited.write(told)

    def _masked(self, data: bytes) -> Any:
        text = self._audited.masked(self._target, data)
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text.decode(errors="replace")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(text: str) -> str:
    """Text that was read as latin-1, as UTF-8 if it is that."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
