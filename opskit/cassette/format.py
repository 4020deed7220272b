"""Cassette files: open one, write one.

The name decides the format: ``.yaml`` and ``.yml`` for cassettes that people review, ``.jsonl``
and ``.jsonl.gz`` for long ones.
"""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from opskit.cassette import linesfile, yamlfile
from opskit.cassette.blobs import BlobFolder
from opskit.cassette.linesfile import Lines
from opskit.cassette.model import Exchange, Request
from opskit.cassette.plain import RecordError
from opskit.cassette.records import (
    Blob,
    Record,
    Spool,
    decode,
    decode_request,
    encode,
    spool_of,
)
from opskit.errors import CassetteError, CassetteFormatError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cassette", "Exchanges", "load", "requests_of", "save", "write"]


@dataclass(repr=False)
class Cassette:
    """Recorded exchanges and what is known about the recording.

    Attributes
    ----------
    exchanges : Sequence[Exchange]
        In the order in which their requests were made.
    metadata : dict
        Engine and API version, when, by what, what was redacted, counts.
    path : Path or None
        Where it was read from.
    """

    exchanges: Sequence[Exchange] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    def __repr__(self) -> str:
        return f"<Cassette {self.title()}>"

    def title(self) -> str:
        """Name, number of exchanges, and of which engine and when, as far as it is known."""
        about = self.metadata
        parts = [f"{self.path.name if self.path else 'unsaved'}: {len(self.exchanges)} exchanges"]
        if version := about.get("engine_version"):
            parts.append(f"engine {version} (API {about.get('api_version', '?')})")
        if at := about.get("recorded_at"):
            parts.append(f"recorded {str(at)[:10]}")
        if by := about.get("recorded_by"):
            parts.append(f"by {by}")
        return ", ".join(parts)

    def frame(self) -> pd.DataFrame:
        """The exchanges as a frame, one a row; columns in `EXCHANGE_COLUMNS`."""
        from opskit.cassette.summary import exchanges_frame

        began = self.metadata.get("recorded_at")
        frame = exchanges_frame(self.exchanges, str(began) if began else None)
        frame.attrs["cassette"] = str(self.path) if self.path else None
        return frame

    def _repr_html_(self) -> str:
        from opskit.cassette.summary import exchanges_html

        return f"<p>{html.escape(self.title())}</p>{exchanges_html(self.frame())}"


class Exchanges(Sequence[Exchange]):
    """The exchanges of a file, each read when it is asked for."""

    def __init__(self, path: Path, source: Lines | tuple[list[Record], list[int]]) -> None:
        self._path = path
        self._source = source
        self._blobs = BlobFolder(path).path

    def __len__(self) -> int:
        return len(self._source if isinstance(self._source, Lines) else self._source[0])

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Exchange]: ...
    def __getitem__(self, index: int | slice) -> Exchange | Sequence[Exchange]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        if isinstance(self._source, Lines):
            record = self._source.record(index)
        else:
            record = self._source[0][index]
        try:
            return decode(record, self._blobs, index + 1)
        except RecordError as error:
            raise self._wrong(index, error) from error

    @property
    def lines(self) -> Lines | None:
        """The open JSON Lines file, if it is one."""
        return self._source if isinstance(self._source, Lines) else None

    def requests(self) -> Iterator[Request]:
        """The requests alone: quick, because no answer is read."""
        for index in range(len(self)):
            yield self.request(index)

    def number(self, index: int) -> int:
        """The number of an exchange in its recording, without reading it."""
        number = (self._head(index).get("opskit") or {}).get("number")
        return number if isinstance(number, int) else index + 1

    def _head(self, index: int) -> Record:
        if isinstance(self._source, Lines):
            return self._source.head(index)
        return self._source[0][index]

    def request(self, index: int) -> Request:
        """One request alone."""
        record = self._head(index)
        try:
            request = decode_request(record, self._blobs)
        except RecordError as error:
            raise self._wrong(index, error) from error
        if not record.get("opskit"):
            request.order = 4 * index + 1
        return request

    def _wrong(self, index: int, error: RecordError) -> CassetteFormatError:
        line = index + 2 if isinstance(self._source, Lines) else self._source[1][index]
        return CassetteFormatError(
            f"{self._path}, line {line}: exchange {index + 1}: {error}",
            "restore the file from version control, or record it again; it was not changed",
        )


def requests_of(exchanges: Sequence[Exchange]) -> Iterable[Request]:
    """The requests of exchanges: of a file's, without reading an answer."""
    if isinstance(exchanges, Exchanges):
        return exchanges.requests()
    return (exchange.request for exchange in exchanges)


