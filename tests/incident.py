"""A night in a shop that goes wrong, on a real engine: what the notebook on events looks into.

``python -m tests.incident`` records it anew. The database builds an index until it is killed for
lack of memory, and takes its time to come back; the web shop does not wait for it, gives up and is
restarted, again and again; meanwhile the probes fill the engine's memory of 256 events, and a
collector writes down what each container eats.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd

import opskit

from .engines import PrivateEngine, UnixConnection
from .shop import MIB, SECOND, _image, _labels

__all__ = ["CASSETTE", "EVENTS", "STATS", "record"]

FOLDER = Path(__file__).parents[1] / "cassettes"
CASSETTE = FOLDER / "03-event-timelines.incident.yaml"
EVENTS = FOLDER / "03-event-timelines.incident.ndjson"
STATS = FOLDER / "03-event-timelines.incident.parquet"

SERVICES: dict[str, dict[str, Any]] = {
    "db": {
        "Cmd": "echo 'recovering'; sleep 3; httpd -p 5432 -h /bin; "
        "echo 'ready to accept connections'; sleep 3; echo 'building index orders_by_day'; "
        # tail keeps what it reads until a line ends: it grows by some 4 MiB a second
        "[ -p rows ] || mkfifo rows; while md5sum /bin/busybox /bin/busybox >/dev/null; "
        "do head -c 1048576 /dev/zero; sleep 0.2; done >rows & exec tail rows",
        "Healthcheck": "wget -q -O /dev/null http://127.0.0.1:5432/busybox",
        "HostConfig": {"Memory": 24 * MIB, "RestartPolicy": {"Name": "always"}},
    },
    "web": {
        "Cmd": "echo 'starting'; "
        "while timeout 1 wget -q -O /dev/null http://10.77.0.10:5432/busybox; "
        "do echo 'GET /basket 200'; touch /up; sleep 0.5; done; rm -f /up; "
        "echo 'cannot reach shop-db-1:5432, giving up' >&2; exit 1",
        "Healthcheck": "test -f /up",
        "HostConfig": {"RestartPolicy": {"Name": "always"}},
    },
    "cache": {"Cmd": "trap 'exit 0' TERM; while :; do sleep 0.2; done", "Healthcheck": "true"},
}
NIGHT = 52  # seconds
ADDRESSES = {"db": "10.77.0.10", "web": "10.77.0.11", "cache": "10.77.0.12"}


def record() -> None:
    """Record the events, and an engine that answers what the notebook asks afterwards."""
    with PrivateEngine("incident") as engine:
        images = {service: _image(engine, service) for service in SERVICES}
        lines: list[bytes] = []
        threading.Thread(target=_listen, args=(engine.socket, lines), daemon=True).start()
        time.sleep(0.3)
        threading.Thread(target=_open, args=(engine, images), daemon=True).start()
        with opskit.connect(engine.url) as observer:
            stats = _collect(observer)
        kept = list(lines)
        EVENTS.write_bytes(b"".join(kept))
        stats.to_parquet(STATS, index=False)
        events = opskit.read_events(EVENTS)
        with opskit.record(CASSETTE, mode="all", upstream=engine.url) as night:
            ask(night, events)
    print(f"{len(kept)} events, {len(stats)} samples in {STATS.stat().st_size // 1000} kB")


def ask(night: Any, events: Any) -> None:
    """What the notebook asks the recorded engine."""
    night.events(since=events["time"].iloc[0], until=events["time"].iloc[-1])
    night.containers(all=True)
    for name in ("shop-web-1", "shop-db-1"):
        night.logs(name, until=events["time"].iloc[-1])
        night.get(f"/containers/{name}/json")


def _collect(observer: opskit.Engine) -> pd.DataFrame:
    """What the containers eat meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        observer.collect(folder, "stats", interval="1s", timeout=NIGHT)
        stats = opskit.read_collected(folder, "stats").drop(columns="engine")
    stats.attrs.clear()  # they name the recording machine
    return stats


def _listen(socket: str, lines: list[bytes]) -> None:
    connection = UnixConnection(socket, timeout=120)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    try:
        while line := answer.readline():
            lines.append(line)
    except OSError:
        pass


def _open(engine: PrivateEngine, images: dict[str, str]) -> None:
    # addresses of their own: a static busybox may crash when it resolves names
    ipam = {"Config": [{"Subnet": "10.77.0.0/24"}]}
    network = {"Name": "shop_default", "Labels": _labels(), "IPAM": ipam}
    engine.api("POST", "/networks/create", network)
    for service, options in SERVICES.items():
        body = {
            "Image": images[service],
            "Cmd": ["sh", "-c", options["Cmd"]],
            "Labels": _labels(service),
            "NetworkingConfig": {
                "EndpointsConfig": {
                    "shop_default": {"IPAMConfig": {"IPv4Address": ADDRESSES[service]}}
                }
            },
            "HostConfig": {"NetworkMode": "shop_default", **options.get("HostConfig", {})},
            "Healthcheck": {
                "Test": ["CMD-SHELL", options["Healthcheck"]],
                "Interval": SECOND,
                "Timeout": 2 * SECOND,
                "Retries": 2,
            },
        }
        made = engine.api("POST", "/containers/create", body, name=f"shop-{service}-1")
        engine.api("POST", f"/containers/{made['Id']}/start")
        time.sleep(3.5 if service == "db" else 0)


if __name__ == "__main__":
    record()
