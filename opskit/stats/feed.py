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
from opskit.frames.columns import NO_TIME
from opskit.frames.details import cpu_limit
from opskit.frames.readings import Reading, reading
from opskit.stats.hub import Channel, Heard, Hub
from opskit.stats.selection import RUNS, Listed, listed
from opskit.stats.snapshot import ONE_SHOT
from opskit.stats.window import NOT_ASKED, Said, Track, Window

if TYPE_CHECKING:
    from opskit.engine.stats import StatsCalls

__all__ = ["Feed", "Gap"]

_EVENTS = ("start", "die", "died", "destroy", "remove", "pause", "unpause", "update", "rename")
_ASIDE = 5.0  # seconds that a question beside the streams may take
_RELIST = 1.0  # seconds between lists where a proxy does not let events through


@dataclass(slots=True)
class Gap:
    """When nothing was heard of the engine; `end` is None while it lasts."""

    start: int
    end: int | None
    reason: str


@dataclass(slots=True, eq=False)
class _Member:
    """A container that is being sampled."""

    track: Track
    channel: Channel | None = None
    running: bool = True
    paused: bool = False
    restarted: bool = False
    left: int = 0  # when it stopped last
    limit: float = NOT_ASKED  # CPUs that it may use; NaN without a quota
    asked: bool = False

    def says(self) -> Said:
        if self.restarted:
            self.restarted = False
            return Said.RESTARTED
        return Said.PAUSED if self.paused else Said.NOTHING


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
        filters: Mapping[str, Any] | None,
        interval: float,
        polls: bool,
    ) -> None:
        self.window = window
        self.interval = interval
        self.polls = polls
        self.gaps: list[Gap] = []
        self.ticks = 0
        self._engine, self._names, self._filters = engine, names, dict(filters or {})
        self._members: dict[str, _Member] = {}
        self._hub: Hub | None = None
        self._closed = False
        self._unasked: set[str] = set()
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
            hub.ask(self._events, "/events", filters={"type": "container", "event": _EVENTS})
            self._relist_at = np.inf if self._subscribed(hub) else 0.0
            self._hub = hub
            self._tick_at = self._heard_at = time.monotonic()
            self._list(time.time_ns(), resuming=True)
        except BaseException:
            self._hub = None
            hub.close()
            raise

    def _subscribed(self, hub: Hub) -> bool:
        """Wait until the events have begun; False where a proxy refuses them."""
        deadline = time.monotonic() + self._engine.timeout
        while not self._events.parser.headed:
            for heard in hub.hear(0.2):
                if heard.lost:
                    raise heard.lost
                if heard.status >= 400:
                    return False
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
                pause = 0.05
                self._read_some()
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
    def silence(self) -> float:
        """Seconds since anything was heard."""
        return time.monotonic() - self._heard_at

    @property
    def outstanding(self) -> bool:
        """A question is on its way whose answer has not come."""
        members = list(self._members.values())
        return any(m.channel is not None and m.channel.asked > 0 for m in members)

    def _read_some(self) -> None:
        assert self._hub is not None
        now = time.monotonic()
        due = min(self._tick_at if self.polls else np.inf, self._relist_at, now + 0.5)
        starting: list[int] = []
        for heard in self._hub.hear(due - now):
            self._heard_at = time.monotonic()
            self._end_gap()
            if heard.lost:
                raise heard.lost
            if heard.channel is self._events:
                starting += self._take_events(heard)
            else:
                self._take_stats(heard)
        now = time.monotonic()
        if starting or now >= self._relist_at:
            self._list(starting[0] if starting else time.time_ns())
        self._ask_limits()
        if self.polls and now >= self._tick_at:
            self._tick(now)
        if now - self._heard_at > self._patience and self._expects():
            self._begin_gap("no answer", time.time_ns() - int((now - self._heard_at) * 1e9))

    def _expects(self) -> bool:
        return any(m.running for m in self._members.values())

    def _tick(self, now: float) -> None:
        assert self._hub is not None
        self.ticks += 1
        self._tick_at += self.interval
        if self._tick_at <= now:  # too slow for the interval: skip, don't catch up
            self._tick_at = now + self.interval
        for id_, member in self._members.items():
            channel = member.channel
            if member.running and channel is not None and not channel.asked:
                self._hub.ask(channel, f"/containers/{id_}/stats", **ONE_SHOT)

    def _list(self, when: int, *, resuming: bool = False) -> None:
        """Begin with every container that is meant and not known yet."""
        everything = self._names is not None
        found = listed(self._engine, None, self._filters, all=everything, timeout=_ASIDE)
        meant = [each for each in found if _is_meant(each, self._names)]
        self._open([each for each in meant if self._admit(each, when, resuming)])
        if resuming or np.isfinite(self._relist_at):
            for id_ in self._members.keys() - {each.id for each in meant if each.state in RUNS}:
                self._leave(id_, Said.STOPPED, when)
        if np.isfinite(self._relist_at):
            self._relist_at = time.monotonic() + _RELIST

    def _admit(self, each: Listed, when: int, resuming: bool) -> bool:
        member = self._members.get(each.id)
        runs = each.state in RUNS
        if member is None:
            note = each.note if each.state in ("running", "restarting") else ""
            member = _Member(self.window.track(each.id, each.name, note), running=runs)
            self._members[each.id] = member
            if not runs:
                member.track.live = False
                self.window.say(member.track, Said.STOPPED, when)
        elif runs and not member.running:
            member.running, member.restarted = True, not resuming
        member.paused = each.state == "paused"
        member.track.live = runs
        return runs and (member.channel is None or member.channel.closed)

    def _open(self, new: list[Listed]) -> None:
        assert self._hub is not None
        for channel in self._hub.open(each.id for each in new):
            self._members[channel.key].channel = channel
            if not self.polls:
                self._hub.ask(channel, f"/containers/{channel.key}/stats", stream=True)
        if new and self.polls:
            self._tick_at = min(self._tick_at, time.monotonic())

    def _take_stats(self, heard: Heard) -> None:
        member = self._members.get(heard.channel.key)
        if member is None or self._hub is None:
            return
        for line in heard.lines:
            answer = orjson.loads(line)
            if "cpu_stats" not in answer:
                if heard.status == 404:
                    self._leave(heard.channel.key, Said.REMOVED, time.time_ns())
                continue
            read = reading(answer)
            if read.time != NO_TIME:
                self._take_reading(heard.channel.key, member, read)
            elif member.running:
                self._leave(heard.channel.key, Said.STOPPED, time.time_ns())
        if heard.answered and not self.polls:
            self._hub.drop(heard.channel)  # the stream of a container that was removed

    def _take_reading(self, id_: str, member: _Member, read: Reading) -> None:
        if not member.running:
            if read.time <= member.left:  # collected before it stopped, told after
                return
            member.running = member.track.live = member.restarted = True
        self.window.add(member.track, read, member.says(), member.limit)
        if read.periods != 0 and not member.asked:  # Podman does not tell: ask
            member.asked = True
            self._unasked.add(id_)

    def _take_events(self, heard: Heard) -> list[int]:
        """Note who left; the times of those that started."""
        starting = []
        if heard.answered and np.isinf(self._relist_at):
            raise EngineLost(
                f"the engine at {self._engine.address} ended its events", "did it stop or restart?"
            )
        for line in heard.lines:
            event = orjson.loads(line)
            actor = event.get("Actor") or {}
            id_ = str(actor.get("ID") or event.get("id") or "")
            action = str(event.get("Action") or event.get("status") or "")
            when = int(event.get("timeNano") or time.time_ns())
            member = self._members.get(id_)
            if action == "start":
                starting.append(when)
                if member is not None and member.running:  # restarted faster than we heard
                    member.restarted = True
            if member is None:
                continue
            if action in ("die", "died"):
                self._leave(id_, Said.STOPPED, when)
            elif action in ("destroy", "remove"):
                self._leave(id_, Said.REMOVED, when)
            elif action in ("pause", "unpause"):
                member.paused = action == "pause"
            elif action == "update":
                member.asked = False
            elif action == "rename":
                member.track.name = str((actor.get("Attributes") or {}).get("name") or "")
        return starting

    def _leave(self, id_: str, said: Said, when: int) -> None:
        member = self._members[id_]
        if member.track.live:
            self.window.say(member.track, said, when)
        member.running = member.track.live = False
        member.left = when
        if said is Said.REMOVED:
            del self._members[id_]
            if self._hub is not None and member.channel is not None:
                self._hub.drop(member.channel)

    def _ask_limits(self) -> None:
        """Inspect those that may have a CPU quota."""
        wanted = [id_ for id_ in self._unasked if id_ in self._members]
        self._unasked.clear()
        if not wanted:
            return
        paths = [f"/containers/{id_}/json" for id_ in wanted]
        answers = self._engine.get_many(paths, timeout=_ASIDE)
        for id_, answer in zip(wanted, answers, strict=True):
            told = None if isinstance(answer, APIError) else cpu_limit(answer["HostConfig"])
            member = self._members[id_]
            member.limit = np.nan if told is None else told
            self.window.fill_limit(member.track, member.limit)

    def _lose(self, error: EngineError) -> None:
        if self._hub is not None:
            self._hub.close()
            self._hub = None
        self._begin_gap(error.what, time.time_ns())
        for member in self._members.values():
            member.channel = None
            if member.running:
                self.window.say(member.track, Said.NO_ANSWER)
                member.running = False

    def _begin_gap(self, reason: str, when: int) -> None:
        if not self.gaps or self.gaps[-1].end is not None:
            self.gaps.append(Gap(when, None, reason))

    def _end_gap(self) -> None:
        if self.gaps and self.gaps[-1].end is None:
            self.gaps[-1].end = time.time_ns()


def _is_meant(each: Listed, names: list[str] | None) -> bool:
    return names is None or any(
        name == each.name or (name and each.id.startswith(name)) for name in names
    )