def load(path: str | os.PathLike[str]) -> Cassette:
    """Open a cassette.

    Parameters
    ----------
    path : str or PathLike
        A ``.yaml`` (ours or one that vcrpy recorded), ``.jsonl`` or ``.jsonl.gz`` file.

    Raises
    ------
    CassetteFormatError
        The content is damaged, cut short, from a newer format, or not a cassette. The message
        names file and line. The file is never changed.
    CassetteError
        There is no such file, or it may not be read.
    """
    path = Path(path)
    kind = kind_of(path)
    try:
        if kind == "yaml":
            records, lines, metadata = yamlfile.read_yaml(path)
            exchanges = Exchanges(path, (records, lines))
            for index in range(len(exchanges)):  # what was edited by hand is wrong at once
                exchanges.request(index)
        else:
            source = Lines(path)
            exchanges, metadata = Exchanges(path, source), source.metadata
    except FileNotFoundError as error:
        raise CassetteError(f"there is no cassette {path}", "record it first") from error
    except OSError as error:
        raise CassetteError(f"cannot read {path}: {error.strerror}", "check the file") from error
    if not isinstance(metadata, dict):
        raise CassetteFormatError(f"{path}, line 1: its metadata is not a mapping", "")
    return Cassette(exchanges, metadata, path)


def save(cassette: Cassette, path: str | os.PathLike[str]) -> Path:
    """Write a cassette: all of it or, on any error, nothing.

    Parameters
    ----------
    cassette : Cassette
        What to write.
    path : str or PathLike
        ``.yaml``, ``.jsonl`` or ``.jsonl.gz``. An existing file is replaced in one step.
    """
    path = Path(path)
    items = ((e, spool_of(e.response) if e.response else None) for e in cassette.exchanges)
    return write(path, items, cassette.metadata)


def write(
    path: Path, items: Iterable[tuple[Exchange, Spool | None]], metadata: dict[str, Any]
) -> Path:
    """Write exchanges whose bytes are apart from them: to a temporary file, then in one step."""
    kind = kind_of(path)
    refuse_read_only(path)
    folder = BlobFolder(path)
    wanted: set[str] = set()
    limit = yamlfile.BODY_LIMIT if kind == "yaml" else linesfile.BODY_LIMIT
    records = (_settled(encode(e, spool), folder, limit, wanted) for e, spool in items)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            if kind == "yaml":
                yamlfile.write_yaml(file, records, metadata)
            elif kind == "jsonl":
                linesfile.write_lines(file, records, metadata)
            else:
                with contextlib.closing(linesfile.Packed(file)) as packed:
                    linesfile.write_lines(packed, records, metadata)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise CassetteError(f"cannot write {path}: {error.strerror}", "check the folder") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    _sync_folder(path.parent)
    folder.keep_only(wanted)
    return path


def refuse_read_only(path: Path) -> None:
    """Leave a file that somebody made read-only, though its folder would let it be replaced."""
    with contextlib.suppress(FileNotFoundError):
        if not path.stat().st_mode & 0o222:
            raise CassetteError(f"{path} is read-only", f"write elsewhere, or: chmod u+w {path}")


def kind_of(path: Path) -> str:
    """The format that a file's name asks for."""
    name = path.name.lower()
    for ending, kind in {
        ".yaml": "yaml",
        ".yml": "yaml",
        ".jsonl": "jsonl",
        ".jsonl.gz": "jsonl.gz",
    }.items():
        if name.endswith(ending):
            return kind
    raise CassetteError(
        f"{path} has no ending that tells its format", "name it .yaml, .jsonl or .jsonl.gz"
    )


def _settled(record: Record, folder: BlobFolder, limit: int, wanted: set[str]) -> Record:
    """The record with large bodies moved to the folder beside the cassette."""
    extra = record["opskit"]
    for holder, key, name in (
        (record["response"]["body"], "string", "blob"),
        (record["request"], "body", "request_blob"),
        (extra, "client", "client_blob"),
    ):
        body = holder.get(key)
        if isinstance(body, Blob):
            folder.bring(body.path, body.sha256)
            sha256, length = body.sha256, body.length
        elif body and len(body) > limit:
            sha256, length = folder.put([body])
        else:
            continue
        wanted.add(sha256)
        extra[name] = {"sha256": sha256, "length": length}
        holder[key] = f"{length} bytes in {folder.path.name}/{sha256}"
    return record


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
