"""Changing an engine: opskit beside the docker CLI, bare calls, and one after the other."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import opskit
from benchmarks.harness import Bench
from tests.engines import IMAGE, PrivateEngine
from tests.registry import Registry

__all__ = ["run"]

MIB = 1 << 20
LIMIT_RATIO = 1.2


def run(bench: Bench) -> None:
    """Print the tables."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PrivateEngine("actions") as private,
        opskit.connect(private.url) as engine,
    ):
        transfers(bench, private, engine, Path(folder))
        stopping(bench, private, engine)
        running(bench, private, engine)
        memory(bench, private, engine, Path(folder))


def alternately(
    cases: Mapping[str, Callable[[], object]], prepare: Callable[[], object], rounds: int
) -> dict[str, float]:
    """Median seconds of each case; what ``prepare`` does before each is not counted."""
    samples: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(rounds):
        for name in list(cases)[:: 1 if turn % 2 else -1]:
            prepare()
            began = time.perf_counter()
            cases[name]()
            samples[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in samples.items()}


def transfers(
    bench: Bench, private: PrivateEngine, engine: opskit.Engine, folder: Path, rounds: int = 3
) -> None:
    """Build, push, pull and save an image of 200 MiB that no compression makes smaller."""
    context = folder / "context"
    context.mkdir()
    (context / "noise").write_bytes(os.urandom(200 * MIB))
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY noise /\n")
    registry = Registry(private, folder / "registry", 5000)
    name = f"{registry.address}/large:1"
    env = {**private.env, "DOCKER_BUILDKIT": "0"}

    def docker(*words: str) -> Callable[[], object]:
        command = ["docker", *words]
        return lambda: subprocess.run(command, env=env, check=True, capture_output=True)

    def without_image() -> None:
        engine.remove_image([name], force=True)

    def empty_registry() -> None:
        nonlocal registry
        registry.close()
        shutil.rmtree(folder / "registry")
        registry = Registry(private, folder / "registry", 5000)

    def no_file() -> None:
        (folder / "saved").unlink(missing_ok=True)

    saved = str(folder / "saved")
    jobs: dict[str, tuple[Callable[[], object], Callable[[], object], Callable[[], object]]] = {
        "build": (
            without_image,
            lambda: engine.build(context, tag=name, nocache=True),
            docker("build", "--no-cache", "-t", name, str(context)),
        ),
        "push": (empty_registry, lambda: engine.push(name), docker("push", name)),
        "pull": (without_image, lambda: engine.pull(name), docker("pull", name)),
        "save": (no_file, lambda: engine.save(name, saved), docker("save", "-o", saved, name)),
    }
    rows = []
    for job, (prepare, ours, theirs) in jobs.items():
        medians = alternately({"opskit": ours, "docker": theirs}, prepare, rounds)
        ratio = medians["opskit"] / medians["docker"]
        wanted = bench.wanted(LIMIT_RATIO, ratio)
        cells = [f"{medians[who]:.2f} s" for who in ("opskit", "docker")]
        rows.append([job, *cells, f"{ratio:.2f}", wanted])
    registry.close()
    without_image()
    head = ("image of 200 MiB", "opskit", "docker CLI", "ratio", "wanted")
    bench.table(f"Images on their way ({rounds} rounds, median)", head, rows)


