"""A socket proxy made of HAProxy, as the docker-socket-proxy images are, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

__all__ = ["socket_proxy"]

_CONFIG = """
global
    maxconn 200
    stats socket {folder}/stats.sock
defaults
    mode http
    timeout http-request 10s
    timeout connect 10s
    timeout client 1m
    timeout server 1m
    option http-server-close
frontend docker
    bind 127.0.0.1:{port}
{rules}
    http-request deny
    default_backend engine
backend engine
    server engine unix@{engine}
"""


def allow(pattern: str) -> str:
    """A rule that allows paths beginning so, in any case, read as HAProxy decodes them."""
    return f"http-request allow if {{ path,url_dec -m reg -i ^{pattern} }}"


READING_ONLY = "http-request deny unless METH_GET"


@contextlib.contextmanager
def socket_proxy(folder: Path, engine: str, rules: Sequence[str]) -> Iterator[str]:
    """Run HAProxy with these rules in front of an engine's socket; yields its tcp:// address."""
    program = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        pytest.skip("haproxy is not installed (Debian: apt-get install haproxy)")
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    config = folder / "haproxy.cfg"
    lines = "\n".join(f"    {rule}" for rule in rules)
    config.write_text(_CONFIG.format(folder=folder, port=port, rules=lines, engine=engine))
    log = (folder / "haproxy.log").open("wb")
    with log, subprocess.Popen([program, "-db", "-f", str(config)], stdout=log, stderr=log) as run:
        try:
            _wait(port, run, folder / "haproxy.log")
            yield f"tcp://127.0.0.1:{port}"
        finally:
            run.terminate()


def _wait(port: int, run: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and run.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise RuntimeError(f"haproxy does not start: {log.read_text()}")
