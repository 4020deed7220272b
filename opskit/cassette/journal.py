"""Recording: what happens is appended to a journal beside the target as it happens.

Each record is one line and one ``write(2)``: what a killed process had written is in the
operating system's hands. Closing assembles the cassette and replaces the target in one step;
until then the previous cassette is what it was. A journal that was left behind is turned into a
cassette by `recover`.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import functools
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson

from opskit.cassette import format as formats
from opskit.cassette.assemble import Assembly, journal_of
from opskit.cassette.blobs import BlobFolder, BlobWriter
from opskit.cassette.linesfile import text_of
from opskit.cassette.model import End, Framing, Piece, RecordMode, Request, Response
from opskit.cassette.redact import Redactor, Stream
from opskit.errors import CassetteBusy, CassetteError

__all__ = ["Journal", "recover"]

SPILL = 1024 * 1024
"""An ordinary body past this many bytes goes to a file of its own."""

T = TypeVar("T")

_log = logging.getLogger("opskit.cassette")


class _Open:
    """An exchange in flight: its request, and the filters its bytes pass on their way to disk."""

    __slots__ = ("blob", "engine", "filters", "kept", "ordinary", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.ordinary = False
        self.kept: list[bytes] = []
        self.engine = 0
        self.blob: BlobWriter | None = None
        self.filters: dict[str, Stream] = {}


class Journal:
    """The recording of one cassette.

    Parameters
    ----------
    target : Path
        The cassette to be: ``.yaml``, ``.jsonl`` or ``.jsonl.gz``.
    mode : str
        vcrpy's record mode: ``once`` and ``none`` never overwrite, ``new_episodes`` appends to
        what is there, ``all`` replaces it.
    redactor : Redactor
        Masks secrets before anything is written.
    metadata : dict
        Kept in the cassette as it is.

    Raises
    ------
    CassetteBusy
        Somebody else is recording to the same cassette.
    CassetteError
        A journal was left by a recording that was killed, the target exists and the mode does
        not allow to change it, or the folder cannot be written to.
    """

    def __init__(
        self, target: Path, *, mode: str, redactor: Redactor, metadata: dict[str, Any]
    ) -> None:
        self.target = Path(target)
        self.mode = _mode(mode)
        self.error: CassetteError | None = None
        self._redactor = redactor
        self._metadata = metadata
        formats.kind_of(self.target)
        if self.mode is RecordMode.NONE:
            raise CassetteError("record mode 'none' records nothing", "choose once or all")
        if self.mode is RecordMode.ONCE and self.target.exists():
            raise _exists(self.target)
        if self.mode is RecordMode.NEW_EPISODES and self.target.exists():
            formats.load(self.target)
        self.path = journal_of(self.target)
        self._folder = BlobFolder(self.target).path
        self._fd = _lock(self.path, self.target)
        self._size = 0
        self._open: dict[int, _Open] = {}
        self._append(
            {"j": 1, "mode": self.mode.value, "metadata": metadata, "started": time.time()}
        )
        if self.error:
            self._forget()
            raise self.error

    def request(self, number: int, request: Request) -> None:
        """A request has arrived."""
        request = self._redactor.request(request)
        self._open[number] = _Open(request)
        body = request.body
        line: dict[str, Any] = {
            "q": number,
            "o": request.order,
            "a": request.at,
            "m": request.method,
            "t": request.target,
            "h": request.headers,
        }
        if request.version != "1.1":
            line["v"] = request.version
        if body.data is None:
            line["u"] = [body.sha256, body.length, body.fingerprint]
        elif body.data:
            line["b"] = _packed(body.data)
        self._append(line)

    def response(self, number: int, response: Response) -> None:
        """The head of its response has arrived."""
        exchange = self._open.get(number)
        if exchange is None:
            return
        response = self._redactor.response(exchange.request, response)
        for side in ("client", "engine"):
            exchange.filters[side] = self._redactor.stream(exchange.request, response, side)
        exchange.ordinary = _ordinary(response)
        self._append(
            {
                "r": number,
                "o": response.order,
                "a": response.at,
                "c": response.status,
                "m": response.reason,
                "h": response.headers,
                "f": response.framing.value,
                "v": response.version,
            }
        )

    def piece(self, number: int, piece: Piece) -> None:
        """Bytes have arrived, or one side has said that it sends no more."""
        exchange = self._open.get(number)
        if exchange is None or self.error:
            return
        line: dict[str, Any] = {
            "p": number,
            "o": piece.order,
            "a": piece.at,
            "s": 1 if piece.side == "client" else 0,
        }
        if piece.data is None:
            line["n"] = -1
        else:
            filtered = self._filter(exchange, piece.side).feed(piece.data)
            if (
                exchange.ordinary
                and piece.side == "engine"
                and self._spill(number, exchange, filtered)
            ):
                return
            line["n"] = len(piece.data)
            if filtered:
                line["d"] = _packed(filtered)
        self._append(line)

    def end(
        self, number: int, end: End, order: int = 0, notes: dict[str, Any] | None = None
    ) -> None:
        """The exchange is over; ``replayable`` false in the notes marks what cannot be replayed."""
        exchange = self._open.pop(number, None)
        if exchange is None:
            return
        line: dict[str, Any] = {"e": number, "x": end.value, "o": order}
        for side, key in (("engine", "d"), ("client", "k")):
            if side in exchange.filters and (rest := exchange.filters[side].flush()):
                if side == "engine" and exchange.blob:
                    self._guarded(functools.partial(exchange.blob.write, rest))
                else:
                    line[key] = _packed(rest)
        if exchange.blob:
            blob = exchange.blob
            sha256 = self._guarded(blob.close)
            line["w"] = [blob.path.name, sha256, blob.length]
        if notes:
            line["y"] = notes
        self._append(line)

    def close(self) -> Path:
        """Assemble the cassette, put it in the target's place, remove the journal.

        Raises
        ------
        CassetteError
            The recording could not be written whole (disk full), or the target has appeared
            meanwhile and the mode does not allow to replace it. The journal is kept.
        """
        if self._fd < 0:
            return self.target
        for number in list(self._open):
            self.end(number, End.RECORDING_STOPPED)
        try:
            if self.error:
                raise self.error
            if self.mode is RecordMode.ONCE and self.target.exists():
                raise _exists(self.target)
            try:
                _assemble(self.path, self.target, self.mode, self._metadata)
            except CassetteError as error:
                raise CassetteError(
                    f"{error.what}; what was recorded is kept in {self.path}",
                    f"mend that, then `opskit cassette recover {self.target}`",
                ) from error
            self.path.unlink()
        finally:
            self._forget()
        return self.target

    def abort(self) -> None:
        """Stop: the previous cassette stays, and so does the journal."""
        self._forget()

    def _filter(self, exchange: _Open, side: str) -> Stream:
        if side not in exchange.filters:
            exchange.filters[side] = self._redactor.stream(
                exchange.request, None, "client" if side == "client" else "engine"
            )
        return exchange.filters[side]

    def _spill(self, number: int, exchange: _Open, data: bytes) -> bool:
        """Whether these bytes went to the exchange's own file."""
        exchange.engine += len(data)
        if exchange.blob is None:
            exchange.kept.append(data)
            if exchange.engine <= SPILL:
                return False
            name = f"{self.path.name}.{number}"
            exchange.blob = self._guarded(functools.partial(BlobWriter, self._folder, name))
            data = b"".join(exchange.kept)
            exchange.kept.clear()
            self._append({"b": number, "w": f"{name}.part"})
        blob = exchange.blob
        if blob is not None:
            self._guarded(functools.partial(blob.write, data))
        return True

    def _append(self, line: dict[str, Any]) -> None:
        if self.error:
            return
        raw = orjson.dumps(line) + b"\n"

        def write() -> None:
            written = os.write(self._fd, raw)
            while written < len(raw):
                written += os.write(self._fd, raw[written:])
            self._size += len(raw)

        self._guarded(write)

    def _guarded(self, call: Callable[[], T]) -> T | None:
        """Do it, or keep the error for `close`: the client's work goes on whatever happens here."""
        try:
            return call()
        except OSError as error:
            if not self.error:
                self.error = CassetteError(
                    f"recording to {self.target} stopped: {error.strerror}; "
                    f"what was recorded until then is kept in {self.path}",
                    f"make room, then `opskit cassette recover {self.target}`",
                )
                _log.error("%s", self.error)
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, self._size)
            return None

    def _forget(self) -> None:
        for exchange in self._open.values():
            if exchange.blob:
                exchange.blob.leave()
        self._open.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def recover(path: str | os.PathLike[str]) -> Path:
    """Make a cassette of what a killed recording left behind.

    Parameters
    ----------
    path : str or PathLike
        The cassette that was being recorded, or its journal.

    Returns
    -------
    Path
        The cassette. Everything that was finished is in it, and what was in flight is marked
        unfinished. A cassette that was there before is kept beside it when the recording was
        to replace it.

    Raises
    ------
    CassetteError
        There is no journal.
    CassetteBusy
        The recording is still going on.
    """
    path = Path(path)
    target = path.with_name(path.name.removesuffix(".journal"))
    journal = journal_of(target)
    if not journal.exists():
        raise CassetteError(f"there is no journal {journal}", "nothing is left to recover")
    descriptor = _lock(journal, target, stale=True)
    try:
        mode = _mode(Assembly(journal, target).mode)
        if mode is not RecordMode.NEW_EPISODES and target.exists():
            target = _beside(target)
        _assemble(journal, target, mode, {})
        journal.unlink()
    finally:
        os.close(descriptor)
    return target


