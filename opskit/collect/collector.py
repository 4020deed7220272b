"""Watching and sampling an engine for days, into files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from opskit.closing import Closing
from opskit.collect.layout import KINDS, open_folder, segments
from opskit.collect.parquet import read
from opskit.collect.writer import Writer, journal_rows
from opskit.events.arrow import need_pyarrow
from opskit.events.drain import RECENT, Drain, Resume, key_of
from opskit.events.watch import NOT_EVENTS, Watch
from opskit.stats.durations import seconds

if TYPE_CHECKING:
    from opskit.engine import Engine
    from opskit.stats.sampler import Sampler

__all__ = ["Collector"]

EVERY = 0.5  # seconds between looks at the sampler and at the clock
_KEY = ("time", "type", "action", "detail", "id", "attributes")


class Collector(Closing):
    """Collects from one engine into a folder, until it is told to stop.

    Parameters
    ----------
    engine : Engine
        Where from.
    path : path
        The folder; made if need be. What an earlier collector left is continued.
    what : str or iterable of str
        ``"events"``, ``"stats"`` or both, separated by commas.
    interval : str or float
        Time between the samples of a container.
    rotate : str or float
        Time after which a journal becomes Parquet.

    Raises
    ------
    OpskitError
        The folder is something else's, or another collector is at work in it.
    """

    def __init__(
        self,
        engine: Engine,
        path: str | os.PathLike[str],
        what: str | Iterable[str] = "events,stats",
        *,
        interval: str | float = "10s",
        rotate: str | float = "1h",
    ) -> None:
        need_pyarrow("collecting")
        kinds = what.split(",") if isinstance(what, str) else list(what)
        if unknown := [kind for kind in kinds if kind not in KINDS]:
            raise ValueError(f"cannot collect {', '.join(unknown)}; only {' and '.join(KINDS)}")
        self.engine = engine
        self.home = open_folder(path, create=True) / f"engine={name_of(engine)}"
        self.counts = dict.fromkeys(kinds, 0)
        self._interval = seconds(interval)
        self._writers: dict[str, Writer] = {}
        with contextlib.ExitStack() as undo:
            for kind in kinds:
                self._writers[kind] = Writer(self.home, kind, rotate=seconds(rotate))
                undo.callback(self._writers[kind].close)
            self._watch = self._sampler = None
            if "events" in kinds:
                self._watch = Watch(Drain(engine, {}, resume=_resume(self.home)))
                undo.callback(self._watch.close)
            if "stats" in kinds:
                self._sampler = _sampler(engine, self._interval)
                undo.callback(self._sampler.close)
            self._undo = undo.pop_all()
        self._sampled: dict[str, int] = {}
        self._stopped = False

    def run(self, timeout: float | None = None) -> dict[str, int]:
        """Collect for so many seconds, until `stop` or an interrupt; how many rows there were."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with _interrupted(self.stop), tqdm(unit=" rows", disable=None, leave=False) as bar:
            while not self._stopped and (deadline is None or time.monotonic() < deadline):
                self.step()
                bar.update(sum(self.counts.values()) - bar.n)
        return self.counts

    def stop(self) -> None:
        """Have `run` return within half a second, from any thread or signal handler."""
        self._stopped = True

    def step(self) -> None:
        """Collect what there is, waiting for half a second at most."""
        until = time.monotonic() + EVERY
        while self._watch and (left := until - time.monotonic()) > 0:
            row = self._watch.poll(left)
            if row is not None:
                self._append("events", _plain(row))
        if self._sampler:
            time.sleep(max(until - time.monotonic(), 0.0))
            for sample in self._samples(self._sampler):
                self._append("stats", sample)
        for writer in self._writers.values():
            writer.tick()

    def _append(self, kind: str, row: dict[str, Any]) -> None:
        self._writers[kind].append(row)
        self.counts[kind] += 1

    def _samples(self, sampler: Sampler) -> Iterator[dict[str, Any]]:
        frame = sampler.frame(last=max(2 * self._interval, 2.0) + EVERY)
        times = frame["time"].astype("int64").to_numpy()
        seen = np.array([self._sampled.get(ident, 0) for ident in frame["id"]], dtype=np.int64)
        new = frame[times > seen]
        rows = new.astype(object).where(new.notna(), None).to_dict("records")
        for row, when in zip(rows, times[times > seen].tolist(), strict=True):
            self._sampled[str(row["id"])] = when
            yield {**{str(key): value for key, value in row.items()}, "time": when}

    def close(self) -> None:
        """End the watching and sampling, and turn the journals into Parquet."""
        self._undo.close()


@contextlib.contextmanager
def _interrupted(stop: Callable[[], None]) -> Iterator[None]:
    """Have an interrupt stop the loop between two rows, not in the middle of one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def name_of(engine: Engine) -> str:
    """A name for the engine's folder that stays when its address changes."""
    info = engine.get("/info")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", info.get("Name") or "engine")
    ident = hashlib.sha256(str(info.get("ID") or name).encode()).hexdigest()
    return f"{name}-{ident[:8]}"


def _sampler(engine: Engine, interval: float) -> Sampler:
    from opskit.stats.sampler import Sampler

    return Sampler(engine, window=max(10 * interval, 60.0), interval=interval)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a watch as the journal has it; a gap's bounds are in its attributes as well."""
    when = row["time"]
    kept = {key: value for key, value in row.items() if key not in ("begin", "end")}
    return {**kept, "time": None if when is None else when.value}


def _resume(home: Path) -> Resume | None:
    """Where the events that are there end."""
    rows: list[dict[str, Any]] = []
    for segment in reversed(segments(home, "events")):
        rows = [*_last(segment.journal, segment.parquet), *rows]
        if len(rows) >= RECENT:
            break
    events = [row for row in rows if row["type"] not in NOT_EVENTS and (row["time"] or 0) > 0]
    if not events:
        return None
    keys = frozenset(key_of(row) for row in events[-RECENT:])
    return Resume(int(events[-1]["time"]), keys)


def _last(journal: Path | None, parquet: list[Path]) -> list[dict[str, Any]]:
    if journal:
        return journal_rows(journal)
    wanted = [column for column in KINDS["events"].columns if column.name in _KEY]
    frame = read(parquet, "events", columns=wanted)
    frame["time"] = frame["time"].astype("int64")
    rows: Any = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return list(rows)
