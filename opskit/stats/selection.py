"""Which containers are meant: names, ids and filters, against the engine's own list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.frames.containers import name_of

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["RUNS", "Listed", "listed", "meant", "named"]

RUNS = frozenset({"running", "paused", "restarting"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A container as the list shows it."""

    id: str
    name: str
    image: str
    state: str
    status: str
    network_mode: str
    item: Mapping[str, Any]

    @property
    def ended_well(self) -> bool:
        """It was never started, or ended with 0."""
        return self.state == "created" or self.status.startswith("Exited (0)")

    @property
    def note(self) -> str:
        """What the list already tells about its stats."""
        if self.state != "running":
            return self.state
        return "on the host's network" if self.network_mode == "host" else ""


def listed(
    engine: RawEngine,
    containers: str | Iterable[str] | None,
    filters: Mapping[str, Any] | None,
    *,
    all: bool = False,
    timeout: float | None = None,
) -> list[Listed]:
    """The containers that are meant, sorted by name.

    Parameters
    ----------
    containers : str or iterable of str, optional
        Names, ids or beginnings of ids; these are found whether they run or not.
    filters : mapping, optional
        The engine's own filters.
    all : bool
        Without names: also those that do not run.
    timeout : float, optional
        Seconds to wait for the list.

    Raises
    ------
    NotFound
        No container is called that.
    """
    names = named(containers)
    answer = engine.get(
        "/containers/json",
        timeout=timeout,
        all=(all or names is not None) or None,
        filters=dict(filters) if filters else None,
    )
    found = sorted((_listed(each) for each in answer or ()), key=lambda each: each.name)
    if names is None:
        return found
    chosen = {
        each.id: each for name in names for each in [_match(engine, found, name, bool(filters))]
        if each is not None
    }  # fmt: skip
    return sorted(chosen.values(), key=lambda each: each.name)


def named(containers: str | Iterable[str] | None) -> list[str] | None:
    """The names given, as a list without leading slashes; None when all are meant."""
    if containers is None:
        return None
    given = [containers] if isinstance(containers, str) else list(containers)
    return [str(name).removeprefix("/") for name in given]


def meant(id_: str, name: str | None, wanted: str | Iterable[str] | None) -> bool:
    """Whether a container is among the names and beginnings of ids; all are without any."""
    if wanted is None:
        return True
    given = [wanted] if isinstance(wanted, str) else wanted
    return any(each and (each == name or id_.startswith(each)) for each in given)


def _match(
    engine: RawEngine, found: list[Listed], name: str, filtered: bool
) -> Listed | None:  # fmt: skip
    for each in found:
        if name in (each.name, each.id):
            return each
    starting = [each for each in found if each.id.startswith(name)] if name else []
    if len(starting) == 1:
        return starting[0]
    if not filtered:
        engine.get(f"/containers/{name}/json")  # says in the engine's own words what is wrong
    return None


def _listed(item: Mapping[str, Any]) -> Listed:
    return Listed(
        id=str(item.get("Id") or ""),
        name=name_of(item.get("Names")) or "",
        image=str(item.get("Image") or ""),
        state=str(item.get("State") or ""),
        status=str(item.get("Status") or ""),
        item=item,
        network_mode=str((item.get("HostConfig") or {}).get("NetworkMode") or ""),
    )