def stopping(bench: Bench, private: PrivateEngine, engine: opskit.Engine, count: int = 50) -> None:
    """Stop many containers at once, and one after the other."""
    rows = []
    for title, signal, grace, wanted in (
        (
            "ignore SIGTERM, 1 s of grace",
            "SIGTERM",
            1,
            lambda x: f"at least 10 x: {'reached' if x >= 10 else 'MISSED'}",
        ),
        # here the engine's own work is what takes time, and its cores the limit
        ("end at once", "SIGKILL", 10, lambda x: ""),
    ):
        names = [f"stop-{n}" for n in range(count)]
        for name in names:
            engine.create(IMAGE, "sleep 100000", name=name, stop_signal=signal)
        engine.start(names)
        began = time.perf_counter()
        assert engine.stop(engine.containers(), timeout=grace)["done"].all()
        at_once = time.perf_counter() - began
        engine.start(names)
        began = time.perf_counter()
        for name in names:
            engine.stop(name, timeout=grace)
        in_turn = time.perf_counter() - began
        engine.start(names)
        began = time.perf_counter()
        words = ["docker", "stop", "-t", str(grace), *names]
        subprocess.run(words, env=private.env, check=True, capture_output=True)
        cli = time.perf_counter() - began
        engine.remove(names, force=True)
        times = [f"{seconds:.2f} s" for seconds in (at_once, in_turn, cli)]
        rows.append([title, *times, f"{in_turn / at_once:.1f} x", wanted(in_turn / at_once)])
    head = ("50 containers that", "engine.stop(frame)", "one after the other", "docker stop",
            "faster", "wanted")  # fmt: skip
    bench.table("Stopping many", head, rows)


def running(bench: Bench, private: PrivateEngine, engine: opskit.Engine, rounds: int = 20) -> None:
    """``engine.run`` beside the two calls that it stands for."""
    body = {"Image": IMAGE, "Cmd": ["sleep", "100000"], "StopSignal": "SIGKILL"}

    def bare() -> None:
        made = private.api("POST", "/containers/create", body)
        private.api("POST", f"/containers/{made['Id']}/start")

    def ours() -> None:
        engine.run(IMAGE, ["sleep", "100000"], detach=True, stop_signal="SIGKILL")

    cases = {"bare calls": bare, "engine.run": ours}
    medians = alternately(cases, private.remove_all, rounds)
    private.remove_all()
    more = medians["engine.run"] - medians["bare calls"]
    row = [
        f"{medians['bare calls'] * 1e3:.0f} ms",
        f"{medians['engine.run'] * 1e3:.0f} ms",
        f"{more * 1e3:.1f} ms",
        bench.wanted(50, more * 1e3),
    ]
    head = ("POST create, POST start", "engine.run(detach=True)", "more", "wanted")
    bench.table(f"Running a container ({rounds} rounds, median)", head, [row])


MEASURE = """
import io, sys, opskit, psutil
from opskit.frames import containers, images
engine = opskit.connect(sys.argv[1])
engine.put_files("holder", {{"warm": "up"}}, "/tmp", progress=False)
engine.get_files("holder", "/tmp/warm", io.BytesIO(), progress=False)
engine.images()
open("/proc/self/clear_refs", "w").write("5")  # the peak so far is forgotten
before = psutil.Process().memory_info().rss
{call}
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024 - before)
"""


def memory(bench: Bench, private: PrivateEngine, engine: opskit.Engine, folder: Path) -> None:
    """How much a process grows while 1 GiB goes through it."""
    big = folder / "big"
    with big.open("wb") as file:
        file.truncate(1024 * MIB)
    engine.run(IMAGE, "sleep 100000", name="holder", detach=True, stop_signal="SIGKILL")
    saved, out = folder / "big.tar", folder / "out"
    calls = {
        "put_files": f"engine.put_files('holder', {str(big)!r}, '/tmp')",
        "get_files": f"engine.get_files('holder', '/tmp/big', {str(out)!r})",
        "save": f"engine.save('big:1', {str(saved)!r})",
        "load": f"engine.load({str(saved)!r})",
    }
    rows = []
    for name, call in calls.items():
        if name == "save":
            engine.commit("holder", "big:1")
        began = time.perf_counter()
        words = [sys.executable, "-c", MEASURE.format(call=call), private.url]
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        grown = int(said)
        took = f"{time.perf_counter() - began:.1f} s"
        rows.append([name, f"{grown / MIB:.1f} MiB", took, bench.wanted(64, grown / MIB)])
    engine.remove("holder", force=True)
    engine.remove_image("big:1", force=True)
    bench.table("1 GiB on its way: the process grows by", ("", "grows by", "took", "wanted"), rows)
