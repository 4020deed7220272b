"""``opskit.frame(x)``: whatever holds Engine JSON into the frame that fits it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from opskit.frames.containers import containers
from opskit.frames.disk import disk_usage
from opskit.frames.events import events_frame
from opskit.frames.images import history, images, search
from opskit.frames.inspected import from_inspect, is_inspect
from opskit.frames.networks import networks
from opskit.frames.processes import top
from opskit.frames.stats import frame as stats
from opskit.frames.system import changes, info, version
from opskit.frames.volumes import volumes

__all__ = ["frame"]

Items = list[Mapping[str, Any]]


def frame(value: Any, kind: str | None = None) -> pd.DataFrame:
    """SDK objects or raw API JSON as the same DataFrame that the engine's methods give.

    Parameters
    ----------
    value : object
        Containers, images, networks or volumes of the Docker SDK, one or several; or what the
        Engine API answers, decoded: a list, one item of it, or what an inspect says.
    kind : str, optional
        ``container``, ``image``, ``network``, ``volume``, ``event``, ``stats``, ``history``,
        ``search``, ``change``, ``info``, ``version``, ``disk`` or ``top``. Recognised by
        itself; needed for an empty list only.

    Returns
    -------
    DataFrame
        Containers that were inspected have the columns of ``containers(detail=True)``, all but
        `status`, which only the list has; networks with their containers those of
        ``networks(detail=True)``.

    Raises
    ------
    TypeError
        The value is neither, or a list of different things.
    ValueError
        An empty list without `kind`, or a kind that there is not.

    Examples
    --------
    >>> opskit.frame(engine.sdk.containers.list())  # doctest: +SKIP
    >>> opskit.frame(engine.get("/images/json"))  # doctest: +SKIP
    """
    if kind is not None and kind not in _MAKERS:
        raise ValueError(f"no kind {kind!r}: it is one of {', '.join(_MAKERS)}")
    items = _items(value)
    if not items and kind is None:
        raise ValueError(
            "an empty list does not tell what of: say kind='container', 'image', "
            "'network' or 'volume'"
        )
    kinds = {kind} if kind else {_kind(item) for item in items}
    if len(kinds) > 1:
        raise TypeError(
            f"a frame has rows of one kind, this list has {', '.join(sorted(map(str, kinds)))}: "
            "make a frame of each"
        )
    return _MAKERS[str(kinds.pop())](items)


def _items(value: Any) -> Items:
    if value is None:
        return []
    if isinstance(value, Mapping):
        if "Volumes" in value and "Warnings" in value:  # the answer of GET /volumes
            return list(value["Volumes"] or ()) or [value]
        return [value]
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | pd.DataFrame):
        return [_attributes(item) for item in value]
    return [_attributes(value)]


def _attributes(item: Any) -> Mapping[str, Any]:
    attrs = item if isinstance(item, Mapping) else getattr(item, "attrs", None)
    if isinstance(attrs, Mapping) and not isinstance(item, pd.DataFrame | pd.Series):
        return attrs
    raise TypeError(
        f"no frame for a {type(item).__name__}: give containers, images, networks or volumes of "
        "the Docker SDK, or decoded JSON of the Engine API"
    )


# what only this kind's JSON has; the first that fits
_MARKS: tuple[tuple[str, tuple[frozenset[str], ...]], ...] = (
    ("disk", (frozenset({"LayersSize"}), frozenset({"ImageUsage"}))),
    ("info", (frozenset({"ServerVersion", "NCPU"}),)),
    ("version", (frozenset({"ApiVersion", "Version"}),)),
    ("top", (frozenset({"Titles"}),)),
    ("history", (frozenset({"CreatedBy"}),)),
    ("change", (frozenset({"Kind", "Path"}),)),
    ("stats", (frozenset({"cpu_stats"}),)),
    ("event", (frozenset({"Action", "Actor"}),)),
    ("search", (frozenset({"star_count"}),)),
    ("image", (frozenset({"RepoTags"}), frozenset({"RootFS"}))),
    ("network", (frozenset({"IPAM"}),)),
    ("volume", (frozenset({"Mountpoint"}), frozenset({"Volumes", "Warnings"}))),
    ("container", (frozenset({"Id", "State"}), frozenset({"Id", "Names", "Image"}))),
)


def _kind(item: Mapping[str, Any]) -> str:
    for kind, marks in _MARKS:
        if any(mark <= item.keys() for mark in marks):
            return kind
    some = ", ".join(list(map(str, item))[:6])
    raise TypeError(
        f"no frame fits this JSON (with {some or 'nothing in it'}): containers, images, networks, "
        "volumes, events, stats, info, version, disk usage, top, history, changes and search "
        "results have one. Say kind= if it is one of them"
    )


def _containers(items: Items) -> pd.DataFrame:
    inspected = [is_inspect(item) for item in items]
    listed = [
        from_inspect(item) if deep else item for item, deep in zip(items, inspected, strict=True)
    ]
    size = any(item.get("SizeRootFs") for item in listed)
    return containers(listed, size=size, inspects=items if items and all(inspected) else None)


def _networks(items: Items) -> pd.DataFrame:
    return networks(items, detail=any(item.get("Containers") for item in items))


def _one(
    make: Callable[[Mapping[str, Any] | None], pd.DataFrame],
) -> Callable[[Items], pd.DataFrame]:
    def of(items: Items) -> pd.DataFrame:
        return pd.concat(map(make, items), ignore_index=True) if items else make(None)

    return of


_MAKERS: dict[str, Callable[[Items], pd.DataFrame]] = {
    "container": _containers,
    "image": images,
    "network": _networks,
    "volume": lambda items: volumes([i for i in items if "Volumes" not in i]),
    "event": events_frame,
    "stats": stats,
    "history": history,
    "search": search,
    "change": changes,
    "info": _one(info),
    "version": _one(version),
    "disk": _one(disk_usage),
    "top": _one(top),
}
