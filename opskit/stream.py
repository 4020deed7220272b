"""A response read as it arrives: events, stats, logs, progress, and hijacked connections."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator

import httptools

from opskit.address import Address
from opskit.closing import Closing
from opskit.dial import connection_error
from opskit.errors import EngineLost, EngineUnresponsive
from opskit.outgoing import Outgoing
from opskit.response import READ_SIZE, ResponseParser

__all__ = ["Stream"]


class Stream(Closing):
    """A response read as it arrives. Iterating gives bytes the moment the engine sends them.

    Attributes
    ----------
    status : int
        The response's status.
    headers : dict of str to str
        Names in lower case.

    Raises
    ------
    EngineLost
        While iterating, when the engine ends the stream in the middle of a message.
    EngineUnresponsive
        While iterating, when nothing arrives for ``timeout`` seconds (None waits for ever).
    """

    def __init__(
        self,
        sock: socket.socket,
        address: Address,
        *,
        head_timeout: float | None = 60.0,
        timeout: float | None = None,
        body: Iterable[bytes] | None = None,
    ) -> None:
        self._sock = sock
        self._address = address
        self._parser = ResponseParser()
        self._closed = False
        self._complete = False
        self._timeout = timeout
        self._outgoing: Outgoing | None = None
        sock.settimeout(head_timeout)
        if body is not None:
            self._upload(body, head_timeout)
        self._read_head(head_timeout)
        self._raw = self.status == 101
        self.hijacked = self._raw or "raw-stream" in self.headers.get("content-type", "")
        sock.settimeout(timeout)

    def _upload(self, body: Iterable[bytes], timeout: float | None) -> None:
        """Send a request's body as it comes, and stop where the engine has answered already."""
        for chunk in body:  # an error of the source passes as it is
            try:
                if self._answered(timeout):
                    return
                if chunk:
                    self._sock.sendall(b"%x\r\n" % len(chunk))
                    self._sock.sendall(chunk)
                    self._sock.sendall(b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                return  # its answer, if there is one, says why
            except OSError as error:
                raise connection_error(self._address, error, timeout) from error
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._sock.sendall(b"0\r\n\r\n")

    def _answered(self, timeout: float | None) -> bool:
        """Take in what has come back so far; whether that is an error or a whole answer."""
        parser = self._parser
        self._sock.settimeout(0)
        try:
            while data := self._sock.recv(READ_SIZE):
                self._feed(data)
            return True
        except (BlockingIOError, ssl.SSLWantReadError):
            return bool(parser.replies) or (parser.headed and parser.reply.status >= 400)
        finally:
            self._sock.settimeout(timeout)

    def _read_head(self, timeout: float | None) -> None:
        parser = self._parser
        while not parser.headed and not parser.replies:
            try:
                data = self._sock.recv(READ_SIZE)
            except OSError as error:
                raise connection_error(self._address, error, timeout) from error
            if not data:
                raise EngineLost(
                    f"the engine at {self._address} closed the connection before its answer",
                    "did it stop or restart? the next call connects again",
                )
            self._feed(data)
        reply = parser.replies[-1] if parser.replies else parser.reply
        self.status, self.headers, self._reply = reply.status, reply.headers, reply

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            self._parser.replies.clear()
            self._parser.headed = True
            self._parser.chunks = [rest] if rest else []
        except httptools.HttpParserError:
            self._parser.feed(data, self._address)

    def __iter__(self) -> Iterator[bytes]:
        parser = self._parser
        while not self._closed:
            if parser.replies:
                body = parser.replies[-1].body
                parser.replies.clear()
                self._complete = True
                if body:
                    yield body
            if parser.chunks:
                ready, parser.chunks = parser.chunks, []
                yield from ready
                continue
            if self._complete:
                break
            data = self._receive()
            if data is None:
                break
            if self._raw:
                parser.chunks = [data]
            else:
                self._feed(data)
        self.close()

    def _receive(self) -> bytes | None:
        outgoing = self._outgoing
        try:
            data = outgoing.receive(self._timeout) if outgoing else None
            if data is None:
                data = self._sock.recv(READ_SIZE)
        except (OSError, ValueError) as error:
            if self._closed or (outgoing and outgoing.cut):
                return None
            self.close()
            if outgoing and error is outgoing.failure:
                raise
            if isinstance(error, TimeoutError):
                raise EngineUnresponsive(
                    f"the engine at {self._address} sent nothing for {self._timeout:g} s",
                    "is it hung or stopped? 'opskit doctor' looks closer; timeout=… waits longer",
                ) from None
            raise connection_error(self._address, error, self._timeout) from error
        if data:
            return data
        if self._closed or self._raw or self._parser.until_close:
            return None
        self.close()
        raise EngineLost(
            f"the engine at {self._address} ended the stream in the middle",
            "did it stop or restart? open the stream again",
        )

    def lines(self) -> Iterator[bytes]:
        """The stream's lines, without their ends; a last line without an end is given too."""
        rest = b""
        for chunk in self:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    yield line.rstrip(b"\r")
        if rest.strip():
            yield rest

    def read(self) -> bytes:
        """All that is left, in one piece."""
        return b"".join(self)

    def send(self, data: bytes) -> None:
        """Send to a hijacked connection."""
        self._sock.sendall(data)

    def end_sending(self) -> None:
        """Half-close: the other side reads the end of file, this one goes on receiving."""
        self._sock.shutdown(socket.SHUT_WR)

    def feed(self, pieces: Iterable[bytes]) -> None:
        """Send these to a hijacked connection while it is read, then half-close."""
        self._outgoing = Outgoing(self._sock, pieces)

    def close(self) -> None:
        """End the stream, from any thread; a reader stops at once."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()
