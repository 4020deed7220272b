"""A guard in front of an engine, in this process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from opskit.address import Address, resolve
from opskit.audit.options import Auditing
from opskit.audit.service import Audited
from opskit.guard.lookup import Lookup
from opskit.guard.rules import Policy
from opskit.guard.service import Guard
from opskit.wire.forward import Forwarder
from opskit.wire.listen import listen
from opskit.wire.relay import Relay
from opskit.wire.secure import server_context
from opskit.wire.upstream import dialler

__all__ = ["Guarding", "guarding", "open_guard"]


class Guarding:
    """An engine behind an address where a policy decides which calls reach it.

    Attributes
    ----------
    address : str
        For ``DOCKER_HOST``.
    policy : Policy
        What is allowed.
    """

    def __init__(self, relay: Relay, guard: Guard, audited: Audited | None = None) -> None:
        self.address = relay.address
        self.policy = guard.policy
        self._guard = guard
        self._audited = audited
        self._relay = relay.start()

    @property
    def denied(self) -> int:
        """How many calls were denied so far."""
        return self._guard.denied

    @property
    def allowed(self) -> int:
        """How many calls were let through so far."""
        return self._guard.allowed

    def close(self) -> None:
        """Stop letting anybody through."""
        self._relay.stop()
        if self._audited is not None:
            self._audited.log.close()


def open_guard(
    policy: Policy,
    *,
    upstream: str | Address | None = None,
    listen_at: str | None = None,
    anywhere: bool = False,
    tls: str | os.PathLike[str] | None = None,
    audit: Auditing | str | os.PathLike[str] | None = None,
) -> Guarding:
    """Guard an engine until ``close()``; parameters as for `guarding`."""
    context = None if tls is None else server_context(tls)
    address = resolve(upstream)
    dial = dialler(address)
    base = address.path if address.scheme == "tcp" else ""
    sockets = (address.path,) if address.scheme == "unix" else ()
    guard = Guard(Forwarder(dial, base), policy, Lookup(dial, base), sockets=sockets)
    listener = listen(listen_at, anywhere=anywhere or tls is not None)
    if audit is None:
        return Guarding(Relay(guard, listener, tls=context), guard)
    auditing = audit if isinstance(audit, Auditing) else Auditing(Path(audit))
    try:
        audited = auditing.around(guard, auditing.open())
    except BaseException:
        listener.close()
        raise
    relay = Relay(audited, listener, tls=context, turned_away=audited.turned_away)
    return Guarding(relay, guard, audited)


@contextlib.contextmanager
def guarding(
    policy: Policy,
    *,
    upstream: str | Address | None = None,
    listen_at: str | None = None,
    anywhere: bool = False,
    tls: str | os.PathLike[str] | None = None,
    audit: Auditing | str | os.PathLike[str] | None = None,
) -> Iterator[Guarding]:
    """Guard an engine inside the ``with`` block.

    Parameters
    ----------
    policy : Policy
        What is allowed (`opskit.guard.policyfile.read_policy`).
    upstream : str, optional
        The engine, as for `opskit.connect`.
    listen_at : str, optional
        ``unix:///path`` or ``tcp://127.0.0.1:port``; by default a socket in a new private folder.
    anywhere : bool
        Allow to listen where other machines can connect, without TLS.
    tls : path, optional
        Folder with ca.pem, server-cert.pem and server-key.pem: clients need a certificate.
    audit : path, optional
        Write down each call in this file (`opskit.audit.read` reads it).
    """
    guard = open_guard(
        policy,
        upstream=upstream,
        listen_at=listen_at,
        anywhere=anywhere,
        tls=tls,
        audit=audit,
    )
    try:
        yield guard
    finally:
        guard.close()
