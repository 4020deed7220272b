"""The least rights that let a session through: for the guard, and for other proxies.

Each set of rules is tried on the session's own requests before it is given out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from opskit.api.catalogue import ENDPOINTS
from opskit.guard.creation import FORBIDDABLE, host_folders, objections
from opskit.guard.evidence import Evidence
from opskit.guard.overview import allowed_endpoints
from opskit.guard.policyfile import parse_policy, write_policy
from opskit.guard.proxies import LINUXSERVER, TECNATIVA, TECNATIVA_NEXT, Haproxy, Regexes
from opskit.guard.rules import Policy, Rule, decide
from opskit.guard.sections import ALWAYS, section_of

__all__ = ["KINDS", "Fitted", "fit", "least_policy"]

_NAME = re.compile(r"\{[^}]*\}")
_SAMPLES = [(one.method, _NAME.sub("name", one.path)) for one in ENDPOINTS]
_NOWHERE = "/nonexistent"
_CREATE = ("/containers/create", "/services/create")


@dataclass(frozen=True, slots=True)
class Fitted:
    """Settings of one proxy, and what they come to.

    Attributes
    ----------
    text : str
        The settings: TOML for the guard, an environment file for the others.
    refused : list of str
        Requests of the session that cannot be let through by any settings.
    endpoints : int
        How many of the API's endpoints they let through in all.
    notes : list of str
        What these settings cannot express.
    """

    text: str
    refused: list[str]
    endpoints: int
    notes: list[str]


def fit(kind: str, evidence: list[Evidence]) -> Fitted:
    """The least settings of one of `KINDS` for a session."""
    return KINDS[kind](evidence)


def least_policy(evidence: list[Evidence]) -> Policy:
    """The least policy that lets these requests through."""
    rules: dict[str, set[str]] = {}
    for one in evidence:
        if section_of(one.asked.path) not in ALWAYS or one.asked.writes:
            rules.setdefault(one.pattern, set()).add(one.method)
    for pattern in [p for p in rules if "**" in p]:
        # What is allowed for names with a slash includes those without.
        single = pattern.replace("**", "*")
        rules[pattern] |= rules.get(single, set())
        if rules.get(single, set()) <= rules[pattern]:
            rules.pop(single, None)
    allow = tuple(Rule(pattern, frozenset(rules[pattern])) for pattern in sorted(rules))
    creates = [one for one in evidence if one.asked.writes and one.known]
    if not any(one.asked.body is not None for one in creates):
        return Policy(allow=allow)
    needed = {
        name
        for name in FORBIDDABLE
        for one in creates
        if any(objections(one.asked, frozenset((name,)), ()))
    }
    forbid = frozenset(FORBIDDABLE) - needed
    folders = [folder for one in creates for folder in host_folders(one.asked)]
    mounts: tuple[str, ...] = ()
    if "host-mounts" in needed and folders and None not in folders:
        forbid |= {"host-mounts"}
        mounts = tuple(sorted({posixpath.normpath(f) for f in folders if f is not None}))
    return Policy(allow=allow, forbid=forbid, mounts=mounts)


def _for_guard(evidence: list[Evidence]) -> Fitted:
    policy = least_policy(evidence)
    text = write_policy(policy)
    read = parse_policy(text)
    refused = [str(one.asked) for one in evidence if not decide(read, one.asked).allowed]
    notes = []
    if any(not one.known for one in evidence):
        notes.append("some bodies are not known: 'forbid' is from the others")
    return Fitted(text, sorted(set(refused)), len(allowed_endpoints(read)), notes)


def _for_haproxy(*proxies: Haproxy) -> Callable[[list[Evidence]], Fitted]:
    """Settings that do for all of these, which are releases of one proxy."""

    def fitted(evidence: list[Evidence]) -> Fitted:
        requests = sorted({(one.method, one.asked.path) for one in evidence})
        settings = {name for proxy in proxies for one in requests for name in proxy.relevant(*one)}

        def passing(settings: set[str]) -> set[tuple[str, str]]:
            return {one for one in requests if all(p.allows(settings, *one) for p in proxies)}

        possible = passing(settings)
        by_power = sorted(settings, key=lambda name: (-_power(proxies, settings, name), name))
        for name in by_power:
            if passing(settings - {name}) == possible:
                settings = settings - {name}
        refused = sorted({f"{method} {path}" for method, path in set(requests) - possible})
        lines = [f"{name}=1" for name in sorted(settings - set(Haproxy.defaults))]
        lines += [f"{name}=0" for name in Haproxy.defaults if name not in settings]
        count = max(_count(proxy, settings) for proxy in proxies)
        notes = [*_of_releases(settings, proxies), *_unsaid(evidence)]
        return Fitted("\n".join([*lines, ""]), refused, count, notes)

    return fitted


def _of_releases(settings: set[str], proxies: tuple[Haproxy, ...]) -> Iterator[str]:
    known = [proxy.variables for proxy in proxies]
    if newer := sorted(settings - frozenset.intersection(*known)):
        yield f"older releases do not know {', '.join(newer)}, and do not need it"


def _power(proxies: tuple[Haproxy, ...], settings: set[str], name: str) -> int:
    """How many endpoints are lost without a variable."""
    return sum(_count(proxy, settings) - _count(proxy, settings - {name}) for proxy in proxies)


def _count(proxy: Haproxy, settings: set[str]) -> int:
    return sum(proxy.allows(settings, *sample) for sample in _SAMPLES)


def _unsaid(evidence: list[Evidence]) -> Iterator[str]:
    if any(one.asked.path == "/containers/create" for one in evidence):
        yield "it cannot forbid options: who may create containers has the host"


def _for_wollomatic(evidence: list[Evidence]) -> Fitted:
    by_method: dict[str, set[str]] = {}
    for one in evidence:
        by_method.setdefault(one.method, set()).add(_expression(one.pattern))
    # The proxy puts ^ and $ around the whole: alternatives need brackets.
    patterns = {
        method: f"(/v[0-9.]+)?({'|'.join(sorted(found))})"
        for method, found in sorted(by_method.items())
    }
    proxy = Regexes(patterns)
    lines = [f"SP_ALLOW_{method}={pattern}" for method, pattern in patterns.items()]
    folders = {folder for one in evidence for folder in host_folders(one.asked)}
    creates = any(one.asked.path in _CREATE for one in evidence)
    if creates and None not in folders:
        tops = sorted(posixpath.normpath(f) for f in folders if f is not None) or [_NOWHERE]
        lines.append(f"SP_ALLOWBINDMOUNTFROM={','.join(tops)}")
    refused = [str(one.asked) for one in evidence if not proxy.allows(one.method, one.asked.path)]
    count = sum(proxy.allows(*sample) for sample in _SAMPLES)
    notes = []
    if creates:
        notes.append("of options it can forbid mounts only: privileged containers pass")
    if any(one.asked.path == "/volumes/create" for one in evidence):
        notes.append("volumes that are a folder of the host pass: it does not look into them")
    return Fitted("\n".join([*lines, ""]), sorted(set(refused)), count, notes)


def _expression(pattern: str) -> str:
    parts = re.split(r"(\*+)", pattern)
    mapped = {"*": "[^/]+", "**": ".+"}
    return "".join(mapped.get(part) or re.escape(part).replace("\\-", "-") for part in parts)


KINDS: dict[str, Callable[[list[Evidence]], Fitted]] = {
    "guard": _for_guard,
    "tecnativa": _for_haproxy(TECNATIVA, TECNATIVA_NEXT),
    "linuxserver": _for_haproxy(LINUXSERVER),
    "wollomatic": _for_wollomatic,
}
"""Whose settings can be made."""
