"""Measuring several ways to do one thing side by side, in one run, and telling it as a table."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.engines import PrivateEngine

__all__ = ["Bench", "Want"]


@dataclass(frozen=True)
class Want:
    """What a case must reach: against another case of its table, or in seconds.

    Parameters
    ----------
    case : str
        The case's name.
    than : str
        The case it is compared with.
    at_most : float
        Times the other's median; ``1 / 15`` wants it fifteen times as fast.
    seconds : float
        Or, instead: the most that its own median may be.
    """

    case: str
    than: str = ""
    at_most: float = 0.0
    seconds: float = 0.0

    def judge(self, medians: Mapping[str, float]) -> str:
        own = medians[self.case]
        if self.seconds:
            return f"at most {_time(self.seconds)}: {_verdict(own <= self.seconds)}"
        ratio = own / medians[self.than]
        verdict = _verdict(ratio <= self.at_most)
        if self.at_most < 1:
            return f"{1 / self.at_most:g} x as fast as {self.than}: {1 / ratio:.1f} x, {verdict}"
        return f"at most {self.at_most:g} x {self.than}: {ratio:.2f} x, {verdict}"


class Bench:
    """What a benchmark module's ``run(bench)`` gets: engines, and tables to fill.

    Parameters
    ----------
    rounds : int
        How often each case runs in a table that does not say so itself.
    containers : int
        Running containers on the busy engine.
    long : bool
        Whether to measure also what takes the peer many minutes.
    """

    def __init__(self, rounds: int = 40, containers: int = 100, *, long: bool = False) -> None:
        self.rounds = rounds
        self.long = long
        self.containers = containers
        self._busy: PrivateEngine | None = None

    def busy_engine(self) -> PrivateEngine:
        """A private engine with ``containers`` running containers, shared by all modules."""
        if self._busy is None:
            began = time.perf_counter()
            self._busy = PrivateEngine("bench").start()
            self._busy.fill(self.containers)
            took = time.perf_counter() - began
            print(f"private engine: {self.containers} containers started in {took:.0f} s\n")
        return self._busy

    def compare(
        self,
        title: str,
        cases: Mapping[str, Callable[[], object]],
        *,
        wants: Sequence[Want] = (),
        rounds: int | None = None,
        warm_up: int = 2,
    ) -> dict[str, float]:
        """Time the cases in turns and print medians, spread and ratios to the first one.

        In turns, so that what slows the machine for a moment slows them all.

        Returns
        -------
        dict
            Median seconds of each case.
        """
        count = rounds or self.rounds
        for _ in range(warm_up):
            for call in cases.values():
                call()
        samples: dict[str, list[float]] = {name: [] for name in cases}
        order = list(cases)
        gc.collect()
        for turn in range(count):
            for name in order[turn % len(order) :] + order[: turn % len(order)]:
                call = cases[name]
                began = time.perf_counter()
                call()
                samples[name].append(time.perf_counter() - began)
        medians = {name: statistics.median(times) for name, times in samples.items()}
        floor = medians[order[0]]
        rows = [
            (
                name,
                _time(medians[name]),
                f"{_time(min(times))} to {_time(_high(times))}",
                f"{medians[name] / floor:.2f}",
            )
            for name, times in samples.items()
        ]
        head = ("", "median", "best to p90", "ratio")
        self.table(f"{title} ({count} rounds)", head, rows)
        if wants:
            print("".join(f"- {want.case}: {want.judge(medians)}\n" for want in wants), flush=True)
        return medians

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a Markdown table."""
        cells = [[str(cell) for cell in row] for row in (head, *rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
        lines = [
            "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
            for row in cells
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        print(f"### {title}\n\n" + "\n".join(lines) + "\n", flush=True)

    def wanted(self, limit: float, value: float) -> str:
        """A cell that says whether ``value`` is at most ``limit``."""
        return f"at most {limit:g}: {_verdict(value <= limit)}"

    def close(self) -> None:
        """Remove the engine."""
        if self._busy:
            self._busy.close()


def _verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


def _high(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.9)]


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
