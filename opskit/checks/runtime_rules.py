"""Containers that everybody reaches, or that may take all the host has."""

from __future__ import annotations

from collections.abc import Iterator

from opskit.checks.rules import Container, container_rule

__all__: list[str] = []


def _published(container: Container) -> Iterator[tuple[str, str, str]]:
    """Host address, host port and inside port of what is published."""
    ports = (container.inspected.get("NetworkSettings") or {}).get("Ports") or {}
    if not any(ports.values()):
        ports = container.host.get("PortBindings") or {}
    for inside, bindings in ports.items():
        for binding in bindings or ():
            address = str(binding.get("HostIp") or "0.0.0.0")
            yield address, str(binding.get("HostPort") or ""), str(inside)


@container_rule(
    "published-everywhere",
    "medium",
    "publishes a port on all of the host's addresses, past the host's firewall",
    "name the address: --publish 127.0.0.1:PORT:PORT, or that of one interface",
    cis="5.14",
)
def published_everywhere(container: Container) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for address, port, inside in _published(container):
        if address in ("0.0.0.0", "::"):
            found.setdefault((port, inside), []).append(address)
    for (port, inside), addresses in found.items():
        yield f"{inside} on {' and '.join(sorted(addresses))}, port {port or 'any'}"


@container_rule(
    "privileged-port",
    "info",
    "publishes a port below 1024, which clients take for the host's own service",
    "publish it on a port from 1024 up, behind a proxy if need be",
    cis="5.8",
)
def privileged_port(container: Container) -> Iterator[str]:
    ports = {p for _, p, _ in _published(container) if p.isdigit() and 0 < int(p) < 1024}
    for port in sorted(ports, key=int):
        yield f"port {port} of the host"


@container_rule(
    "no-memory-limit",
    "low",
    "may take all of the host's memory",
    "give it a limit: docker update --memory 512m --memory-swap 512m NAME",
    cis="5.11",
)
def no_memory_limit(container: Container) -> Iterator[str]:
    if container.host.get("Memory") == 0:
        yield "HostConfig.Memory is 0"


@container_rule(
    "no-cpu-limit",
    "low",
    "may take all of the host's CPU time",
    "give it a limit or a weight: docker update --cpus 1 NAME, or --cpu-shares",
    cis="5.12",
)
def no_cpu_limit(container: Container) -> Iterator[str]:
    names = ("CpuShares", "NanoCpus", "CpuQuota", "CpusetCpus")
    if "CpuShares" in container.host and not any(container.host.get(name) for name in names):
        yield "no CPU shares, quota or set"


@container_rule(
    "no-process-limit",
    "low",
    "may start processes until the host has none left",
    "give it a limit: docker update --pids-limit 200 NAME",
    cis="5.29",
)
def no_process_limit(container: Container) -> Iterator[str]:
    if "PidsLimit" in container.host and (container.host["PidsLimit"] or 0) <= 0:
        yield f"HostConfig.PidsLimit is {container.host['PidsLimit']}"


@container_rule(
    "sshd",
    "medium",
    "runs an ssh server: one more door, with keys of its own",
    "use docker exec instead",
    cis="5.7",
)
def sshd(container: Container) -> Iterator[str]:
    for command in container.processes:
        program = command.split()[0].rsplit("/", 1)[-1].rstrip(":") if command.split() else ""
        if program in ("sshd", "dropbear"):
            yield command
            return


@container_rule(
    "restarts-for-ever",
    "info",
    "is restarted without end when it fails",
    "use --restart on-failure:5",
    cis="5.15",
)
def restarts_for_ever(container: Container) -> Iterator[str]:
    policy = container.host.get("RestartPolicy") or {}
    name, count = policy.get("Name"), policy.get("MaximumRetryCount") or 0
    if name in ("always", "unless-stopped"):
        yield f"restart policy {name}"
    elif name == "on-failure" and not 0 < count <= 5:
        yield f"restart policy on-failure, {count or 'any number of'} times"


@container_rule(
    "cgroup-parent",
    "low",
    "its limits are counted in a control group that somebody else chose",
    "start it without --cgroup-parent",
    cis="5.25",
)
def cgroup_parent(container: Container) -> Iterator[str]:
    if container.host.get("CgroupParent"):
        yield f"HostConfig.CgroupParent is {container.host['CgroupParent']}"


@container_rule(
    "no-healthcheck",
    "info",
    "nobody notices when it does not work any more",
    "give its image a HEALTHCHECK, or start it with --health-cmd",
    cis="5.27",
)
def no_healthcheck(container: Container) -> Iterator[str]:
    health = (container.inspected.get("State") or {}).get("Health") or {}
    test = (container.config.get("Healthcheck") or {}).get("Test") or []
    checked = health.get("Status") in ("healthy", "unhealthy")  # Podman says starting of all
    if not checked and (not test or test[0] == "NONE"):
        yield "no healthcheck"


@container_rule(
    "default-bridge",
    "info",
    "is on the default bridge, where every container reaches every other",
    "give it a network of its own: docker network create",
    cis="5.30",
)
def default_bridge(container: Container) -> Iterator[str]:
    networks = (container.inspected.get("NetworkSettings") or {}).get("Networks") or {}
    for name in ("bridge", "podman"):  # what Docker and Podman call theirs
        if name in networks:
            yield f"in network {name}"
