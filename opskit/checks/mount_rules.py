"""Containers that hold pieces of their host's file system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from opskit.checks.rules import Container, container_rule

__all__ = ["is_root"]

SENSITIVE = ("/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/sys", "/usr")
DATA = ("/var/lib/docker", "/var/lib/containerd", "/var/lib/containers")
SOCKETS = ("docker.sock", "podman.sock", "containerd.sock", "docker-containerd.sock")
# Folders that hold an engine's socket: who has them has it
SOCKET_FOLDERS = ("/", "/run", "/var/run", "/run/docker", "/run/podman", "/run/containerd")


def is_root(container: Container) -> bool:
    """Whether its main process is the host's root: no user named, and none mapped."""
    user = str(container.config.get("User") or "").split(":")[0]
    mapped = "userns" in container.security and container.host.get("UsernsMode") != "host"
    return user in ("", "0", "root") and not mapped and "rootless" not in container.security


def _binds(container: Container) -> Iterator[tuple[str, str, bool]]:
    """Source, target and writability of what is mounted from the host."""
    for mount in container.mounts:
        if mount.get("Type", "bind") == "bind" and mount.get("Source"):
            source = str(PurePosixPath(str(mount["Source"])))
            yield source, str(mount.get("Destination", "")), bool(mount.get("RW", True))


def _said(source: str, target: str, writable: bool) -> str:
    return f"{source} at {target}, {'writable' if writable else 'read-only'}"


def _holds_socket(source: str) -> bool:
    return PurePosixPath(source).name in SOCKETS or source in SOCKET_FOLDERS


def _sensitive(source: str) -> bool:
    """Whether it is one of those folders, or has one inside."""
    inside = source.rstrip("/") + "/"
    return any(place == source or place.startswith(inside) for place in (*SENSITIVE, *DATA))


def _below_sensitive(source: str) -> bool:
    return any(source.startswith(f"{place}/") for place in (*SENSITIVE, *DATA))


@container_rule(
    "socket",
    "critical",
    "holds an engine's socket: whoever is in it is root on the host",
    "put 'opskit guard' or another socket proxy in between that allows only the calls it needs; "
    "mounting the socket read-only does not make the API read-only",
    cis="5.32",
)
def socket(container: Container) -> Iterator[str]:
    for source, target, writable in _binds(container):
        if _holds_socket(source):
            yield _said(source, target, writable)


@container_rule(
    "host-folder",
    "high",
    "can write to a folder that the host's system lives in",
    "mount only the files it needs, read-only (:ro), or use a volume",
    cis="5.6",
)
def host_folder(container: Container) -> Iterator[str]:
    for source, target, writable in _binds(container):
        if writable and (_sensitive(source) or _below_sensitive(source)):
            yield _said(source, target, writable)


@container_rule(
    "host-folder-read",
    "medium",
    "can read a folder that the host's system lives in, secrets included",
    "mount only the files it needs",
    cis="5.6",
)
def host_folder_read(container: Container) -> Iterator[str]:
    for source, target, writable in _binds(container):
        if not writable and _sensitive(source) and source not in ("/usr", "/lib", "/lib64"):
            yield _said(source, target, writable)


@container_rule(
    "root-writes-host",
    "medium",
    "runs as root and can write to the host's files: what it writes there is root's",
    "run it as another user (--user), mount read-only (:ro), or use a volume",
)
def root_writes_host(container: Container) -> Iterator[str]:
    if not is_root(container):
        return
    for source, target, writable in _binds(container):
        known = _sensitive(source) or _below_sensitive(source) or _holds_socket(source)
        if writable and not known:
            yield _said(source, target, writable)


@container_rule(
    "shared-propagation",
    "medium",
    "what it mounts appears on the host",
    "mount it without shared or rshared",
    cis="5.20",
)
def shared_propagation(container: Container) -> Iterator[str]:
    for mount in container.mounts:
        if mount.get("Propagation") in ("shared", "rshared"):
            yield f"{mount.get('Source')} at {mount.get('Destination')}, {mount['Propagation']}"


@container_rule(
    "writable-root",
    "info",
    "can change its own programs: its root file system is writable",
    "start it with --read-only, and --tmpfs or volumes for what it writes",
    cis="5.13",
)
def writable_root(container: Container) -> Iterator[str]:
    value: Any = container.host.get("ReadonlyRootfs")
    if value is False:
        yield "HostConfig.ReadonlyRootfs is false"
