"""Cassettes as YAML, the file that people review and plain vcrpy reads.

``version: 1`` and the metadata come first and the document ends with ``...``: a file that was cut
short is told from a whole one at whichever byte it was cut. What vcrpy itself writes has its keys
sorted, so there ``version`` is the last of them and its presence says the same.

A body past 64 KiB lies in the folder ``<file>.bodies`` by its sha256. Where it would be, plain
vcrpy sees a line that says so; with `opskit.cassette.persister` it sees the body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import yaml

from opskit.cassette.records import Record
from opskit.errors import CassetteFormatError

__all__ = ["read_yaml", "write_yaml"]

BODY_LIMIT = 64 * 1024
EXPANSION_LIMIT = 5_000_000

_LITERAL = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]*")


_PLAIN_TAGS = {
    None,
    "!",
    "tag:yaml.org,2002:map",
    "tag:yaml.org,2002:seq",
    "tag:yaml.org,2002:python/tuple",
}


class _Dumper(yaml.CSafeDumper):
    """libyaml's dumper, with text of several lines as a block and lists on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, data: str) -> yaml.Node:
    lines = "\n" in data and _LITERAL.fullmatch(data) and not data[0].isspace()
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if lines else None)


def _data(dumper: yaml.CSafeDumper, data: bytes) -> yaml.Node:
    try:
        return _text(dumper, data.decode())
    except UnicodeDecodeError:
        return dumper.represent_binary(data)


