"""What takes the engine's disk, one row an object, from ``GET /system/df``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from opskit.frames.columns import Column, build, epochs, transpose
from opskit.frames.containers import name_of

__all__ = ["COLUMNS", "TYPES", "disk_usage"]

TYPES = ("image", "container", "volume", "build-cache")

COLUMNS = (
    Column("type", "str", "", "image, container, volume or build-cache."),
    Column("name", "str", "", "Its name: first tag, container, volume; what a cache record holds."),
    Column("size_bytes", "Int64", "bytes", "What it takes; of a container its own layer only."),
    Column("reclaimable_bytes", "Int64", "bytes", "What removing it alone gives back: 0 while in "
           "use, and for layers that something else shares."),
    Column("shared_bytes", "Int64", "bytes", "The part of an image's size that others share."),
    Column("in_use", "boolean", "", "Image, volume: a container has it. Container: it runs, or is "
           "paused. Cache: a build uses it now."),
    Column("containers", "Int64", "containers", "How many containers have the image or volume."),
    Column("created", "datetime64[ns, UTC]", "", "When it was created."),
    Column("last_used", "datetime64[ns, UTC]", "", "When a build last used the cache record."),
    Column("id", "str", "", "Full id; a volume's is its name."),
)  # fmt: skip
"""Columns of ``engine.disk_usage()``."""

_ACTIVE = {"running", "paused", "restarting"}


def disk_usage(answer: Mapping[str, Any] | None) -> pd.DataFrame:
    """The answer of ``GET /system/df`` with `COLUMNS`; both shapes, before and since API 1.52.

    What is in use follows the docker CLI (``docker system df``): an image or volume that a
    container has, a container that is running, paused or restarting.

    ``frame.attrs["layers_size_bytes"]`` is what all images take together, shared layers counted
    once.
    """
    told = answer or {}
    rows = [
        *map(_image, _items(told, "Images", "ImageUsage")),
        *map(_container, _items(told, "Containers", "ContainerUsage")),
        *map(_volume, _items(told, "Volumes", "VolumeUsage")),
        *map(_cache, _items(told, "BuildCache", "BuildCacheUsage")),
    ]
    data = transpose([column.name for column in COLUMNS], rows)
    for name in ("created", "last_used"):
        data[name] = epochs(data[name])
    frame = build(COLUMNS, data)
    images = told.get("ImageUsage") or {}
    frame.attrs["layers_size_bytes"] = told.get("LayersSize", images.get("TotalSize"))
    return frame


def _items(answer: Mapping[str, Any], old: str, new: str) -> list[Mapping[str, Any]]:
    items = answer.get(old) or (answer.get(new) or {}).get("Items") or ()
    return [item or {} for item in items]


def _reclaimable(size: int | None, shared: int | None, in_use: bool | None) -> int | None:
    if in_use is None or size is None:
        return None
    return 0 if in_use else max(size - (shared or 0), 0)


def _known(value: int | None) -> int | None:
    """Without the engine's -1, its word for not counted."""
    return None if value is None or value < 0 else value


def _image(item: Mapping[str, Any]) -> tuple[Any, ...]:
    size, shared = _known(item.get("Size")), _known(item.get("SharedSize"))
    used_by = _known(item.get("Containers"))
    in_use = None if used_by is None else used_by > 0
    tags = [tag for tag in item.get("RepoTags") or () if tag and "<none>" not in tag]
    return (
        "image",
        tags[0] if tags else None,
        size,
        _reclaimable(size, shared, in_use),
        shared,
        in_use,
        used_by,
        item.get("Created"),
        None,
        item.get("Id"),
    )


def _container(item: Mapping[str, Any]) -> tuple[Any, ...]:
    size = item.get("SizeRw", None if item.get("SizeRootFs") is None else 0)  # omitted when 0
    state = item.get("State")
    in_use = None if state is None else state in _ACTIVE
    return (
        "container",
        name_of(item.get("Names")),
        size,
        _reclaimable(size, 0, in_use),
        None,
        in_use,
        None,
        item.get("Created"),
        None,
        item.get("Id"),
    )


def _volume(item: Mapping[str, Any]) -> tuple[Any, ...]:
    usage = item.get("UsageData") or {}
    size, used_by = _known(usage.get("Size")), _known(usage.get("RefCount"))
    in_use = None if used_by is None else used_by > 0
    return (
        "volume",
        item.get("Name"),
        size,
        _reclaimable(size, 0, in_use),
        None,
        in_use,
        used_by,
        item.get("CreatedAt"),
        None,
        item.get("Name"),
    )


def _cache(item: Mapping[str, Any]) -> tuple[Any, ...]:
    size, in_use = item.get("Size"), item.get("InUse")
    shared = size if item.get("Shared") else 0
    return (
        "build-cache",
        item.get("Description") or item.get("Type"),
        size,
        _reclaimable(size, shared, in_use),
        shared,
        in_use,
        None,
        item.get("CreatedAt"),
        item.get("LastUsedAt"),
        item.get("ID"),
    )
