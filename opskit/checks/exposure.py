"""Is an engine exposed to more than it should be, and are its containers?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from opskit.checks import isolation_rules, mount_rules, runtime_rules
from opskit.checks.engine_rules import EngineFacts
from opskit.checks.probe import candidates, knock
from opskit.checks.rules import (
    CONTAINER_RULES,
    ENGINE_RULES,
    SEVERITIES,
    Container,
    Finding,
    Rule,
    Severity,
    at_least,
)
from opskit.checks.socket_file import peer_process
from opskit.checks.tls_state import server_certificate
from opskit.errors import APIError, OpskitError
from opskit.tls.reading import Certificate, read

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["Exposure", "examine_exposure"]

_LOADED = (isolation_rules, mount_rules, runtime_rules)  # importing them fills the tables


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a check found, and all it looked for.

    Attributes
    ----------
    engine : str
        The engine's address.
    rules : tuple of Rule
        What was looked for.
    findings : tuple of Finding
        What was found, the most serious first.
    containers : int
        How many containers were looked at.
    """

    engine: str
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    containers: int

    def worst(self) -> Severity | None:
        """The severity of the most serious finding."""
        return self.findings[0].rule.severity if self.findings else None


def examine_exposure(
    engine: RawEngine, *, all: bool = False, least: Severity = "low", probe: bool = True
) -> Exposure:
    """Look at an engine and its containers; see `Engine.exposure`.

    Raises
    ------
    ValueError
        ``least`` is no severity.
    EngineError
        The engine could not be asked.
    """
    if least not in SEVERITIES:
        raise ValueError(f"{least!r} is no severity: use one of {', '.join(SEVERITIES)}")
    info = engine.get("/info") or {}
    facts = _engine_facts(engine, info, probe)
    security = _security(info)
    containers = _containers(engine, security, all)
    findings = [
        Finding(rule, "engine", evidence)
        for rule, check in ENGINE_RULES.items()
        for evidence in check(facts)
    ]
    findings += [
        Finding(rule, container.name, evidence, container.id)
        for rule, check in CONTAINER_RULES.items()
        for container in containers
        for evidence in check(container)
    ]
    rules = [r for r in (*ENGINE_RULES, *CONTAINER_RULES) if at_least(r.severity, least)]
    findings = [f for f in findings if at_least(f.rule.severity, least)]
    findings.sort(key=lambda f: SEVERITIES.index(f.rule.severity))
    return Exposure(engine.address, tuple(rules), tuple(findings), len(containers))


def _engine_facts(engine: RawEngine, info: dict[str, Any], probe: bool) -> EngineFacts:
    where = engine.where
    if where.scheme != "unix":
        doors = tuple(knock(candidates(where, None))) if probe else ()
        return EngineFacts(where, info, doors, tuple(_certificates(engine)))
    peer = peer_process(where.path)
    pid = peer[0] if peer else None
    if pid == os.getpid():  # a cassette that this process plays: this host is not the engine's
        return EngineFacts(where, info)
    doors = tuple(knock(candidates(where, pid))) if probe else ()
    try:
        found = os.stat(where.path)
    except OSError:
        return EngineFacts(where, info, doors)
    return EngineFacts(where, info, doors, (), found)


def _certificates(engine: RawEngine) -> Iterator[Certificate]:
    where = engine.where
    if where.tls is None:
        return
    for file in (where.tls.ca, where.tls.cert):
        if file:
            yield read(file)
    try:
        shown = server_certificate(where, min(engine.timeout, 10.0))
    except OpskitError:  # the call before it succeeded: it shows in the rest of the session
        return
    if shown is not None:
        yield shown


def _security(info: dict[str, Any]) -> frozenset[str]:
    """``["name=seccomp,profile=default", …]`` as ``{"seccomp", …}``."""
    names = set()
    for option in info.get("SecurityOptions") or []:
        for part in str(option).split(","):
            key, _, value = part.partition("=")
            names.add(value if key == "name" else key if not value else "")
    return frozenset(names - {""})


def _containers(engine: RawEngine, security: frozenset[str], all: bool) -> list[Container]:
    listed = engine.get("/containers/json", all=all) or []
    paths = [f"/containers/{one['Id']}/json" for one in listed]
    inspected = _with_folders(engine, [one for one in _answers(engine, paths) if one])
    running = [one for one in inspected if (one.get("State") or {}).get("Running")]
    tops = _answers(engine, [f"/containers/{one['Id']}/top" for one in running])
    processes = {
        one["Id"]: tuple(_commands(top)) for one, top in zip(running, tops, strict=True) if top
    }
    ids = [(one["Id"], task) for one in inspected for task in one.get("ExecIDs") or []]
    execs: dict[str, list[dict[str, Any]]] = {}
    for (owner, _), task in zip(
        ids, _answers(engine, [f"/exec/{t}/json" for _, t in ids]), strict=True
    ):
        if task:
            execs.setdefault(owner, []).append(task)
    return [
        Container(
            one,
            processes.get(one["Id"], ()),
            tuple(execs.get(one["Id"], ())),
            security,
        )
        for one in inspected
    ]


def _with_folders(engine: RawEngine, inspected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The containers, a volume that is a folder of the host being shown as the bind that it is."""
    mounts = [mount for one in inspected for mount in one.get("Mounts") or []]
    names = {
        str(m["Name"]) for m in mounts if m.get("Type") == "volume" and m.get("Driver") == "local"
    }
    volumes = engine.get_many([f"/volumes/{quote(name, safe='')}" for name in sorted(names)])
    folders = {}
    for volume in volumes:
        if isinstance(volume, APIError):  # gone, or not to be seen through a proxy
            continue
        options = volume.get("Options") or {}
        if {"bind", "rbind"} & set(str(options.get("o", "")).split(",")):
            folders[volume["Name"]] = str(options.get("device", ""))

    def shown(mount: dict[str, Any]) -> dict[str, Any]:
        folder = folders.get(mount.get("Name"))
        return {**mount, "Type": "bind", "Source": folder} if folder else mount

    return [{**one, "Mounts": [shown(m) for m in one.get("Mounts") or []]} for one in inspected]


def _answers(engine: RawEngine, paths: Sequence[str]) -> list[Any]:
    """The decoded answers; None for what ended since it was listed."""
    answers = engine.get_many(paths) if paths else []
    for answer in answers:
        if isinstance(answer, APIError) and answer.status not in (404, 409, 500):
            raise answer
    return [None if isinstance(answer, APIError) else answer for answer in answers]


def _commands(top: dict[str, Any]) -> Iterator[str]:
    titles = [str(title).upper() for title in top.get("Titles") or []]
    if len(titles) == 1:  # Podman gives ps' lines whole
        titles = titles[0].split()
    place = next((titles.index(name) for name in ("CMD", "COMMAND") if name in titles), -1)
    for row in top.get("Processes") or []:
        cells = row[0].split(None, len(titles) - 1) if len(row) == 1 < len(titles) else row
        if cells:
            yield str(cells[place])
