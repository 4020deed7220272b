"""What a policy comes to: the endpoints that it allows, and where it allows more than it seems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from opskit.api.catalogue import ENDPOINTS
from opskit.api.model import Endpoint
from opskit.guard.asked import Asked
from opskit.guard.creation import FORBIDDABLE
from opskit.guard.rules import Policy, decide

__all__ = ["allowed_endpoints", "needs_scope", "risks"]

_NAME = re.compile(r"\{[^}]*\}")
_HOST = ("privileged", "host-mounts", "host-namespaces", "capabilities", "devices")


def allowed_endpoints(policy: Policy) -> list[Endpoint]:
    """The endpoints that it lets through, at least for some objects and bodies."""
    return [one for one in ENDPOINTS if _allows(policy, one.method, one.path)]


def needs_scope(policy: Policy, endpoint: Endpoint) -> bool:
    """Whether an endpoint is allowed for some containers only."""
    if policy.scope and endpoint.path.startswith(("/containers/{", "/containers/create", "/exec")):
        return True
    anyone = replace(policy, allow=tuple(rule for rule in policy.allow if not rule.scope))
    return not _allows(anyone, endpoint.method, endpoint.path)


def _allows(policy: Policy, method: str, path: str) -> bool:
    return decide(policy.unscoped, Asked(method, _NAME.sub("name", path))).allowed


def risks(policy: Policy) -> Iterator[str]:
    """Where it gives away more than one may have meant, in words."""
    creates = _allows(policy, "POST", "/containers/create")
    open_to = [name for name in _HOST if name not in policy.forbid]
    if creates and open_to:
        yield (
            "who may create containers has the host: forbid "
            f"{', '.join(open_to)} unless that is meant"
        )
    if creates and "socket-mounts" not in policy.forbid and "host-mounts" not in policy.forbid:
        yield "a container that mounts the engine's socket goes past this guard"
    if _allows(policy, "POST", "/containers/{id}/exec") and _allows(
        policy, "POST", "/exec/{id}/start"
    ):
        yield (
            "exec runs any command in any container"
            + (" that it is about" if policy.scope else "")
            + ": in one with rights on the host, that is the host"
        )
    if _allows(policy, "GET", "/containers/{id}/archive"):
        yield (
            "reading 'containers' includes every file in them (archive, export) and their "
            "environment variables (inspect)"
        )
    for path in ("/session", "/grpc"):
        if _allows(policy, "POST", path):
            yield f"{path} is HTTP/2 from there on: what is said in it is not looked at"
    if not policy.forbid.isdisjoint(FORBIDDABLE) and not (
        creates
        or _allows(policy, "POST", "/services/create")
        or _allows(policy, "POST", "/containers/{id}/exec")
    ):
        yield "'forbid' does nothing where nothing may be created"
    if policy.scope and _allows(policy, "GET", "/containers/json"):
        yield "lists and events show all containers, also those that calls may not be about"
    if policy.scope and _allows(policy, "POST", "/services/create"):
        yield "containers that a service makes have names and labels of their own choice"
