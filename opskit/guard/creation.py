"""What a create call must not ask for: options that give a container the host.

Each check takes a body as the engine would read it (`opskit.guard.gojson`) and gives the reasons
to refuse it. What cannot be told apart from something harmful counts as harmful.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any

from opskit.guard.asked import Asked
from opskit.guard.gojson import members, pick

__all__ = ["FORBIDDABLE", "host_folders", "looks_into", "objections"]

_BODIES = re.compile(
    r"/(containers/create|containers/[^/]+/(start|update|exec)|services/create"
    r"|services/.+/update|volumes/create)"
)
_ID = re.compile(r"[0-9a-z]{1,64}")
_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_REMOTE = frozenset(("nfs", "nfs4", "cifs", "tmpfs"))
_HARMLESS_SECURITY = re.compile(r"no-new-privileges([:=]true)?")
_SOCKETS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/proc",
)
"""Where an engine listens; in /proc one finds every file of the host again."""

Reasons = Iterator[str]


def looks_into(asked: Asked) -> bool:
    """Whether what this call may do is told by its body."""
    return asked.method == "POST" and _BODIES.fullmatch(asked.path) is not None


def objections(
    asked: Asked, forbid: frozenset[str], mounts: tuple[str, ...], sockets: tuple[str, ...] = ()
) -> Reasons:
    """Why this call must not pass, if it must not.

    Parameters
    ----------
    forbid : frozenset of str
        Of `FORBIDDABLE`.
    mounts : tuple of str
        Folders of the host that may be mounted although ``host-mounts`` is forbidden.
    sockets : tuple of str
        Where engines listen, beside the usual places.
    """
    if not forbid or not asked.writes:
        return
    if asked.path.startswith("/plugins/"):
        yield "a plugin can have every right"
    if asked.path == "/swarm/join":
        yield "a swarm whose managers can mount what they like"
    if "/libpod/" in asked.path:
        yield "what Podman's own API is asked to create is not looked at"
    network = asked.query.get("networkmode", [])
    if (
        asked.path == "/build"
        and "host-namespaces" in forbid
        and (asked.form or network not in ([], [""], ["default"], ["none"]))
    ):
        yield "a build in a network of its choice"
    if not looks_into(asked):
        return
    for name in sorted(forbid):
        if name not in ("host-mounts", "socket-mounts"):
            yield from FORBIDDABLE[name](asked.body)
    if not forbid.isdisjoint(("host-mounts", "socket-mounts")):
        yield from _mounts(asked, forbid, mounts, (*_SOCKETS, *sockets))


def _host(body: Any, *names: str) -> Iterator[Any]:
    """A field of HostConfig, of a service's container, or where old clients send it: at the top."""
    yield from pick(body, "hostconfig", *names)
    yield from pick(body, "tasktemplate", "containerspec", *names)
    yield from pick(body, *names)


def host_folders(asked: Asked) -> Iterator[str | None]:
    """The folders of the host that a call asks to mount; None for one that cannot be told."""
    if looks_into(asked):
        yield from _sources(asked)


def _privileged(body: Any) -> Reasons:
    if any(value not in (None, False) for value in _host(body, "privileged")):
        yield "a privileged container"


def _capabilities(body: Any) -> Reasons:
    for name in ("capadd", "capabilityadd", "capabilities"):
        for added in _host(body, name):
            if added not in (None, ""):
                yield f"the added capability {added}"


def _devices(body: Any) -> Reasons:
    for name in ("devices", "devicerequests", "devicecgrouprules"):
        if any(value is not None for value in _host(body, name)):
            yield "a device of the host"


def _namespaces(body: Any) -> Reasons:
    for name in ("networkmode", "pidmode", "ipcmode", "utsmode", "usernsmode", "cgroupnsmode"):
        for mode in _host(body, name):
            kind = str(mode).partition(":")[0].casefold()
            if kind == "host":
                yield f"the host's namespace ({name})"
            elif kind == "container":
                yield f"the namespace of another {mode}, which may be the host's ({name})"
    for networks in pick(body, "networkingconfig", "endpointsconfig"):
        if "host" in (name for name, _ in members(networks)):
            yield "the host's network"
    for place in (("tasktemplate", "networks"), ("networks",)):
        for target in pick(body, *place, "target"):
            if target == "host" or _ID.fullmatch(str(target)):
                yield f"the network {target}, which may be the host's by its id"


