"""A guide to the Engine API as something to run: its curl commands, CLI commands and programs.

There are two: `own_guide`, written here, and `read_guide`, taken from a guide's text word for word
(the file that OPSKIT_GUIDE names, or ``guide.txt`` in a folder ``shared`` beside the repository).
Both have a command for each key of `ORDER`.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from opskit.api import render

__all__ = ["EVENTS", "ORDER", "Guide", "guide_file", "own_guide", "read_guide"]

ROOT = Path(__file__).parents[1]
VERSION = "1.45"

NGINX = {
    "Image": "nginx:alpine",
    "ExposedPorts": {"80/tcp": {}},
    "HostConfig": {
        "PortBindings": {"80/tcp": [{"HostPort": "8080"}]},
        "Memory": 268435456,
        "CpuQuota": 50000,
    },
}
DEATHS = {"type": ["container"], "event": ["start", "stop", "die"]}

# What is asked, in an order in which every call finds what it is about
CALLS: dict[str, tuple[str, str, object]] = {
    "containers": ("GET", "/containers/json", None),
    "all containers": ("GET", "/containers/json?all=true", None),
    "version": ("GET", "/version", None),
    "create": ("POST", "/containers/create?name=my-nginx", NGINX),
    "start": ("POST", "/containers/my-nginx/start", None),
    "logs": ("GET", "/containers/my-nginx/logs?stdout=true&stderr=true&tail=100", None),
    "inspect": ("GET", "/containers/my-nginx/json", None),
    "stats": ("GET", "/containers/my-nginx/stats?stream=false", None),
    "stop": ("POST", "/containers/my-nginx/stop?t=10", None),
    "remove": ("DELETE", "/containers/my-nginx?force=true", None),
    "images": ("GET", "/images/json", None),
    "pull": ("POST", "/images/create?fromImage=alpine&tag=latest", None),
    "image": ("GET", "/images/nginx:alpine/json", None),
    "search": ("GET", "/images/search?term=nginx&limit=5", None),
    "networks": ("GET", "/networks", None),
    "create network": ("POST", "/networks/create", {"Name": "my-network", "Driver": "bridge"}),
    "volumes": ("GET", "/volumes", None),
    "create volume": ("POST", "/volumes/create", {"Name": "my-data", "Driver": "local"}),
    "remove image": ("DELETE", "/images/nginx:alpine", None),
    "events": ("GET", "/events", None),
    "some events": ("GET", "/events", DEATHS),
}
EVENTS = ("events", "some events")
ORDER = tuple(key for key in CALLS if key not in EVENTS)

PROXY = (
    "docker run -d --name socket-proxy -v /var/run/docker.sock:/var/run/docker.sock:ro "
    "-e CONTAINERS=1 -e POST=0 -p 2375:2375 tecnativa/docker-socket-proxy"
)


@dataclass(frozen=True)
class Guide:
    """Commands by what they ask for, CLI commands, and programs by name."""

    curl: dict[str, list[str]]
    cli: list[str]
    programs: dict[str, str]


def guide_file() -> Path | None:
    """The text of a guide to walk through, if there is one."""
    named = os.environ.get("OPSKIT_GUIDE")
    path = Path(named) if named else ROOT.parent / "shared" / "guide.txt"
    return path if path.is_file() else None


def own_guide() -> Guide:
    """The commands as opskit renders them, and the programs of ``tests/programs``."""
    curl = {}
    for key, (method, path, body) in CALLS.items():
        query = {"filters": body} if key == "some events" else None
        json = None if query else body
        curl[key] = [render.curl(method, path, query=query, json=json, api_version=VERSION)]
    folder = Path(__file__).with_name("programs")
    programs = {path.stem: path.read_text() for path in folder.glob("[a-z]*.py")}
    return Guide(curl, ["docker ps", PROXY], programs)


def read_guide(text: str) -> Guide:
    """Commands and programs out of a guide's text, unchanged."""
    found: dict[str, list[str]] = {}
    for command in _commands(text, "curl "):
        found.setdefault(_key(command), []).append(command)
    cli = [_commands(text, "docker ps")[0], _commands(text, "    docker run ")[0].strip()]
    titles = ("Basic Container Management", "Image Management", "Event Monitoring",
              "Custom Health Check Dashboard", "Tip:")  # fmt: skip
    places = [text.index(f"\n{title}") for title in titles]
    containers, images, events, dashboard = (
        text[text.index("import docker", first) : last] for first, last in pairwise(places)
    )
    head, deaths = events.split("# Filter for specific events")
    setup = events.partition("# Real-time")[0]
    programs = {
        "containers": containers,
        "images": images,
        "events": head,
        "deaths": setup + deaths,
        "dashboard": dashboard,
    }
    return Guide(found, cli, programs)


def _commands(text: str, start: str) -> list[str]:
    """Shell commands that begin a line with ``start``, with their continuations."""
    found = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(start):
            command = line
            while command.endswith("\\") or not _whole(command):
                command += "\n" + next(lines)
            found.append(command)
    return found


def _whole(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def _key(command: str) -> str:
    method = re.search(r"-X (\w+)", command)
    url = re.search(r"localhost(?:/v[\d.]+)?(/[^\s\"]*)", command)
    assert url, command
    asked = (method[1] if method else "GET", url[1])
    if asked[1].startswith("/events?"):
        return "some events"
    return next(key for key, (verb, path, _) in CALLS.items() if (verb, path) == asked)
