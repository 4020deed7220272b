"""Asking many engines at once: each in a thread, or all by one where that is quicker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from opskit.address import Address, resolve
from opskit.engine import Engine
from opskit.engine.reads import check_filters
from opskit.errors import AddressError, OpskitError
from opskit.fleets.together import get_each
from opskit.response import Reply

__all__ = ["Member", "Members"]

GRACE = 0.5


class Member:
    """One engine of the fleet, connected when it is first asked."""

    def __init__(
        self,
        name: str,
        given: str | Address | AddressError | Engine,
        *,
        timeout: float,
        read_only: bool,
    ) -> None:
        self.name = name
        self._given = given
        self._options: dict[str, Any] = {"timeout": timeout, "read_only": read_only}
        self._engine: Engine | None = given if isinstance(given, Engine) else None

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            given = self._given
            if isinstance(given, AddressError):
                raise given
            assert not isinstance(given, Engine)
            self._engine = Engine(resolve(given), **self._options)
        return self._engine

    @property
    def address(self) -> str:
        try:
            return self.engine.address
        except OpskitError:
            return str(self._given) if isinstance(self._given, str) else ""

    def close(self) -> None:
        if self._engine is not None and self._engine is not self._given:
            self._engine.close()


class Members(dict[str, Member]):
    """The engines of a fleet by name, and how to ask them all.

    In what is answered, an exception stands for the answer of an engine that gave none.
    """

    def __init__(self, members: Iterable[Member], *, timeout: float) -> None:
        super().__init__((member.name, member) for member in members)
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(max(1, len(self)), "opskit-fleet")
        self._spoken_to: set[str] = set()

    def lists(self, call: Callable[..., _Listing], options: Mapping[str, Any]) -> dict[str, Any]:
        """What each lists and what makes a frame of it, without making it.

        This thread asks over the connections that are open already, others open the rest.
        """

        def ask(engine: Engine) -> tuple[Any, Callable[[Any], Any]]:
            listing: _Listing = call(_Unmade(engine), **options)
            answer = engine.get(listing.path, timeout=listing.timeout, **listing.query)
            return answer, listing.make

        strange = self._start(ask, self.keys() - self._spoken_to)
        engines = {name: self[name].engine for name in self._spoken_to}
        listings = {name: call(_Unmade(engine), **options) for name, engine in engines.items()}
        targets = {n: engines[n].target(one.path, one.query) for n, one in listings.items()}
        asked = [(engines[name].transport, target) for name, target in targets.items()]
        timeout = min(self._timeout, options.get("timeout") or self._timeout)
        replies = dict(zip(listings, get_each(asked, timeout), strict=True))
        stale = [name for name, reply in replies.items() if reply is None]
        found = self._finish(strange | self._start(ask, stale))
        for name, reply in replies.items():
            if isinstance(reply, Reply):
                found[name] = _told(engines[name], reply, targets[name], listings[name])
            elif reply is not None:
                found[name] = reply
        self._spoken_to |= {n for n, one in found.items() if not isinstance(one, Exception)}
        return {name: found[name] for name in self}

    def ask(self, call: Callable[[Engine], Any], *, extra: float = 0.0) -> dict[str, Any]:
        """Call on all at once, each in a thread of its own; ``extra`` seconds longer."""
        return self._finish(self._start(call, self), extra=extra)

    def _start(self, call: Callable[[Engine], Any], names: Iterable[str]) -> dict[str, Future[Any]]:
        return {name: self._pool.submit(self._call, name, call) for name in names}

    def _call(self, name: str, call: Callable[[Engine], Any]) -> Any:
        return call(self[name].engine)  # connecting is part of the call

    def _finish(self, pending: Mapping[str, Future[Any]], *, extra: float = 0.0) -> dict[str, Any]:
        wait(pending.values(), timeout=self._timeout + extra + GRACE)
        answers: dict[str, Any] = {}
        for name, future in pending.items():
            if not future.done():
                future.cancel()
                answers[name] = TimeoutError(f"no answer within {self._timeout + extra:g} s")
            elif error := future.exception():
                if not isinstance(error, OpskitError | OSError):
                    raise error
                answers[name] = error
            else:
                answers[name] = future.result()
        return answers

    def close(self) -> None:
        """Close the engines that were connected for the fleet."""
        for member in self.values():
            member.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Listing(NamedTuple):
    """A list that an engine is to be asked for, and what makes a frame of it."""

    make: Callable[[Any], Any]
    path: str
    timeout: float | None
    query: dict[str, Any]


class _Unmade:
    """Stands in for an engine in its reading calls: gives what they would ask for."""

    def __init__(self, engine: Engine) -> None:
        self.api_version = engine.api_version

    def _frame(
        self, make: Callable[[Any], Any], path: str, *, timeout: float | None = None, **query: Any
    ) -> _Listing:
        check_filters(query.get("filters"))
        return _Listing(make, path, timeout, query)


def _told(engine: Engine, reply: Reply, target: str, listing: _Listing) -> Any:
    try:
        return engine.told(reply, f"GET {target}"), listing.make
    except OpskitError as error:
        return error
