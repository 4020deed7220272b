"""Streams that report progress: bars while they last, a log afterwards, their errors raised."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

import orjson

from opskit.errors import APIError, BadResponse, NoRecordedMatch, OperationFailed
from opskit.frames.columns import Column, build
from opskit.stream import Stream

if TYPE_CHECKING:
    import pandas as pd

    from opskit.engine.base import RawEngine

__all__ = ["LOG_COLUMNS", "Log", "bar", "explain", "follow", "measured", "post_following"]

LOG_COLUMNS = (
    Column("time", "datetime64[ns, UTC]", "", "When the engine first told of it."),
    Column("id", "str", "", "The layer it is about, 12 hex digits, or a tag; else missing."),
    Column("status", "str", "", "What the engine was doing, in its own words."),
    Column("seconds", "float64", "seconds", "From the first to the last that it told of this."),
    Column("current_bytes", "Int64", "bytes", "How far it got; missing where it did not count."),
    Column("total_bytes", "Int64", "bytes", "How much it was to be; missing likewise."),
)
"""Columns of a progress log: a row for each layer and each thing that happened to it."""

DELAY = 0.5  # seconds
_ENDS = re.compile(r"complete|exists|^Pushed|^Mounted|^Loaded", re.IGNORECASE)


def bar(title: str, *, show: bool = True, **options: Any) -> Any:
    """A tqdm bar in a notebook or terminal; none where nobody watches (a file, a pipe).

    What is done in a moment shows none; nor does what a thread of a notebook does, a panel's say:
    it has no cell to show one in, and some kernels refuse a thread's widgets.
    """
    from tqdm.auto import tqdm

    in_notebook = "notebook" in tqdm.__mro__[1].__module__
    in_cell = threading.current_thread() is threading.main_thread()
    hidden = True if not show else (not in_cell if in_notebook else None)
    return tqdm(desc=title, disable=hidden, leave=False, delay=DELAY, **options)


def measured(
    pieces: Iterable[bytes], title: str, *, total: int | None = None, show: bool = True
) -> Iterator[bytes]:
    """The pieces as they are, their bytes counted on a bar."""
    with bar(title, show=show, total=total, unit="B", unit_scale=True) as shown:
        for piece in pieces:
            yield piece
            shown.update(len(piece))


@dataclass(slots=True)
class Entry:
    """One line of a log."""

    id: str | None
    status: str
    first: int
    last: int
    current: int | None = None
    total: int | None = None


@dataclass(slots=True)
class Log:
    """What the engine told in a progress stream: ``aux`` are its results."""

    entries: dict[tuple[str | None, str, int], Entry] = field(default_factory=dict)
    aux: list[dict[str, Any]] = field(default_factory=list)

    def add(self, message: dict[str, Any]) -> None:
        if aux := message.get("aux"):
            self.aux.append(aux)
        status = str(message.get("status") or message.get("stream") or "").rstrip()
        if not status:
            return
        layer = message.get("id") or None
        now = time.time_ns()
        key = (layer, status, 0 if layer else len(self.entries))
        entry = self.entries.setdefault(key, Entry(layer, status, now, now))
        entry.last = now
        detail = message.get("progressDetail") or {}
        entry.current = detail.get("current", entry.current)
        entry.total = detail.get("total", entry.total)

    def frame(self) -> pd.DataFrame:
        """As a frame of `LOG_COLUMNS`."""
        rows = list(self.entries.values())
        return build(
            LOG_COLUMNS,
            {
                "time": [row.first for row in rows],
                "id": [row.id for row in rows],
                "status": [row.status for row in rows],
                "seconds": [(row.last - row.first) / 1e9 for row in rows],
                "current_bytes": [row.current for row in rows],
                "total_bytes": [row.total for row in rows],
            },
        )


class _Bars:
    """One bar for each layer that is on its way."""

    def __init__(self, show: bool) -> None:
        self.show = show
        self.bars: dict[str, Any] = {}
        self.titles: dict[str, str] = {}

    def update(self, message: dict[str, Any]) -> None:
        layer, status = message.get("id"), message.get("status") or ""
        detail = message.get("progressDetail") or {}
        if not layer or not self.show:
            return
        if total := detail.get("total"):
            title = f"{layer}: {status}"
            if self.titles.get(layer) != title:
                if layer in self.bars:
                    self.bars.pop(layer).close()
                self.bars[layer] = bar(title, total=total, unit="B", unit_scale=True)
                self.titles[layer] = title
            shown = self.bars[layer]
            shown.update(max(0, detail.get("current", 0) - shown.n))
        elif layer in self.bars and _ENDS.search(status):
            self.bars.pop(layer).close()
            del self.titles[layer]

    def close(self) -> None:
        for shown in self.bars.values():
            shown.close()


def messages(stream: Stream, request: str) -> Iterator[dict[str, Any]]:
    """The stream's JSON messages, as they come."""
    for line in stream.lines():
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise BadResponse(
                f"the progress of {request} has a line that is no JSON: {line[:80]!r}",
                "is the address that of a Docker Engine, not of a proxy or another server?",
            ) from None
        yield message


