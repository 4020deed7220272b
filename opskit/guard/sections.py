"""The words of docker-socket-proxy: sections of the API, and switches for a few calls.

A section is what begins a path: ``containers`` is ``/containers/…``. As there, reading is one
thing and changing another (``POST``), and a few calls can be allowed by themselves.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = ["ALWAYS", "SECTIONS", "SWITCHES", "section_of", "split_words", "switch_of"]

SECTIONS = frozenset(
    (
        *("auth", "build", "commit", "configs", "containers", "distribution", "events", "exec"),
        *("grpc", "images", "info", "networks", "nodes", "ping", "plugins", "secrets"),
        *("services", "session", "swarm", "system", "tasks", "version", "volumes"),
    )
)
"""What can be allowed by name."""

ALWAYS = frozenset(("ping", "version"))
"""Without these a client cannot agree with the engine on a version of the API."""

SWITCHES = {
    "start": ("start",),
    "stop": ("stop",),
    "restarts": ("stop", "restart", "kill"),
    "pause": ("pause",),
    "unpause": ("unpause",),
}
"""Single calls on containers (``ALLOW_START`` and so on) and what each lets through by POST."""

_CALL = re.compile(r"/containers/[^/]+/([a-z]+)")


def section_of(path: str) -> str:
    """The section of a path without version prefix; ``_ping`` is ``ping``."""
    first = path.split("/", 2)[1]
    return "ping" if first == "_ping" else first


def switch_of(method: str, path: str) -> frozenset[str]:
    """The switches that let this call through."""
    call = _CALL.fullmatch(path) if method == "POST" else None
    if call is None:
        return frozenset()
    return frozenset(switch for switch, calls in SWITCHES.items() if call[1] in calls)


def split_words(words: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Sections and switches among words, in any case, also as ``ALLOW_START`` and ``_ping``.

    Raises
    ------
    ValueError
        A word is neither; the message names what is near it.
    """
    sections, switches = set(), set()
    for word in words:
        low = word.strip().lower().removeprefix("allow_").removeprefix("_")
        if low in SECTIONS:
            sections.add(low)
        elif low in SWITCHES:
            switches.add(low)
        else:
            near = difflib.get_close_matches(low, [*SECTIONS, *SWITCHES], 2)
            hint = f"did you mean {' or '.join(near)}?" if near else _known()
            raise ValueError(f"no section {word!r}: {hint}")
    return frozenset(sections), frozenset(switches)


def _known() -> str:
    return f"sections are {', '.join(sorted(SECTIONS))}; calls are {', '.join(SWITCHES)}"
