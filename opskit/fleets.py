"""Several engines at once: every read call on all of them, one's trouble hiding no other's."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from opskit.address import Address, contexts
from opskit.asking import Member, Members
from opskit.engine import Engine
from opskit.errors import AddressError, OpskitError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fleet", "FleetWarning", "fleet"]

_SORTED = {"events": "time", "stats": "time", "timeline": "begin", "incidents": "begin"}


class FleetWarning(UserWarning):
    """An engine of the fleet did not answer; the frame holds the others' rows."""


def fleet(
    engines: Iterable[str | Address | Engine] | Mapping[str, str | Address | Engine] | None = None,
    *,
    timeout: float = 10.0,
    read_only: bool = True,
) -> Fleet:
    """Take several engines as one.

    Parameters
    ----------
    engines : iterable or mapping, optional
        Addresses, docker contexts' names and `Engine` objects; a mapping names them. Without it,
        all docker contexts.
    timeout : float
        Seconds that each engine has for each answer.
    read_only : bool
        Connect so that no call can change an engine (engines given as objects stay as they are).

    Returns
    -------
    Fleet
        Nothing is connected yet; an engine that is down is told by `Fleet.status` and a warning.

    Examples
    --------
    >>> fleet = opskit.fleet(["prod-1", "ssh://ops@build-3"])   # doctest: +SKIP
    >>> fleet.containers(all=True)                               # doctest: +SKIP
    """
    if engines is None:
        named: dict[str, Any] = dict(contexts())
    elif isinstance(engines, Mapping):
        named = dict(engines)
    else:
        named = {}
        for engine in engines:
            name = _name(engine)
            if name in named:
                raise AddressError(
                    f"the engine {name} is in the fleet twice", "leave one out, or name them"
                )
            named[name] = engine
    members = [
        Member(name, engine, timeout=timeout, read_only=read_only) for name, engine in named.items()
    ]
    return Fleet(Members(members, timeout=timeout))


def _name(engine: str | Address | Engine) -> str:
    if isinstance(engine, Engine):
        return engine.address
    return engine.url if isinstance(engine, Address) else engine


class Fleet:
    """Several engines. Every call that reads is made on all at once; made by `opskit.fleet`.

    Each gives the same DataFrame as the `Engine` method of that name, with a first column
    ``engine`` (str). ``frame.attrs["failed"]`` maps the name of each engine that did not answer
    within its timeout to the reason, which a `FleetWarning` tells too.

    Attributes
    ----------
    names : list of str
        The engines' names.
    """

    def __init__(self, members: Members) -> None:
        self._members = members

    @property
    def names(self) -> list[str]:
        return list(self._members)

    def __getitem__(self, name: str) -> Engine:
        """The `Engine` of that name."""
        return self._members[name].engine

    def __len__(self) -> int:
        return len(self._members)

    def containers(self, **options: Any) -> pd.DataFrame:
        """`Engine.containers` of all engines."""
        return self._list("containers", options)

    def images(self, **options: Any) -> pd.DataFrame:
        """`Engine.images` of all engines."""
        return self._list("images", options)

    def networks(self, **options: Any) -> pd.DataFrame:
        """`Engine.networks` of all engines."""
        return self._list("networks", options)

    def volumes(self, **options: Any) -> pd.DataFrame:
        """`Engine.volumes` of all engines."""
        return self._gather("volumes", options)

    def info(self) -> pd.DataFrame:
        """`Engine.info` of all engines, one row an engine."""
        return self._gather("info", {})

    def version(self) -> pd.DataFrame:
        """`Engine.version` of all engines, one row a component."""
        return self._gather("version", {})

    def disk_usage(self, **options: Any) -> pd.DataFrame:
        """`Engine.disk_usage` of all engines."""
        return self._gather("disk_usage", options)

    def processes(self, **options: Any) -> pd.DataFrame:
        """`Engine.processes` of all engines."""
        return self._gather("processes", options)

    def stats(self, **options: Any) -> pd.DataFrame:
        """`Engine.stats` of all engines."""
        return self._gather("stats", options, extra=_seconds(options.get("duration")))

    def health(self, **options: Any) -> pd.DataFrame:
        """`Engine.health` of all engines."""
        return self._gather("health", options)

    def events(self, **options: Any) -> pd.DataFrame:
        """`Engine.events` of all engines, merged in the order of time."""
        return self._gather("events", options)

    def timeline(self, since: Any = None, **options: Any) -> pd.DataFrame:
        """`Engine.timeline` of all engines; ``opskit.plot.timeline`` draws it."""
        return self._gather("timeline", {"since": since, **options})

    def incidents(self, since: Any = None, **options: Any) -> pd.DataFrame:
        """`Engine.incidents` of all engines."""
        return self._gather("incidents", {"since": since, **options})

    def logs(self, container: str, **options: Any) -> pd.DataFrame:
        """`Engine.logs` of the containers of that name, wherever they are."""
        return self._gather("logs", {"container": container, **options})

    def exposure(self, **options: Any) -> pd.DataFrame:
        """`Engine.exposure` of all engines."""
        return self._gather("exposure", options)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """`Engine.get` on all engines: decoded answers, or the error, by engine name."""
        return self._members.ask(lambda engine: engine.get(path, **query))

    def status(self) -> pd.DataFrame:
        """Who answers: one row an engine, whether it is up or not (endpoint ``HEAD /_ping``).

        Returns
        -------
        pandas.DataFrame
            ``engine`` (str), ``address`` (str), ``up`` (bool), ``api_version`` (str),
            ``seconds`` (float64): time of the answer, ``error`` (str): why it did not, else
            missing.
        """
        import pandas as pd

        def ping(engine: Engine) -> tuple[str, float]:
            begun = time.perf_counter()
            engine.head("/_ping")
            return engine.api_version, time.perf_counter() - begun

        answers = self._members.ask(ping)
        rows = []
        for name, answer in answers.items():
            up = not isinstance(answer, Exception)
            version, seconds = answer if up else (None, float("nan"))
            error = None if up else _first_line(answer)
            address = self._members[name].address
            rows.append((name, address, up, version, seconds, error))
        columns = {"engine": "str", "address": "str", "up": "bool", "api_version": "str"}
        columns |= {"seconds": "float64", "error": "str"}
        frame: pd.DataFrame = pd.DataFrame(rows, columns=list(columns)).astype(columns)
        return frame

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
        frame.attrs = {"engines": self.names, "request": method, "failed": _failed(answers)}
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

        frames, failed = [], _failed(answers)
        for name, answer in answers.items():
            if name not in failed:
                told = answer.drop(columns="engine", errors="ignore")
                told.insert(0, "engine", pd.Series(name, index=told.index, dtype="str"))
                frames.append(told)
        self._warn(method, failed)
        if not frames:
            errors = [e for e in answers.values() if isinstance(e, Exception)]
            if errors:
                raise OpskitError(
                    f"none of the {len(errors)} engines answered: {_first_line(errors[0])}",
                    "fleet.status() tells each one's reason",
                )
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

    def close(self) -> None:
        """Close the engines that the fleet connected."""
        self._members.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Fleet of {len(self)}: {', '.join(self.names)}>"


def _failed(answers: Mapping[str, Any]) -> dict[str, str]:
    return {n: _first_line(a) for n, a in answers.items() if isinstance(a, Exception)}


def _first_line(error: Any) -> str:
    return str(getattr(error, "what", error)).splitlines()[0]


def _seconds(duration: Any) -> float:
    if duration is None:
        return 0.0
    import pandas as pd

    return float(pd.Timedelta(duration).total_seconds())
