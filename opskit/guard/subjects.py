"""Which containers a request is about: those it names, and the one it would create."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import quote

from opskit.api.endpoints import route
from opskit.guard.asked import Asked
from opskit.guard.gojson import members, pick
from opskit.guard.sections import section_of

__all__ = ["Container", "Scope", "Subjects", "subjects"]

_IN_BODY = re.compile(r"/networks/.+/(connect|disconnect)")
_JOINED = ("networkmode", "pidmode", "ipcmode")
_ONLY_A_NAME = re.compile(r"[0-9a-f]{64}|.*[^0-9a-f].*")


@dataclass(frozen=True, slots=True)
class Container:
    """What is known of a container: its names, the first its own, and its labels."""

    id: str
    names: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subjects:
    """The containers that a request is about.

    Attributes
    ----------
    path : str
        The one in the path, as it was named there; empty without one.
    exec : str
        The exec session in the path, whose container it is about.
    others : tuple of str
        Those named in query and body.
    made : Container or None
        What a create call would make.
    renamed : str or None
        The new name that a rename asks for.
    every : bool
        It is about all containers there are.
    """

    path: str = ""
    exec: str = ""
    others: tuple[str, ...] = ()
    made: Container | None = None
    renamed: str | None = None
    every: bool = False

    def references(self) -> Iterator[str]:
        """How containers are named in the request."""
        if self.path:
            yield self.path
        yield from self.others


def subjects(asked: Asked) -> Subjects:
    """The containers that a request is about."""
    path = asked.path
    if path == "/containers/create" and asked.method == "POST":
        return Subjects(others=tuple(_joined(asked)), made=_made(asked))
    if path == "/commit":
        named = asked.query.get("container", [])
        return Subjects(others=tuple(named), every=asked.form or not named)
    if path == "/build":
        modes = [mode.partition(":") for mode in asked.query.get("networkmode", [])]
        named = [other for kind, _, other in modes if kind == "container"]
        return Subjects(others=tuple(named), every=asked.form)
    if _IN_BODY.fullmatch(path):
        return Subjects(others=tuple(map(str, pick(asked.body, "container"))))
    if section_of(path) not in ("containers", "exec"):
        return Subjects()
    found = route(asked.method, quote(path, safe="/"))
    if found is None:
        return Subjects(every=True)
    name = next(iter(found.args.values()), "")
    if not name:
        return Subjects(every=asked.writes)
    if section_of(path) == "exec":
        return Subjects(exec=name)
    if found.endpoint.operation == "ContainerRename":
        return Subjects(name, renamed=_one(asked, "name"), every=asked.form)
    return Subjects(name)


def _one(asked: Asked, name: str) -> str:
    values = asked.query.get(name, [])
    return values[0].removeprefix("/") if len(values) == 1 else ""


def _made(asked: Asked) -> Container:
    labels: dict[str, str] = {}
    for found in pick(asked.body, "labels"):
        for name, value in members(found):
            # said twice, it is neither
            labels[name] = "" if name in labels else str(value)
    name = "" if asked.form else _one(asked, "name")
    return Container("", (name,) if name else (), labels)


def _joined(asked: Asked) -> Iterator[str]:
    for place in (("hostconfig",), ()):
        for name in _JOINED:
            for mode in pick(asked.body, *place, name):
                kind, _, other = str(mode).partition(":")
                if kind == "container":
                    yield other
        for source in pick(asked.body, *place, "volumesfrom"):
            yield str(source).partition(":")[0]
        for link in pick(asked.body, *place, "links"):
            yield str(link).partition(":")[0].removeprefix("/")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which containers may be meant: by patterns of names, and by labels that they must have.

    ``labels`` are ``name`` or ``name=value``; all are needed, while one of ``names`` is enough.
    """

    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.names or self.labels)

    def holds(self, container: Container) -> bool:
        """Whether a container is one of these."""
        name = container.names[0] if container.names else ""
        if self.names and not any(fnmatchcase(name, pattern) for pattern in self.names):
            return False
        return all(_labelled(container, label) for label in self.labels)

    def objection(self, asked: Asked, known: Mapping[str, Container]) -> str:
        """Why a request is about others than these; empty if it is not.

        ``known`` are the containers that the engine has, by how the request names them, those of
        exec sessions by ``exec:`` and the session's id.
        """
        if not self:
            return ""
        about = subjects(asked)
        if about.every:
            return "it is about all containers"
        if about.made is not None and not self.holds(about.made):
            return "the new container would be another than the rule's"
        if about.renamed is not None and not self._named(about.renamed):
            return f"the new name {about.renamed!r} is not one of the rule's"
        for reference in [*about.references(), *([f"exec:{about.exec}"] if about.exec else [])]:
            found = known.get(reference)
            if found is None:
                return f"there is no container {reference.removeprefix('exec:')!r}"
            if not self.holds(found):
                return f"the container {reference.removeprefix('exec:')!r} is not one of the rule's"
        for reference in about.others:
            # Between this look and the engine's, a name made of hexadecimal digits could be freed,
            # and mean the beginning of another's id.
            if not _ONLY_A_NAME.fullmatch(reference):
                return f"{reference!r} may be the beginning of an id: say the whole"
        return ""

    def _named(self, name: str) -> bool:
        return not self.names or any(fnmatchcase(name, pattern) for pattern in self.names)


def _labelled(container: Container, label: str) -> bool:
    name, equals, value = label.partition("=")
    if name not in container.labels:
        return False
    return not equals or container.labels[name] == value
