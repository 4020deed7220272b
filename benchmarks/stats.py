"""Stats of many containers: opskit beside docker CLI and docker-py, and what sampling costs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import docker
import numpy as np
import pandas as pd

import opskit
from benchmarks.harness import Bench, Want
from opskit.frames.columns import build
from opskit.frames.stats import COLUMNS
from tests.engines import PrivateEngine

__all__ = ["an_hour_of", "run"]

COLD = "engine.stats()"
CLI = "docker stats --no-stream"
POOL = "docker-py stats(stream=False), a thread each"
MANY = (10, 50, 100, 200)
ROUNDS = 3


def run(bench: Bench) -> None:
    """Print the tables; OPSKIT_DOCKER_ROOT chooses the engine."""
    with PrivateEngine("stats") as private, opskit.connect(private.url) as engine:
        at_once = int(engine.engine_version.split(".")[0]) >= 23
        print(f"Docker {engine.engine_version}, API {engine.api_version}\n")
        running = 0
        for many in MANY:
            fill(private, running, many)
            running = many
            snapshots(bench, private, many, 0.4 if at_once else 0.85)
            if many == 50:
                health(bench, private, engine)
            if many == 100:
                sampling(bench, engine)
            if many == 200:
                latest(bench, engine)
    drawing(bench)


def fill(private: PrivateEngine, running: int, many: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        names = [f"busy-{i:04}" for i in range(running, many)]
        list(pool.map(lambda name: private.run("sleep 100000", name, NetworkMode="none"), names))
    time.sleep(2)


def snapshots(bench: Bench, private: PrivateEngine, many: int, at_most: float) -> None:
    def cold() -> None:
        with opskit.connect(private.url) as engine:  # nothing is known of the engine yet
            stats = engine.stats()
        assert stats["cpu_percent"].notna().sum() == many

    def cli() -> None:
        subprocess.run(
            ["docker", "stats", "--no-stream"], env=private.env, check=True, capture_output=True
        )

    cases: dict[str, Callable[[], object]] = {CLI: cli, COLD: cold}
    if many <= 100:
        sdk = docker.DockerClient(private.url, max_pool_size=many)
        ids = [container.id for container in sdk.containers.list(sparse=True)]

        def pool() -> None:
            with ThreadPoolExecutor(many) as threads:
                list(threads.map(lambda id_: sdk.api.stats(id_, stream=False), ids))

        cases[POOL] = pool
    wants = [Want(COLD, CLI, at_most)] if many == 100 else []
    title = f"Stats with CPU percent of {many} containers"
    bench.compare(title, cases, wants=wants, rounds=ROUNDS, warm_up=1)


def health(bench: Bench, private: PrivateEngine, engine: opskit.Engine) -> None:
    def cold() -> None:
        with opskit.connect(private.url) as fresh:
            fresh.health()

    cold_name, warm_name = "engine.health(), cold", "engine.health(), a sampler running"
    with engine.sampler() as sampler:
        sampler.wait()
        bench.compare(
            "The health report of 50 containers",
            {cold_name: cold, warm_name: engine.health},
            wants=[Want(cold_name, seconds=1.5), Want(warm_name, seconds=0.02)],
            rounds=ROUNDS * 3,
        )


def sampling(bench: Bench, engine: opskit.Engine) -> None:
    seconds = 20
    with engine.sampler(window="15m") as sampler:
        sampler.wait()
        before, began, had = time.process_time(), time.perf_counter(), len(sampler.frame())
        time.sleep(seconds)
        share = (time.process_time() - before) / (time.perf_counter() - began) * 100
        frame = sampler.frame()
        each = sampler.nbytes / len(frame)
        bench.table(
            f"A sampler of 100 containers, {seconds} s",
            ("", "measured", "wanted"),
            [
                ("percent of a core", f"{share:.2f}", bench.wanted(5, share)),
                ("bytes a sample", f"{each:.0f}", bench.wanted(200, each)),
                ("samples a second", f"{(len(frame) - had) / seconds:.0f}", ""),
            ],
        )


def latest(bench: Bench, engine: opskit.Engine) -> None:
    with engine.sampler() as sampler:
        sampler.wait()
        name = "sampler.latest()"
        bench.compare(
            "The newest figures of 200 containers",
            {name: sampler.latest, "sampler.frame()": sampler.frame},
            wants=[Want(name, seconds=0.002)],
            rounds=200,
        )


def drawing(bench: Bench) -> None:
    series = an_hour_of(200)

    def draw(make: Callable[[pd.DataFrame], object]) -> None:
        axes = np.atleast_1d(np.asarray(make(series), dtype=object))
        axes[0].figure.canvas.draw()

    wanted = ("opskit.plot.stats", "opskit.plot.heatmap", "opskit.plot.top")
    bench.compare(
        f"Drawing an hour of 200 containers, {len(series):,} rows",
        {
            wanted[0]: lambda: draw(opskit.plot.stats),
            wanted[1]: lambda: draw(opskit.plot.heatmap),
            wanted[2]: lambda: draw(opskit.plot.top),
            "opskit.stats.summary": lambda: opskit.stats.summary(series),
        },
        wants=[Want(name, seconds=2) for name in wanted],
        rounds=ROUNDS,
        warm_up=1,
    )


def an_hour_of(containers: int, seconds: int = 3600) -> pd.DataFrame:
    """A made-up series, a sample a second."""
    numbers = np.random.default_rng(1)
    rows = containers * seconds
    who, when = np.tile(np.arange(containers), seconds), np.repeat(np.arange(seconds), containers)
    busy = numbers.gamma(1.2, 8, containers)[who]
    memory = (numbers.integers(5, 400, containers) * 2**20)[who] + (who % 37 == 3) * when * 20_000
    return build(
        COLUMNS,
        {
            "time": 1_795_000_000 * 10**9 + when * 10**9 + who * 10**6,
            "name": [f"service-{i:03}" for i in who],
            "id": [f"{i:064x}" for i in who],
            "cpu_percent": np.clip(busy * (1 + np.sin(when / 60 + who) / 2), 0, None),
            "memory_bytes": memory,
            "memory_limit_bytes": np.where(who % 3 == 0, 512 * 2**20, 2**35),
            "network_rx_bytes_per_second": numbers.gamma(1, 1000, rows) * busy,
            "network_tx_bytes_per_second": numbers.gamma(1, 500, rows) * busy,
            "block_read_bytes_per_second": numbers.gamma(1, 100, rows),
            "block_write_bytes_per_second": numbers.gamma(1, 200, rows) * busy,
        },
    )
