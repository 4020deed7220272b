"""Readings of many containers now, as quickly as the engine gives them.

An engine either collects once a second and answers everybody then (before 23.0), or answers a
one-shot request at once. Which it is shows when it is asked twice: the two readings are a whole
cycle apart, or not. The first kind is read by streams, the second by two one-shot requests.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import orjson

from opskit.errors import EngineUnresponsive
from opskit.frames.columns import NO_TIME
from opskit.frames.readings import NOTHING, Reading, reading
from opskit.stats.hub import Channel, Heard, Hub
from opskit.times import NS

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["ONE_SHOT", "Probe", "Taken", "snapshot"]

ONE_SHOT = {"stream": False, "one-shot": True}
_HALF_A_CYCLE = 500_000_000  # nanoseconds
_PATIENCE = 0.06  # seconds that the probe has before the streams are opened beside it


class Taken:
    """What was learnt of one container."""

    def __init__(self, gap: float) -> None:
        self.before: Reading = NOTHING
        self.now: Reading = NOTHING
        self.note = ""
        self.count = 0
        self.settled = False
        self._gap, self._since, self._first = gap, 0.0, NO_TIME

    def add(self, heard: Heard, wanted: int = 2, *, stream: bool = False) -> None:
        """Take in what its channel brought; it is settled with `wanted` readings."""
        for line in heard.lines:
            answer = orjson.loads(line)
            if "cpu_stats" not in answer:
                self.note = "removed" if heard.status == 404 else _message(answer)
                self.settled = True
                continue
            self._add(reading(answer), wanted)
        if (heard.answered if stream else heard.empty) and not self.settled:
            self.note, self.settled = "removed", True  # its stream just ends

    def _add(self, read: Reading, wanted: int) -> None:
        if self.count == 0:
            self._since, self._first = time.monotonic(), read.time
        elif self.count == 1:
            self.before = self.now
        self.now = read
        self.count += 1
        # by the engine's clock, or by ours in case that one jumps
        apart = max((read.time - self._first) / NS, time.monotonic() - self._since)
        enough = self.count >= wanted and (wanted == 1 or apart >= self._gap * 0.9)
        self.settled = read.time == NO_TIME or enough


def _message(answer: dict[str, object]) -> str:
    return str(answer.get("message") or answer.get("cause") or "the engine gave no stats")


class Probe:
    """Asks the engine once whether it answers one-shot requests at once.

    Two requests go out on one connection, because the first answer may come at once by chance.
    """

    def __init__(self, hub: Hub, id_: str) -> None:
        self.at_once: bool | None = None
        self._taken = Taken(0.0)
        self._hub = hub
        (self.channel,) = hub.open([id_])
        hub.ask(self.channel, f"/containers/{id_}/stats", times=2, **ONE_SHOT)

    def takes(self, heard: Heard) -> bool:
        """Whether it was the probe's own; `at_once` is set when both answers are there."""
        if heard.channel is not self.channel:
            return False
        self._taken.add(heard)
        if self._taken.settled or heard.lost:
            self._hub.drop(self.channel)
            first, second = self._taken.before.time, self._taken.now.time
            if NO_TIME not in (first, second):
                self.at_once = second - first < _HALF_A_CYCLE
        return True


