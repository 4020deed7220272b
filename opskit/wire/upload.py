"""A request's body as a cassette keeps it: whole, or for archives digest and length."""

from __future__ import annotations

import hashlib
import re

from opskit.cassette.fingerprint import Fingerprint
from opskit.cassette.model import Body
from opskit.wire.http1 import RequestHead

__all__ = ["Upload"]

BODY_KEPT = 4 * 1024 * 1024
"""Longest request body that is kept; of others only digest and length are."""

_ARCHIVE_PATH = re.compile(r"/(build|images/load|images/create|containers/[^/]+/archive)$")
_ARCHIVE_TYPES = ("application/x-tar", "application/tar", "application/octet-stream")


class Upload:
    """A request's body as a cassette keeps it: whole, or for archives digest and length."""

    def __init__(self, head: RequestHead) -> None:
        kind = head.get("content-type").partition(";")[0].strip().lower()
        archive = kind in _ARCHIVE_TYPES or bool(_ARCHIVE_PATH.search(head.path))
        self._kept: bytearray | None = None if archive else bytearray()
        self._hash = hashlib.sha256()
        self._fingerprint = Fingerprint()
        self._length = 0

    def add(self, data: bytes) -> None:
        """The next part."""
        self._length += len(data)
        if self._kept is not None and self._length > BODY_KEPT:
            self._digest(bytes(self._kept))
            self._kept = None
        if self._kept is None:
            self._digest(data)
        else:
            self._kept += data

    def _digest(self, data: bytes) -> None:
        self._hash.update(data)
        self._fingerprint.feed(data)

    def body(self) -> Body:
        """The whole."""
        if self._kept is not None and not _is_tar(self._kept):
            return Body(bytes(self._kept), length=self._length)
        if self._kept is not None:
            self._digest(bytes(self._kept))
        if not self._length:
            return Body()
        return Body(None, self._hash.hexdigest(), self._length, self._fingerprint.digest())


def _is_tar(data: bytes | bytearray) -> bool:
    return data[257:262] == b"ustar"
