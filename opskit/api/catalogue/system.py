"""The engine itself: versions, events, disk usage, registries, BuildKit's connections."""

from __future__ import annotations

from opskit.api.model import (
    JSON,
    RAW,
    REGISTRY_AUTH,
    filters,
    flag,
    get,
    head,
    many,
    moment,
    post,
    section,
)

__all__ = ["ENDPOINTS"]

_SYSTEM = section(
    "System",
    post(
        "/auth",
        "SystemAuth",
        "Check credentials with a registry, and get a token for them if it gives one.",
        json="username, password, serveraddress",
        produces=(JSON,),
        status="200 204 401 500",
    ),
    get(
        "/info",
        "SystemInfo",
        "Host, drivers, counts of containers and images, swarm, registries and warnings.",
        produces=(JSON,),
        status="200 500",
    ),
    get(
        "/version",
        "SystemVersion",
        "Versions of the engine, its API and its parts, and of the kernel.",
        produces=(JSON,),
        status="200 500",
    ),
    get(
        "/_ping",
        "SystemPing",
        "Whether the engine answers; its API version is in the headers.",
        produces=("text/plain",),
        status="200 500",
    ),
    head(
        "/_ping",
        "SystemPingHead",
        "Whether the engine answers, headers only.",
        produces=("text/plain",),
        status="200 500",
    ),
    get(
        "/events",
        "SystemEvents",
        "What happens on the engine, as it happens, and the latest of what happened before.",
        moment("since", "begin with what was kept from this time on"),
        moment("until", "end the answer at this time"),
        filters(
            "config, container, daemon, event, image, label, network, node, plugin, scope, "
            "secret, service, type, volume"
        ),
        produces=(JSON,),
        stream="one JSON document an event, until the time of `until`",
        status="200 400 500",
    ),
    get(
        "/system/df",
        "SystemDataUsage",
        "How much disk images, containers, volumes and the build cache take.",
        many("type", "only container, image, volume or build-cache", since="1.42"),
        flag("verbose", "with each object, not only the sums", since="1.52"),
        produces=(JSON,),
        status="200 500",
    ),
)

_DISTRIBUTION = section(
    "Distribution",
    get(
        "/distribution/{name}/json",
        "DistributionInspect",
        "An image's digest and platforms, asked from its registry.",
        REGISTRY_AUTH,
        produces=(JSON,),
        status="200 401 500",
    ),
)

_SESSION = section(
    "Session",
    post(
        "/session",
        "Session",
        "Open BuildKit's connection back to the client, HTTP/2 inside.",
        produces=(RAW,),
        stream="HTTP/2 over the hijacked connection",
        hijacks=True,
        status="101 400 500",
    ),
    post(
        "/grpc",
        "Grpc",
        "Open a connection to BuildKit's own services, HTTP/2 inside.",
        produces=(RAW,),
        stream="HTTP/2 over the hijacked connection",
        hijacks=True,
        status="101 400 500",
        documented=False,
    ),
)

ENDPOINTS = (*_SYSTEM, *_DISTRIBUTION, *_SESSION)
