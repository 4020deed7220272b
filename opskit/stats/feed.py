"""Reading the stats of all containers for a while: who comes and goes, and when the engine does.

One thread reads every stream (or asks for one-shot answers, at other intervals than the engine's
own) and the events that say which containers there are.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from opskit.dial import connection_error
from opskit.errors import APIError, EngineError, EngineLost
from opskit.frames.details import cpu_limit
from opskit.stats.hub import Heard, Hub
from opskit.stats.inspected import Inspected
from opskit.stats.roster import EVENTS, Roster
from opskit.stats.selection import Listed, listed, meant
from opskit.stats.snapshot import ONE_SHOT
from opskit.stats.window import Window

if TYPE_CHECKING:
    from opskit.engine.stats import StatsCalls

__all__ = ["Feed", "Gap"]

_ASIDE = 5.0  # seconds that a question beside the streams may take
_MOST_GAPS = 1000
_LOOK = 0.25  # seconds between looks at what is late
_SETTLED = 0.2  # seconds of silence after which a cassette has sent all that it has
_RELIST = 1.0  # seconds between lists where a proxy does not let events through


@dataclass(slots=True)
class Gap:
    """When nothing was heard of the engine; `end` is None while it lasts."""

    start: int
    end: int | None
    reason: str


class Feed:
    """What the sampler's thread does; `start` and `read` are its two halves.

    Parameters
    ----------
    polls : bool
        Ask for one-shot answers every `interval`, instead of reading streams.
    """

    def __init__(
        self,
        engine: StatsCalls,
        window: Window,
        *,
        names: list[str] | None,
        filters: Mapping[str, Any],
        interval: float,
        polls: bool,
    ) -> None:
        self.interval = interval
        self.polls = polls
        self.gaps: list[Gap] = []
        self.ticks = 0
        self._engine, self._names, self._filters = engine, names, dict(filters)
        self.inspected = Inspected()
        self._roster = Roster(window)
        self._hub: Hub | None = None
        self._closed = False
        self._patience = max(3 * interval, 5.0)

    def start(self) -> None:
        """Listen to events, then list the containers and begin with each: none falls between.

        Raises
        ------
        EngineError
            The engine cannot be reached, or refuses.
        """
        hub = Hub(self._engine)
        try:
            (self._events,) = hub.open(["events"])
            hub.ask(self._events, "/events", filters={"type": "container", "event": EVENTS})
            early: list[Heard] = []
            self._relist_at = np.inf if self._subscribed(hub, early) else 0.0
            self._tick_at = self._heard_at = time.monotonic()
            self._list(hub, resuming=True)
            for heard in early:
                self._take_events(hub, heard)
            self._hub = hub
        except BaseException:
            hub.close()
            raise

    def _subscribed(self, hub: Hub, early: list[Heard]) -> bool:
        """Wait until the events have begun; False where a proxy refuses them."""
        deadline = time.monotonic() + self._engine.timeout
        while not self._events.parser.headed:
            for heard in hub.hear(0.2):
                if heard.lost:
                    raise heard.lost
                if heard.status >= 400:
                    return False
                early.append(heard)
            if time.monotonic() > deadline or self._closed:
                raise connection_error(self._engine.where, TimeoutError(), self._engine.timeout)
        return True

    def read(self) -> None:
        """Read until `close`; an engine that goes away is waited for."""
        pause = 0.05
        while not self._closed:
            try:
                if self._hub is None:
                    self.start()
                    self._end_gap()
                if self._hub is not None:
                    self._read_some(self._hub)
                pause = 0.05
            except EngineError as error:
                self._lose(error)
                deadline = time.monotonic() + pause
                pause = min(2 * pause, 1.0)
                while not self._closed and time.monotonic() < deadline:
                    time.sleep(0.02)
        if self._hub is not None:
            self._hub.close()

    def close(self) -> None:
        """Make `read` return soon; from any thread."""
        self._closed = True
        hub = self._hub
        if hub is not None:
            with contextlib.suppress(OSError):
                hub.wake()

    @property
    def follows_events(self) -> bool:
        """Events come in; where a proxy refuses them, lists are asked for instead."""
        return bool(np.isinf(self._relist_at))

    @property
    def silence(self) -> float:
        """Seconds since anything was heard."""
        return time.monotonic() - self._heard_at

    @property
    def outstanding(self) -> bool:
        """A question is on its way whose answer has not come."""
        return any(m.channel is not None and m.channel.asked > 0 for _, m in self._roster)

    def _read_some(self, hub: Hub) -> None:
        now = time.monotonic()
        due = min(self._tick_at if self.polls else np.inf, self._relist_at, now + _LOOK)
        for heard in hub.hear(due - now):
            self._heard_at = time.monotonic()
            self._end_gap()
            if heard.lost:
                raise heard.lost
            if heard.channel is self._events:
                self._take_events(hub, heard)
            else:
                self._roster.take_stats(heard)
                if heard.answered and not self.polls:
                    hub.drop(heard.channel)  # the stream of a container that was removed
        while self._roster.unused:
            hub.drop(self._roster.unused.pop())
        now = time.monotonic()
        if now - self._heard_at > _SETTLED:
            self._roster.catch_up()
        self._find_started(hub)
        if now >= self._relist_at:
            self._list(hub)
        self._ask_limits()
        if self.polls and now >= self._tick_at:
            self._tick(hub, now)
        if now - self._heard_at > self._patience and any(self._roster.running()):
            self._begin_gap("no answer", time.time_ns() - int((now - self._heard_at) * 1e9))

    def _tick(self, hub: Hub, now: float) -> None:
        self.ticks += 1
        self._tick_at += self.interval
        if self._tick_at <= now:  # too slow for the interval: skip, don't catch up
            self._tick_at = now + self.interval
        for id_, member in self._roster.running():
            if member.channel is not None and not member.channel.asked:
                hub.ask(member.channel, f"/containers/{id_}/stats", **ONE_SHOT)

    def _take_events(self, hub: Hub, heard: Heard) -> None:
        if heard.answered and self.follows_events:
            raise EngineLost(
                f"the engine at {self._engine.address} ended its events", "did it stop or restart?"
            )
        events = [orjson.loads(line) for line in heard.lines]
        replayed = self._engine.cassette is not None
        for event in events:
            self.inspected.hear(event)
            (self._roster.take_recorded if replayed else self._roster.take_event)(event)
        self._connect(hub)

    def _find_started(self, hub: Hub) -> None:
        """Look at each that started alone: it is one of many, and the list of all is long."""
        while self._roster.started:
            id_ = self._roster.started.pop()
            if meant(id_, None, self._filters.get("id")):
                self._admit(hub, self._listed({**self._filters, "id": [id_]}))

    def _list(self, hub: Hub, *, resuming: bool = False) -> None:
        """Begin with every container that is meant; where no events tell, end with the others."""
        found = self._listed(self._filters)
        self._admit(hub, found, resuming=resuming)
        if resuming or not self.follows_events:
            self._roster.keep(found, time.time_ns())
        if not self.follows_events:
            self._relist_at = time.monotonic() + _RELIST

    def _listed(self, filters: Mapping[str, Any]) -> list[Listed]:
        by_name = self._names is not None
        found = listed(self._engine, None, filters, all=by_name, timeout=_ASIDE)
        return [each for each in found if meant(each.id, each.name, self._names)]

    def _admit(self, hub: Hub, found: list[Listed], *, resuming: bool = False) -> None:
        self._roster.admit(found, time.time_ns(), resuming=resuming)
        self._connect(hub)

    def _connect(self, hub: Hub) -> None:
        """Open a connection for each that runs and has none."""
        waiting = {id_: member for id_, member in self._roster.running() if not member.listens}
        for channel in hub.open(waiting):
            waiting[channel.key].channel = channel
            if not self.polls:
                hub.ask(channel, f"/containers/{channel.key}/stats", stream=True)
        if waiting:
            self._tick_at = min(self._tick_at, time.monotonic())

    def _ask_limits(self) -> None:
        """Inspect those that may have a CPU quota."""
        wanted = sorted(self._roster.unasked)
        self._roster.unasked.clear()
        if wanted:
            paths = [f"/containers/{id_}/json" for id_ in wanted]
            answers = self._engine.get_many(paths, timeout=_ASIDE)
            for id_, answer in zip(wanted, answers, strict=True):
                told = None if isinstance(answer, APIError) else cpu_limit(answer["HostConfig"])
                self._roster.limit(id_, told)

    def _lose(self, error: EngineError) -> None:
        if self._hub is not None:
            self._hub.close()
            self._hub = None
        self._begin_gap(error.what, time.time_ns())
        self._roster.lose()
        self.inspected.clear()

    def _begin_gap(self, reason: str, when: int) -> None:
        if not self.gaps or self.gaps[-1].end is not None:
            self.gaps.append(Gap(when, None, reason))
            del self.gaps[:-_MOST_GAPS]

    def _end_gap(self) -> None:
        if self.gaps and self.gaps[-1].end is None:
            self.gaps[-1].end = time.time_ns()
