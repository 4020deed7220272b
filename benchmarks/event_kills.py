"""Killing while events are watched and collected: what is lost, what is doubled, what is said.

``kill -9`` of dockerd 20 times while it is watched, of a collector 100 times while it collects.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import opskit
from benchmarks.harness import Bench
from tests.engines import PrivateEngine

__all__ = ["run"]

DOCKERD, COLLECTOR = 20, 100


def run(bench: Bench) -> None:
    """Print the tables."""
    scale = float(os.environ.get("OPSKIT_KILLS", "1"))
    with PrivateEngine("kills") as private:
        kill_engine(bench, private, max(1, int(DOCKERD * scale)))
        kill_collector(bench, private, max(1, int(COLLECTOR * scale)))


def kill_engine(bench: Bench, private: PrivateEngine, times: int) -> None:
    """Events before and after each kill; every one that the engine still had is there once."""
    got: list[dict[str, Any]] = []
    made: list[str] = []
    chance = random.Random(5)
    with opskit.connect(private.url) as engine, engine.watch(timeout=900) as watch:
        reader = threading.Thread(target=lambda: got.extend(watch))
        reader.start()
        for turn in range(times):
            for place in ("before", "after"):
                for number in range(chance.randrange(3, 30)):
                    name = f"{place}-{turn}-{number}"
                    private.api("POST", "/volumes/create", {"Name": name})
                    made.append(name)
                if place == "before":
                    # what it has sent is in the socket's buffer even when it dies now
                    time.sleep(0.05)
                    private.kill()
                    private.start()
            _until(lambda: watch.connected)
        time.sleep(1)
        still = engine.events(type="volume", event="create")["name"].tolist()
        watch.close()
        reader.join()
    seen: Counter[str] = Counter(row["name"] for row in got if row["type"] == "volume")
    gaps = [row for row in got if row["type"] == "gap"]
    lost = sum(not seen[name] for name in made)
    forgotten = sum(not seen[name] for name in still)
    doubled = sum(count > 1 for count in seen.values())
    order = int(_order(got) != [name for name in made if seen[name]])
    wanted = bench.wanted
    bench.table(
        f"kill -9 of dockerd, {times} times, {len(made)} events made",
        ("", "value", "wanted"),
        [
            ("lost, of those the engine still had", forgotten, wanted(0, forgotten)),
            ("lost, of all that were made", lost, ""),
            ("doubled", doubled, wanted(0, doubled)),
            ("out of order", order, wanted(0, order)),
            ("kills without a gap row", times - len(gaps), wanted(0, abs(times - len(gaps)))),
        ],
    )


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)


def _order(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows if row["type"] == "volume"]


def kill_collector(bench: Bench, private: PrivateEngine, times: int) -> None:
    """A collector that is killed and started again, while events are made all the time."""
    made: list[tuple[str, float]] = []
    over = threading.Event()
    chance = random.Random(6)

    def make() -> None:
        while not over.is_set():
            private.api("POST", "/volumes/create", {"Name": f"c{len(made)}"})
            made.append((f"c{len(made)}", time.monotonic()))
            time.sleep(chance.uniform(0.01, 0.1))

    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "kept"
        command = [sys.executable, "-m", "opskit", "collect", "events", "-o", str(kept)]
        command += ["--upstream", private.url, "--rotate", "3s"]
        maker = threading.Thread(target=make)
        lost_at_kill = 0
        for turn in range(times + 1):
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as collector:
                assert collector.stderr is not None
                collector.stderr.readline()
                if turn == 0:
                    maker.start()
                time.sleep(chance.uniform(0.1, 1.5))
                if turn < times:
                    collector.send_signal(signal.SIGKILL)
                    killed = time.monotonic()
                else:
                    over.set()
                    maker.join()
                    time.sleep(1)
                    collector.send_signal(signal.SIGTERM)
                collector.communicate(timeout=60)
            if turn < times:  # before the next one fetches what the engine remembers
                old = {name for name, when in made if when < killed - 1}
                lost_at_kill += len(old - set(_created(kept)))
        names = _created(kept)
        frame = opskit.read_collected(kept, "events")
    gaps = int(frame["type"].eq("gap").sum())
    lost, doubled = len({n for n, _ in made} - set(names)), len(names) - len(set(names))
    wanted = bench.wanted
    bench.table(
        f"kill -9 of the collector, {times} times, {len(made)} events made",
        ("", "value", "wanted"),
        [
            ("older than 1 s and not in the files, summed over the kills", lost_at_kill,
             wanted(0, lost_at_kill)),
            ("lost at the end", lost, wanted(0, lost)),
            ("doubled", doubled, wanted(0, doubled)),
            ("gap rows; none is due", gaps, wanted(0, gaps)),
        ],
    )  # fmt: skip


def _created(kept: Path) -> list[str]:
    frame = opskit.read_collected(kept, "events", columns=["type", "action", "name"])
    created = frame["type"].eq("volume") & frame["action"].eq("create")
    return frame.loc[created & frame["name"].str.startswith("c"), "name"].tolist()
