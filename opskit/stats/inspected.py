"""What inspecting told of containers, kept for as long as events say that it still holds.

Everything in an inspection that the health report shows changes with an event, but for what health
probes found: that is there some time after the event that a probe has begun. So an inspection of a
container with a healthcheck holds from the end of a probe to the beginning of the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opskit.errors import APIError
from opskit.stats.roster import id_of, moment_of
from opskit.times import to_ns

__all__ = ["Inspected"]

Inspection = Mapping[str, Any]


class Inspected:
    """Inspections by id. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Inspection] = {}
        self._begun: dict[str, int] = {}  # when the last probe did
        self._asking = 0
        self._touched: set[str] = set()  # while somebody is asking

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event has come: what is known of its container holds no more."""
        id_ = id_of(event)
        action = str(event.get("Action") or event.get("status") or "")
        with self._lock:
            self._known.pop(id_, None)
            if action.startswith("exec_create"):
                self._begun[id_] = moment_of(event)
            elif action == "destroy":
                self._begun.pop(id_, None)
            if self._asking:
                self._touched.add(id_)

    def clear(self) -> None:
        """Events may have been missed."""
        with self._lock:
            self._touched.update(self._known)
            self._known.clear()
            self._begun.clear()

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
                if id_ not in self._touched and self._holds(id_, answer):
                    assert not isinstance(answer, APIError)
                    self._known[id_] = answer
            for id_ in self._known.keys() - states.keys():
                del self._known[id_]
        return [known[id_] if id_ in known else answers[id_] for id_ in states]

    def _holds(self, id_: str, answer: Inspection | APIError) -> bool:
        if isinstance(answer, APIError) or "State" not in answer:
            return False
        if not (answer.get("Config") or {}).get("Healthcheck"):
            return True
        return id_ in self._begun and _probed(answer) >= self._begun[id_]


def _probed(answer: Inspection) -> int:
    """When the last probe of which the inspection tells had ended."""
    log = (answer["State"].get("Health") or {}).get("Log") or [{}]
    try:
        return to_ns(str(log[-1].get("End")))
    except ValueError:
        return -1
