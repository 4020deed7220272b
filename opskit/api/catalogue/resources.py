"""Volumes and networks."""

from __future__ import annotations

from opskit.api.model import (
    JSON,
    delete,
    filters,
    flag,
    get,
    number,
    post,
    put,
    section,
    text,
)

__all__ = ["ENDPOINTS"]

_VOLUMES = section(
    "Volume",
    get(
        "/volumes",
        "VolumeList",
        "List volumes.",
        filters("dangling, driver, label, name"),
        produces=(JSON,),
        status="200 500",
    ),
    post(
        "/volumes/create",
        "VolumeCreate",
        "Create a volume; one of that name that is there already is left as it is.",
        json="Name, Driver, DriverOpts, Labels",
        produces=(JSON,),
        status="201 500",
    ),
    get(
        "/volumes/{name}",
        "VolumeInspect",
        "Everything the engine knows of one volume.",
        produces=(JSON,),
        status="200 404 500",
    ),
    put(
        "/volumes/{name}",
        "VolumeUpdate",
        "Change a cluster volume's specification.",
        number("version", "the version that you read before", required=True, since="1.42"),
        json="the new specification",
        produces=(JSON,),
        needs_swarm=True,
        status="200 400 404 500 503",
        since="1.42",
    ),
    delete(
        "/volumes/{name}",
        "VolumeDelete",
        "Remove a volume that no container uses.",
        flag("force", "even if its driver does not answer"),
        status="204 404 409 500",
    ),
    post(
        "/volumes/prune",
        "VolumePrune",
        "Remove the volumes that no container uses (anonymous ones only, since 1.42).",
        filters("all (since 1.42), label"),
        produces=(JSON,),
        status="200 500",
    ),
)

_NETWORKS = section(
    "Network",
    get(
        "/networks",
        "NetworkList",
        "List networks, without the containers in them.",
        filters("dangling, driver, id, label, name, scope, type"),
        produces=(JSON,),
        status="200 500",
    ),
    get(
        "/networks/{id}",
        "NetworkInspect",
        "Everything the engine knows of one network, with the containers in it.",
        flag("verbose", "with the services that use it on the whole swarm"),
        text("scope", "swarm, global or local"),
        produces=(JSON,),
        status="200 404 500",
    ),
    delete(
        "/networks/{id}",
        "NetworkDelete",
        "Remove a network that no container is in.",
        status="204 403 404 500",
    ),
    post(
        "/networks/create",
        "NetworkCreate",
        "Create a network.",
        json="Name, Driver, IPAM, Internal, Attachable, Options, Labels",
        produces=(JSON,),
        status="201 400 403 404 500",
    ),
    post(
        "/networks/{id}/connect",
        "NetworkConnect",
        "Put a container into a network.",
        json="Container and its EndpointConfig: aliases, addresses",
        status="200 400 403 404 500",
    ),
    post(
        "/networks/{id}/disconnect",
        "NetworkDisconnect",
        "Take a container out of a network.",
        json="Container, Force",
        status="200 403 404 500",
    ),
    post(
        "/networks/prune",
        "NetworkPrune",
        "Remove the networks that no container is in.",
        filters("label, until"),
        produces=(JSON,),
        status="200 500",
    ),
)

ENDPOINTS = (*_VOLUMES, *_NETWORKS)
