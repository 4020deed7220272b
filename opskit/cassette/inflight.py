"""An exchange while it is recorded: its bytes pass its filters, a large body gets its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from opskit.cassette.blobs import BlobWriter
from opskit.cassette.model import Framing, Request, Response
from opskit.cassette.redact import Redactor, Stream

__all__ = ["InFlight"]

SPILL = 1024 * 1024
"""An ordinary body past this many bytes goes to a file of its own."""

Side = Literal["client", "engine"]


class InFlight:
    """An exchange that is not over.

    Attributes
    ----------
    blob : BlobWriter or None
        The file of its own to which its body goes.
    """

    def __init__(self, request: Request, redactor: Redactor) -> None:
        self.blob: BlobWriter | None = None
        self._request = request
        self._redactor = redactor
        self._response: Response | None = None
        self._filters: dict[Side, Stream] = {}
        self._kept: list[bytes] = []
        self._size = 0

    def answered(self, response: Response) -> Response:
        """The head of its response has arrived; as it may be written."""
        self._response = response = self._redactor.response(self._request, response)
        return response

    def passed(self, side: Side, data: bytes) -> bytes:
        """What may be written of one side by now."""
        if side not in self._filters:
            self._filters[side] = self._redactor.stream(self._request, self._response, side)
        return self._filters[side].feed(data)

    def rest(self, side: Side) -> bytes:
        """What was held back of one side, when it is over."""
        return self._filters[side].flush() if side in self._filters else b""

    def spilled(self, data: bytes, folder: Path, name: str) -> bool:
        """Whether these bytes of the engine's went to the exchange's own file."""
        if self.blob is None:
            if self._response is None or not _ordinary(self._response):
                return False
            self._size += len(data)
            self._kept.append(data)
            if self._size <= SPILL:
                return False
            self.blob = BlobWriter(folder, name)
            data = b"".join(self._kept)
            self._kept.clear()
        self.blob.write(data)
        return True


def _ordinary(response: Response) -> bool:
    """Whether its chunks mean nothing: a file on its way, not a stream of messages."""
    if response.framing is Framing.LENGTH:
        return True
    if response.framing is Framing.HIJACK:
        return False
    kind = next((v for n, v in response.headers if n.lower() == "content-type"), "").lower()
    return "tar" in kind or "octet-stream" in kind
