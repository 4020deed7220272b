"""Both ends of a wire for tests: engines that do exactly what a script says, and bare clients."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from opskit.address import Address, resolve
from opskit.wire.forward import Forwarder
from opskit.wire.listen import listen
from opskit.wire.relay import Relay
from opskit.wire.upstream import dialler

__all__ = ["Bare", "WireEngine", "client_of", "relay_to", "tells_its_version", "through_a_relay"]

Script = Callable[["Bare"], None]


class Bare:
    """A connection as bytes: what `http.client` would tidy away is seen as it is."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(10)
        self.data = b""

    def send(self, data: bytes) -> Self:
        self.sock.sendall(data)
        return self

    def until(self, mark: bytes) -> bytes:
        """What arrives up to and with a mark."""
        while mark not in self.data:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError(self.data)
            self.data += more
        end = self.data.index(mark) + len(mark)
        found, self.data = self.data[:end], self.data[end:]
        return found

    def take(self, count: int) -> bytes:
        while len(self.data) < count:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError(self.data)
            self.data += more
        found, self.data = self.data[:count], self.data[count:]
        return found

    def rest(self) -> bytes:
        """All that arrives until the other side sends no more."""
        while more := self.sock.recv(65536):
            self.data += more
        found, self.data = self.data, b""
        return found

    def one_read(self) -> bytes:
        return self.sock.recv(65536)

    def half_close(self) -> Self:
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def close(self) -> None:
        self.sock.close()


def tells_its_version(client: Bare) -> None:
    """A script for what a recording asks first, on a connection of its own."""
    client.until(b"\r\n\r\n")
    client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


class WireEngine:
    """An engine whose n-th connection follows the n-th script, the last for ever."""

    def __init__(self, folder: Path, *scripts: Script) -> None:
        self.path = str(folder / "engine.sock")
        self.connections = 0
        self.failures: list[BaseException] = []
        self._scripts = scripts
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.path)
        self._server.listen(64)
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            thread = threading.Thread(target=self._follow, args=(script, Bare(sock)))
            thread.start()
            self._threads.append(thread)

    def _follow(self, script: Script, connection: Bare) -> None:
        try:
            script(connection)
        except BaseException as failure:
            self.failures.append(failure)
        finally:
            connection.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._accepting.join()
        for thread in self._threads:
            thread.join(15)
            assert not thread.is_alive()
        if self.failures:
            raise self.failures[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextlib.contextmanager
def through_a_relay(folder: Path, *scripts: Script) -> Iterator[Bare]:
    """A client of a relay to an engine that follows scripts."""
    with (
        WireEngine(folder, *scripts) as engine,
        relay_to(engine) as relay,
        client_of(relay.address) as client,
    ):
        yield client


@contextlib.contextmanager
def relay_to(engine: WireEngine | Address) -> Iterator[Relay]:
    """A relay to an engine; when it ends, nobody is left connected to it."""
    address = engine if isinstance(engine, Address) else resolve(engine.path)
    with Relay(Forwarder(dialler(address)), listen()) as relay:
        yield relay
    assert relay.connections == 0


@contextlib.contextmanager
def client_of(address: str) -> Iterator[Bare]:
    """A bare client of what listens at an address."""
    if address.startswith("unix://"):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address.removeprefix("unix://"))
    else:
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        sock = socket.create_connection((host, int(port)))
    with contextlib.closing(Bare(sock)) as bare:
        yield bare
