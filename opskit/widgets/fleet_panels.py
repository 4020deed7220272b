"""Panels of a fleet: one tab for each engine, the trouble of one hiding no other."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as W

from opskit.errors import OpskitError
from opskit.fleets import Fleet
from opskit.widgets.panel import Panel

__all__ = ["FleetPanels"]


class FleetPanels(W.Tab):  # type: ignore[misc]
    """The same panel for each engine of a fleet, in tabs.

    Attributes
    ----------
    panels : dict of str to Panel
        By the engine's name; an engine that cannot be reached has none, its tab says why.
    """

    def __init__(self, make: Callable[..., Panel], fleet: Fleet, *args: Any, **options: Any):
        super().__init__()
        self.panels: dict[str, Panel] = {}
        tabs = []
        for name in fleet.names:
            try:
                panel: Any = make(fleet[name], *args, **options)
                self.panels[name] = panel
            except OpskitError as error:
                panel = W.HTML(f"<pre>{html.escape(str(error))}</pre>")
            tabs.append(panel)
        self.children = tabs
        self.titles = fleet.names
        self.add_class("opskit-fleet")

    def close(self) -> None:
        """End all panels."""
        for panel in self.panels.values():
            panel.close()
        super().close()
