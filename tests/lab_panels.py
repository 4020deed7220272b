"""A containers panel in a browser, operated as a user does; what the engine says of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .engines import PrivateEngine
from .lab_browser import LabPage
from .waiting import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Locator

__all__ = ["ContainersOnPage", "exists", "facts", "state"]


def facts(engine: PrivateEngine, name: str) -> Any:
    """What the engine tells of a container, past opskit."""
    return engine.api("GET", f"/containers/{name}/json")


def state(engine: PrivateEngine, name: str) -> str:
    """A container's state, from the engine."""
    return str(facts(engine, name)["State"]["Status"])


def exists(engine: PrivateEngine, name: str) -> bool:
    """Whether the engine has a container of this name."""
    return [f"/{name}"] in [one["Names"] for one in engine.api("GET", "/containers/json", all=True)]


class ContainersOnPage:
    """A containers panel that a notebook shows."""

    def __init__(self, lab: LabPage, engine: PrivateEngine, panel: Locator) -> None:
        self.page, self.engine, self.panel = lab.page, engine, panel
        self.rows = panel.locator(".opskit-rows select")
        self.word = panel.locator(".opskit-argument input")
        self.result = panel.locator(".opskit-result")

    def press(self, action: str, *names: str, sure: bool | None = None) -> None:
        """Choose these rows and click; ``sure`` answers the question that must come then."""
        for name in names:
            self.shows(name)
        texts = self.rows.locator("option").all_text_contents()
        chosen = [n for n, text in enumerate(texts) if text.split()[0] in names]
        self.rows.select_option(index=chosen)
        self.panel.locator(f".opskit-do-{action}").click()
        if sure is None:
            return
        asked = self.panel.locator(".opskit-confirm")
        asked.filter(has_text=f"{action.capitalize()} {', '.join(sorted(names))}?").wait_for()
        if sure:
            asked.locator(".opskit-yes").click()
        else:
            asked.locator(".opskit-no:focus").wait_for()
            self.page.keyboard.press("Enter")
        asked.locator(".opskit-yes").wait_for(state="detached")

    def shows(self, name: str, status: str = "") -> None:
        """Wait until the list has this container, in this state."""
        line = re.compile(rf"^{name}\s+{status}")
        self.rows.locator("option", has_text=line).wait_for(state="attached")

    def become(self, status: str, *names: str) -> None:
        """Wait until the engine says that they are in this state, and the list shows it."""
        eventually(lambda: {state(self.engine, name) for name in names} == {status})
        for name in names:
            self.shows(name, status)

    def says(self, text: str) -> None:
        """Wait until an action's result is shown."""
        self.result.filter(has_text=text).wait_for()
