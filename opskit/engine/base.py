"""Raw calls to one engine: the address, the API version, and requests with decoded answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from opskit.address import Address
from opskit.api.reading import only_reads
from opskit.api.versions import NEWEST, negotiate, version_key
from opskit.closing import Closing
from opskit.engine.replies import api_error, decode, refused
from opskit.engine.target import body_of, target_of
from opskit.errors import APIError, VersionMismatch
from opskit.transport import Reply, Stream, Transport

if TYPE_CHECKING:
    import socket

    import pandas as pd

__all__ = ["RawEngine"]

_Frame = TypeVar("_Frame", bound="pd.DataFrame")


class RawEngine(Closing):
    """One Docker Engine at one address. Made by `opskit.connect`.

    Connections are kept alive; an engine that was away is reached again by the next call.

    Parameters
    ----------
    address : Address
        Where the engine is.
    api_version : str, optional
        Spoken instead of the negotiated one.
    timeout : float
        Seconds to wait for an answer, for calls that name none.
    read_only : bool
        Refuse every request but GET and HEAD before it is sent.

    Attributes
    ----------
    transport : opskit.transport.Transport
        Its connections.
    """

    def __init__(
        self,
        address: Address,
        *,
        api_version: str | None = None,
        timeout: float = 60.0,
        read_only: bool = False,
    ) -> None:
        self.where = address
        self.timeout = timeout
        self.read_only = read_only
        self._wanted = api_version.removeprefix("v") if api_version else None
        self._version: str | None = None
        self._about: dict[str, Any] | None = None
        self.transport = Transport(address, timeout)
        self._prefix = address.path if address.scheme == "tcp" else ""
        self._lock = threading.RLock()
        self._on_close: list[Callable[[], None]] = []
        self.cassette: Path | None = None  # what answers in place of an engine

    @property
    def address(self) -> str:
        """The engine's address as ``DOCKER_HOST`` would hold it."""
        return self.where.url

    @property
    def api_version(self) -> str:
        """The API version spoken: the newest that both sides know, or the one asked for.

        Raises
        ------
        VersionMismatch
            The two have none in common.
        """
        if self._version is None:
            with self._lock:
                self._version = self._negotiate()
        return self._version

    @property
    def engine_version(self) -> str:
        """The engine's release, such as ``"28.5.2"`` (endpoint ``GET /version``, asked once)."""
        return str(self._describe().get("Version", ""))

    def _describe(self) -> dict[str, Any]:
        if self._about is None:
            about = self._call("GET", self._prefix + "/version")
            self._about = about if isinstance(about, dict) else {}
        return self._about

    def _negotiate(self) -> str:
        reply = self.transport.exchange("HEAD", self._prefix + "/_ping")
        newest = reply.headers.get("api-version", "")
        if not newest:  # a proxy that hides /_ping or its headers
            newest = str(self._describe().get("ApiVersion", ""))
        key = version_key
        if self._wanted is None and key(newest) <= key(NEWEST):
            return negotiate(newest)
        oldest = str(self._describe().get("MinAPIVersion", ""))
        if self._wanted is None:
            return negotiate(newest, oldest)
        if key(self._wanted) > key(newest) or (oldest and key(self._wanted) < key(oldest)):
            raise VersionMismatch(
                f"the engine at {self.address} speaks API {oldest} to {newest}, not {self._wanted}",
                "leave api_version out to negotiate, or name one in that range",
                status=400,
                message=f"API version {self._wanted} asked for",
                request="HEAD /_ping",
            )
        return self._wanted

    def get(self, path: str, /, *, timeout: float | None = None, **query: Any) -> Any:
        """GET ``path`` and give the decoded answer.

        Parameters
        ----------
        path : str
            With or without ``/v1.NN``; without, the negotiated version is put in front.
        timeout : float, optional
            Seconds to wait for the answer.
        **query
            Query parameters: None is left out, booleans become ``true`` and ``false``, a mapping
            becomes JSON (scalar values of ``filters`` become lists), a list repeats the parameter.

        Returns
        -------
        object
            JSON decoded; several JSON documents as a list; text as str, other content as bytes,
            no content as None.

        Raises
        ------
        APIError
            The engine answered with an error; `NotFound`, `Conflict`, `Forbidden` where it fits.
        EngineError
            The engine could not be reached, or its answer not be read.
        """
        return self._call("GET", self.target(path, query), timeout=timeout)

    def head(self, path: str, /, *, timeout: float | None = None, **query: Any) -> dict[str, str]:
        """HEAD ``path``: the response's headers, names in lower case."""
        return self._reply("HEAD", self.target(path, query), timeout=timeout).headers

    def post(
        self, path: str, /, json: Any = None, *, timeout: float | None = None, **query: Any
    ) -> Any:
        """POST ``json`` to ``path`` and give the decoded answer. Parameters as for `get`."""
        return self._call("POST", self.target(path, query), json, timeout=timeout)

    def put(
        self, path: str, /, json: Any = None, *, timeout: float | None = None, **query: Any
    ) -> Any:
        """PUT ``json`` (or bytes) to ``path`` and give the decoded answer."""
        return self._call("PUT", self.target(path, query), json, timeout=timeout)

    def delete(self, path: str, /, *, timeout: float | None = None, **query: Any) -> Any:
        """DELETE ``path`` and give the decoded answer."""
        return self._call("DELETE", self.target(path, query), timeout=timeout)

    def get_many(
        self, paths: Sequence[str], *, timeout: float | None = None
    ) -> list[Any | APIError]:
        """GET many paths pipelined on a kept-alive connection.

        Returns
        -------
        list
            One decoded answer a path, in their order; where the engine answered with an error,
            the `APIError` stands in its place.
        """
        targets = [self.target(path, {}) for path in paths]
        replies = self.transport.pipeline(targets, timeout=timeout)
        return [
            api_error(reply, f"GET {target}", self.address)
            if refused(reply.status)
            else self.told(reply, f"GET {target}")
            for target, reply in zip(targets, replies, strict=True)
        ]

    def open_stream(
        self,
        path: str,
        /,
        *,
        method: str = "GET",
        json: Any = None,
        data: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        head_timeout: float | None = None,
        **query: Any,
    ) -> Stream:
        """Open a response that is read as it arrives, on a connection of its own.

        Parameters
        ----------
        data : iterable of bytes, optional
            The request's body, sent as it comes and never held as a whole.
        timeout : float, optional
            Seconds of silence after which `EngineUnresponsive` is raised; None waits for ever.
        head_timeout : float, optional
            Seconds until the answer begins, by default the engine's; may be ``math.inf``.

        Returns
        -------
        opskit.transport.Stream
            Iterate for bytes or over ``.lines()``; ``.close()`` from any thread ends it.
        """
        target = self.target(path, query)
        self._guard(method, target)
        body, sent = body_of(json)
        stream = self.transport.stream(
            method,
            target,
            body=body if data is None else data,
            headers=[*sent, *(headers or {}).items()],
            timeout=timeout,
            head_timeout=head_timeout,
        )
        if refused(stream.status):
            reply = Reply(stream.status, "", stream.headers, stream.read())
            raise api_error(reply, f"{method} {target}", self.address)
        return stream

    def dial(self) -> socket.socket:
        """A connected socket to the engine (TLS and ssh done), the caller's to use and close."""
        return self.transport.dial()

    def target(self, path: str, query: Mapping[str, Any], *, prefix: str | None = None) -> str:
        """The request target: base path, API version, path and encoded query."""
        lead = self._prefix if prefix is None else prefix
        return lead + target_of(path, query, lambda: self.api_version)

    def _guard(self, method: str, target: str) -> None:
        if self.read_only and not only_reads(method, target):
            from opskit.adapter import read_only_error

            raise read_only_error(method, target)

    def _reply(
        self, method: str, target: str, json: Any = None, *, timeout: float | None = None
    ) -> Reply:
        self._guard(method, target)
        body, headers = body_of(json)
        reply = self.transport.exchange(method, target, body=body, headers=headers, timeout=timeout)
        if refused(reply.status):
            raise api_error(reply, f"{method} {target}", self.address)
        return reply

    def told(self, reply: Reply, request: str) -> Any:
        """What a reply to ``request`` says, decoded.

        Raises
        ------
        APIError
            It is an error.
        """
        if refused(reply.status):
            raise api_error(reply, request, self.address)
        return decode(reply.body, reply.headers.get("content-type", ""), request)

    def _call(
        self, method: str, target: str, json: Any = None, *, timeout: float | None = None
    ) -> Any:
        reply = self._reply(method, target, json, timeout=timeout)
        return self.told(reply, f"{method} {target}")

    def stamp(self, frame: _Frame, request: str) -> _Frame:
        """Note in ``frame.attrs`` where its rows came from: engine, API version, request, time."""
        frame.attrs.update(
            engine=self.address,
            api_version=self.api_version,
            request=request,
            time=datetime.now(UTC).isoformat(),
        )
        return frame

    def close(self) -> None:
        """Close what this engine holds open. It connects again when it is used again."""
        self.transport.close()
        while self._on_close:
            self._on_close.pop()()

    def _repr_html_(self) -> str:
        from opskit.engine.card import card

        return card(self)

    def __repr__(self) -> str:
        mode = ", read-only" if self.read_only else ""
        version = f", API {self._version}" if self._version else ""
        where = f"replaying {self.cassette.name}" if self.cassette else self.address
        return f"<Engine {where}{version}{mode}>"
