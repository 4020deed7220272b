"""A question in a panel, before something that cannot be undone."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as W

__all__ = ["Question"]


class Question(W.HBox):  # type: ignore[misc]
    """Room for a question with two buttons; empty while nothing is asked."""

    def __init__(self) -> None:
        super().__init__([])
        self.add_class("opskit-confirm")
        self.add_class("opskit-bar")

    def ask(self, question: str, yes: str, then: Callable[[], Any]) -> None:
        """Ask; ``then`` runs when the user says yes. Cancel has the focus."""
        sure = W.Button(description=yes, button_style="danger")
        # the page counts its views when the count is a number; before the first none takes focus
        no = W.Button(description="Cancel", _view_count=0)
        no.observe(lambda change: change["new"] and no.focus(), "_view_count")
        sure.add_class("opskit-yes")
        no.add_class("opskit-no")
        widgets = (W.HTML(html.escape(question)), no, sure)

        def answer(button: W.Button) -> None:
            self.set_trait("children", ())
            for widget in widgets:
                widget.close()
            if button is sure:
                then()

        sure.on_click(answer)
        no.on_click(answer)
        self.set_trait("children", widgets)
