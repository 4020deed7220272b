"""A sampler in the background: the stats of all containers, at hand without asking."""

from __future__ import annotations

import threading
import time
import warnings
import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from opskit.closing import Closing
from opskit.frames.columns import Column, build
from opskit.stats.durations import seconds
from opskit.stats.feed import Feed
from opskit.stats.hub import Hub
from opskit.stats.inspected import Inspected
from opskit.stats.selection import RUNS, listed, named
from opskit.stats.snapshot import Probe
from opskit.stats.window import Window

if TYPE_CHECKING:
    from opskit.engine.stats import StatsCalls

__all__ = ["GAP_COLUMNS", "Sampler"]

GAP_COLUMNS = (
    Column("start", "datetime64[ns, UTC]", "", "when the engine was last heard of"),
    Column("end", "datetime64[ns, UTC]", "", "when it was heard of again; missing until then"),
    Column("reason", "str", "", "what happened"),
)
"""Columns of a sampler's ``gaps``."""

_GRACE = 2.0  # seconds that the last answers of a series have
_OWN_CYCLE, _PODMANS_CYCLE = 1.0, 5.0  # seconds between the objects of a stream


class Sampler(Closing):
    """Samples all containers in the background. Made by ``engine.sampler()``.

    Also a context manager: leaving it, or `close`, ends the sampling.

    Parameters
    ----------
    engine : Engine
        The engine.
    window : str or float
        How long samples are kept.
    interval : str or float
        Time between the samples of a container.
    containers, filters
        Which containers; those that start later too.

    Raises
    ------
    EngineError
        The engine cannot be reached now. Later it is waited for, and `gaps` tells when.
    """

    def __init__(
        self,
        engine: StatsCalls,
        *,
        window: str | float = "15m",
        interval: str | float = 1.0,
        containers: str | Iterable[str] | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> None:
        self.engine = engine
        self.containers, self.filters = named(containers), dict(filters or {})
        if self.containers is not None:
            listed(engine, self.containers, self.filters)  # a name that nobody has is an error now
        self.interval, polls = _pace(engine, seconds(interval))
        self._window = Window(seconds(window))
        self._feed = Feed(
            engine,
            self._window,
            names=self.containers,
            filters=self.filters,
            interval=self.interval,
            polls=polls,
        )
        self._feed.start()
        self._thread = threading.Thread(target=self._feed.read, name="opskit-sampler", daemon=True)
        self._finalizer = weakref.finalize(self, self._feed.close)
        self._thread.start()

    def latest(self) -> pd.DataFrame:
        """The newest figures of each running container: `opskit.frames.stats.COLUMNS`.

        Asks nobody. A figure whose sample is old says so in ``note``.
        """
        return self._stamp(self._window.latest(max(3 * self.interval, 3.0)))

    def frame(self, last: str | float | None = None) -> pd.DataFrame:
        """All samples of the window, or of its `last` while: one row per container and sample."""
        return self._stamp(self._window.frame(None if last is None else seconds(last)))

    @property
    def gaps(self) -> pd.DataFrame:
        """When the engine was not heard of: `GAP_COLUMNS`, one row per gap."""
        gaps = list(self._feed.gaps)
        return build(
            GAP_COLUMNS,
            {
                "start": [gap.start for gap in gaps],
                "end": [gap.end for gap in gaps],
                "reason": [gap.reason for gap in gaps],
            },
        )

    @property
    def running(self) -> bool:
        """The sampling has not ended."""
        return self._thread.is_alive() and self._finalizer.alive

    @property
    def warm(self) -> bool:
        """There is something to compare with for every running container, and no gap now."""
        live = [track for track in self._window.tracks if track.live]
        gap = bool(self._feed.gaps) and self._feed.gaps[-1].end is None
        return self.running and not gap and all(track.comparable > 1 for track in live)

    def complete(self, length: float, spent: float) -> bool:
        """Whether the series of `length` seconds is whole, `spent` seconds after it began.

        One-shot answers that were asked for are waited for; a cassette sends all it has at once.
        """
        feed = self._feed
        if feed.polls:
            asked = feed.ticks > length / self.interval and not feed.outstanding
            return spent >= length + _GRACE or (spent >= length and asked)
        return spent >= length or (self.engine.cassette is not None and feed.silence > _GRACE / 2)

    @property
    def inspected(self) -> Inspected | None:
        """What inspecting told of containers and still holds; None where no events tell."""
        return self._feed.inspected if self._feed.follows_events else None

    @property
    def nbytes(self) -> int:
        """Bytes that the kept samples take."""
        return self._window.nbytes

    def wait(self, timeout: float = 10.0) -> bool:
        """Wait until the sampler is `warm`; False when it is not within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.warm and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.warm

    def close(self) -> None:
        """End the sampling. What was sampled stays readable."""
        self._finalizer()
        self._thread.join(timeout=6)

    def _stamp(self, frame: pd.DataFrame) -> pd.DataFrame:
        self.engine.stamp(frame, "GET /containers/{id}/stats")
        frame.attrs["interval_seconds"] = self.interval
        frame.attrs["gaps"] = [(gap.start, gap.end, gap.reason) for gap in self._feed.gaps]
        return frame

    def __repr__(self) -> str:
        live = sum(track.live for track in self._window.tracks)
        state = f"{live} containers" if self.running else "closed"
        return f"<Sampler of {self.engine.address} every {self.interval:g} s, {state}>"


def _pace(engine: StatsCalls, wanted: float) -> tuple[float, bool]:
    """The interval that is possible, and whether it takes one-shot requests instead of streams."""
    podman = any(
        "Podman" in str(part.get("Name")) for part in engine._describe().get("Components") or ()
    )
    cycle = _PODMANS_CYCLE if podman else _OWN_CYCLE
    if 0.8 * cycle <= wanted < 1.6 * cycle:
        return wanted, False
    if wanted < cycle and answers_at_once(engine) is False:
        warnings.warn(
            f"the engine at {engine.address} samples once in {cycle:g} s and answers nobody in "
            f"between: an interval of {wanted:g} s is not possible, {cycle:g} s is taken",
            stacklevel=4,
        )
        return cycle, False
    return wanted, True


def answers_at_once(engine: StatsCalls) -> bool | None:
    """Whether one-shot requests are answered at once; None while no container runs to ask about."""
    if engine._stats_at_once is None:
        running = [each.id for each in listed(engine, None, None) if each.state in RUNS]
        if running:
            with Hub(engine) as hub:
                probe = Probe(hub, running[0])
                for heard in hub.until(time.monotonic() + 5.0):
                    if probe.takes(heard) and probe.channel.closed:
                        break
                engine._stats_at_once = probe.at_once
    return engine._stats_at_once
