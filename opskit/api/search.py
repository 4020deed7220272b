"""Finding an endpoint by words: the API's, the docker CLI's, or plain ones."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from opskit.api.endpoints import ENDPOINTS
from opskit.api.model import Endpoint
from opskit.api.render.cli_table import CLI

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cli_words", "find", "ranked"]

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_DROPPED = frozenset(
    re.findall(r"\w+", "a an and are by can do for from how i in is it of on the to")
)
_SAME = {
    **dict.fromkeys(("remove", "delete", "erase", "destroy", "uninstall"), "rm"),
    **dict.fromkeys(("show", "describe", "detail", "metadata"), "inspect"),
    **dict.fromkeys(("ls", "all"), "list"),
    **dict.fromkeys(("copy", "upload", "download"), "cp"),
    **dict.fromkeys(("process", "processe"), "top"),
    **dict.fromkeys(("cleanup", "clean", "unused", "gc"), "prune"),
    **dict.fromkeys(("terminate", "sigkill"), "kill"),
    **dict.fromkeys(("freeze", "suspend"), "pause"),
    **dict.fromkeys(("resume", "unfreeze"), "unpause"),
    **dict.fromkeys(("cpu", "memory", "metric"), "stats"),
    **dict.fromkeys(("repo", "repository"), "image"),
    **dict.fromkeys(("alive",), "ping"),
    **dict.fromkeys(("space", "df"), "disk"),
    **dict.fromkeys(("log", "output"), "logs"),
    **dict.fromkeys(("shell", "command", "run"), "exec"),
    **dict.fromkeys(("diff", "changed"), "changes"),
    **dict.fromkeys(("watch", "monitor"), "events"),
    **dict.fromkeys(("new", "make"), "create"),
    **dict.fromkeys(("login", "credential"), "auth"),
}
# Commands that say several endpoints at once or one under another name, then plain words.
_ALSO = {
    "ContainerList": "docker container ls | docker container ps | list running containers",
    "ContainerCreate": "docker run | docker container create",
    "ContainerStart": "docker run | docker container start",
    "ContainerStop": "docker container stop",
    "ContainerDelete": "docker container rm",
    "ContainerInspect": "docker inspect",
    "ContainerStats": "cpu memory usage metrics",
    "ContainerExec": "docker exec | run command shell",
    "ExecStart": "docker exec | run command shell",
    "ImageList": "docker image ls",
    "ImageDelete": "docker image rm | untag",
    "ImageCreate": "docker pull | docker image pull | docker import | download registry",
    "ImageGet": "docker save | docker image save | export",
    "SystemPing": "alive",
    "SystemDataUsage": "disk usage size",
    "TaskList": "docker service ps | docker node ps | docker stack ps",
    "ServiceUpdate": "docker service update | docker service scale",
    "SwarmInspect": "docker swarm join-token",
    "NodeUpdate": "docker node promote | docker node demote | drain",
}


def cli_words(endpoint: Endpoint) -> str:
    """The docker command that does what the endpoint does: ``docker rmi``; empty if none does."""
    twins = CLI.get(endpoint.operation, ())
    first = twins[0] if isinstance(twins, tuple) and twins else twins
    if isinstance(first, tuple):
        return ""
    return first.words.partition(" --")[0]


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.replace("'", "")):
        lower = word.lower()
        if lower not in _DROPPED:
            yield _stem(lower)


def _stem(word: str) -> str:
    if word in _SAME:
        return _SAME[word]
    for end in ("ing", "ed", "es", "s"):
        cut = word.removesuffix(end)
        if cut != word and len(cut) >= 4 and not cut.endswith("s"):
            word = cut[:-1] if len(cut) > 4 and cut[-1] == cut[-2] else cut
            break
    return _SAME.get(word, word)


@cache
def _corpus() -> tuple[list[Counter[str]], dict[str, float], dict[str, set[str]]]:
    """Weighted words of each endpoint, each word's rarity, and whole commands by operation."""
    weighted: list[Counter[str]] = []
    commands: dict[str, set[str]] = {}
    for endpoint in ENDPOINTS:
        words: Counter[str] = Counter()
        command = cli_words(endpoint)
        also = _ALSO.get(endpoint.operation, "")
        for weight, text in (
            (4.0, endpoint.operation),
            (3.0, command.removeprefix("docker ")),
            (2.0, re.sub(r"\{\w+\}", "", endpoint.path)),
            (2.0, also.replace("docker ", "")),
            (1.0, endpoint.summary),
            (0.5, " ".join(p.name for p in endpoint.params if p.where == "query")),
            (0.3, " ".join(p.doc for p in endpoint.params) + " " + endpoint.body),
        ):
            for word in set(_words(text)):
                words[word] = max(words[word], weight)  # type: ignore[assignment]
        weighted.append(words)
        listed = [command, *(text for text in also.split(" | ") if text.startswith("docker "))]
        commands[endpoint.operation] = {text.removeprefix("docker ") for text in listed if text}
    count = Counter(word for words in weighted for word in words)
    rarity = {word: math.log(1 + len(weighted) / n) for word, n in count.items()}
    return weighted, rarity, commands


def ranked(text: str) -> list[tuple[float, Endpoint]]:
    """Endpoints that share words with the text, the best first, each with its score."""
    weighted, rarity, commands = _corpus()
    plain = " ".join(text.lower().split()).removeprefix("docker ")
    asked = dict.fromkeys(_words(text))
    known = {word: _nearest(word, rarity) for word in asked}
    scores = []
    for endpoint, words in zip(ENDPOINTS, weighted, strict=True):
        hits = [
            share * words[near] * rarity[near]
            for options in known.values()
            for near, share in [max(options, key=lambda o: o[1] * words[o[0]], default=("", 0.0))]
            if share and words[near]
        ]
        score = sum(hits) * (len(hits) / len(known)) ** 2 if known else 0.0
        if plain and plain in commands[endpoint.operation]:
            score += 30.0
        if plain == endpoint.operation.lower() or plain == endpoint.path:
            score += 60.0
        if score > 0:
            scores.append((score, endpoint))
    return sorted(scores, key=lambda pair: -pair[0])


def _nearest(word: str, rarity: dict[str, float]) -> list[tuple[str, float]]:
    """The corpus' words that are meant, with how sure that is."""
    if word in rarity:
        return [(word, 1.0)]
    begun = [(known, 0.8) for known in rarity if len(word) >= 3 and known.startswith(word)]
    close = get_close_matches(word, rarity, n=3, cutoff=0.75)
    return begun or [(known, 0.6) for known in close]


def find(text: str, *, limit: int = 10) -> pd.DataFrame:
    """Endpoints that fit the words, best first.

    Parameters
    ----------
    text : str
        Plain words (``"stop container"``), a docker command (``"docker rmi"``), an operation or a
        path. Endings, synonyms and slips of the pen do not matter much.
    limit : int
        How many rows at most.

    Returns
    -------
    pandas.DataFrame
        ``score`` (float64), ``method``, ``path``, ``operation``, ``summary`` (str), ``cli`` (str):
        the docker command that does it, missing where none does, ``since`` (str). No row if no
        word is known.
    """
    import pandas as pd

    best = ranked(text)[:limit]
    columns = {
        "method": [e.method for _, e in best],
        "path": [e.path for _, e in best],
        "operation": [e.operation for _, e in best],
        "summary": [e.summary for _, e in best],
        "cli": [cli_words(e) or None for _, e in best],
        "since": [e.since for _, e in best],
    }
    frame = pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})
    frame.insert(0, "score", pd.Series([round(s, 2) for s, _ in best], dtype="float64"))
    return frame