def _security(body: Any) -> Reasons:
    for option in _host(body, "securityopt"):
        if option is not None and not _HARMLESS_SECURITY.fullmatch(str(option)):
            yield f"the security option {option}"
    for name in ("maskedpaths", "readonlypaths"):
        # Absent or null is the default; an empty list takes the default's protection away.
        for place in (("hostconfig",), ()):
            for owner in pick(body, *place):
                for member, value in members(owner):
                    if member.casefold() == name and value is not None:
                        yield f"other {name} than the engine's own"
    for kind in (("containerspec", "privileges"), ("pluginspec",)):
        if any(value is not None for value in pick(body, "tasktemplate", *kind)):
            yield "a service with privileges of its own"


def _mounts(
    asked: Asked, forbid: frozenset[str], allowed: tuple[str, ...], sockets: tuple[str, ...]
) -> Reasons:
    for source in _sources(asked):
        if source is None:
            yield "a mount whose source cannot be told"
            continue
        path = _normal(source)
        if "host-mounts" in forbid and not any(_within(path, _normal(top)) for top in allowed):
            yield f"a mount of {source} from the host"
        reaches = any(_within(_normal(one), path) for one in sockets) or _within(path, "/proc")
        if "socket-mounts" in forbid and reaches:
            yield f"a mount of {source}, where an engine listens"


def _sources(asked: Asked) -> Iterator[str | None]:
    """Folders of the host that a body asks to mount; None for what may be any folder."""
    body = asked.body
    for bind in _host(body, "binds"):
        if bind is not None:
            yield from _bind(bind)
    for mount in _host(body, "mounts"):
        yield from _mount(mount)
    if any(value is not None for value in _host(body, "volumesfrom")):
        yield None
    if any(value not in (None, "", "local") for value in _host(body, "volumedriver")):
        yield None
    if asked.path == "/volumes/create":
        yield from _volume(body, "driver", "driveropts")


def _bind(bind: Any) -> Iterator[str | None]:
    source, colon, _ = str(bind).partition(":")
    if source.startswith("/") and colon:
        yield source
    elif not isinstance(bind, str) or (colon and not _VOLUME.fullmatch(source)):
        yield None


def _mount(mount: Any) -> Iterator[str | None]:
    if mount is None:
        return
    kinds = list(pick(mount, "type"))
    if any(kind not in ("volume", "tmpfs", "image") for kind in kinds) or not kinds:
        sources = list(pick(mount, "source")) or [None]
        for source in sources:
            yield source if isinstance(source, str) and source.startswith("/") else None
    for config in pick(mount, "volumeoptions", "driverconfig"):
        yield from _volume(config, "name", "options")


def _volume(config: Any, driver: str, options: str) -> Iterator[str | None]:
    if any(value not in (None, "", "local") for value in pick(config, driver)):
        yield None
    said: dict[str, list[str]] = {"type": [], "o": [], "device": []}
    for found in pick(config, options):
        for name, value in members(found):
            said.setdefault(name.casefold(), []).append(str(value))
    flags = {flag.lower() for options in said["o"] for flag in re.split(r"[,\s]+", options)}
    kinds = {kind.lower() for kind in said["type"]}
    if not flags.isdisjoint(("bind", "rbind")) or not kinds <= _REMOTE:
        for device in said["device"] or [""]:
            yield device if device.startswith("/") else None
    elif kinds != {"cifs"}:
        yield from (device for device in said["device"] if device.startswith("/"))


def _normal(path: str) -> str:
    if ".." in path.split("/"):
        return "/"  # where that leads depends on the host's links
    path = "/" + posixpath.normpath(path).strip("/")
    return re.sub(r"^/var/run(?=/|$)", "/run", path)


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


FORBIDDABLE: dict[str, Callable[[Any], Reasons]] = {
    "capabilities": _capabilities,
    "devices": _devices,
    "host-mounts": lambda body: iter(()),
    "host-namespaces": _namespaces,
    "privileged": _privileged,
    "security-options": _security,
    "socket-mounts": lambda body: iter(()),
}
"""What can be forbidden, and the check of each; the two kinds of mounts are checked together."""
