"""Cassettes as JSON Lines, plain or gzipped: the file for long recordings.

The first line says what it is, the last how many exchanges there are, and each line between is
one exchange, its request first, so that thousands can be indexed without reading the answers.
"""

from __future__ import annotations

import base64
import gzip
import mmap
import tempfile
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from opskit.cassette.records import Record
from opskit.errors import CassetteFormatError

__all__ = ["Lines", "Packed", "text_of", "write_lines"]

_ANSWER = b',"response":{"status"'
BODY_LIMIT = 1024 * 1024
GZIP_RATIO = 400
GZIP_FREE = 2**28
"""How far a gzipped cassette may expand: freely this far, then by the ratio. Writers keep to it."""


def write_lines(file: IO[bytes] | Packed, records: Iterator[Record], metadata: Record) -> None:
    """Write a cassette, one record after the other."""
    file.write(orjson.dumps({"opskit": "cassette", "version": 1, "metadata": metadata}) + b"\n")
    count = 0
    for record in records:
        line = {
            "opskit": _packed(record["opskit"], "client"),
            "request": _packed(record["request"], "body"),
            "response": {
                **record["response"],
                "body": _packed(record["response"]["body"], "string"),
            },
        }
        file.write(orjson.dumps(line) + b"\n")
        count += 1
    file.write(orjson.dumps({"opskit": "end", "exchanges": count}) + b"\n")


class Packed:
    """Gzips what is written to it, but never so well that reading it would go past the budget."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._plain = 0
        self._level = 6
        self._member = self._begin()

    def _begin(self) -> gzip.GzipFile:
        return gzip.GzipFile("", "wb", self._level, fileobj=self._file, mtime=0)

    def write(self, data: bytes) -> int:
        self._plain += len(data)
        # What is stored as it is makes room for what follows to be packed again.
        dense = self._plain > max(GZIP_FREE, GZIP_RATIO // 2 * self._file.tell())
        if dense != (self._level == 0):
            self._member.close()
            self._level = 0 if dense else 6
            self._member = self._begin()
        return self._member.write(data)

    def close(self) -> None:
        self._member.close()


def _packed(holder: Record, key: str) -> Record:
    """The same with the bytes under a key as text, or as base64 where they are not UTF-8."""
    data = holder.get(key)
    if not isinstance(data, bytes):
        return holder
    text = text_of(data)
    return {**holder, key: {"base64": base64.b64encode(data).decode()} if text is None else text}


def text_of(data: bytes) -> str | None:
    """The bytes as text; None where JSON writes them better as base64."""
    if 15 * data.count(0) > len(data) + 600:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _unpack(holder: Any, key: str) -> None:
    if isinstance(holder, dict) and isinstance(holder.get(key), dict):
        holder[key] = base64.b64decode(holder[key]["base64"], validate=True)


class Lines:
    """A JSON Lines cassette, opened: its lines are found at once and read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = _mapped(path)
        self._starts = array("Q", [0])
        find = self._data.find
        place = find(b"\n")
        while place >= 0:
            self._starts.append(place + 1)
            place = find(b"\n", place + 1)
        if self._starts[-1] != len(self._data):
            raise self._wrong(len(self._starts), "its end is missing: the file was cut short")
        head = self._line(0)
        if head.get("opskit") != "cassette":
            raise self._wrong(1, "its first line is not that of a cassette")
        if head.get("version") != 1:
            raise self._wrong(
                1,
                f"its format version is {head.get('version')!r}, this opskit reads version 1",
                "use a newer opskit",
            )
        self.metadata: Record = head.get("metadata") or {}
        last = len(self._starts) - 2
        foot = self._line(last) if last else {}
        if foot.get("opskit") != "end":
            raise self._wrong(last + 1, "its last line is missing: the file was cut short")
        if foot.get("exchanges") != last - 1:
            raise self._wrong(
                last + 1, f"it says {foot.get('exchanges')} exchanges, but {last - 1} are there"
            )

    def __len__(self) -> int:
        return len(self._starts) - 3

    def record(self, index: int) -> Record:
        """The whole record."""
        record = self._line(index + 1)
        try:
            _unpack(record.get("request"), "body")
            _unpack(record.get("opskit"), "client")
            _unpack((record.get("response") or {}).get("body"), "string")
        except (KeyError, ValueError, AttributeError) as error:
            raise self._wrong(index + 2, f"a body is not base64 ({error})") from error
        return record

    def head(self, index: int) -> Record:
        """The record without its response."""
        start, end = self._starts[index + 1], self._starts[index + 2]
        cut = self._data.find(_ANSWER, start, end)
        if cut > 0:
            try:
                record: Record = orjson.loads(self._data[start:cut] + b"}")
                _unpack(record.get("request"), "body")
                return record
            except (ValueError, KeyError):
                pass
        return self.record(index)

    def places(self, text: bytes) -> Iterator[int]:
        """Where a text stands in the exchanges, one place after the other."""
        place = self._data.find(text, self._starts[1])
        while place >= 0:
            yield place
            place = self._data.find(text, place + 1)

    def around(self, place: int, length: int) -> bytes:
        """The text at a place, with the byte before and the byte after."""
        return self._data[place - 1 : place + length + 1]

    def whose(self, place: int) -> tuple[int, bool]:
        """The exchange at a place of the file, and whether that is in its request."""
        index = bisect_right(self._starts, place) - 2
        answer = self._data.find(_ANSWER, self._starts[index + 1], self._starts[index + 2])
        return index, place < answer

    def _line(self, index: int) -> Record:
        raw = self._data[self._starts[index] : self._starts[index + 1] - 1]
        try:
            record = orjson.loads(raw)
        except ValueError as error:
            raise self._wrong(index + 1, f"not JSON ({error})") from error
        if not isinstance(record, dict):
            raise self._wrong(index + 1, "not a JSON object")
        return record

    def _wrong(self, line: int, what: str, remedy: str = "") -> CassetteFormatError:
        return CassetteFormatError(
            f"{self.path}, line {line}: {what}",
            remedy
            or "restore the file from version control, or record it again; it was not changed",
        )


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        size = path.stat().st_size
        if not size:
            raise CassetteFormatError(f"{path}, line 1: the file is empty", "record it again")
        if path.suffix != ".gz":
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        budget = max(GZIP_FREE, GZIP_RATIO * size)
        # Random access needs it unpacked: a file without a name, gone with the process.
        with tempfile.TemporaryFile(dir=path.parent if _writable(path.parent) else None) as plain:
            written = 0
            try:
                with gzip.open(file) as unpacked:
                    while block := unpacked.read(1 << 20):
                        written += len(block)
                        if written > budget:
                            raise CassetteFormatError(
                                f"{path}: it unpacks to more than {budget:,} bytes",
                                "if you trust it, gunzip it and open the .jsonl",
                            )
                        plain.write(block)
            except (EOFError, OSError, zlib.error) as error:
                raise CassetteFormatError(
                    f"{path}, byte {file.tell()}: not gzip, or cut short ({error})",
                    "restore the file from version control, or record it again",
                ) from error
            plain.flush()
            if not written:
                raise CassetteFormatError(f"{path}, line 1: the file is empty", "record it again")
            return mmap.mmap(plain.fileno(), 0, access=mmap.ACCESS_READ)


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
