"""Containers that are less apart from their host than containers are."""

from __future__ import annotations

from collections.abc import Iterator

from opskit.checks.rules import Container, container_rule

__all__: list[str] = []

# What containers have by default; adding one of these adds nothing.
DEFAULT_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
# With one of these a container can take over its host.
HOST_CAPABILITIES = frozenset(
    {
        "ALL",
        "BPF",
        "DAC_READ_SEARCH",
        "LINUX_IMMUTABLE",
        "MAC_ADMIN",
        "MAC_OVERRIDE",
        "NET_ADMIN",
        "PERFMON",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_MODULE",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_TIME",
        "SYSLOG",
    }
)


def _added(container: Container) -> set[str]:
    added = {str(c).upper().removeprefix("CAP_") for c in container.host.get("CapAdd") or []}
    return added - DEFAULT_CAPABILITIES


@container_rule(
    "privileged",
    "critical",
    "runs privileged: it can do on the host what root can",
    "start it without --privileged, and give it what it needs by --cap-add and --device",
    cis="5.5",
)
def privileged(container: Container) -> Iterator[str]:
    if container.host.get("Privileged"):
        yield "HostConfig.Privileged is true"


@container_rule(
    "host-capabilities",
    "high",
    "has capabilities with which it can take over the host",
    "leave out --cap-add, or add only the capability that it cannot do without",
    cis="5.4",
)
def host_capabilities(container: Container) -> Iterator[str]:
    if added := _added(container) & HOST_CAPABILITIES:
        yield f"CapAdd has {', '.join(sorted(added))}"


@container_rule(
    "capabilities",
    "medium",
    "has more capabilities than containers have by default",
    "leave out --cap-add where it runs without",
    cis="5.4",
)
def capabilities(container: Container) -> Iterator[str]:
    if added := _added(container) - HOST_CAPABILITIES:
        yield f"CapAdd has {', '.join(sorted(added))}"


@container_rule(
    "host-network",
    "high",
    "shares the host's network: it reaches what listens on the host's loopback",
    "give it a network of its own, and publish the ports it needs",
    cis="5.10",
)
def host_network(container: Container) -> Iterator[str]:
    if container.host.get("NetworkMode") == "host":
        yield "HostConfig.NetworkMode is host"


@container_rule(
    "host-pid",
    "high",
    "sees the host's processes, and can send them signals",
    "start it without --pid host",
    cis="5.16",
)
def host_pid(container: Container) -> Iterator[str]:
    if container.host.get("PidMode") == "host":
        yield "HostConfig.PidMode is host"


@container_rule(
    "host-ipc",
    "high",
    "shares the host's memory segments and message queues",
    "start it without --ipc host",
    cis="5.17",
)
def host_ipc(container: Container) -> Iterator[str]:
    if container.host.get("IpcMode") == "host":
        yield "HostConfig.IpcMode is host"


@container_rule(
    "host-uts",
    "medium",
    "can change the host's name",
    "start it without --uts host",
    cis="5.21",
)
def host_uts(container: Container) -> Iterator[str]:
    if container.host.get("UTSMode") == "host":
        yield "HostConfig.UTSMode is host"


@container_rule(
    "host-users",
    "medium",
    "its root is the host's root, though the engine maps users",
    "start it without --userns host",
    cis="5.31",
)
def host_users(container: Container) -> Iterator[str]:
    if container.host.get("UsernsMode") == "host":
        yield "HostConfig.UsernsMode is host"


@container_rule(
    "no-seccomp",
    "high",
    "may make every system call",
    "start it without seccomp=unconfined, or with a profile of its own",
    cis="5.22",
)
def no_seccomp(container: Container) -> Iterator[str]:
    if "seccomp=unconfined" in container.options:
        yield "SecurityOpt has seccomp=unconfined"


@container_rule(
    "no-apparmor",
    "medium",
    "is not confined by AppArmor, which the host has",
    "start it without apparmor=unconfined",
    cis="5.2",
)
def no_apparmor(container: Container) -> Iterator[str]:
    profile = container.inspected.get("AppArmorProfile")
    if "apparmor" in container.security and profile in ("", "unconfined"):
        yield f"AppArmorProfile is {profile or 'empty'}"


@container_rule(
    "no-selinux",
    "medium",
    "is not confined by SELinux, which the host has",
    "start it without label=disable",
    cis="5.3",
)
def no_selinux(container: Container) -> Iterator[str]:
    if "selinux" in container.security and "label=disable" in container.options:
        yield "SecurityOpt has label=disable"


@container_rule(
    "devices",
    "medium",
    "has devices of the host",
    "leave out --device, or give it read rights only (:r)",
    cis="5.18",
)
def devices(container: Container) -> Iterator[str]:
    for device in container.host.get("Devices") or []:
        yield f"{device.get('PathOnHost')} with rights {device.get('CgroupPermissions')}"


@container_rule(
    "new-privileges",
    "info",
    "its processes may gain privileges, by setuid programs for one",
    "start it with --security-opt no-new-privileges",
    cis="5.26",
)
def new_privileges(container: Container) -> Iterator[str]:
    said = {"no-new-privileges", "no-new-privileges=true"}
    if "no-new-privileges" not in container.security and said.isdisjoint(container.options):
        yield "SecurityOpt has no no-new-privileges"


@container_rule(
    "privileged-exec",
    "high",
    "a command was started in it with all privileges",
    "leave out docker exec --privileged",
    cis="5.23",
)
def privileged_exec(container: Container) -> Iterator[str]:
    for command in container.execs:
        process = command.get("ProcessConfig") or {}
        if process.get("privileged"):
            yield f"exec {str(command.get('ID'))[:12]}: {process.get('entrypoint')}"


@container_rule(
    "root-exec",
    "info",
    "a command was started in it as root",
    "leave out docker exec --user root",
    cis="5.24",
)
def root_exec(container: Container) -> Iterator[str]:
    for command in container.execs:
        process = command.get("ProcessConfig") or {}
        if str(process.get("user", "")).split(":")[0] in ("root", "0"):
            yield f"exec {str(command.get('ID'))[:12]}: {process.get('entrypoint')}"