def snapshot(
    engine: RawEngine,
    ids: Sequence[str],
    *,
    at_once: bool | None,
    gap: float,
    timeout: float,
    patient: bool = True,
    meanwhile: Callable[[dict[str, Taken]], None] = lambda taken: None,
) -> tuple[dict[str, Taken], bool | None]:
    """Read each container twice, at least `gap` seconds apart.

    Parameters
    ----------
    engine : RawEngine
        The engine.
    ids : sequence of str
        Containers.
    at_once : bool, optional
        Whether the engine answers one-shot requests at once; None asks it.
    gap, timeout : float
        Seconds.
    patient : bool
        Wait for the second reading also where the engine takes a second more for it.
    meanwhile : callable
        Is called once, when the first readings are there; the second ones are mostly not yet.

    Returns
    -------
    dict of str to Taken, and bool or None
        What was learnt, by id; and whether the engine answers at once, where that is known now.

    Raises
    ------
    EngineLost, EngineUnresponsive
        The engine ended a connection, or left containers without an answer for `timeout` seconds.
    """
    taken = {id_: Taken(gap) for id_ in ids}
    if not taken:
        return taken, at_once
    deadline = time.monotonic() + timeout
    with Hub(engine) as hub:
        sweep = _Sweep(hub, taken, deadline, meanwhile)
        if at_once is None:
            sweep.probe = Probe(hub, ids[0])
            for heard in hub.until(min(deadline, time.monotonic() + _PATIENCE)):
                if sweep.probe.takes(heard) and sweep.probe.channel.closed:
                    break
            at_once = sweep.probe.at_once
        if not at_once:
            at_once = sweep.by_streams(patient)
        if at_once:
            sweep.by_one_shots(gap)
        if pending := sweep.pending():
            raise EngineUnresponsive(
                f"the engine at {engine.address} gave no stats of {len(pending)} of {len(ids)} "
                f"containers within {timeout:g} s: {', '.join(id_[:12] for id_ in pending[:3])}…",
                "is it hung or overloaded? timeout=… waits longer, containers=[…] asks for fewer",
            )
    return taken, at_once


class _Sweep:
    """The containers that are being read, in one of the two ways."""

    def __init__(
        self,
        hub: Hub,
        taken: dict[str, Taken],
        deadline: float,
        meanwhile: Callable[[dict[str, Taken]], None],
    ) -> None:
        self.probe: Probe | None = None
        self._hub, self._taken, self._deadline = hub, taken, deadline
        self._meanwhile = meanwhile
        self._unread, self._unsettled = len(taken), len(taken)

    def pending(self) -> list[str]:
        return [id_ for id_, each in self._taken.items() if not each.settled]

    def by_streams(self, patient: bool) -> bool | None:
        """Read streams to the end, or until the probe finds that there is a quicker way."""
        wanted = 2 if patient else 1
        channels = self._hub.open(self._taken)
        for channel in channels:
            self._hub.ask(channel, f"/containers/{channel.key}/stats", stream=True)
        for heard in self._hub.until(self._deadline):
            if self.probe and self.probe.takes(heard):
                if self.probe.at_once:
                    for channel in channels:
                        self._hub.drop(channel)
                    return True
            elif self._take(heard, wanted, stream=True):
                self._hub.drop(heard.channel)
            if not self._unsettled:
                break
        return self.probe.at_once if self.probe else False

    def by_one_shots(self, gap: float) -> None:
        """Ask each container until it is settled, again when its last answer is `gap` old."""
        due: deque[tuple[float, Channel]] = deque()
        for channel in self._hub.open(self.pending()):
            due.append((0.0, channel))
        while self._unsettled:
            while due and due[0][0] <= time.monotonic():
                channel = due.popleft()[1]
                self._hub.ask(channel, f"/containers/{channel.key}/stats", **ONE_SHOT)
            wait = min(self._deadline, due[0][0] if due else self._deadline) - time.monotonic()
            for heard in self._hub.hear(wait):
                if not self._take(heard) and heard.answered:
                    due.append((time.monotonic() + gap, heard.channel))
            if time.monotonic() >= self._deadline:
                break

    def _take(self, heard: Heard, wanted: int = 2, *, stream: bool = False) -> bool:
        if heard.lost:
            raise heard.lost
        each = self._taken[heard.channel.key]
        if each.settled:
            return True
        unread = not each.count
        each.add(heard, wanted, stream=stream)
        self._unsettled -= each.settled
        if unread and (each.count or each.settled):
            self._unread -= 1
            if not self._unread:
                self._meanwhile(self._taken)
        return each.settled
