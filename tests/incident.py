"""``python -m tests.incident``: record what the notebook on stats looks into.

An incident: a minute of seven real containers, of which one leaks, one is throttled by its quota,
one crashes and one only comes for a while. And ``docker stats`` itself, beside the samples that it
was given: what it printed is kept as text.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

import opskit

from .engines import PrivateEngine
from .notebooks import CASSETTES

__all__ = ["DOCKER_STATS", "INCIDENT", "PRINTED", "main"]

INCIDENT = CASSETTES / "02-stats-analysis.incident.jsonl.gz"
DOCKER_STATS = CASSETTES / "02-stats-analysis.docker-stats.yaml"
PRINTED = CASSETTES / "02-stats-analysis.docker-stats.txt"

MIB = 2**20
LEAK = (
    "i=0; while :; do i=$((i+1)); head -c 262144 /dev/zero > /dev/shm/session-$i; sleep 0.5; done"
)
CONTAINERS: dict[str, tuple[str, dict[str, Any]]] = {
    "web": (
        "while :; do i=0; while [ $i -lt 9000 ]; do i=$((i+1)); done; sleep 0.3; done",
        {"Memory": 128 * MIB},
    ),
    "cart": (LEAK, {"Memory": 96 * MIB}),
    "report": ("while :; do :; done", {"Memory": 64 * MIB, "NanoCpus": 150_000_000}),
    "search": (
        "head -c 50331648 /dev/zero > /tmp/index; while :; do cat /tmp/index > /dev/null; "
        "sleep 2; done",
        {"Memory": 64 * MIB},
    ),
    "db": (
        "dd if=/dev/zero of=/dev/shm/x bs=1M count=40 2>/dev/null; while :; do sleep 1; done",
        {"Memory": 256 * MIB},
    ),
    "mailer": ("sleep 25; exit 1", {"RestartPolicy": {"Name": "always"}}),
}
BATCH = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; sleep 15"


def start(engine: PrivateEngine) -> None:
    for name, (command, host) in CONTAINERS.items():
        engine.run(["sh", "-c", command], f"shop-{name}-1", **host)
    time.sleep(1)


def record_docker_stats(engine: PrivateEngine) -> None:
    form = "{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDs}}"
    command = ["docker", "stats", "--no-stream", "--format", form]
    with opskit.record(DOCKER_STATS, mode="all", upstream=engine.url):
        told = subprocess.run(command, env=os.environ, check=True, capture_output=True, text=True)
    PRINTED.write_text(told.stdout)


def record_incident(engine: PrivateEngine) -> None:
    batch = threading.Timer(
        15, engine.run, (["sh", "-c", BATCH], "shop-batch-1"), {"Memory": 32 * MIB}
    )
    batch.start()
    with opskit.record(INCIDENT, mode="all", upstream=engine.url) as recorded:
        series = recorded.stats(duration="60s", progress=False)
    batch.join()
    print(opskit.stats.summary(series).T.to_string())


def main() -> int:
    with PrivateEngine("incident") as engine:
        start(engine)
        record_docker_stats(engine)
        record_incident(engine)
    for path in (INCIDENT, DOCKER_STATS, PRINTED):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
