"""An engine that more people than should can give orders to."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opskit.address import Address
from opskit.api.versions import RELEASES, api_of_engine, version_key
from opskit.checks.probe import OpenDoor
from opskit.checks.rules import engine_rule
from opskit.tls.reading import SOON, Certificate

__all__ = ["EngineFacts"]

_WARNED = re.compile(r"API is accessible on (\S+?)\.? (without encryption|without TLS client)")


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the rules know of an engine.

    Attributes
    ----------
    address : Address
        How it was reached.
    info : dict
        ``GET /info``.
    doors : tuple of OpenDoor
        Addresses where the API answers without a client certificate.
    certificates : tuple of Certificate
        The engine's, and this client's files.
    socket : os.stat_result or None
        Its socket, if it is on this host.
    """

    address: Address
    info: dict[str, Any]
    doors: tuple[OpenDoor, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    socket: os.stat_result | None = None

    def warned(self, what: str) -> list[str]:
        """Addresses that the engine itself warns of."""
        said = " ".join(str(line) for line in self.info.get("Warnings") or [])
        return [found[1] for found in _WARNED.finditer(said) if found[2] == what]


@engine_rule(
    "api-plain",
    "critical",
    "the API listens on TCP without TLS: who reaches it is root on the host",
    "take tcp:// out of the engine's hosts (ssh:// needs none), or protect it: 'opskit tls init'",
)
def api_plain(engine: EngineFacts) -> Iterator[str]:
    for where in engine.warned("without encryption"):
        yield f"the engine warns that it listens on {where}"
    for door in engine.doors:
        if door.how == "plain":
            yield f"{door} answers with API {door.api}, without TLS"


@engine_rule(
    "api-any-client",
    "critical",
    "the API listens on TCP and asks no client for a certificate",
    "set tlsverify and tlscacert in the engine's daemon.json: 'opskit tls init' prints it",
)
def api_any_client(engine: EngineFacts) -> Iterator[str]:
    for where in engine.warned("without TLS client"):
        yield f"the engine warns that it listens on {where}"
    for door in engine.doors:
        if door.how == "tls":
            yield f"{door} answers with API {door.api}, without a client certificate"


@engine_rule(
    "engine-not-verified",
    "medium",
    "this client does not verify the engine: somebody in between can read and change all",
    "set DOCKER_TLS_VERIFY=1 with the engine's ca.pem, or make the context without skip-tls-verify",
)
def engine_not_verified(engine: EngineFacts) -> Iterator[str]:
    if engine.address.tls is not None and not engine.address.tls.verify:
        yield f"{engine.address} ({engine.address.source})"


@engine_rule(
    "socket-open",
    "critical",
    "every user of the host may open the engine's socket, and is root by it",
    "sudo chmod 660 on the socket; SocketMode=0660 in docker.socket keeps it so",
)
def socket_open(engine: EngineFacts) -> Iterator[str]:
    if engine.socket is not None and engine.socket.st_mode & stat.S_IWOTH:
        yield f"{engine.address.path} is {stat.filemode(engine.socket.st_mode)}"


@engine_rule(
    "socket-group",
    "info",
    "these users are as good as root: they are in the socket's group",
    "take out who does not need it: sudo gpasswd -d USER GROUP",
)
def socket_group(engine: EngineFacts) -> Iterator[str]:
    if engine.socket is None or not engine.socket.st_mode & stat.S_IWGRP:
        return
    gid = engine.socket.st_gid
    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return
    members = {*group.gr_mem, *(user.pw_name for user in pwd.getpwall() if user.pw_gid == gid)}
    if others := sorted(members - {"root"}):
        yield f"{group.gr_name}: {', '.join(others)}"


@engine_rule(
    "certificate-expired",
    "high",
    "a certificate has expired: clients fail, or learn to do without verification",
    "renew it: opskit tls renew",
)
def certificate_expired(engine: EngineFacts) -> Iterator[str]:
    for one in engine.certificates:
        if one.days_left() < 0:
            yield f"{_named(one)} expired on {one.not_after:%Y-%m-%d}"


@engine_rule(
    "certificate-expiring",
    "medium",
    "a certificate expires within 30 days",
    "renew it before: opskit tls renew",
)
def certificate_expiring(engine: EngineFacts) -> Iterator[str]:
    for one in engine.certificates:
        if 0 <= one.days_left() < SOON:
            yield f"{_named(one)} expires on {one.not_after:%Y-%m-%d}"


@engine_rule(
    "certificate-weak",
    "medium",
    "a certificate is weak by today's measure",
    "make another: 'opskit tls init' uses P-256 and SHA-256",
)
def certificate_weak(engine: EngineFacts) -> Iterator[str]:
    for one in engine.certificates:
        if one.weakness:
            yield f"{_named(one)}: {one.weakness}"


@engine_rule(
    "key-readable",
    "high",
    "others than its owner can read the client's private key",
    "chmod 400 on it, and make another if it was read",
)
def key_readable(engine: EngineFacts) -> Iterator[str]:
    path = engine.address.tls.key if engine.address.tls is not None else ""
    if path and os.path.exists(path):
        mode = os.stat(path).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield f"{path} is {stat.filemode(mode)}"


@engine_rule(
    "engine-outdated",
    "medium",
    "the engine is out of date: fixes of security faults come for the latest releases only",
    "upgrade the engine",
)
def engine_outdated(engine: EngineFacts) -> Iterator[str]:
    release = str(engine.info.get("ServerVersion") or "")
    if not release[:1].isdigit() or api_of_engine(release) is None or _is_podman(engine.info):
        return
    newest = RELEASES[-1].engine
    if version_key(newest)[0] - version_key(release)[0] >= 2:
        yield f"Docker {release}, API {api_of_engine(release)}; {newest} is known"


@engine_rule(
    "swarm",
    "info",
    "the engine is in a swarm; is it meant to be?",
    "docker swarm leave, if not",
    cis="5.1",
)
def swarm(engine: EngineFacts) -> Iterator[str]:
    state = (engine.info.get("Swarm") or {}).get("LocalNodeState")
    if state not in (None, "", "inactive"):
        yield f"Swarm.LocalNodeState is {state}"


def _is_podman(info: dict[str, Any]) -> bool:
    return "Podman" in str(info.get("ProductLicense", "")) + str(
        info.get("InitBinary", "")
    ) or bool(info.get("BuildahVersion"))


def _named(certificate: Certificate) -> str:
    return certificate.file or f"the engine's certificate ({certificate.subject})"
