"""What inspecting told of containers, kept for as long as events say that it still holds.

Everything in an inspection that the health report shows changes with an event, but for what a
health probe printed: so a container with a healthcheck is never known here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opskit.errors import APIError

__all__ = ["Inspected"]

Inspection = Mapping[str, Any]


class Inspected:
    """Inspections by id. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Inspection] = {}
        self._asking = 0
        self._touched: set[str] = set()  # while somebody is asking

    def forget(self, id_: str) -> None:
        """An event has come about this container."""
        with self._lock:
            self._known.pop(id_, None)
            if self._asking:
                self._touched.add(id_)

    def clear(self) -> None:
        """Events may have been missed."""
        with self._lock:
            self._touched.update(self._known)
            self._known.clear()

    def of(
        self,
        states: Mapping[str, str],
        ask: Callable[[Sequence[str]], Sequence[Inspection | APIError]],
    ) -> list[Inspection | APIError]:
        """The inspection of each, asked for where it is not known.

        Parameters
        ----------
        states : mapping of str to str
            By id, what the engine's list says now: one that says otherwise is not known.
        ask : callable
            Inspects ids.
        """
        with self._lock:
            known = {
                id_: self._known[id_]
                for id_, state in states.items()
                if id_ in self._known and self._known[id_]["State"].get("Status") == state
            }
            if not self._asking:
                self._touched.clear()
            self._asking += 1
        wanted = [id_ for id_ in states if id_ not in known]
        try:
            answers = dict(zip(wanted, ask(wanted), strict=True))
        finally:
            with self._lock:
                self._asking -= 1
        with self._lock:
            for id_, answer in answers.items():
                if id_ not in self._touched and _holds(answer):
                    assert not isinstance(answer, APIError)
                    self._known[id_] = answer
            for id_ in self._known.keys() - states.keys():
                del self._known[id_]
        return [known[id_] if id_ in known else answers[id_] for id_ in states]


def _holds(answer: Inspection | APIError) -> bool:
    if isinstance(answer, APIError) or "State" not in answer:
        return False
    return not (answer.get("Config") or {}).get("Healthcheck")
