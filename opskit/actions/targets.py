"""What a call acts on: a name, an id, a row, a frame, an SDK object, or many of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from opskit.errors import InvalidOption, WrongEngine

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["Target", "one", "path_of", "targets"]

_FORMS = (
    "a name, an id, a row or frame of this engine, an SDK object, the engine's own JSON, "
    "or a list of these"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One object of the engine: ``ref`` is what the engine is asked for, the rest what is known."""

    ref: str
    name: str | None = None
    id: str | None = None


def targets(engine: RawEngine, what: Any) -> tuple[list[Target], bool]:
    """The objects that ``what`` stands for, each once, and whether it can stand for many.

    Raises
    ------
    WrongEngine
        A row, frame or SDK object that came from another engine.
    TypeError, ValueError
        Something that names no object.
    """
    single = _single(engine, what)
    if single is not None:
        return [single], False
    if _is_frame(what):
        _same_engine(engine, what)
        found = list(_of_frame(what))
    elif isinstance(what, Iterable):
        _same_engine(engine, what)
        found = [one(engine, item) for item in what]
    else:
        raise TypeError(f"a {type(what).__name__} names no object of an engine: give {_FORMS}")
    return list({target.ref: target for target in found}.values()), True


def one(engine: RawEngine, what: Any) -> Target:
    """The one object that ``what`` stands for.

    Raises
    ------
    WrongEngine, TypeError, ValueError
        As `targets`; also where it stands for many.
    """
    single = _single(engine, what)
    if single is not None:
        return single
    found, _ = targets(engine, what) if _is_frame(what) else ([], True)
    if len(found) == 1:
        return found[0]
    held = f"{len(found)} objects" if _is_frame(what) else f"a {type(what).__name__}"
    raise TypeError(f"one object is wanted here, not {held}: give one name, id or row")


def path_of(target: Target | str, *, slashes: bool = False) -> str:
    """The reference as a part of a request's path; ``slashes`` for images' names.

    Raises
    ------
    InvalidOption
        It would lead to another path: engines and proxies take ``..`` and ``%2F`` for what they
        look like.
    """
    ref = target if isinstance(target, str) else target.ref
    parts = ref.split("/")
    if {"", ".", ".."} & set(parts) or (len(parts) > 1 and not slashes):
        raise InvalidOption(f"{ref!r} is no object's name or id", "nothing was sent; check it")
    return quote(ref, safe="/:@" if slashes else ":@")


def _single(engine: RawEngine, what: Any) -> Target | None:
    if isinstance(what, Target):
        return what
    if isinstance(what, str):
        return _target(what, None, None if _is_id(what) else what)
    if isinstance(what, bytes):
        raise TypeError(f"bytes: that names no object of an engine; give {_FORMS}")
    if isinstance(what, Mapping):
        return _of_mapping(what)
    if _is_series(what):
        if not {"id", "name"} & set(map(str, what.index)):
            return None  # a column: one object a value
        _same_engine(engine, what)
        return _of_mapping(what.to_dict())
    found = getattr(what, "id", None)
    if isinstance(found, str) and not _is_frame(what):
        _same_client(engine, what)
        name = getattr(what, "name", None)
        return _target(found, found, name if isinstance(name, str) else None)
    return None


def _of_mapping(what: Mapping[Any, Any]) -> Target:
    names = what.get("Names") or [None]
    name = _text(what.get("name")) or _text(what.get("Name")) or _text(names[0])
    found = _text(what.get("id")) or _text(what.get("Id")) or _text(what.get("ID"))
    return _target(found or name, found, name)


def _of_frame(frame: Any) -> Iterable[Target]:
    if not {"id", "name"} & set(frame.columns):
        raise TypeError(f"a frame needs a column id or name; this one has {list(frame.columns)}")
    absent = [None] * len(frame)
    ids, names = (list(frame[c]) if c in frame else absent for c in ("id", "name"))
    return [
        _target(_text(found) or _text(name), _text(found), _text(name))
        for found, name in zip(ids, names, strict=True)
    ]


def _target(ref: str | None, found: str | None, name: str | None) -> Target:
    ref = (ref or "").removeprefix("/")
    if not ref.strip() or ref in (".", ".."):
        raise ValueError(f"{ref!r} names no object of an engine: give {_FORMS}")
    return Target(ref, name.removeprefix("/") if name else None, found)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _is_id(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _is_frame(what: Any) -> bool:
    return hasattr(what, "columns") and hasattr(what, "iterrows")


def _is_series(what: Any) -> bool:
    return hasattr(what, "index") and hasattr(what, "to_dict") and not _is_frame(what)


def _same_engine(engine: RawEngine, what: Any) -> None:
    came_from = getattr(what, "attrs", {}).get("engine")
    if came_from is not None and came_from != engine.address:
        raise WrongEngine(
            f"these rows came from the engine at {came_from}, not from {engine.address}",
            "read them from this engine, or give plain names if you do mean this one",
        )


def _same_client(engine: RawEngine, what: Any) -> None:
    """Refuse an object of the Docker SDK whose client speaks to another engine."""
    api = getattr(getattr(what, "client", None), "api", None)
    adapter = getattr(api, "_custom_adapter", None)
    if own := getattr(getattr(adapter, "pool", None), "address", None):
        there = str(own)
    elif path := getattr(adapter, "socket_path", ""):
        there = f"unix://{path}"
    else:
        there = re.sub("^https?://", "tcp://", str(getattr(api, "base_url", "")))
    if there.startswith(("unix://", "tcp://", "ssh://")) and there != engine.address:
        raise WrongEngine(
            f"this {type(what).__name__} belongs to the engine at {there}, not {engine.address}",
            "give its name, if you do mean an object of this engine",
        )
