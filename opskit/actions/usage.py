"""What takes an engine's space, object by object, as pruning needs to know it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["items_of", "usage_of"]

Usage = Mapping[str, Any]


def usage_of(engine: RawEngine, timeout: float) -> Usage:
    """The answer of ``GET /system/df``; from Podman, with what its own leaves out."""
    told = engine.get("/system/df", timeout=timeout) or {}
    return _completed(engine, told) if _podmans(told) else told


def items_of(usage: Usage, old: str, new: str) -> list[Mapping[str, Any]]:
    """Its objects of one kind, under the name they have before API 1.52, or since."""
    return list(usage.get(old) or (usage.get(new) or {}).get("Items") or ())


def _podmans(told: Usage) -> bool:
    bare = any(not image["Id"].startswith("sha256:") for image in told.get("Images") or ())
    return bare or any(volume.get("Driver") == "" for volume in told.get("Volumes") or ())


def _completed(engine: RawEngine, told: Usage) -> Usage:
    """Podman's disk usage has sizes, but neither labels nor mounts nor whole names."""
    sizes = {item["Id"]: item for item in told.get("Containers") or ()}
    containers = [
        {**item, **{k: v for k, v in sizes.get(item["Id"], {}).items() if k.startswith("Size")}}
        for item in engine.get("/containers/json", all=True) or ()
    ]
    used = {item["Name"]: item.get("UsageData") for item in told.get("Volumes") or ()}
    volumes = [
        {**item, "UsageData": used.get(item["Name"])}
        for item in (engine.get("/volumes") or {}).get("Volumes") or ()
    ]
    images = engine.get("/images/json") or ()
    return {**told, "Containers": containers, "Volumes": volumes, "Images": images}
