"""Who is being sampled: containers come, pause, restart and leave, as three sources tell."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from opskit.frames.columns import NO_TIME
from opskit.frames.readings import Reading, reading
from opskit.stats.hub import Channel, Heard
from opskit.stats.selection import RUNS, Listed
from opskit.stats.window import NOT_ASKED, Said, Track, Window

__all__ = ["EVENTS", "Member", "Roster", "id_of", "moment_of"]

EVENTS = (
    "start", "die", "died", "destroy", "remove", "pause", "unpause", "update", "rename",
    "exec_create", "health_status",
)  # fmt: skip
"""The container events that matter, in Docker's words and in Podman's; the last two of probes."""


@dataclass(slots=True, eq=False)
class Member:
    """A container that is being sampled."""

    track: Track
    channel: Channel | None = None
    running: bool = True
    paused: bool = False
    restarted: bool = False  # since the newest sample
    left: int = 0  # when it stopped last
    limit: float = NOT_ASKED  # CPUs that it may use; NaN without a quota
    asked: bool = False

    @property
    def listens(self) -> bool:
        """It has a connection that is open."""
        return self.channel is not None and not self.channel.closed

    def says(self) -> Said:
        """What its next sample has to say."""
        if self.restarted:
            self.restarted = False
            return Said.RESTARTED
        return Said.PAUSED if self.paused else Said.NOTHING


class Roster:
    """The members, and the window that their samples go to."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.members: dict[str, Member] = {}
        self.unasked: set[str] = set()  # may have a CPU quota, and were not inspected
        self.unused: list[Channel] = []  # of those that were removed
        self.started: list[str] = []  # ids of containers that started and are no members
        self._coming: dict[str, deque[Mapping[str, Any]]] = {}

    def __iter__(self) -> Iterator[tuple[str, Member]]:
        return iter(list(self.members.items()))

    def running(self) -> Iterator[tuple[str, Member]]:
        """Those that run."""
        return ((id_, member) for id_, member in self if member.running)

    def admit(self, found: Iterable[Listed], when: int, *, resuming: bool = False) -> None:
        """Take in what a list shows; after the engine was away nobody counts as restarted."""
        for each in found:
            runs = each.state in RUNS
            member = self.members.get(each.id)
            if member is None:
                note = each.note if each.state in ("running", "restarting") else ""
                member = Member(self.window.track(each.id, each.name, note), running=runs)
                self.members[each.id] = member
                if not runs:
                    self.window.say(member.track, Said.STOPPED, when)
            elif runs and not member.running:
                member.running, member.restarted = True, not resuming
            member.paused = each.state == "paused"
            member.track.live = runs

    def keep(self, found: Iterable[Listed], when: int) -> None:
        """Let all others go; who starts again later is a new member."""
        for id_ in self.members.keys() - {each.id for each in found if each.state in RUNS}:
            self.leave(id_, Said.STOPPED, when)
            self._forget(id_)

    def leave(self, id_: str, said: Said, when: int) -> None:
        """A container has stopped or is no more."""
        member = self.members[id_]
        if member.track.live:
            self.window.say(member.track, said, when)
        member.running = member.track.live = False
        member.left = when
        if said is Said.REMOVED:
            self._forget(id_)

    def _forget(self, id_: str) -> None:
        member = self.members.pop(id_)
        member.track.gone = True
        if member.channel is not None:
            self.unused.append(member.channel)

    def lose(self) -> None:
        """The engine is away: nobody has a connection, and what becomes of them is not known."""
        for member in self.members.values():
            member.channel = None
            if member.running:
                self.window.say(member.track, Said.NO_ANSWER)
                member.running = False

    def take_event(self, event: Mapping[str, Any]) -> None:
        """Note what happened."""
        id_ = id_of(event)
        action = str(event.get("Action") or event.get("status") or "")
        when = moment_of(event)
        member = self.members.get(id_)
        if member is None:
            if action == "start":
                self.started.append(id_)
        elif action == "start":
            member.running = member.track.live = True
            member.restarted = member.track.count > 0  # else it was listed just after it started
        elif action in ("die", "died"):
            self.leave(id_, Said.STOPPED, when)
        elif action in ("destroy", "remove"):
            self.leave(id_, Said.REMOVED, when)
        elif action in ("pause", "unpause"):
            member.paused = action == "pause"
        elif action == "update":
            member.asked = False
        elif action == "rename":
            attributes = (event.get("Actor") or {}).get("Attributes") or {}
            member.track.name = str(attributes.get("name") or "").lstrip("/")

    def take_recorded(self, event: Mapping[str, Any]) -> None:
        """Keep an event of a cassette until the container's samples have come as far.

        All come at once there, long before the samples that they stood between.
        """
        id_ = id_of(event)
        if id_ not in self.members and id_ not in self._coming:
            self.take_event(event)
        self._coming.setdefault(id_, deque()).append(event)

    def catch_up(self) -> None:
        """Take in the events that were kept: nothing comes any more."""
        for id_ in list(self._coming):
            self._catch_up(id_, np.inf)

    def _catch_up(self, id_: str, now: float) -> None:
        coming = self._coming.get(id_, ())
        while coming and (moment_of(coming[0]) <= now or now == NO_TIME):
            self.take_event(coming.popleft())
            if now == NO_TIME and id_ in self.members and not self.members[id_].running:
                break

    def take_stats(self, heard: Heard) -> None:
        """Put the samples that came into the window."""
        id_ = heard.channel.key
        for line in heard.lines:
            answer = orjson.loads(line)
            member = self.members.get(id_)
            if member is None:
                return
            if "cpu_stats" in answer:
                read = reading(answer)
                self._catch_up(id_, read.time)
                self._take(id_, member, read)
            elif heard.status == 404:
                self.leave(id_, Said.REMOVED, time.time_ns())

    def _take(self, id_: str, member: Member, read: Reading) -> None:
        if read.time == NO_TIME:
            if member.running:
                self.leave(id_, Said.STOPPED, time.time_ns())
            return
        if not member.running:
            if read.time <= member.left:  # collected before it stopped, told after
                return
            member.running = member.track.live = member.restarted = True
        self.window.add(member.track, read, member.says(), member.limit)
        if read.periods != 0 and not member.asked:  # Podman does not tell: ask
            member.asked = True
            self.unasked.add(id_)

    def limit(self, id_: str, cpus: float | None) -> None:
        """A container was inspected: it may use so many CPUs, or all."""
        if member := self.members.get(id_):
            member.limit = np.nan if cpus is None else cpus
            self.window.fill_limit(member.track, member.limit)


def moment_of(event: Mapping[str, Any]) -> int:
    """When it happened, in nanoseconds by the engine's clock."""
    return int(event.get("timeNano") or time.time_ns())


def id_of(event: Mapping[str, Any]) -> str:
    """The id of the container that an event is about."""
    return str((event.get("Actor") or {}).get("ID") or event.get("id") or "")
