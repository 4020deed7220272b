"""What an exposure check looks for: rules, each with a severity and what to do.

A rule is a generator: given what it needs to know it yields a line of evidence for each thing that
is wrong, and nothing where all is well. Numbers in ``cis`` are those of the CIS Docker Benchmark
1.6.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

__all__ = [
    "CONTAINER_RULES",
    "ENGINE_RULES",
    "SEVERITIES",
    "Container",
    "Finding",
    "Rule",
    "Severity",
    "at_least",
    "container_rule",
    "engine_rule",
]

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The most serious first. ``info`` is advice on hardening, not an exposure."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to look for.

    Attributes
    ----------
    name : str
        ``container-privileged``.
    severity : str
        One of `SEVERITIES`.
    title : str
        What is wrong when it finds something, in a few words.
    remedy : str
        What to do about it.
    cis : str
        Number in the CIS Docker Benchmark 1.6.0; empty if it has none.
    """

    name: str
    severity: Severity
    title: str
    remedy: str
    cis: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule found: where, and by what evidence."""

    rule: Rule
    subject: str
    evidence: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """What the rules know of one container.

    Attributes
    ----------
    inspected : dict
        ``GET /containers/{id}/json``.
    processes : tuple of str
        Commands that run in it; empty if it does not run.
    execs : tuple of dict
        ``GET /exec/{id}/json`` of the commands that were started in it.
    security : frozenset of str
        What the engine's host protects containers with: ``apparmor``, ``selinux``, ``seccomp``,
        ``userns``, ``no-new-privileges``.
    """

    inspected: dict[str, Any]
    processes: tuple[str, ...] = ()
    execs: tuple[dict[str, Any], ...] = ()
    security: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        return str(self.inspected.get("Name") or self.id[:12]).removeprefix("/")

    @property
    def id(self) -> str:
        return str(self.inspected.get("Id") or "")

    @property
    def config(self) -> dict[str, Any]:
        return self.inspected.get("Config") or {}

    @property
    def host(self) -> dict[str, Any]:
        """``HostConfig``."""
        return self.inspected.get("HostConfig") or {}

    @property
    def mounts(self) -> list[dict[str, Any]]:
        return self.inspected.get("Mounts") or []

    @property
    def options(self) -> list[str]:
        """Its security options, written with ``=`` whichever way they were given."""
        given = self.host.get("SecurityOpt") or []
        return [str(option).replace(":", "=", 1) for option in given]


Check = Callable[[Any], Iterator[str]]
_C = TypeVar("_C", bound=Check)

CONTAINER_RULES: dict[Rule, Callable[[Container], Iterator[str]]] = {}
ENGINE_RULES: dict[Rule, Callable[[Any], Iterator[str]]] = {}


def container_rule(
    name: str, severity: Severity, title: str, remedy: str, *, cis: str = ""
) -> Callable[[_C], _C]:
    """Make a generator of evidence, given a `Container`, a rule."""
    return _register(CONTAINER_RULES, Rule(f"container-{name}", severity, title, remedy, cis))


def engine_rule(
    name: str, severity: Severity, title: str, remedy: str, *, cis: str = ""
) -> Callable[[_C], _C]:
    """Make a generator of evidence, given what is known of the engine, a rule."""
    return _register(ENGINE_RULES, Rule(name, severity, title, remedy, cis))


def _register(rules: dict[Rule, Any], rule: Rule) -> Callable[[_C], _C]:
    def keep(check: _C) -> _C:
        rules[rule] = check
        return check

    return keep


def at_least(severity: str, least: str) -> bool:
    """Whether a severity is as serious as another, or more."""
    names: tuple[str, ...] = SEVERITIES
    return names.index(severity) <= names.index(least)