def _assemble(journal: Path, target: Path, mode: RecordMode, metadata: dict[str, Any]) -> None:
    assembly = Assembly(journal, target)
    before = None
    if mode is RecordMode.NEW_EPISODES and target.exists():
        before = formats.load(target)
    assembly.write(before, metadata)


def _beside(target: Path) -> Path:
    stem, ending = target.name.split(".", 1)
    number = 1
    while (found := target.with_name(f"{stem}.recovered{number}.{ending}")).exists():
        number += 1
    return found


def _ordinary(response: Response) -> bool:
    """Whether its chunks mean nothing: a file on its way, not a stream of messages."""
    if response.framing is Framing.LENGTH:
        return True
    if response.framing is Framing.HIJACK:
        return False
    kind = next((v for n, v in response.headers if n.lower() == "content-type"), "").lower()
    return "tar" in kind or "octet-stream" in kind


def _packed(data: bytes) -> str | list[str]:
    text = text_of(data)
    return [base64.b64encode(data).decode()] if text is None else text


def _lock(path: Path, target: Path, *, stale: bool = False) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CassetteError(
                f"cannot record to {target}: {error.strerror} ({path})",
                "record to a folder that exists and that you may write to",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise CassetteBusy(
                f"{target} is being recorded by another process or block",
                "wait until it has ended, or record to another file",
            ) from error
        size = os.fstat(descriptor).st_size
        try:
            same = os.stat(path).st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            same = False
        if not same:  # the other one finished in between and took its journal away
            os.close(descriptor)
            continue
        if size and not stale:
            os.close(descriptor)
            raise CassetteError(
                f"{path} was left by a recording that did not end",
                f"`opskit cassette recover {target}` makes a cassette of it; "
                "delete it if you don't want it",
            )
        return descriptor


def _exists(target: Path) -> CassetteError:
    return CassetteError(
        f"{target} exists, and record mode 'once' never changes a cassette",
        "use mode new_episodes to add to it, all to replace it, or another name",
    )


def _mode(mode: str) -> RecordMode:
    try:
        return RecordMode(mode)
    except ValueError:
        modes = "none, once, new_episodes, all"
        raise CassetteError(f"{mode!r} is no record mode", f"choose one of {modes}") from None
