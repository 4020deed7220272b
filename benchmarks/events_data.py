"""A large events file as a busy engine writes it: compose services, probes, crashes, networks."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

__all__ = ["event_lines", "write_events"]

SECOND = 1_000_000_000
BEGIN = 1_795_000_000 * SECOND


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _line(
    kind: str, action: str, ident: str, attributes: str, ns: int, image: str | None = None
) -> str:
    legacy = f'"status":"{action}","id":"{ident}","from":"{image}",' if image else ""
    return (
        f'{{{legacy}"Type":"{kind}","Action":"{action}","Actor":{{"ID":"{ident}",'
        f'"Attributes":{{{attributes}}}}},"scope":"local","time":{ns // SECOND},"timeNano":{ns}}}'
    )


class _Container:
    def __init__(self, number: int, generation: int = 0) -> None:
        self.id = _id(f"container {number} {generation}")
        self.number, self.generation = number, generation
        project, service = f"shop{number // 20}", f"service{number % 20}"
        self.image = f"{service}:1.{number % 7}"
        labels = ""
        if number // 2 % 2:  # half of them are of compose
            self.name = f"{project}-{service}-1"
            labels = (
                f'"com.docker.compose.project":"{project}",'
                f'"com.docker.compose.service":"{service}",'
            )
        else:
            self.name = f"{service}-{number}"
        self.attributes = f'{labels}"image":"{self.image}","name":"{self.name}"'
        self.network = _id(f"network {project}")
        self.network_name = f"{project}_default" if labels else "bridge"
        self.probed = number % 2 == 0
        self.up = False

    def say(self, action: str, ns: int, own: str = "") -> str:
        return _line("container", action, self.id, own + self.attributes, ns, self.image)

    def net(self, action: str, ns: int) -> str:
        own = f'"container":"{self.id}","name":"{self.network_name}","type":"bridge"'
        return _line("network", action, self.network, own, ns)

    def begin(self, ns: int) -> Iterator[str]:
        yield self.net("connect", ns)
        yield self.say("start", ns + 900_000)
        self.up = True

    def end(self, ns: int, code: int) -> Iterator[str]:
        yield self.net("disconnect", ns)
        yield self.say("die", ns + 500_000, f'"execDuration":"9","exitCode":"{code}",')
        self.up = False

    def probe(self, ns: int, number: int) -> Iterator[str]:
        own = f'"execID":"{_id(f"{self.id} {number}")}",'
        command = "/bin/sh -c wget -qO- http://127.0.0.1/ || exit 1"
        yield self.say(f"exec_create: {command}", ns, own)
        yield self.say(f"exec_start: {command}", ns + 60_000, own)
        yield self.say("exec_die", ns + 40_000_000, own + '"exitCode":"0",')


def event_lines(count: int, containers: int, seed: int = 7) -> Iterator[str]:
    """`count` events of `containers` containers, in time order, as the engine's JSON lines."""
    chance = random.Random(seed)
    fleet = [_Container(n) for n in range(containers)]
    ns, made, turn = BEGIN, 0, 0
    while made < count:
        ns += chance.randrange(40_000_000, 90_000_000)
        turn += 1
        place = chance.randrange(containers)
        box = fleet[place]
        lines: Iterator[str]
        dice = chance.random()
        if not box.up:
            lines = iter(
                [*([box.say("create", ns - 2_000_000)] if dice < 0.4 else []), *box.begin(ns)]
            )
        elif dice < 0.04:
            lines = iter([box.say("oom", ns - 1_000_000), *box.end(ns, 137)])
        elif dice < 0.14:
            lines = box.end(ns, chance.choice([0, 1, 1, 2]))
        elif dice < 0.18:
            stop = [box.say("kill", ns - 9_000_000, '"signal":"15",'), *box.end(ns, 0)]
            lines = iter([*stop, box.say("stop", ns + 800_000)])
        elif dice < 0.20:
            lines = iter([*box.end(ns, 0), box.say("destroy", ns + 9_000_000)])
            fleet[place] = _Container(place, box.generation + 1)
        elif dice < 0.24 and box.probed:
            word = chance.choice(["healthy", "unhealthy"])
            lines = iter([*box.probe(ns, turn), box.say(f"health_status: {word}", ns + 41_000_000)])
        elif box.probed:
            lines = box.probe(ns, turn)
        else:
            lines = iter([box.say("pause", ns), box.say("unpause", ns + 30_000_000)])
        for line in lines:
            yield line
            made += 1
            if made == count:
                return


def write_events(path: Path, count: int = 1_000_000, containers: int = 5_000) -> Path:
    """The file, made once and kept: it takes some seconds."""
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("w") as file:
            for line in event_lines(count, containers):
                file.write(line)
                file.write("\n")
        partial.rename(path)
    return path
