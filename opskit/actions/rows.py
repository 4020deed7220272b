"""The row that an object has in its frame, read again after a call changed it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from opskit.actions.targets import path_of
from opskit.frames import containers, images, networks, volumes

if TYPE_CHECKING:
    import pandas as pd

    from opskit.engine.base import RawEngine

__all__ = [
    "caught_up",
    "container_row",
    "image_row",
    "image_rows",
    "network_row",
    "volume_row",
]

_Read = TypeVar("_Read")

_DEFAULT_HOSTS = ("docker.io/library/", "docker.io/", "localhost/")  # Podman writes them out
LAG = 1.0  # seconds


def caught_up(read: Callable[[], _Read], behind: Callable[[_Read], bool]) -> _Read:
    """What a list tells, read again while it is behind.

    The engine's lists are copies: for a moment after a container has ended they say it runs.
    """
    deadline = time.monotonic() + LAG
    while behind(told := read()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return told


def container_row(engine: RawEngine, ref: str, *, ended: bool = False) -> pd.Series[Any]:
    """The container's row of ``engine.containers(all=True)``; ``ended`` if it is known to be so.

    One that is gone (it removes itself when it ends) has its reference and missing values.
    """
    frame = caught_up(
        lambda: _container_rows(engine, ref),
        lambda told: ended and told["state"].iloc[0] == "running",
    )
    return frame.iloc[0]


def _container_rows(engine: RawEngine, ref: str) -> pd.DataFrame:
    exact = {"id": [ref]} if re.fullmatch("[0-9a-f]{64}", ref) else {"name": [f"^/?{dots(ref)}$"]}
    listed = engine.get("/containers/json", all=True, filters=exact)
    if not listed and "name" in exact:
        exact = {"id": [ref]}
        listed = engine.get("/containers/json", all=True, filters=exact)
    frame = containers.containers(listed or [{"Id": ref}])
    return engine.stamp(frame, f"GET /containers/json?all=true&filters={exact}")


def image_row(engine: RawEngine, ref: str) -> pd.Series[Any]:
    """The image's row, as in ``engine.images()``; its name is the one asked for."""
    return image_rows(engine, [ref]).iloc[0]


def image_rows(engine: RawEngine, refs: Sequence[str]) -> pd.DataFrame:
    """The images' rows, as in ``engine.images()``; their names are those asked for."""
    paths = [f"/images/{path_of(ref, slashes=True)}/json" for ref in refs]
    frame = images.images([engine.get(path) for path in paths])
    frame["name"] = [
        ref if {ref, *(prefix + ref for prefix in _DEFAULT_HOSTS)} & {*tags} else name
        for ref, tags, name in zip(refs, frame["tags"], frame["name"], strict=True)
    ]
    return engine.stamp(frame, f"GET {', '.join(paths)}")


def network_row(engine: RawEngine, ref: str) -> pd.Series[Any]:
    """The network's row, as in ``engine.networks()``."""
    path = f"/networks/{path_of(ref)}"
    return engine.stamp(networks.networks([engine.get(path)]), f"GET {path}").iloc[0]


def volume_row(engine: RawEngine, ref: str) -> pd.Series[Any]:
    """The volume's row, as in ``engine.volumes()``."""
    path = f"/volumes/{path_of(ref)}"
    return engine.stamp(volumes.volumes([engine.get(path)]), f"GET {path}").iloc[0]


def dots(name: str) -> str:
    """The name as the engine's filters take it: a regular expression."""
    return re.sub(r"([^\w-])", r"\\\1", name)
