"""Where on this host, or on the engine's, does the API answer to anybody?"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opskit.address import Address

__all__ = ["OpenDoor", "candidates", "knock"]

PORTS = (2375, 2376)
_ASK = b"HEAD /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """An address where the API answered without a client certificate.

    ``how`` is ``plain`` where it answered without TLS, ``tls`` where it did with.
    """

    host: str
    port: int
    how: Literal["plain", "tls"]
    api: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.how == 'plain' else 'https'}://{host}:{self.port}"


def candidates(address: Address, peer: int | None) -> set[tuple[str, int]]:
    """Addresses worth asking: the engine's usual ports, and those its process listens on.

    Parameters
    ----------
    address : Address
        The engine's.
    peer : int or None
        Process id of the engine, if it runs on this host and can be seen.
    """
    if address.scheme == "ssh":
        return set()
    found: set[tuple[str, int]] = set()
    if address.scheme == "tcp":
        found |= {(address.host, port) for port in (*PORTS, address.port)}
    if address.scheme == "unix" or _is_local(address.host):
        mine = _inodes(peer) if peer and _same_network(peer) else set()
        for host, port, inode in _listening():
            if port in PORTS or inode in mine:
                found.add((host, port))
    return found


def knock(places: Iterable[tuple[str, int]], timeout: float = 1.0) -> Iterator[OpenDoor]:
    """Ask each place for its API version, without TLS and with, showing no certificate."""
    for host, port in sorted(places):
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        for how in ("plain", "tls"):
            api = _version(reached, port, how == "tls", timeout)
            if api:
                yield OpenDoor(host, port, "tls" if how == "tls" else "plain", api)
                break


def _version(host: str, port: int, secured: bool, timeout: float) -> str:
    with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection((host, port), timeout))
        if secured:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            sock = stack.enter_context(context.wrap_socket(sock))
        sock.sendall(_ASK)
        head = sock.recv(4096).decode("latin-1")
        status = head.split(" ", 2)[1]
        for line in head.splitlines()[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "api-version" and status == "200":
                return value.strip()
    return ""


def _is_local(host: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        for *_, sockaddr in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            if ipaddress.ip_address(sockaddr[0]).is_loopback:
                return True
            with socket.socket(socket.AF_INET6 if ":" in str(sockaddr[0]) else socket.AF_INET) as s:
                s.bind((sockaddr[0], 0))
                return True
    return False


def _same_network(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
    return False


def _inodes(pid: int) -> set[str]:
    """The sockets that a process has open; empty where this user may not see them."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                link = os.readlink(entry)
                if link.startswith("socket:["):
                    found.add(link[8:-1])
    return found


def _listening() -> Iterator[tuple[str, int, str]]:
    """Address, port and inode of each TCP socket that listens in this network namespace."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    host, _, port = fields[1].partition(":")
                    yield _host(host), int(port, 16), fields[9]


def _host(text: str) -> str:
    """An address as /proc writes it: 32-bit words in hex, in the machine's order of bytes."""
    words = [bytes.fromhex(text[i : i + 8]) for i in range(0, len(text), 8)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    return str(ipaddress.ip_address(b"".join(words)))
