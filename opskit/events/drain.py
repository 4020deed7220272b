"""The thread that reads an engine's events without pause, over lost connections and restarts.

A subscriber that stops reading stalls the whole engine, so nothing here waits for the reader.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from opskit.errors import APIError, EngineError, NoRecordedMatch
from opskit.events.clock import clock_of
from opskit.events.gaps import Containers, gap, keeps_journal, memory
from opskit.events.mailbox import Mailbox
from opskit.events.query import instant
from opskit.events.read import MEMORY
from opskit.frames.event_evidence import ENDINGS
from opskit.frames.events import event_row
from opskit.times import ns_to_wire

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine
    from opskit.stream import Stream

__all__ = ["Drain", "Resume", "key_of"]

SECOND = 1_000_000_000
RECENT = 8_192  # events compared with after a reconnect; Docker sends at most 256 again
FIRST_WAIT = 0.05
LONGEST_WAIT, LONGEST_WAIT_HERE = 3.0, 0.2  # asking a local socket costs next to nothing

Row = dict[str, Any]


class Resume(NamedTuple):
    """Where an earlier watch ended: the time of its last event, and the keys of its last ones."""

    last: int
    keys: frozenset[Hashable]


def key_of(row: Mapping[str, Any]) -> Hashable:
    """What makes an event the same event when the engine sends it again; ``time`` is an integer."""
    own = tuple(sorted((row["attributes"] or {}).items()))
    return row["time"], row["type"], row["action"], row["detail"], row["id"], own


class Drain:
    """Reads events into a mailbox until it is stopped.

    Parameters
    ----------
    engine : RawEngine
        Where from.
    filters : mapping
        The API's filters.
    since : int, optional
        Begin with what the engine remembers since then.
    resume : Resume, optional
        Go on after an earlier watch.
    reconcile : bool
        After a gap compare a list of the containers with what the events had told.
    buffer : int
        Rows kept for a reader that falls behind.
    """

    def __init__(
        self,
        engine: RawEngine,
        filters: Mapping[str, list[str]],
        *,
        since: int | None = None,
        resume: Resume | None = None,
        reconcile: bool = True,
        buffer: int = 100_000,
    ) -> None:
        self.engine = engine
        self.filters = dict(filters)
        self.mailbox = Mailbox(buffer, _fell_behind)
        self.stopped = threading.Event()
        self.connected = True
        self._containers = Containers(filters)
        self._reconcile = reconcile
        self._resume, self._since = resume, since
        self._recent: deque[Hashable] = deque(resume.keys if resume else (), maxlen=RECENT)
        self._known = set(self._recent)
        self._stream = self._open(resume.last - SECOND if resume else self._begin())

    def _begin(self) -> int | None:
        """The engine answers before it subscribes, so ask for the moment in between as well."""
        if self._since is None and self.engine.where.scheme == "unix":
            return time.time_ns()
        return self._since

    def start(self) -> None:
        """Begin to drain."""
        threading.Thread(target=self._run, name="opskit-events", daemon=True).start()

    def stop(self) -> None:
        """End it, from any thread. What was read before can still be taken."""
        self.stopped.set()
        self._stream.close()
        self.mailbox.end()

    def _open(self, since: int | None) -> Stream:
        asked = None if since is None else ns_to_wire(max(since, 0))
        stream = self.engine.open_stream("/events", since=asked, filters=self.filters or None)
        self._last = self._opened = clock_of(stream.headers)
        return stream

    def _run(self) -> None:
        try:
            if self._resume:
                self._bridge(self._resume.last, "nobody watched", compare=False)
            elif self._since is not None:
                self._bridge(self._since, "asked for the past", compare=False)
            if self._reconcile:
                self._containers.learn(self.engine)
            while not self.stopped.is_set():
                why = self._drain()
                self._reconnect(why)
        except BaseException as error:  # the reader's thread is the one that can do something
            self.mailbox.end(None if self.stopped.is_set() else error)
        finally:
            self._stream.close()
            self.mailbox.end()

    def _drain(self) -> str:
        """Read until the connection ends; why it did."""
        bad: bytes | None = None
        try:
            for line in self._stream.lines():
                if bad is not None:  # not the last line, so it was not cut off by the end
                    self._unreadable(bad)
                    bad = None
                event = _decoded(line)
                if event is None:
                    bad = line
                elif "message" in event and not {"Action", "status"} & event.keys():
                    return f"the engine said: {event['message']}"
                else:
                    self._take(event_row(event))
        except EngineError as error:
            return error.what
        return f"the engine at {self.engine.address} ended the stream"

    def _take(self, row: Row) -> None:
        key = key_of(row)
        if key in self._known:
            return
        if len(self._recent) == RECENT:
            self._known.discard(self._recent[0])
        self._recent.append(key)
        self._known.add(key)
        if row["time"] is not None:
            # not the latest time but that of the latest event: clocks are set back, too
            self._last = row["time"]
            row["time"] = instant(row["time"])
        self._containers.follow(row)
        if row["action"] in ENDINGS and row["exit_code_trusted"] is None:
            labels = self._containers.labels(row["container"])
            row["exit_code_trusted"] = labels is not None and "exitCode" not in labels
        self.mailbox.put(row)

    def _unreadable(self, line: bytes) -> None:
        text = line[:80].decode("utf-8", "replace")
        reason = f"the engine sent a line that is no event: {text}"
        self.mailbox.put(gap(self._last, self._last, "unreadable", reason))

    def _reconnect(self, why: str) -> None:
        self.connected = False
        lost, wait = self._last, FIRST_WAIT
        longest = LONGEST_WAIT_HERE if self.engine.where.scheme == "unix" else LONGEST_WAIT
        while not self.stopped.wait(wait):
            try:
                self._stream.close()
                self._stream = self._open(lost - SECOND)
                if self._opened < lost - SECOND:  # its clock was set back meanwhile
                    self._stream.close()
                    self._stream = self._open(0)
                self._bridge(lost, why, compare=self._reconcile)
                self.connected = True
                return
            except APIError as error:
                if error.status < 500 or isinstance(error, NoRecordedMatch):
                    raise
            except EngineError:
                pass  # still away: tried again until stopped
            wait = min(2 * wait, longest)

    def _bridge(self, lost: int, why: str, *, compare: bool) -> None:
        """Say that events may be missing since `lost`, unless the engine's memory shows not."""
        if keeps_journal(self.engine):
            return
        now = self._opened
        set_back = now < lost - SECOND
        rows = memory(self.engine, now if set_back else max(now, lost))
        times = [row["time"] for row in rows if row["time"] is not None]
        if any(key_of(row) in self._known for row in rows):
            return
        if not set_back and any(when <= lost for when in times):
            return
        if set_back:
            action, reason = "clock", "the engine's clock was set back meanwhile"
        elif len(rows) >= MEMORY:
            action, reason = "memory", f"the engine remembers its last {MEMORY} events only"
        else:
            action, reason = "restart", "the engine remembers nothing from before, as if restarted"
        end = min([when for when in times if when > lost] or [now])
        found = self._containers.changes(self.engine, lost, now) if compare else []
        self.mailbox.put(gap(lost, end, action, f"{why}; {reason}"))
        for row in found:
            self.mailbox.put(row)


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _fell_behind(first: Row, last: Row, count: int) -> Row:
    begin, end = (row["time"].value if row["time"] is not None else 0 for row in (first, last))
    return gap(begin, end, "reader", f"the reader fell behind: {count} events were not kept")
