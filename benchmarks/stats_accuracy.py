"""How right the stats are: containers that burn, hold and send known amounts."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import opskit
from benchmarks.harness import Bench
from tests.engines import PrivateEngine

__all__ = ["run"]

MIB = 2**20
BURN = "while :; do :; done"
HOLD = "dd if=/dev/zero of=/dev/shm/x bs=1M count={} 2>/dev/null; exec sleep 1000"
SENT = 100 * MIB
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def run(bench: Bench) -> None:
    """Print the table; OPSKIT_DOCKER_ROOT chooses the engine."""
    with PrivateEngine("accuracy") as private, opskit.connect(private.url) as engine:
        print(f"Docker {engine.engine_version}, API {engine.api_version}\n")
        rows = [cpu(bench, private, engine, share) for share in (10, 25, 50)]
        rows += [memory(bench, private, engine, mib) for mib in (20, 200)]
        rows.append(network(bench, private, engine))
        head = ("", "truth", "engine.stats()", "docker stats", "off by", "wanted")
        bench.table("Known amounts", head, rows)


def cpu(bench: Bench, private: PrivateEngine, engine: opskit.Engine, share: int) -> list[str]:
    """The truth is the kernel's own account of the container over the same seconds."""
    id_ = private.run(["sh", "-c", BURN], f"burn-{share}", NanoCpus=share * 10**7)
    time.sleep(1)
    with ThreadPoolExecutor(2) as pool:
        truth = pool.submit(lambda: kernel_percent(private, id_, 8))
        shown = pool.submit(lambda: [float(docker_stats(private, id_)[0][:-1]) for _ in range(3)])
        series = engine.stats(id_, duration="8s", progress=False)
    ours, cli = series["cpu_percent"].mean(), sum(shown.result()) / 3
    private.api("DELETE", f"/containers/{id_}", force="1")
    off = abs(ours - truth.result())
    return [
        f"CPU, quota of {share} %",
        f"{truth.result():.1f} %",
        f"{ours:.1f} % (by wall clock {series['cpu_percent_wall'].mean():.1f} %)",
        f"{cli:.1f} %",
        f"{off:.1f} points",
        bench.wanted(3, off),
    ]


def kernel_percent(private: PrivateEngine, id_: str, seconds: float) -> float:
    pid = private.api("GET", f"/containers/{id_}/json")["State"]["Pid"]

    def ticks() -> int:
        with open(f"/proc/{pid}/stat") as told:
            fields = told.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    first, began = ticks(), time.monotonic()
    time.sleep(seconds)
    return (ticks() - first) / (time.monotonic() - began)  # a tick is 10 ms: percent


def memory(bench: Bench, private: PrivateEngine, engine: opskit.Engine, mib: int) -> list[str]:
    idle = private.run(["sh", "-c", HOLD.format(0)], "idle", ShmSize=512 * MIB)
    id_ = private.run(["sh", "-c", HOLD.format(mib)], f"hold-{mib}", ShmSize=512 * MIB)
    eventually(lambda: engine.stats(id_)["memory_bytes"][0] > mib * MIB)
    time.sleep(1)
    empty = int(engine.stats(idle)["memory_bytes"][0])
    ours = int(engine.stats(id_)["memory_bytes"][0])
    cli = of(docker_stats(private, id_)[1])
    for each in (idle, id_):
        private.api("DELETE", f"/containers/{each}", force="1")
    off = abs(ours - empty - mib * MIB) / MIB
    return [
        f"memory, {mib} MiB held",
        f"{mib} MiB + {empty / MIB:.2f} MiB of an idle one",
        f"{ours / MIB:.2f} MiB",
        f"{cli / MIB:.2f} MiB",
        f"{off:.2f} MiB",
        bench.wanted(1, off),
    ]


def network(bench: Bench, private: PrivateEngine, engine: opskit.Engine) -> list[str]:
    serve = f"mkdir /www; head -c {SENT} /dev/zero > /www/x; exec httpd -f -p 80 -h /www"
    id_ = private.run(["sh", "-c", serve], "sender")
    networks = private.api("GET", "/containers/sender/json")["NetworkSettings"]["Networks"]
    fetch = f"sleep 2; wget -q -O /dev/null http://{networks['bridge']['IPAddress']}/x; sleep 1000"
    private.run(["sh", "-c", fetch], "receiver")
    eventually(lambda: (engine.stats(id_)["network_tx_bytes"][0] or 0) >= SENT)
    time.sleep(1)
    ours = int(engine.stats(id_)["network_tx_bytes"][0])
    cli = of(docker_stats(private, id_)[2].split(" / ")[1])
    off = abs(ours / SENT - 1) * 100
    return [
        "network, bytes sent",
        f"{SENT:,}",
        f"{ours:,}",
        f"{cli:,.0f}",
        f"{off:.2f} %",
        bench.wanted(2, off),
    ]


def docker_stats(private: PrivateEngine, id_: str) -> list[str]:
    form = "{{.CPUPerc}}|{{.MemUsage}}|{{.NetIO}}"
    command = ["docker", "stats", "--no-stream", "--format", form, id_]
    told = subprocess.run(command, env=private.env, check=True, capture_output=True, text=True)
    return told.stdout.strip().split("|")


def of(text: str) -> float:
    number, unit = re.findall(r"([\d.]+)([A-Za-z]+)", text)[0]
    return float(number) * UNITS[unit]


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.1)
