"""A small shop as docker compose would run it, for notebooks and examples: five containers that
are healthy, busy, finished and failing, on a network and a volume of their own."""

from __future__ import annotations

import time
from typing import Any

from .engines import IMAGE, PrivateEngine

__all__ = ["SERVICES", "open_shop"]

SECOND = 1_000_000_000
MIB = 1 << 20

# Each service: its command, and what its create body says beyond that
SERVICES: dict[str, dict[str, Any]] = {
    "db": {
        "Cmd": "echo 'ready to accept connections'; trap 'exit 0' TERM; "
        "dd if=/dev/zero of=/dev/shm/cache bs=1M count=20 2>/dev/null; "
        "while :; do sleep 1; done",
        "Healthcheck": "test -f /dev/shm/cache",
        "HostConfig": {"Memory": 64 * MIB, "Binds": ["shop_data:/var/lib/data"]},
    },
    "web": {
        "Cmd": "mkdir -p /www; echo shop > /www/index.html; httpd -p 80 -h /www; "
        "echo 'listening on port 80'; trap 'exit 0' TERM; "
        'while :; do echo "GET /basket 200"; sleep 1; echo "slow query" >&2; sleep 1; done',
        "Healthcheck": "wget -q -O /dev/null http://127.0.0.1/",
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {"Memory": 128 * MIB, "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
    },
    "worker": {
        "Cmd": "trap 'exit 0' TERM; while :; do md5sum /bin/busybox > /dev/null; done",
        "HostConfig": {"Memory": 64 * MIB, "NanoCpus": SECOND // 10},
    },
    "mailer": {
        "Cmd": "echo 'cannot reach smtp.example.com' >&2; exit 1",
        "HostConfig": {"RestartPolicy": {"Name": "always"}},
    },
    "migrate": {"Cmd": "echo '12 migrations applied'"},
}


def open_shop(engine: PrivateEngine, *, settle: bool = True) -> dict[str, str]:
    """Create and start the shop; wait until it looks as it will look.

    Returns
    -------
    dict
        Full container id of each service.
    """
    engine.api("POST", "/networks/create", {"Name": "shop_default", "Labels": _labels()})
    engine.api("POST", "/volumes/create", {"Name": "shop_data", "Labels": _labels()})
    ids = {}
    for service, options in SERVICES.items():
        body = {**options, "Image": _image(engine, service), "Cmd": ["sh", "-c", options["Cmd"]]}
        body["Labels"] = _labels(service)
        body["HostConfig"] = {"NetworkMode": "shop_default", **options.get("HostConfig", {})}
        if "Healthcheck" in options:
            test = ["CMD-SHELL", options["Healthcheck"]]
            body["Healthcheck"] = {"Test": test, "Interval": SECOND, "Timeout": 5 * SECOND}
        body["Env"] = [f"SERVICE={service}", "SHOP_ENV=production"]
        made = engine.api("POST", "/containers/create", body, name=f"shop-{service}-1")
        ids[service] = str(made["Id"])
        engine.api("POST", f"/containers/{made['Id']}/start")
    if settle:
        _settle(engine, ids)
    return ids


def _settle(engine: PrivateEngine, ids: dict[str, str], timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        state = {name: engine.api("GET", f"/containers/{id_}/json") for name, id_ in ids.items()}
        healthy = [
            found["State"]["Health"]["Status"] == "healthy"
            for found in state.values()
            if "Health" in found["State"]
        ]
        # By the sixth restart the engine waits for seconds before the next
        failing = state["mailer"]["RestartCount"] >= 6 and state["mailer"]["State"]["Restarting"]
        if all(healthy) and failing:
            return
        time.sleep(0.1)
    raise RuntimeError("the shop did not settle")


def _labels(service: str = "") -> dict[str, str]:
    labels = {"com.docker.compose.project": "shop"}
    if service:
        labels |= {
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": "1",
            "com.docker.compose.oneoff": "False",
        }
    return labels


def _image(engine: PrivateEngine, service: str) -> str:
    """An image of the service's own name, made of busybox."""
    repo, tag = f"shop/{service}", "1.4"
    made = engine.api("POST", "/containers/create", {"Image": IMAGE})
    note = f'LABEL org.opencontainers.image.title="{service}"'
    engine.api("POST", "/commit", {}, container=made["Id"], repo=repo, tag=tag, changes=note)
    engine.api("DELETE", f"/containers/{made['Id']}")
    return f"{repo}:{tag}"
