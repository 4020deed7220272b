"""Events: a million lines to a frame and a timeline; how fast one that happens is handed over."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import opskit
from benchmarks.events_data import write_events
from benchmarks.events_file import WAYS
from benchmarks.harness import Bench
from tests.engines import PrivateEngine, UnixConnection

__all__ = ["run"]

LINES, CONTAINERS, MADE = 1_000_000, 5_000, 2_000
BARE, OURS, PANDAS = WAYS


def run(bench: Bench) -> None:
    """Print the tables."""
    path = write_events(
        Path(tempfile.gettempdir()) / "opskit-bench-events.ndjson", LINES, CONTAINERS
    )
    files(bench, path)
    with PrivateEngine("events") as private:
        live(bench, private)


def files(bench: Bench, path: Path) -> None:
    """A million lines, each way in processes of its own, in turns."""
    rounds = min(bench.rounds, 5)
    told: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for turn in range(rounds):
        for way in (BARE, OURS) if turn else WAYS:
            told[way].append(_measured(way, path))
    seconds = {way: statistics.median(t["seconds"] for t in told[way]) for way in WAYS}
    peak = {way: max(t["peak_mb"] for t in told[way]) for way in WAYS}
    ratio = {way: seconds[way] / seconds[BARE] for way in WAYS}
    bench.table(
        f"{LINES:,} lines ({path.stat().st_size / 1e6:.0f} MB) to a frame",
        ("", "median", "peak", "ratio"),
        [(w, f"{seconds[w]:.2f} s", f"{peak[w]:.0f} MB", f"{ratio[w]:.2f}") for w in WAYS],
    )
    names = ("timeline", "figure", "labels")
    stories = {name: statistics.median(t[name] for t in told[OURS]) for name in names}
    wanted = {
        "times bare pyarrow.json": (ratio[OURS], 1.3),
        "of the time of pandas.read_json": (seconds[OURS] / seconds[PANDAS], 1 / 12),
        "peak memory, MB": (peak[OURS], 700),
        f"timeline of {CONTAINERS:,} containers, seconds": (stories["timeline"], 5),
        "its figure of 200 lanes, seconds": (stories["figure"], 2),
    }
    rows = [
        (name, f"{value:.3g}", bench.wanted(most, value)) for name, (value, most) in wanted.items()
    ]
    rows.append(
        ("labels of 1,000 events all over the file, seconds", f"{stories['labels']:.2f}", "")
    )
    bench.table("What it has to reach", ("", "value", "wanted"), rows)


def _measured(way: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.events_file", way, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


class _Bare(threading.Thread):
    """A reader of the bare stream, on a socket of its own: when each line was there."""

    def __init__(self, socket: str) -> None:
        super().__init__(daemon=True)
        self.connection = UnixConnection(socket, timeout=60)
        self.connection.request("GET", "/events?filters=%7B%22type%22%3A%5B%22volume%22%5D%7D")
        self.answer = self.connection.getresponse()
        self.seen: list[tuple[str, int]] = []

    def run(self) -> None:
        while len(self.seen) < MADE:
            line = self.answer.readline()
            now = time.perf_counter_ns()
            event = json.loads(line)
            self.seen.append((event["Action"] + event["Actor"]["ID"], now))
        self.connection.close()


def live(bench: Bench, private: PrivateEngine) -> None:
    """Events as fast as the engine makes them, read bare and watched at the same time."""
    bare = _Bare(private.socket)
    made: list[str] = []
    got: list[tuple[str, int]] = []
    with opskit.connect(private.url) as engine:
        engine.events()  # what loads at the first use is loaded
        watch = engine.watch(type="volume", limit=MADE, timeout=120)
        bare.start()

        def make() -> None:
            for number in range(MADE // 2):
                private.api("POST", "/volumes/create", {"Name": f"v{number}"})
                made.append(f"createv{number}")
                private.api("DELETE", f"/volumes/v{number}")
                made.append(f"destroyv{number}")

        maker = threading.Thread(target=make)
        began = time.perf_counter()
        maker.start()
        got.extend((row["action"] + row["name"], time.perf_counter_ns()) for row in watch)
        maker.join()
        took = time.perf_counter() - began
    bare.join(10)
    first = dict(bare.seen)
    late = sorted((when - first[key]) / 1e6 for key, when in got if key in first)
    keys = [key for key, _ in got]
    middle = statistics.median(late)
    lost, doubled = len(set(made) - set(keys)), len(keys) - len(set(keys))
    rows = [
        ("handed over after a bare reader, median ms", f"{middle:.2f}", bench.wanted(2, middle)),
        ("… 99th percentile, ms", f"{late[int(len(late) * 0.99)]:.2f}", ""),
        ("lost", lost, bench.wanted(0, lost)),
        ("doubled", doubled, bench.wanted(0, doubled)),
        ("out of order", int(keys != made), bench.wanted(0, int(keys != made))),
    ]
    title = f"{MADE:,} events as fast as the engine makes them ({MADE / took:.0f}/s)"
    bench.table(title, ("", "value", "wanted"), rows)
