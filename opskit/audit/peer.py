"""Who is at the other end of a client's connection."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opskit.cassette.redact import Redactor
from opskit.cassette.secrets import mask_text, telling
from opskit.wire.call import Client
from opskit.wire.secure import SecureDuplex

__all__ = ["Peer", "peer_of"]

_COMMAND_KEPT = 200
_REDACTOR = Redactor()


@dataclass(frozen=True, slots=True)
class Peer:
    """A client, as far as the system or its certificate tells; empty or None where not.

    Attributes
    ----------
    uid, pid : int or None
        Of the process, over a unix socket (``SO_PEERCRED``).
    command : str
        Its command line, as it was when it connected; over a unix socket.
    address : str
        ``host:port``, over TCP.
    certificate : str
        The name in its certificate, over TLS.
    """

    uid: int | None = None
    pid: int | None = None
    command: str = ""
    address: str = ""
    certificate: str = ""

    def fields(self) -> dict[str, Any]:
        """What is known, for a line of the log."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in told.items() if value not in (None, "")}


def peer_of(client: Client) -> Peer:
    """Who the client is."""
    sock = client.duplex.socket
    if sock is None:
        return Peer()
    if sock.family == socket.AF_UNIX:
        try:
            pid, uid, _ = struct.unpack(
                "3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            )
        except OSError:
            return Peer()
        return Peer(uid, pid or None, _command(pid))
    address = ""
    with contextlib.suppress(OSError):
        host, port, *_ = sock.getpeername()
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    secure = client.duplex
    name = _name(secure.certificate) if isinstance(secure, SecureDuplex) else ""
    return Peer(address=address, certificate=name)


def _command(pid: int) -> str:
    """A process's command line, its secrets masked; 0 is a process of another namespace."""
    try:
        file = os.open(f"/proc/{pid}/cmdline", os.O_RDONLY | os.O_CLOEXEC) if pid else -1
    except OSError:
        return ""
    if file < 0:
        return ""
    try:
        words = os.read(file, 4096).split(b"\0")
    except OSError:
        return ""
    finally:
        os.close(file)
    shown = " ".join(_without_secrets([word.decode(errors="replace") for word in words]))
    return mask_text(shown.encode()).decode(errors="replace").strip()[:_COMMAND_KEPT]


def _without_secrets(words: list[str]) -> Iterator[str]:
    """Mask what follows ``--password`` and its like, and ``-p`` of a login."""
    secret = False
    for word in words:
        if word.startswith("-"):
            secret = telling(word.strip("-")) if "=" not in word else False
            secret |= word == "-p" and "login" in words
            yield word
        else:
            yield "*" * len(word) if secret else _word(word)
            secret = False


def _word(word: str) -> str:
    """An argument, if it is a header that gives access, or a URL, without what is secret in it."""
    name, colon, value = word.partition(": ")
    if colon and (telling(name) or name.lower().endswith("authorization")):
        return f"{name}: {'*' * len(value)}"
    return _REDACTOR.target(word) if "://" in word else word


def _name(certificate: Any) -> str:
    """The common name of a certificate, else its whole subject."""
    if not certificate:
        return ""
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    common = [value for name, value in subject if name == "commonName"]
    return str(common[0]) if common else ", ".join(f"{name}={value}" for name, value in subject)
