"""Recording: what happens is appended to a journal beside the target as it happens.

Each record is one line and one ``write(2)``: what a killed process had written is in the
operating system's hands. Closing assembles the cassette and replaces the target in one step;
until then the previous cassette is what it was. A journal that was left behind is turned into a
cassette by `opskit.cassette.recover`.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from opskit.cassette import format as formats
from opskit.cassette.assemble import assemble, journal_of
from opskit.cassette.blobs import BlobFolder
from opskit.cassette.inflight import InFlight, Side
from opskit.cassette.linesfile import text_of
from opskit.cassette.lock import lock_journal
from opskit.cassette.model import End, Piece, RecordMode, Request, Response
from opskit.cassette.redact import Redactor
from opskit.errors import CassetteError

__all__ = ["Journal"]

_log = logging.getLogger("opskit.cassette")
_SIDES: tuple[tuple[Side, str], ...] = (("engine", "d"), ("client", "k"))


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

    Attributes
    ----------
    path : Path
        The journal.
    error : CassetteError or None
        Why recording stopped. The client's work goes on whatever happens here; `close` raises.

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
        formats.refuse_read_only(self.target)
        if self.mode is RecordMode.NONE:
            raise CassetteError("record mode 'none' records nothing", "choose once or all")
        if self.mode is RecordMode.ONCE and self.target.exists():
            raise _exists(self.target)
        if self.mode is RecordMode.NEW_EPISODES and self.target.exists():
            formats.load(self.target)
        self.path = journal_of(self.target)
        self._folder = BlobFolder(self.target).path
        self._fd = lock_journal(self.path, self.target)
        if self.mode is RecordMode.ONCE and self.target.exists():  # who held the lock has made it
            self.path.unlink()
            os.close(self._fd)
            raise _exists(self.target)
        self._size = 0
        self._open: dict[int, InFlight] = {}
        with self._kept_errors():
            began = {"j": 1, "mode": self.mode.value, "metadata": metadata, "at": time.time()}
            self._append(began)
        if self.error:
            self._forget()
            raise self.error

    def request(self, number: int, request: Request) -> None:
        """A request has arrived."""
        request = self._redactor.request(request)
        self._open[number] = InFlight(request, self._redactor)
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
        with self._kept_errors():
            self._append(line)

    def response(self, number: int, response: Response) -> None:
        """The head of its response has arrived."""
        exchange = self._open.get(number)
        if exchange is None:
            return
        response = exchange.answered(response)
        line = {
            "r": number,
            "o": response.order,
            "a": response.at,
            "c": response.status,
            "m": response.reason,
            "h": response.headers,
            "f": response.framing.value,
            "v": response.version,
        }
        with self._kept_errors():
            self._append(line)

    def piece(self, number: int, piece: Piece) -> None:
        """Bytes have arrived, or one side has said that it sends no more."""
        exchange = self._open.get(number)
        if exchange is None or self.error:
            return
        client = piece.side == "client"
        line: dict[str, Any] = {"p": number, "o": piece.order, "a": piece.at, "s": int(client)}
        with self._kept_errors():
            if piece.data is None:
                line["n"] = -1
            else:
                passed = exchange.passed(piece.side, piece.data)
                if not client and self._spilled(number, exchange, passed):
                    return
                line["n"] = len(piece.data)
                if passed:
                    line["d"] = _packed(passed)
            self._append(line)

    def end(
        self, number: int, end: End, order: int = 0, notes: dict[str, Any] | None = None
    ) -> None:
        """The exchange is over; ``replayable`` false in the notes marks what cannot be replayed."""
        exchange = self._open.pop(number, None)
        if exchange is None:
            return
        line: dict[str, Any] = {"e": number, "x": end.value, "o": order}
        with self._kept_errors():
            for side, key in _SIDES:
                rest = exchange.rest(side)
                if rest and not (side == "engine" and self._spilled(number, exchange, rest)):
                    line[key] = _packed(rest)
            if exchange.blob:
                sha256 = exchange.blob.close()
                line["w"] = [exchange.blob.path.name, sha256, exchange.blob.length]
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
        return self._finish(self.target, self.mode)

    def set_aside(self) -> Path:
        """Leave the target as it is, and write what was recorded to a cassette beside it.

        Returns
        -------
        Path
            That cassette: the target's name with ``.failed`` before its ending.
        """
        stem, ending = self.target.name.split(".", 1)
        return self._finish(self.target.with_name(f"{stem}.failed.{ending}"), RecordMode.ALL)

    def _finish(self, target: Path, mode: RecordMode) -> Path:
        if self._fd < 0:
            return target
        for number in list(self._open):
            self.end(number, End.RECORDING_STOPPED)
        try:
            if self.error:
                raise self.error
            if mode is RecordMode.ONCE and target.exists():
                raise _exists(target)
            try:
                about = {**self._metadata, "redacted": self._redactor.summary()}
                assemble(self.path, target, mode, about)
            except CassetteError as error:
                raise CassetteError(
                    f"{error.what}; what was recorded is kept in {self.path}",
                    f"mend that, then `opskit cassette recover {self.target}`",
                ) from error
            self.path.unlink()
        finally:
            self._forget()
        return target

    def abort(self) -> None:
        """Stop: the previous cassette stays, and so does the journal."""
        self._forget()

    def _spilled(self, number: int, exchange: InFlight, data: bytes) -> bool:
        name = f"{self.path.name}.{number}"
        first = exchange.blob is None
        spilled = exchange.spilled(data, self._folder, name)
        if spilled and first:
            self._append({"b": number, "w": f"{name}.part"})
        return spilled

    def _append(self, line: dict[str, Any]) -> None:
        if self.error:
            return
        raw = orjson.dumps(line) + b"\n"
        written = os.write(self._fd, raw)
        while written < len(raw):
            written += os.write(self._fd, raw[written:])
        self._size += len(raw)

    @contextlib.contextmanager
    def _kept_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self.error:
                return
            self.error = CassetteError(
                f"recording to {self.target} stopped: {error.strerror}; "
                f"what was recorded until then is kept in {self.path}",
                f"make room, then `opskit cassette recover {self.target}`",
            )
            _log.error("%s", self.error)
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)

    def _forget(self) -> None:
        for exchange in self._open.values():
            if exchange.blob:
                exchange.blob.leave()
        self._open.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _packed(data: bytes) -> str | list[str]:
    text = text_of(data)
    return [base64.b64encode(data).decode()] if text is None else text


def _exists(target: Path) -> CassetteError:
    return CassetteError(
        f"{target} exists, and record mode 'once' never changes a cassette",
        "use mode new_episodes to add to it, all to replace it, or another name",
    )


def _mode(mode: str) -> RecordMode:
    try:
        return RecordMode(mode)
    except ValueError:
        modes = ", ".join(RecordMode)
        raise CassetteError(f"{mode!r} is no record mode", f"choose one of {modes}") from None
