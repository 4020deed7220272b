"""A requests adapter for any engine address, and the two libraries that ride on it.

requests-unixsocket and docker-py key their pools by the whole URL and so dial anew for each; here
one pool serves all URLs of an engine, whatever its address: unix socket, tcp, TLS or ssh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests_unixsocket.adapters import UnixAdapter

from opskit.address import Address
from opskit.api.reading import only_reads
from opskit.dial import dial
from opskit.errors import ReadOnlyEngine

if TYPE_CHECKING:
    import docker

__all__ = ["BASE_URL", "EngineAdapter", "read_only_error", "sdk", "session"]

BASE_URL = "http+docker://localhost"
POOL_SIZE = 10


class _Connection(urllib3.connection.HTTPConnection):
    address: Address

    def connect(self) -> None:
        timeout = self.timeout if isinstance(self.timeout, int | float) else None
        self.sock = dial(self.address, timeout)


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, address: Address, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout, maxsize=POOL_SIZE)
        self.address = address

    def _new_conn(self) -> _Connection:
        self.num_connections += 1
        timeout = self.timeout.connect_timeout
        connection = _Connection("localhost", timeout=timeout)
        connection.address = self.address
        return connection


class EngineAdapter(UnixAdapter):  # type: ignore[misc]
    """requests-unixsocket's adapter with one pool per engine instead of one per URL."""

    def __init__(self, address: Address, *, timeout: float = 60.0, read_only: bool = False) -> None:
        super().__init__(timeout=timeout)
        self.pool = _Pool(address, timeout)
        self.read_only = read_only
        self.prefix = address.path if address.scheme == "tcp" else ""

    def get_connection(self, url: str, proxies: Any = None) -> _Pool:
        return self.pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return self.prefix + str(super().request_url(request, proxies))

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        method, target = str(request.method), str(request.path_url)
        if self.read_only and not only_reads(method, target):
            raise read_only_error(method, target)
        return super().send(request, *args, **kwargs)

    def close(self) -> None:
        super().close()
        self.pool.close()


def read_only_error(method: str, path: str) -> ReadOnlyEngine:
    """The refusal of a call that would change an engine connected read-only."""
    return ReadOnlyEngine(
        f"{method} {path} would change the engine, which was connected with read_only=True",
        "connect without read_only to allow it",
    )


def session(adapter: EngineAdapter) -> requests.Session:
    """A requests session on the adapter that no proxy or bundle variable can lead astray."""
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = "opskit"
    session.mount("http+docker://", adapter)
    return session


def sdk(adapter: EngineAdapter, api_version: str, timeout: float) -> docker.DockerClient:
    """A DockerClient whose calls go through the adapter."""
    import docker

    client = docker.DockerClient(
        base_url="unix:///nonexistent", version=api_version, timeout=int(timeout)
    )
    api = client.api
    api.trust_env = False
    api.base_url = BASE_URL
    api._custom_adapter = adapter  # type: ignore[attr-defined]
    api.mount("http+docker://", adapter)
    return client
