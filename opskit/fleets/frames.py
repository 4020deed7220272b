"""The frames of several engines as one, and what is told of those that did not answer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opskit.engine import Engine
from opskit.errors import OpskitError
from opskit.fleets.asking import Members

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FleetWarning", "Gathering", "failures", "first_line", "silence"]

_SORTED = {"events": "time", "stats": "time", "timeline": "begin", "incidents": "begin"}


class FleetWarning(UserWarning):
    """An engine of the fleet did not answer; the frame holds the others' rows."""


class Gathering:
    """Asks all engines, and joins their frames."""

    def __init__(self, members: Members) -> None:
        self._members = members

    @property
    def names(self) -> list[str]:
        """The engines' names."""
        return list(self._members)

    def _list(self, method: str, options: Mapping[str, Any]) -> pd.DataFrame:
        """One frame of what all list: making one for each and joining them takes far longer."""
        import pandas as pd

        if options.get("detail"):
            return self._gather(method, options)
        answers = self._members.lists(getattr(Engine, method), options)
        listed = {n: a for n, a in answers.items() if not isinstance(a, Exception)}
        if not any(found for found, _ in listed.values()):
            return self._merged(method, self._made(answers))
        make = next(iter(listed.values()))[1]
        frame: pd.DataFrame = make([item for found, _ in listed.values() for item in found or ()])
        names = [name for name, (found, _) in listed.items() for _ in found or ()]
        frame.insert(0, "engine", pd.Series(names, index=frame.index, dtype="str"))
        frame.attrs = {"engines": self.names, "request": method, "failed": failures(answers)}
        self._warn(method, frame.attrs["failed"])
        return frame

    @staticmethod
    def _made(answers: Mapping[str, Any]) -> dict[str, Any]:
        return {n: a if isinstance(a, Exception) else a[1](a[0]) for n, a in answers.items()}

    def _warn(self, method: str, failed: Mapping[str, str]) -> None:
        for name, reason in failed.items():
            message = f"{method}: no rows of {name}: {reason}"
            warnings.warn(message, FleetWarning, stacklevel=4)

    def _gather(
        self, method: str, options: Mapping[str, Any], *, extra: float = 0.0
    ) -> pd.DataFrame:
        answers = self._members.ask(lambda engine: getattr(engine, method)(**options), extra=extra)
        return self._merged(method, answers)

    def _merged(self, method: str, answers: Mapping[str, Any]) -> pd.DataFrame:
        import pandas as pd

        frames, failed = [], failures(answers)
        for name, answer in answers.items():
            if name not in failed:
                told = answer.drop(columns="engine", errors="ignore")
                told.insert(0, "engine", pd.Series(name, index=told.index, dtype="str"))
                frames.append(told)
        self._warn(method, failed)
        if not frames:
            if answers:
                raise silence(answers)
            return pd.DataFrame({"engine": pd.Series(dtype="str")})
        full = [frame for frame in frames if len(frame)] or frames[:1]
        for frame in full:
            frame.attrs = {}
        merged: pd.DataFrame = pd.concat(full, ignore_index=True)
        key = _SORTED.get(method, "")
        if key in merged.columns:
            merged = merged.sort_values(key, kind="stable", ignore_index=True)
        merged.attrs = {"engines": self.names, "request": method, "failed": failed}
        return merged


def failures(answers: Mapping[str, Any]) -> dict[str, str]:
    return {n: first_line(a) for n, a in answers.items() if isinstance(a, Exception)}


def silence(answers: Mapping[str, Any]) -> OpskitError:
    first = first_line(next(iter(answers.values())))
    return OpskitError(
        f"none of the {len(answers)} engines answered: {first}",
        "fleet.status() tells each one's reason",
    )


def first_line(error: Any) -> str:
    return str(getattr(error, "what", error)).splitlines()[0]
