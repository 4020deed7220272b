"""The guard's decision: may this request go on to the engine? A pure function.

What is not allowed is denied. In this order:

1. a ``deny`` rule that fits denies;
2. an ``allow`` rule that fits allows;
3. a switch (``start``, ``stop``, ``restarts``, ``pause``, ``unpause``) allows its calls;
4. a section allows what reads, and with ``post`` everything in it;
5. the rest is denied.

What was allowed is denied all the same when it is about other containers than ``containers`` and
``labels`` say, or asks for something in ``forbid``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from opskit.guard.asked import Asked
from opskit.guard.creation import looks_into, objections
from opskit.guard.sections import ALWAYS, SECTIONS, section_of, switch_of
from opskit.guard.subjects import Container, Scope, subjects

__all__ = ["Policy", "Rule", "Verdict", "decide", "matches_path"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may go on, and by what."""

    allowed: bool
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests a rule is about.

    Attributes
    ----------
    path : str
        Without version prefix; ``*`` is anything but a slash, ``**`` anything.
    methods : frozenset of str
        Empty for all.
    scope : Scope
        The containers it is about.
    """

    path: str
    methods: frozenset[str] = frozenset()
    scope: Scope = field(default_factory=Scope)

    def fits(self, asked: Asked) -> bool:
        """Whether method and path are this rule's."""
        return (not self.methods or asked.method in self.methods) and matches_path(
            self.path, asked.path
        )

    def __str__(self) -> str:
        return f"{','.join(sorted(self.methods)) or '*'} {self.path}"


@dataclass(frozen=True)
class Policy:
    """Everything a guard decides by; see the module for the order.

    Attributes
    ----------
    sections, switches : frozenset of str
        What docker-socket-proxy would call so (`opskit.guard.sections`).
    post : bool
        Whether sections allow what changes something too.
    allow, deny : tuple of Rule
        Finer rules.
    forbid : frozenset of str
        What nobody may ask for (`opskit.guard.creation.FORBIDDABLE`).
    mounts : tuple of str
        Folders of the host that may be mounted although ``host-mounts`` is forbidden.
    scope : Scope
        The containers that calls may be about.
    """

    sections: frozenset[str] = ALWAYS
    switches: frozenset[str] = frozenset()
    post: bool = False
    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()
    forbid: frozenset[str] = frozenset()
    mounts: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)

    @cached_property
    def scoped(self) -> bool:
        """Whether it matters which containers a request is about."""
        return bool(self.scope or any(rule.scope for rule in (*self.allow, *self.deny)))

    @cached_property
    def unscoped(self) -> Policy:
        """What might be allowed if it is about the right containers."""
        free = tuple(replace(rule, scope=Scope()) for rule in self.allow)
        deny = tuple(rule for rule in self.deny if not rule.scope)
        return Policy(self.sections, self.switches, self.post, free, deny)

    def needs_body(self, asked: Asked) -> bool:
        """Whether the decision needs to know what the request's body says."""
        if self.forbid and looks_into(asked):
            return True
        return self.scoped and asked.method == "POST" and _names_in_body(asked.path)


def _names_in_body(path: str) -> bool:
    return (
        path == "/containers/create"
        or re.fullmatch(r"/networks/.+/(connect|disconnect)", path) is not None
    )


@lru_cache(maxsize=4096)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*+)", pattern)
    mapped = {"*": "[^/]*"}
    return re.compile("".join(
        (mapped.get(part, ".*") if part.startswith("*") else re.escape(part)) for part in parts
    ), re.DOTALL)  # fmt: skip


def matches_path(pattern: str, path: str) -> bool:
    """Whether a path fits a pattern of ``*`` and ``**``."""
    return _pattern(pattern).fullmatch(path) is not None


def decide(
    policy: Policy,
    asked: Asked,
    known: Mapping[str, Container] | None = None,
    *,
    sockets: tuple[str, ...] = (),
) -> Verdict:
    """Whether a request may go on to the engine.

    Parameters
    ----------
    policy : Policy
        What is allowed.
    asked : Asked
        The request, with its body where `Policy.needs_body` says so.
    known : mapping of str to Container, optional
        The containers it is about, as `opskit.guard.subjects.Scope.objection` wants them.
    sockets : tuple of str
        Where engines listen, beside the usual places.
    """
    known = known or {}
    for rule in policy.deny:
        # Denied are also the calls of which it cannot be told whether they are the rule's.
        if rule.fits(asked) and (not rule.scope or not _surely_others(rule.scope, asked, known)):
            return Verdict(False, f"the rule 'deny {rule}' denies it")
    verdict = _allowed(policy, asked, known)
    if not verdict.allowed:
        return verdict
    if objection := policy.scope.objection(asked, known):
        return Verdict(False, f"not about the containers that are allowed: {objection}")
    for objection in objections(asked, policy.forbid, policy.mounts, sockets):
        return Verdict(False, f"it asks for {objection}")
    return verdict


def _surely_others(scope: Scope, asked: Asked, known: Mapping[str, Container]) -> bool:
    about = subjects(asked)
    references = [*about.references(), *([f"exec:{about.exec}"] if about.exec else [])]
    found = [known.get(reference) for reference in references]
    found += [about.made] if about.made is not None else []
    return not about.every and all(one is not None and not scope.holds(one) for one in found)


def _allowed(policy: Policy, asked: Asked, known: Mapping[str, Container]) -> Verdict:
    nearly = ""
    for rule in policy.allow:
        if rule.fits(asked):
            nearly = rule.scope.objection(asked, known)
            if not nearly:
                return Verdict(True, f"allow {rule}")
    for switch in sorted(switch_of(asked.method, asked.path) & policy.switches):
        return Verdict(True, f"allow {switch}")
    section = section_of(asked.path)
    if section in policy.sections:
        if policy.post or not asked.writes:
            return Verdict(True, f"allow {section}")
        return Verdict(
            False, nearly or f"{asked.method} changes things, and only reading is allowed"
        )
    if nearly:
        return Verdict(False, nearly)
    if section in SECTIONS:
        return Verdict(False, f"the section '{section}' is not allowed")
    return Verdict(False, "no rule allows it")
