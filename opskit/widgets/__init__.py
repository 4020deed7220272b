"""Controls and live panels for JupyterLab, ipywidgets only.

Each function makes a panel, shown as a cell's value. A panel reads in a thread of its own and
stops when it is closed, when its cell is run again, or when the kernel ends; it keeps what the user
chose when the cell is run again. In exported pages a table stands for it. Given a fleet
(`opskit.fleet`) there is a tab for each of its engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from opskit.engine import Engine
    from opskit.fleets import Fleet
    from opskit.widgets.fleet_panels import FleetPanels
    from opskit.widgets.panel import Panel

__all__ = ["cassette", "containers", "events", "explorer", "logs", "stats"]


def cassette(path: str | os.PathLike[str]) -> Panel:
    """Browse a cassette: its exchanges, what was said, a stream again at its pace.

    Parameters
    ----------
    path : path
        The cassette. ``Serve`` lets it stand for an engine, at the address that is shown.

    Returns
    -------
    Panel
        ``.frame`` is the shown exchanges, ``.exchange`` the chosen one.

    Raises
    ------
    CassetteFormatError
        The file cannot be read; names the place.
    """
    from opskit.widgets.cassette_panel import Cassette

    return Cassette(path)


def containers(engine: Engine | Fleet, **options: Any) -> Panel | FleetPanels:
    """A live, filterable, sortable table of containers with the actions of an operator.

    Parameters
    ----------
    engine : Engine
        Connected with ``read_only=True`` it offers only what looks: logs and inspect.
    all : bool
        Show stopped ones too.
    interval : float
        Seconds between readings while ``Live`` is on.

    Returns
    -------
    Panel
        ``.frame`` and ``.selected`` are the shown and the chosen rows; ``.close()`` ends it.
    """
    from opskit.widgets.containers_panel import Containers

    return _for_each(Containers, engine, **options)


def events(engine: Engine | Fleet, **options: Any) -> Panel | FleetPanels:
    """Events as they happen: a feed to filter and pause, and the timeline of the window.

    Parameters
    ----------
    engine : Engine
    window : str
        How far back feed and timeline reach: ``"1m"``, ``"5m"``, ``"15m"``, ``"1h"``.
    live : bool
        Begin at once. ``.refresh()`` reads what the engine remembers, once.

    Returns
    -------
    Panel
        ``.frame`` is the shown events, as `Engine.events` gives them.
    """
    from opskit.widgets.events_panel import Events

    return _for_each(Events, engine, **options)


def explorer(engine: Engine | Fleet, **options: Any) -> Panel | FleetPanels:
    """Any endpoint of the Engine API: its form, the call in four languages, its answer.

    Parameters
    ----------
    engine : Engine
        Connected with ``read_only=True`` it sends only what looks.
    search : str
        Words to begin with: ``"stop container"``, ``"/images"``.
    timeout : float
        Seconds to wait for an answer; of a stream, what comes in 3 s is shown.

    Returns
    -------
    Panel
        ``.endpoint`` is what is chosen, ``.answer`` what came back last.
    """
    from opskit.widgets.explorer_panel import Explorer

    return _for_each(Explorer, engine, **options)


def logs(engine: Engine | Fleet, container: str, **options: Any) -> Panel | FleetPanels:
    """A container's log: follow, search, levels in colour, stdout and stderr apart.

    Parameters
    ----------
    engine : Engine
    container : str
        Name or id.
    tail : int
        How many of the last lines to begin with.
    lines : int
        How many lines to keep at most.

    Returns
    -------
    Panel
        ``.matching`` is the lines that are shown.
    """
    from opskit.widgets.logs_panel import Logs

    return _for_each(Logs, engine, container, **options)


def stats(engine: Engine | Fleet, **options: Any) -> Panel | FleetPanels:
    """What containers eat, live: the charts of a window and a table of the highest.

    Parameters
    ----------
    engine : Engine
    window : str
        How far the charts reach back: ``"1m"``, ``"5m"``, ``"15m"``, ``"1h"``.
    interval : float
        Seconds between samples, and between pictures.
    live : bool
        Begin at once. ``.refresh()`` paints once.
    """
    from opskit.widgets.stats_panel import Stats

    return _for_each(Stats, engine, **options)


def _for_each(
    kind: Callable[..., Panel], engine: Engine | Fleet, *args: Any, **options: Any
) -> Panel | FleetPanels:
    from opskit.fleets import Fleet

    if not isinstance(engine, Fleet):
        return kind(engine, *args, **options)
    from opskit.widgets.fleet_panels import FleetPanels

    return FleetPanels(kind, engine, *args, **options)
