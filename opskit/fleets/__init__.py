"""Several engines at once: every read call on all of them, one's trouble hiding no other's."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from opskit.address import Address, contexts
from opskit.closing import Closing
from opskit.engine import Engine
from opskit.errors import AddressError
from opskit.fleets.asking import Member, Members
from opskit.fleets.frames import FleetWarning, Gathering, failures, first_line, silence

if TYPE_CHECKING:
    import pandas as pd

    from opskit.fleets.watch import FleetWatch

__all__ = ["Fleet", "FleetWarning", "fleet"]


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


class Fleet(Gathering, Closing):
    """Several engines. Every call that reads is made on all at once; made by `opskit.fleet`.

    Each gives the same DataFrame as the `Engine` method of that name, with a first column
    ``engine`` (str). ``frame.attrs["failed"]`` maps the name of each engine that did not answer
    within its timeout to the reason, which a `FleetWarning` tells too.

    Attributes
    ----------
    names : list of str
        The engines' names.
    """

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

    def watch(
        self, *, timeout: float | None = None, limit: int | None = None, **options: Any
    ) -> FleetWatch:
        """`Engine.watch` of all engines: their events as they happen, in the order of time.

        Parameters
        ----------
        timeout, limit
            Seconds, and events, after which it ends.
        **options
            As for `Engine.watch`.

        Returns
        -------
        FleetWatch
            An iterator of rows with a key ``engine``, and a context manager. An engine that
            cannot be reached now is left out; one that goes away later is waited for.
        """
        from opskit.fleets.watch import FleetWatch

        answers = self._members.ask(lambda engine: engine.watch(**options))
        failed = failures(answers)
        self._warn("watch", failed)
        if answers and len(failed) == len(answers):
            raise silence(answers)
        watches = {name: watch for name, watch in answers.items() if name not in failed}
        return FleetWatch(watches, timeout=timeout, limit=limit)

    def timeline(self, since: Any = None, **options: Any) -> pd.DataFrame:
        """`Engine.timeline` of all engines; ``opskit.plot.timeline`` draws it."""
        return self._gather("timeline", {"since": since, **options})

    def incidents(self, since: Any = None, **options: Any) -> pd.DataFrame:
        """`Engine.incidents` of all engines."""
        return self._gather("incidents", {"since": since, **options})

    def logs(self, container: str, **options: Any) -> pd.DataFrame:
        """`Engine.logs` of the containers of that name, wherever they are."""
        return self._gather("logs", {"container": container, **options})

    def top(self, container: str, **options: Any) -> pd.DataFrame:
        """`Engine.top` of the containers of that name, wherever they are."""
        return self._gather("top", {"container": container, **options})

    def changes(self, container: str, **options: Any) -> pd.DataFrame:
        """`Engine.changes` of the containers of that name, wherever they are."""
        return self._gather("changes", {"container": container, **options})

    def history(self, image: str, **options: Any) -> pd.DataFrame:
        """`Engine.history` of the image of that name, wherever it is."""
        return self._gather("history", {"image": image, **options})

    def inspect(self, name: str, **options: Any) -> dict[str, Any]:
        """`Engine.inspect` on all engines: records, or the error, by engine name."""
        return self._members.ask(lambda engine: engine.inspect(name, **options))

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
            error = None if up else first_line(answer)
            address = self._members[name].address
            rows.append((name, address, up, version, seconds, error))
        columns = {"engine": "str", "address": "str", "up": "bool", "api_version": "str"}
        columns |= {"seconds": "float64", "error": "str"}
        frame: pd.DataFrame = pd.DataFrame(rows, columns=list(columns)).astype(columns)
        return frame

    def close(self) -> None:
        """Close the engines that the fleet connected."""
        self._members.close()

    def __repr__(self) -> str:
        return f"<Fleet of {len(self)}: {', '.join(self.names)}>"


def _seconds(duration: Any) -> float:
    if duration is None:
        return 0.0
    import pandas as pd

    return float(pd.Timedelta(duration).total_seconds())
