"""A sampler behind a proxy that lets no events through: it asks for the list again and again."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import opskit
from tests.engines import PrivateEngine
from tests.waiting import eventually

pytestmark = pytest.mark.live
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def serve(client: socket.socket, upstream: str) -> None:
    with client, socket.socket(socket.AF_UNIX) as engine:
        first = client.recv(65_536)
        if b"/events" in first.split(b"\r\n", 1)[0]:
            client.sendall(REFUSAL)
            return
        engine.connect(upstream)
        engine.sendall(first)
        back = threading.Thread(target=pump, args=(engine, client), daemon=True)
        back.start()
        pump(client, engine)
        back.join()


@pytest.fixture
def proxied(emptied_engine: PrivateEngine, tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "proxy.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    arguments = (client, emptied_engine.socket)
                    threading.Thread(target=serve, args=arguments, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"unix://{path}"
        listener.shutdown(socket.SHUT_RDWR)


def test_containers_come_and_go_all_the_same(emptied_engine: PrivateEngine, proxied: str) -> None:
    emptied_engine.run("sleep 1000", "first")
    with opskit.connect(proxied) as engine, engine.sampler() as sampler:
        assert sampler.wait()
        assert sampler.inspected is None
        emptied_engine.run("sleep 1000", "second")
        eventually(lambda: list(sampler.latest().name) == ["first", "second"])
        emptied_engine.api("DELETE", "/containers/first", force="1")
        eventually(lambda: list(sampler.latest().name) == ["second"])
        assert list(engine.health().name) == ["second"]
        assert len(sampler.gaps) == 0
