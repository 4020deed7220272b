"""From a journal to a cassette: each exchange's lines are found and put together, one at a time."""

from __future__ import annotations

import base64
import os
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from opskit.cassette import format as formats
from opskit.cassette.blobs import BlobFolder
from opskit.cassette.model import Body, End, Exchange, Framing, RecordMode, Request, Response
from opskit.cassette.records import Blob, Spool, piece_line, spool_of
from opskit.errors import CassetteFormatError

__all__ = ["Assembly", "assemble", "journal_of"]

BODY_IN_MEMORY = 4 * 1024 * 1024


def journal_of(target: Path) -> Path:
    """The journal of a cassette that is being recorded."""
    return target.with_name(target.name + ".journal")


class Assembly:
    """What a journal holds. A last line that is torn is left out."""

    def __init__(self, journal: Path, target: Path) -> None:
        self._journal = journal
        self._target = target
        self._folder = BlobFolder(target)
        # Large bodies were written beside the cassette that was meant, which may be another one.
        self._source = BlobFolder(journal.with_name(journal.name.removesuffix(".journal")))
        self._places: dict[int, array[int]] = {}
        self._finished = 0
        self.counts: Counter[str] = Counter()
        with journal.open("rb") as file:
            self._head = self._scan(file)

    @property
    def mode(self) -> str:
        """The record mode of the recording."""
        return str(self._head.get("mode", "once"))

    def write(self, before: formats.Cassette | None, metadata: dict[str, Any]) -> None:
        """Write the target: what was there ``before`` and is to stay, then what was recorded."""
        metadata = {**self._head.get("metadata", {}), **metadata}
        count = len(self._places)
        shift = (0, 0, 0.0)
        if before is not None:
            metadata = {**before.metadata, **metadata}
            count += len(before.exchanges)
            shift = _after(before)
        metadata["exchanges"] = count
        with self._journal.open("rb") as file:
            formats.write(self._target, self._items(file, before, shift), metadata)
        self._source.sweep(self._journal.name)

    def _items(
        self, file: BinaryIO, before: formats.Cassette | None, shift: tuple[int, int, float]
    ) -> Iterator[tuple[Exchange, Spool | None]]:
        if before is not None:
            for exchange in before.exchanges:
                yield exchange, spool_of(exchange.response) if exchange.response else None
        for number in sorted(self._places):
            yield self._exchange(file, number, shift)

    def _scan(self, file: BinaryIO) -> dict[str, Any]:
        head: dict[str, Any] = {}
        place = 0
        for raw in file:
            if not raw.endswith(b"\n"):
                break
            if not head:
                head = self._line(raw)
                if head.get("j") != 1:
                    raise CassetteFormatError(
                        f"{self._journal}, line 1: not a journal of this opskit's format", ""
                    )
            else:
                # {"q":12,... or {"p":12,...: the number is between the colon and the comma.
                try:
                    number = int(raw[5 : raw.index(b",", 5)])
                except ValueError as error:
                    raise CassetteFormatError(
                        f"{self._journal}, byte {place}: not a line of a journal",
                        "it was changed by hand; remove that line",
                    ) from error
                self._places.setdefault(number, array("Q")).append(place)
            place += len(raw)
        return head

    def _line(self, raw: bytes) -> dict[str, Any]:
        try:
            line: dict[str, Any] = orjson.loads(raw)
            return line
        except ValueError as error:
            raise CassetteFormatError(
                f"{self._journal}: a line is not JSON ({error})", "the journal was changed by hand"
            ) from error

    def _exchange(
        self, file: BinaryIO, number: int, shift: tuple[int, int, float]
    ) -> tuple[Exchange, Spool | None]:
        numbers, orders, seconds = shift
        exchange = Exchange(
            number + numbers, Request("GET", "/"), end=End.UNFINISHED, end_order=orders
        )
        response: Response | None = None
        table: list[str] = []
        engine = _Sink(self._folder)
        client = bytearray()
        part, blob = "", None
        for place in self._places[number]:
            file.seek(place)
            line = self._line(file.readline())
            order, at = line.get("o", 0) + orders, round(line.get("a", 0.0) + seconds, 6)
            if "p" in line:
                side, size = ("client" if line["s"] else "engine"), line["n"]
                table.append(piece_line(order, at, side, None if size < 0 else size))
                if "d" in line:
                    (client.extend if line["s"] else engine.write)(_unpacked(line["d"]))
            elif "q" in line:
                exchange.request = _request(line, order, at)
            elif "r" in line:
                response = _response(line, order, at)
            elif "b" in line:
                part = line["w"]
            else:
                engine.write(_unpacked(line.get("d", "")))
                client += _unpacked(line.get("k", ""))
                exchange.end, exchange.end_order = End(line["x"]), order
                exchange.notes = dict(line.get("y") or {})
                exchange.replayable = bool(exchange.notes.pop("replayable", True))
                if "w" in line:
                    part, sha256, length = line["w"]
                    blob = Blob(self._source.written(part, sha256), sha256, length)
        exchange.response = response
        if response is None:
            return exchange, None
        if part:
            blob = blob or self._unfinished(part)
            return exchange, Spool(blob) if blob else Spool()
        body = engine.close()
        size = body.length if isinstance(body, Blob) else len(body)
        return exchange, Spool(body, bytes(client), _fitting(table, size, len(client)))

    def _unfinished(self, part: str) -> Blob | None:
        """The body that was on its way when the recording was killed, as far as it came."""
        path = self._source.path / part
        if not path.exists():
            return None
        with path.open("rb") as file:
            sha256, length = self._folder.put(iter(lambda: file.read(1 << 20), b""))
        return Blob(self._folder.file(sha256), sha256, length)


