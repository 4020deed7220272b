"""Other socket proxies, simulated: what each lets through under its settings.

Written after the behaviour of Tecnativa's docker-socket-proxy (HAProxy; to 0.4, and what follows
it, where more calls have switches of their own), LinuxServer's docker-socket-proxy (HAProxy) and
wollomatic's socket-proxy (Go). Their rules are evaluated in order, and the order differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

__all__ = ["LINUXSERVER", "TECNATIVA", "TECNATIVA_NEXT", "Haproxy", "Regexes"]

_SECTIONS = (
    *("AUTH", "BUILD", "COMMIT", "CONFIGS", "CONTAINERS", "DISTRIBUTION", "EVENTS", "EXEC", "GRPC"),
    *("IMAGES", "INFO", "NETWORKS", "NODES", "PING", "PLUGINS", "SECRETS", "SERVICES", "SESSION"),
    *("SWARM", "SYSTEM", "TASKS", "VERSION", "VOLUMES"),
)
_ON = ("EVENTS", "PING", "VERSION")
_CALLS = {"ALLOW_RESTARTS": "(stop|restart|kill)", "ALLOW_START": "start", "ALLOW_STOP": "stop"}
_PAUSES = {"ALLOW_PAUSE": "pause", "ALLOW_UNPAUSE": "unpause"}
_GATED = {
    "ALLOW_EXEC": "exec",
    "ALLOW_KILL": "kill",
    "ALLOW_ATTACH": "attach",
    "ALLOW_ARCHIVE": "archive",
    "ALLOW_EXPORT": "export",
    "ALLOW_LOGS": "logs",
}


@dataclass(frozen=True)
class Haproxy:
    """A proxy whose rules are HAProxy's, each under a variable of the environment.

    Attributes
    ----------
    name : str
        Whose it is.
    anywhere : bool
        A section may also be the second part of a path: ``/x/info`` is ``info``.
    calls : mapping of str to str
        Variables that let single calls on containers through.
    calls_first : bool
        Whether those come before the check of the method.
    methods : tuple of str
        Methods with a variable of their own; where there is only POST, it stands for all.
    gated : mapping of str to str
        Variables without which a call on a container is denied in any case.
    """

    name: str
    calls: Mapping[str, str]
    anywhere: bool = False
    calls_first: bool = False
    methods: tuple[str, ...] = ("POST",)
    gated: Mapping[str, str] | None = None

    defaults = _ON

    @cached_property
    def _prefix(self) -> str:
        return r"(/v[\d.]+)?" + (r"(/\w+)?" if self.anywhere else "")

    @cached_property
    def _rules(self) -> list[tuple[re.Pattern[str], str]]:
        container = self._prefix + "/containers/[a-zA-Z0-9_.-]+/"
        named = [(container + call, name) for name, call in self.calls.items()]
        for section in _SECTIONS:
            word = "_ping" if section == "PING" else section.lower()
            named.append((f"{self._prefix}/{word}", section))
        return [(_compiled(pattern), name) for pattern, name in named]

    @cached_property
    def _gates(self) -> list[tuple[re.Pattern[str], str]]:
        container = r"(/v[\d.]+)?/containers/[a-zA-Z0-9_.-]+/"
        return [(_compiled(container + call), name) for name, call in (self.gated or {}).items()]

    @cached_property
    def variables(self) -> frozenset[str]:
        """All variables that it knows."""
        named = {name for _, name in (*self._rules, *self._gates)}
        return frozenset(named | set(self.methods))

    def relevant(self, method: str, path: str) -> set[str]:
        """The variables that have a say in this request."""
        names = {name for rule, name in (*self._rules, *self._gates) if rule.match(path)}
        return names | ({self._variable(method)} if method not in ("GET", "HEAD") else set())

    def _variable(self, method: str) -> str:
        return method if method in self.methods else "POST"

    def allows(self, settings: Iterable[str], method: str, path: str) -> bool:
        """Whether a request (its path decoded) passes when these variables are 1."""
        on = frozenset(settings)
        if self.calls_first and self._called(on, path):
            return True
        if method not in ("GET", "HEAD") and self._variable(method) not in on:
            return False
        if any(name not in on and rule.match(path) for rule, name in self._gates):
            return False
        return any(name in on and rule.match(path) for rule, name in self._rules)

    def _called(self, on: frozenset[str], path: str) -> bool:
        return any(name in on and rule.match(path) for rule, name in self._rules[: len(self.calls)])


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


TECNATIVA = Haproxy("Tecnativa's", _CALLS, anywhere=True)
TECNATIVA_NEXT = Haproxy(
    "Tecnativa's",
    {**_CALLS, **_PAUSES},
    methods=("POST", "DELETE", "PUT", "PATCH"),
    gated=_GATED,
)
LINUXSERVER = Haproxy("LinuxServer's", {**_CALLS, **_PAUSES}, calls_first=True)


class Regexes:
    """wollomatic's proxy: a regular expression for each method, matched with the whole path."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = {method: re.compile(rf"^{one}\Z") for method, one in patterns.items()}

    def allows(self, method: str, path: str) -> bool:
        """Whether a request (its path decoded) passes."""
        pattern = self._patterns.get(method)
        return pattern is not None and pattern.search(path) is not None
