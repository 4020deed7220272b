"""Images, their layers and what a registry finds, as frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from opskit.frames.columns import Column, build, epochs, transpose

__all__ = ["COLUMNS", "HISTORY_COLUMNS", "SEARCH_COLUMNS", "history", "images", "search"]

COLUMNS = (
    Column("name", "str", "", "Its first tag, repository:tag; missing for an untagged image."),
    Column("id", "str", "", "Full id: sha256: and 64 hex digits."),
    Column("created", "datetime64[ns, UTC]", "", "When it was built; whole seconds in the list."),
    Column("size_bytes", "Int64", "bytes", "All its layers, those shared with other images too."),
    Column("shared_bytes", "Int64", "bytes", "Layers that other images use too; missing unless "
           "asked for, as it takes the engine long."),
    Column("containers", "Int64", "containers", "How many containers use it; missing when the "
           "engine did not count."),
    Column("tags", "object", "", "All its tags, a list."),
    Column("digests", "object", "", "Its names by digest, repository@sha256:…, a list."),
    Column("labels", "object", "", "Labels, a dict."),
    Column("parent_id", "str", "", "Id of the image it was built from, if built here."),
)  # fmt: skip
"""Columns of ``engine.images()``."""

HISTORY_COLUMNS = (
    Column("created", "datetime64[ns, UTC]", "", "When the layer was made; whole seconds."),
    Column("created_by", "str", "", "The command that made it."),
    Column("size_bytes", "Int64", "bytes", "What the layer adds; 0 for settings like CMD."),
    Column("id", "str", "", "Id of the image at this layer; missing when it is not on the engine."),
    Column("tags", "object", "", "Tags of that image, a list."),
    Column("comment", "str", "", "What the builder noted."),
)
"""Columns of ``engine.history()``: one row a layer, the newest first."""

SEARCH_COLUMNS = (
    Column("name", "str", "", "Repository, as `docker pull` takes it."),
    Column("description", "str", "", "What its owner says about it."),
    Column("stars", "Int64", "stars", "How many users have starred it."),
    Column("official", "boolean", "", "Whether it is one of Docker's official images."),
)
"""Columns of ``engine.search()``."""


def images(items: Iterable[Mapping[str, Any]] | None) -> pd.DataFrame:
    """The answer of ``GET /images/json``, or several of ``/images/NAME/json``, with `COLUMNS`."""
    rows = [item or {} for item in items or ()]
    data = transpose(_IMAGE, [_image(item) for item in rows])
    data["created"] = epochs(data["created"])
    return build(COLUMNS, data)


_IMAGE = tuple(column.name for column in COLUMNS)


def _image(item: Mapping[str, Any]) -> tuple[Any, ...]:
    tags = _named(item.get("RepoTags"))
    config = item.get("Config") or {}
    return (
        tags[0] if tags else None,
        item.get("Id"),
        item.get("Created"),
        _counted(item.get("Size")),
        _counted(item.get("SharedSize")),
        _counted(item.get("Containers")),
        tags,
        _named(item.get("RepoDigests")),
        item.get("Labels") or config.get("Labels") or {},
        item.get("ParentId") or item.get("Parent") or None,
    )


def _named(names: Sequence[str] | None) -> list[str]:
    """Without the engine's ``<none>:<none>``, its word for no name."""
    return [name for name in names or () if name and "<none>" not in name]


def _counted(value: int | None) -> int | None:
    """Without the engine's -1, its word for not counted."""
    return None if value is None or value < 0 else value


def history(items: Iterable[Mapping[str, Any]] | None) -> pd.DataFrame:
    """The answer of ``GET /images/NAME/history`` with `HISTORY_COLUMNS`."""
    rows = [item or {} for item in items or ()]
    ids = [item.get("Id") for item in rows]
    return build(
        HISTORY_COLUMNS,
        {
            "created": epochs([item.get("Created") for item in rows]),
            "created_by": [item.get("CreatedBy") for item in rows],
            "size_bytes": [item.get("Size") for item in rows],
            "id": [None if id_ == "<missing>" else id_ for id_ in ids],
            "tags": [_named(item.get("Tags")) for item in rows],
            "comment": [item.get("Comment") for item in rows],
        },
    )


def search(items: Iterable[Mapping[str, Any]] | None) -> pd.DataFrame:
    """The answer of ``GET /images/search`` with `SEARCH_COLUMNS`."""
    rows = [item or {} for item in items or ()]
    return build(
        SEARCH_COLUMNS,
        {
            "name": [item.get("name") for item in rows],
            "description": [item.get("description") for item in rows],
            "stars": [item.get("star_count") for item in rows],
            "official": [item.get("is_official") for item in rows],
        },
    )
