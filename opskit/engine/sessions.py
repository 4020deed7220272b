"""The same engine for requests and for the Docker SDK, on opskit's connections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from opskit.dial import connection_error
from opskit.engine.base import RawEngine
from opskit.engine.replies import api_error
from opskit.errors import EngineError
from opskit.transport import Reply

if TYPE_CHECKING:
    import docker
    import requests

    from opskit.adapter import EngineAdapter

__all__ = ["SessionCalls"]


class SessionCalls(RawEngine):
    """Bare requests and the SDK's client, mixed into `opskit.Engine`."""

    _adapter: EngineAdapter | None = None
    _session: requests.Session | None = None
    _sdk: docker.DockerClient | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        timeout: float | None = None,
        check: bool = True,
    ) -> requests.Response:
        """Send any request and give the bare ``requests.Response``, streaming included.

        Parameters
        ----------
        method, path, params, json, data, headers, stream
            As in requests; ``data`` may be an iterable of bytes, sent as it comes.
        timeout : float, optional
            Seconds between bytes.
        check : bool
            Raise `APIError` for statuses from 400.
        """
        import requests

        target = self.target(path, params or {}, prefix="")
        self._guard(method, target)
        wait = self.timeout if timeout is None else timeout
        try:
            response = self._requests().request(
                method,
                "http+docker://localhost" + target,
                data=data,
                json=json,
                headers=dict(headers or {}),
                stream=stream,
                timeout=wait,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._requests_error(error, wait) from error
        if check and response.status_code >= 400:
            lower = {name.lower(): value for name, value in response.headers.items()}
            reply = Reply(response.status_code, response.reason, lower, response.content)
            raise api_error(reply, f"{method} {target}", self.address)
        return response

    def _requests_error(self, error: BaseException, wait: float) -> EngineError:
        cause: BaseException | None = error
        seen = []
        while cause is not None and cause not in seen:
            if isinstance(cause, EngineError | OSError) and not hasattr(cause, "request"):
                return connection_error(self.where, cause, wait)
            seen.append(cause)
            nested = [arg for arg in cause.args if isinstance(arg, BaseException)]
            cause = cause.__cause__ or cause.__context__ or (nested[0] if nested else None)
        if "timed out" in str(error).lower():
            return connection_error(self.where, TimeoutError(), wait)
        return connection_error(self.where, ConnectionResetError(str(error)), wait)

    @property
    def sdk(self) -> docker.DockerClient:
        """A ``docker.DockerClient`` on the same address and API version, its connections reused."""
        if self._sdk is None:
            from opskit import adapter

            self._sdk = adapter.sdk(self._mounted(), self.api_version, self.timeout)
        return self._sdk

    def _mounted(self) -> Any:
        if self._adapter is None:
            from opskit import adapter

            self._adapter = adapter.EngineAdapter(
                self.where, timeout=self.timeout, read_only=self.read_only
            )
        return self._adapter

    def _requests(self) -> requests.Session:
        if self._session is None:
            from opskit import adapter

            self._session = adapter.session(self._mounted())
        return self._session

    def close(self) -> None:
        """Close what requests and the SDK hold open too."""
        if self._adapter is not None:
            self._adapter.close()
        super().close()
