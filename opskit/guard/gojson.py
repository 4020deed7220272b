"""JSON as the engine reads it, which is not as Python does.

Go's ``encoding/json`` takes the names of fields in any case, with two letters of Unicode that
fold to ASCII, and where a name comes twice it merges the values. Who looks at a body before the
engine does must see everything that the engine might take from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["NotJson", "Object", "members", "pick", "read_json"]


class NotJson(ValueError):
    """A body that is no JSON, or not one that two readers take for the same."""


class Object(list[tuple[str, Any]]):
    """A JSON object: all its members in order, doubled ones too, names as they were sent."""


def read_json(data: bytes) -> Any:
    """Read one JSON value; nothing at all is None.

    Raises
    ------
    NotJson
        It is no JSON, not in UTF-8, nested too deeply, or something follows the value.
    """
    if not data.strip(b" \t\r\n"):
        return None
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=Object, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error).partition(":")[0]) from None


def _no_constant(name: str) -> Any:
    raise NotJson(f"{name} is no JSON")


def pick(value: Any, *names: str) -> Iterator[Any]:
    """Every value that the engine could find under these names, one inside the other.

    Names are given in lower case; lists on the way are looked into.
    """
    if isinstance(value, list) and not isinstance(value, Object):
        for item in value:
            yield from pick(item, *names)
    elif not names:
        yield value
    elif isinstance(value, Object):
        for name, inner in value:
            if name.casefold() == names[0]:
                yield from pick(inner, *names[1:])


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """The members of an object, doubled ones too; none of what is no object."""
    if isinstance(value, Object):
        yield from value
