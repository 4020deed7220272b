"""Requests to an engine over kept-alive connections: one at a time, many pipelined, or a stream.

What is here is when to dial, reuse, ask again and give up.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from math import inf

from opskit.address import Address
from opskit.dial import connection_error, dial
from opskit.errors import EngineLost
from opskit.response import READ_SIZE, Reply, ResponseParser
from opskit.stream import Stream

__all__ = ["Reply", "Stream", "Transport", "encode"]

PIPELINE = 64
POOL_SIZE = 10


def encode(
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Sequence[tuple[str, str]] = (),
    *,
    chunked: bool = False,
) -> bytes:
    """The bytes of one request; with ``chunked`` only its head, the body follows in chunks."""
    lines = [f"{method} {target} HTTP/1.1", "Host: docker", "User-Agent: opskit"]
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif body is not None or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body or b'')}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("latin-1") + (body or b"")


class Transport:
    """Connections to one address: at most ``POOL_SIZE`` idle ones are kept for the next call."""

    def __init__(self, address: Address, timeout: float = 60.0) -> None:
        self.address = address
        self.timeout = timeout
        self.dialled = 0
        self._idle: deque[socket.socket] = deque()
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._idle)

    def dial(self, timeout: float | None = None, *, hijack: bool = False) -> socket.socket:
        """A connection of the caller's own; with ``hijack``, one to talk on both ways."""
        wait = self.timeout if timeout is None else timeout
        sock = dial(self.address, wait, hijack=hijack)
        with self._lock:
            self.dialled += 1
        return sock

    def exchange(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
        timeout: float | None = None,
    ) -> Reply:
        """One request and its whole response."""
        request = encode(method, target, body, headers)
        return self._run([request], method == "HEAD", method in ("GET", "HEAD"), timeout)[0]

    def pipeline(self, targets: Sequence[str], *, timeout: float | None = None) -> list[Reply]:
        """GET all targets on one connection, answers in the order of the targets."""
        replies: list[Reply] = []
        for first in range(0, len(targets), PIPELINE):
            requests = [encode("GET", target) for target in targets[first : first + PIPELINE]]
            replies += self._run(requests, False, True, timeout)
        return replies

    def _run(
        self, requests: list[bytes], head: bool, safe: bool, timeout: float | None
    ) -> list[Reply]:
        timeout = self.timeout if timeout is None else timeout
        while True:
            sock, reused = self._take(timeout)
            parser = ResponseParser()
            try:
                replies = self._talk(sock, parser, requests, head, timeout)
            except EngineLost:
                sock.close()
                # A kept connection that the engine closed meanwhile: ask again on a new one.
                if reused and safe and not parser.started and not parser.replies:
                    continue
                raise
            except BaseException:
                sock.close()
                raise
            return replies

    def _talk(
        self,
        sock: socket.socket,
        parser: ResponseParser,
        requests: list[bytes],
        head: bool,
        timeout: float,
    ) -> list[Reply]:
        count = len(requests)
        try:
            try:
                sock.sendall(b"".join(requests))
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                if not _readable(sock):  # an early answer may explain why it hung up
                    raise
            while len(parser.replies) < count:
                data = sock.recv(READ_SIZE)
                if not data:
                    if parser.until_close:
                        parser.finish()
                        parser.keep = False
                        break
                    raise self._lost(parser)
                parser.feed(data, self.address)
                if head and parser.headed:
                    parser.finish()
        except (OSError, TimeoutError) as error:
            raise connection_error(self.address, error, timeout) from error
        replies = list(parser.replies)
        if len(replies) < count:
            raise self._lost(parser)
        if parser.keep and not parser.started:
            self.give_back(sock)
        else:
            sock.close()
        return replies

    def _lost(self, parser: ResponseParser) -> EngineLost:
        got = sum(map(len, parser.chunks))
        where = f"after {got} bytes of the body" if parser.headed else "before its answer"
        return EngineLost(
            f"the engine at {self.address} closed the connection {where}",
            "did it stop or restart? the next call connects again",
        )

    def _take(self, timeout: float) -> tuple[socket.socket, bool]:
        sock = self.take_idle()
        if sock is None:
            return self.dial(timeout), False
        sock.settimeout(timeout)
        return sock, True

    def take_idle(self) -> socket.socket | None:
        """A kept connection that is still good, for one request; None if there is none."""
        while True:
            with self._lock:
                sock = self._idle.pop() if self._idle else None
            if sock is None or not _readable(sock):
                return sock
            sock.close()  # end of file, or an answer nobody asked for

    def give_back(self, sock: socket.socket) -> None:
        """Keep a connection, its answers all read, for the next request."""
        with self._lock:
            if len(self._idle) < POOL_SIZE:
                self._idle.append(sock)
                return
        sock.close()

    def close(self) -> None:
        """Close the idle connections. The transport stays usable."""
        with self._lock:
            _close_all(self._idle)

    def stream(
        self,
        method: str,
        target: str,
        *,
        body: bytes | Iterable[bytes] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        timeout: float | None = None,
        head_timeout: float | None = None,
    ) -> Stream:
        """Open a stream on a connection of its own; the head has arrived when this returns.

        A body that is an iterable is sent as it comes. ``head_timeout`` may be infinite.
        """
        whole = body if isinstance(body, bytes) else None
        parts = None if isinstance(body, bytes) else body
        wait = self.timeout if head_timeout is None else head_timeout
        sock = self.dial(hijack=any(name.lower() == "upgrade" for name, _ in headers))
        try:
            try:
                sock.sendall(encode(method, target, whole, headers, chunked=parts is not None))
            except OSError as error:
                raise connection_error(self.address, error, self.timeout) from error
            return Stream(
                sock,
                self.address,
                head_timeout=None if wait == inf else wait,
                timeout=timeout,
                body=parts,
            )
        except BaseException:
            sock.close()
            raise


def _close_all(sockets: deque[socket.socket]) -> None:
    while sockets:
        sockets.pop().close()


def _readable(sock: socket.socket) -> bool:
    try:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    except (OSError, ValueError):
        return True
