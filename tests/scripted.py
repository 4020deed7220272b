"""A stand-in for an engine whose /events does what a test wants, connection by connection."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Self
from urllib.parse import parse_qs, urlparse

__all__ = ["ScriptedEngine", "event", "lines"]

Script = Callable[["Reply"], None]


def event(action: str, ns: int, ident: str = "c1", **attributes: str) -> dict[str, Any]:
    """An event of a container."""
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": ident, "Attributes": {"name": "web", "image": "web:1", **attributes}},
        "time": ns // 10**9,
        "timeNano": ns,
    }


def lines(events: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


class Reply:
    """What a script answers with."""

    def __init__(self, handler: http.server.BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        self.handler = handler
        self.query = query

    def begin(self, status: int = 200, date: str | None = None) -> Self:
        self.handler.send_response_only(status)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.send_header("Date", date or self.handler.date_time_string())
        self.handler.end_headers()
        return self

    def send(self, data: bytes) -> Self:
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()
        return self

    def hold(self, stop: threading.Event) -> None:
        stop.wait(20)


class ScriptedEngine:
    """Serves on 127.0.0.1; the n-th stream of events follows the n-th script, the last for ever.

    ``memory`` is what bounded requests are answered from, ``containers`` what a list shows.
    """

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.memory: list[dict[str, Any]] = []
        self.containers: list[dict[str, Any]] = []
        self.streams: list[dict[str, str]] = []
        self.over = threading.Event()
        engine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.send_response(200)
                self.send_header("Api-Version", "1.45")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                url = urlparse(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                if url.path.endswith("/events"):
                    self.close_connection = True
                    engine._events(Reply(self, query))
                elif url.path.endswith("/containers/json"):
                    self._json(engine.containers)
                elif url.path.endswith("/version"):
                    self._json({"Version": "27.0", "ApiVersion": "1.45", "MinAPIVersion": "1.24"})
                else:
                    self._json({"message": "No such container"}, 404)

            def _json(self, value: Any, status: int = 200) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"tcp://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def _events(self, reply: Reply) -> None:
        if "until" in reply.query:
            bound = float(reply.query["until"])
            told = [one for one in self.memory if one["timeNano"] <= bound * 1e9]
            reply.begin().send(lines(told)) if told else reply.begin()
            reply.handler.wfile.write(b"0\r\n\r\n")
            return
        number = min(len(self.streams), len(self.scripts) - 1)
        self.streams.append(reply.query)
        self.scripts[number](reply)

    def wait_for_streams(self, count: int) -> None:
        deadline = time.monotonic() + 10
        while len(self.streams) < count and time.monotonic() < deadline:
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()