def _list(dumper: yaml.CSafeDumper, data: list[Any]) -> yaml.Node:
    flat = not any(isinstance(item, (dict, list)) and item for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(bytes, _data)
_Dumper.add_representer(list, _list)


def _dump(value: Any) -> str:
    return str(
        yaml.dump(
            value,
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=2**30,
            default_flow_style=False,
        )
    )


def write_yaml(file: IO[bytes], records: Iterator[Record], metadata: Record) -> None:
    """Write a cassette, one record after the other."""
    file.write(b"version: 1\n" + _dump({"metadata": metadata}).encode())
    key = b"interactions:\n"
    for record in records:
        extra = record["opskit"]
        interaction = {
            "request": record["request"],
            "response": {**record["response"], "opskit": extra},
        }
        file.write(key + _dump([interaction]).encode())
        key = b""
    if key:
        file.write(b"interactions: []\n")
    file.write(b"...\n")


def read_yaml(path: Path) -> tuple[list[Record], list[int], Record]:
    """The records of a YAML cassette, the line on which each begins, and the metadata."""
    raw = path.read_bytes()
    if not raw.strip():
        raise _wrong(path, 1, "the file is empty")
    reader = _Reader(path, raw)
    document = reader.document()
    if not isinstance(document, dict) or "interactions" not in document:
        raise _wrong(path, 1, "it has no 'interactions': not a cassette, or cut short")
    version = document.get("version")
    if version != 1:
        raise _wrong(
            path,
            1,
            f"its format version is {version!r}, this opskit reads version 1",
            "use a newer opskit" if isinstance(version, int) and version > 1 else "",
        )
    complete = list(document)[-1] == "version" or re.search(rb"(?:\A|\n)\.\.\.\n\Z", raw)
    if not complete:
        raise _wrong(path, raw.count(b"\n") + 1, "its end is missing: the file was cut short")
    interactions = document["interactions"]
    if not isinstance(interactions, list):
        raise _wrong(path, 1, "'interactions' is not a list")
    lines = reader.item_lines
    for line, item in zip(lines, interactions, strict=True):
        if not isinstance(item, dict) or not {"request", "response"} <= item.keys():
            raise _wrong(path, line, "an interaction needs 'request' and 'response'")
        if isinstance(item["response"], dict):
            item["opskit"] = item["response"].pop("opskit", None)
    return interactions, lines, document.get("metadata") or {}


def _wrong(path: Path, line: int, what: str, remedy: str = "") -> CassetteFormatError:
    return CassetteFormatError(
        f"{path}, line {line}: {what}",
        remedy or "restore the file from version control, or record it again; it was not changed",
    )


class _Reader:
    """Builds the document from libyaml's events: half the work of PyYAML's own constructor.

    Only plain data comes out of it, and aliases may not unfold to more than a budget.
    """

    def __init__(self, path: Path, raw: bytes) -> None:
        self.path = path
        self.item_lines: list[int] = []
        self._line = 1
        try:
            self._parser = yaml.CSafeLoader(raw)
        except yaml.YAMLError as error:
            raise self._error(error) from error
        self._resolvers = self._parser.yaml_implicit_resolvers
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._budget = EXPANSION_LIMIT
        self._count = 0

    def document(self) -> Any:
        get = self._parser.get_event
        try:
            get()
            if isinstance(get(), yaml.StreamEndEvent):
                raise _wrong(self.path, 1, "the file is empty")
            value = self._top(get())
            get()
            if not isinstance(get(), yaml.StreamEndEvent):
                raise _wrong(self.path, self._line, "it holds more than one document")
            return value
        except RecursionError as error:
            raise _wrong(self.path, self._line, "it is nested too deeply") from error
        except yaml.YAMLError as error:
            raise self._error(error) from error
        finally:
            self._parser.dispose()

    def _top(self, event: Any) -> Any:
        if not isinstance(event, yaml.MappingStartEvent):
            return self._value(event)
        document: dict[Any, Any] = {}
        get: Callable[[], Any] = self._parser.get_event
        while not isinstance(event := get(), yaml.MappingEndEvent):
            key = self._value(event)
            event = get()
            self._line = event.start_mark.line + 1
            if key == "interactions" and isinstance(event, yaml.SequenceStartEvent):
                items: list[Any] = []
                while not isinstance(event := get(), yaml.SequenceEndEvent):
                    self._line = event.start_mark.line + 1
                    self.item_lines.append(self._line)
                    items.append(self._value(event))
                document[key] = items
            else:
                document[_hashable(key)] = self._value(event)
        return document

    def _value(self, event: Any) -> Any:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = event.value
            if not (event.implicit[1] and event.tag is None):
                value = self._scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = value, 1
            return value
        if kind is yaml.AliasEvent:
            value, size = self._anchors.get(event.anchor, (None, 0))
            if not size:
                raise _wrong(self.path, event.start_mark.line + 1, "an alias of nothing")
            self._spend(size)
            self._count += size
            return value
        if getattr(event, "tag", None) not in _PLAIN_TAGS:
            line = event.start_mark.line + 1
            raise _wrong(self.path, line, f"{event.tag} is not plain data")
        before = self._count
        get = self._parser.get_event
        result: Any
        if kind is yaml.MappingStartEvent:
            result = {}
            while type(part := get()) is not yaml.MappingEndEvent:
                key = self._value(part)
                result[_hashable(key)] = self._value(get())
                self._count += 1
        elif kind is yaml.SequenceStartEvent:
            result = []
            while type(part := get()) is not yaml.SequenceEndEvent:
                result.append(self._value(part))
                self._count += 1
        else:
            raise _wrong(self.path, event.start_mark.line + 1, "not YAML that a cassette can hold")
        if event.anchor:
            self._anchors[event.anchor] = result, self._count - before + 1
        return result

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise _wrong(self.path, self._line, "its aliases unfold to more than a cassette holds")

    def _scalar(self, event: Any) -> Any:
        value, tag = event.value, event.tag
        if tag is None or tag == "!":
            if not event.implicit[0]:
                return value
            for found, pattern in self._resolvers.get(value[:1], ()):
                if pattern.match(value):
                    tag = found
                    break
            else:
                return value
        if tag == "tag:yaml.org,2002:timestamp":
            return value
        node = yaml.ScalarNode(tag, value, event.start_mark, event.end_mark)
        try:
            return self._parser.construct_object(node)
        except (ValueError, yaml.YAMLError) as error:
            line = event.start_mark.line + 1
            raise _wrong(self.path, line, f"{value!r:.60} is not a {tag}") from error

    def _error(self, error: yaml.YAMLError) -> CassetteFormatError:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else self._line
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        return _wrong(self.path, line, f"not YAML, or cut short: {what}")


def _hashable(key: Any) -> Any:
    return key if isinstance(key, (str, int, float, bool)) or key is None else str(key)