def follow(
    stream: Stream,
    request: str,
    *,
    show: bool = True,
    watch: Callable[[dict[str, Any]], None] | None = None,
) -> Log:
    """Read a progress stream to its end; ``watch`` sees each message too.

    Raises
    ------
    OperationFailed
        The engine reported an error in it; ``log`` has what went before.
    """
    log = Log()
    bars = _Bars(show)
    try:
        for message in messages(stream, request):
            if failure := failure_of(message):
                raise failed(request, failure, log.frame())
            log.add(message)
            bars.update(message)
            if watch:
                watch(message)
    finally:
        bars.close()
    return log


def post_following(
    engine: RawEngine,
    path: str,
    *,
    show: bool,
    data: Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    watch: Callable[[dict[str, Any]], None] | None = None,
    **query: Any,
) -> Log:
    """POST, and `follow` what comes back. A refusal's remedy is about what was to be done."""
    try:
        stream = engine.open_stream(
            path,
            method="POST",
            data=data,
            headers=headers,
            timeout=timeout,
            head_timeout=inf if timeout is None else timeout,
            **query,
        )
    except APIError as error:
        if not isinstance(error, NoRecordedMatch):
            error.remedy = explain(error.message)
        raise
    with stream:
        return follow(stream, f"POST {path}", show=show, watch=watch)


def failure_of(message: dict[str, Any]) -> str:
    """The error that a message reports; empty where it reports none."""
    detail = message.get("errorDetail") or {}
    return str(message.get("error") or detail.get("message") or "").strip()


def failed(request: str, message: str, log: Any) -> OperationFailed:
    """The error for what a progress stream reported."""
    error = OperationFailed(
        f"{request}: {message}", explain(message), status=200, message=message, request=request
    )
    error.log = log
    return error


_BUILDKIT = "with BuildKit: 'DOCKER_BUILDKIT=1 docker build …' on the same engine"
_REMEDIES = (
    (
        'requires buildkit|failed to parse platform : ""',
        f"engine.build() is the classic builder; leave the option out, or build it {_BUILDKIT}",
    ),
    (
        "unknown (flag|instruction)",
        f"mend the Dockerfile; where it means a feature of BuildKit, build it {_BUILDKIT}",
    ),
    ("dockerfile parse error|no from statement", "mend the Dockerfile; nothing was built"),
    (
        "no basic auth|unauthorized|authentication required|denied|incorrect username",
        "log in with 'docker login', or give auth_config={'username': …, 'password': …}",
    ),
    ("no space left", "engine.disk_usage() shows what takes the space, engine.prune() frees some"),
    (
        "no such host|connection refused|i/o timeout|deadline exceeded|unreachable|"
        "server gave http response|tls: |x509|: eof$",
        "the engine does not reach the registry: check its name, the network, and the engine's "
        "proxy and insecure-registries settings",
    ),
    (
        "docker-import|held no image",
        "it is no archive of images; engine.import_() makes one of a root file system",
    ),
    (
        "not found|unknown|no such|not exist|invalid reference format",
        "check the image's name and tag",
    ),
    ("processing tar file|unexpected eof|archive/tar", "it is no complete tar archive: check it"),
    (
        "returned a non-zero code|exit status",
        "the command in the Dockerfile failed: see .steps of this error",
    ),
)


def explain(message: str) -> str:
    """What to do about an engine's words."""
    lower = message.lower()
    return next(
        (remedy for words, remedy in _REMEDIES if re.search(words, lower)),
        "the engine's own log says more",
    )