def assemble(journal: Path, target: Path, mode: RecordMode, metadata: dict[str, Any]) -> None:
    """Put the cassette of a journal in the target's place, with what stays of the one before."""
    assembly = Assembly(journal, target)
    before = None
    if mode is RecordMode.NEW_EPISODES and target.exists():
        before = formats.load(target)
    assembly.write(before, metadata)


class _Sink:
    """Collects a body: in memory, past a size in the folder of bodies."""

    def __init__(self, folder: BlobFolder) -> None:
        self._folder = folder
        self._data = bytearray()
        self._writer: Any = None

    def write(self, data: bytes) -> None:
        if self._writer is not None:
            self._writer.write(data)
            return
        self._data += data
        if len(self._data) > BODY_IN_MEMORY:
            self._writer = self._folder.writer(f"{os.getpid()}-{id(self):x}")
            self._writer.write(bytes(self._data))
            self._data.clear()

    def close(self) -> bytes | Blob:
        if self._writer is None:
            return bytes(self._data)
        sha256 = self._writer.close()
        return Blob(self._writer.path, sha256, self._writer.length)


def _fitting(table: list[str], engine: int, client: int) -> str:
    """The table without pieces whose bytes never reached the journal, cut to what did."""
    left = {"<": engine, ">": client}
    fitting = []
    for line in table:
        order, at, mark, size = line.split(" ")
        if size == "-":
            fitting.append(line)
            continue
        there = min(int(size), left[mark])
        left[mark] -= there
        if there or size == "0":
            fitting.append(f"{order} {at} {mark} {there}")
    return "\n".join(fitting)


def _after(before: formats.Cassette) -> tuple[int, int, float]:
    """Where numbers, order and time go on after what is there."""
    number, order, at = 0, 0, 0.0
    for exchange in before.exchanges:
        number = max(number, exchange.number)
        order = max(order, *exchange.orders())
        at = max(at, exchange.request.at)
        if exchange.response is not None:
            at = max(at, exchange.response.at, *(p.at for p in exchange.response.pieces[-1:]))
    return number, order, at


def _request(line: dict[str, Any], order: int, at: float) -> Request:
    if "u" in line:
        body = Body(None, *line["u"])
    else:
        data = _unpacked(line.get("b", ""))
        body = Body(data, length=len(data))
    headers = [(name, value) for name, value in line["h"]]
    return Request(line["m"], line["t"], headers, body, line.get("v", "1.1"), order, at)


def _response(line: dict[str, Any], order: int, at: float) -> Response:
    headers = [(name, value) for name, value in line["h"]]
    framing = Framing(line["f"])
    return Response(line["c"], line["m"], headers, framing, version=line["v"], order=order, at=at)


def _unpacked(value: str | list[str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value[0])
