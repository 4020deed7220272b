"""What nothing on an engine uses, as the engine itself would decide when it prunes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opskit.actions.usage import items_of, usage_of
from opskit.api.versions import version_key
from opskit.errors import APIError, InvalidOption, NotFound
from opskit.frames.columns import Column, instants
from opskit.frames.containers import name_of
from opskit.times import to_ns

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["PRUNE_COLUMNS", "Unused", "unused"]

Unused = dict[str, Any]
ACTIVE = {"running", "paused", "restarting"}
ANONYMOUS = "com.docker.volume.anonymous"
PREDEFINED = {"bridge", "host", "none", "nat", "ingress", "podman"}

PRUNE_COLUMNS = (
    Column("type", "str", "", "container, volume, network, image or build-cache."),
    Column("name", "str", "", "Its name; missing for an image without one."),
    Column("id", "str", "", "Full id; a volume's is its name."),
    Column("created", "datetime64[ns, UTC]", "", "When it was created."),
    Column("size_bytes", "Int64", "bytes", "What it takes; shared layers of images included."),
    Column("removed", "bool", "", "Whether the engine said that it removed it."),
    Column("error", "str", "", "Why the engine refused to prune its kind; else missing."),
)
"""Columns of ``engine.prune()``."""


def unused(
    engine: RawEngine,
    kinds: Sequence[str],
    *,
    all: bool,
    filters: Mapping[str, Any],
    timeout: float,
) -> list[Unused]:
    """Rows of `PRUNE_COLUMNS` for what pruning the kinds would remove, in that order.

    What only stopped containers use counts as used, unless they go too.
    """
    keep = _Filter(filters)
    if keep.until and "volumes" in kinds:
        raise InvalidOption("prune() takes no 'until' for volumes", "choose them by label")
    usage = usage_of(engine, timeout)
    containers = items_of(usage, "Containers", "ContainerUsage")
    going = [c for c in containers if c.get("State") not in ACTIVE and keep(c, c.get("Created"))]
    staying = [c for c in containers if "containers" not in kinds or c not in going]
    rows: list[Unused] = []
    if "containers" in kinds:
        rows += [
            _row("container", name_of(c.get("Names")), c["Id"], c.get("Created"), _own_size(c))
            for c in going
        ]
    if "volumes" in kinds:
        rows += _volumes(engine, usage, staying, keep, all)
    if "networks" in kinds:
        rows += _networks(engine, keep)
    if "images" in kinds:
        rows += _images(engine, usage, staying, keep, all)
    if "build-cache" in kinds:
        rows += _cache(usage, keep, all)
    return rows


class _Filter:
    """The filters that all kinds share: ``until``, ``label`` and ``label!``."""

    def __init__(self, filters: Mapping[str, Any]) -> None:
        if unknown := filters.keys() - {"until", "label", "label!"}:
            raise InvalidOption(
                f"prune() knows no filter {', '.join(map(repr, sorted(unknown)))}",
                "it takes 'until', 'label' and 'label!'",
            )
        self.until = [to_ns(value) for value in _values(filters, "until")]
        self.wanted = [_label(value) for value in _values(filters, "label")]
        self.unwanted = [_label(value) for value in _values(filters, "label!")]

    def __call__(self, item: Mapping[str, Any], created: Any) -> bool:
        labels = item.get("Labels") or {}
        when = _nanoseconds(created)
        return (
            all(when is not None and when < until for until in self.until)
            and all(_has(labels, label) for label in self.wanted)
            and not any(_has(labels, label) for label in self.unwanted)
        )


def _values(filters: Mapping[str, Any], name: str) -> list[str]:
    value = filters.get(name, [])
    return [str(v) for v in value] if isinstance(value, list | tuple | set) else [str(value)]


def _label(text: str) -> tuple[str, str | None]:
    key, found, value = text.partition("=")
    return key, value if found else None


def _has(labels: Mapping[str, str], label: tuple[str, str | None]) -> bool:
    return label[0] in labels and label[1] in (None, labels[label[0]])


def _nanoseconds(created: Any) -> int | None:
    if isinstance(created, int):
        return created * 10**9
    if not isinstance(created, str):
        return None
    ns = int(instants([created])[0])
    return ns if ns > 0 else None


def _own_size(container: Mapping[str, Any]) -> int | None:
    """The engine omits a size of 0."""
    size: int | None = container.get("SizeRw", 0 if "SizeRootFs" in container else None)
    return size


def _row(kind: str, name: Any, identity: Any, created: Any, size: Any) -> Unused:
    return {
        "type": kind,
        "name": name,
        "id": identity,
        "created": _nanoseconds(created),
        "size_bytes": size if isinstance(size, int) and size >= 0 else None,
        "removed": False,
        "error": None,
    }


def _volumes(
    engine: RawEngine,
    usage: Mapping[str, Any],
    staying: Sequence[Mapping[str, Any]],
    keep: _Filter,
    all: bool,
) -> Iterator[Unused]:
    # Before API 1.42 the engine's prune took volumes with names too
    named_too = all or version_key(engine.api_version) < (1, 42)
    used = {mount.get("Name") for c in staying for mount in c.get("Mounts") or ()}
    for volume in items_of(usage, "Volumes", "VolumeUsage"):
        anonymous = ANONYMOUS in (volume.get("Labels") or {})
        if volume["Name"] not in used and (named_too or anonymous) and keep(volume, 0):
            size = (volume.get("UsageData") or {}).get("Size")
            yield _row("volume", volume["Name"], volume["Name"], volume.get("CreatedAt"), size)


def _networks(engine: RawEngine, keep: _Filter) -> Iterator[Unused]:
    # Lists do not tell what is in a network, and their filter "dangling" does not know it either
    listed = engine.get("/networks") or ()
    own = [n for n in listed if n["Name"] not in PREDEFINED and keep(n, n.get("Created"))]
    for network in engine.get_many([f"/networks/{n['Id']}" for n in own]):
        if isinstance(network, NotFound):  # it went since the list
            continue
        if isinstance(network, APIError):
            raise network
        if not network.get("Containers"):
            yield _row("network", network["Name"], network["Id"], network.get("Created"), None)


def _images(
    engine: RawEngine,
    usage: Mapping[str, Any],
    staying: Sequence[Mapping[str, Any]],
    keep: _Filter,
    all: bool,
) -> Iterator[Unused]:
    used = {c.get("ImageID") for c in staying}
    dangling = engine.get("/images/json", filters={"dangling": True}) or ()
    nameless = {image["Id"] for image in dangling}
    for image in items_of(usage, "Images", "ImageUsage"):
        if image["Id"] in used or not (all or image["Id"] in nameless):
            continue
        if keep(image, image.get("Created")):
            tags = [tag for tag in image.get("RepoTags") or () if "<none>" not in tag]
            name = tags[0] if tags else None
            yield _row("image", name, image["Id"], image.get("Created"), image.get("Size"))


def _cache(usage: Mapping[str, Any], keep: _Filter, all: bool) -> Iterator[Unused]:
    for record in items_of(usage, "BuildCache", "BuildCacheUsage"):
        hidden = record.get("Type") in ("internal", "frontend") or record.get("Shared")
        if record.get("InUse") or (hidden and not all):
            continue
        used = record.get("LastUsedAt") or record.get("CreatedAt")
        if keep(record, used):
            yield _row(
                "build-cache",
                record.get("Description"),
                record.get("ID"),
                record.get("CreatedAt"),
                record.get("Size"),
            )
