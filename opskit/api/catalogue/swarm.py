"""Swarm: the cluster, its nodes, services and tasks, secrets and configs."""

from __future__ import annotations

from opskit.api.model import (
    JSON,
    MULTIPLEXED,
    RAW,
    REGISTRY_AUTH,
    delete,
    filters,
    flag,
    get,
    moment,
    number,
    post,
    section,
    text,
)

__all__ = ["ENDPOINTS"]

_VERSION = number("version", "the version that you read before", required=True)
_LOGS = (
    flag("details", "with the labels and variables that the log driver adds"),
    flag("follow", "keep the connection open for what comes"),
    flag("stdout", "standard output; one of the two is needed"),
    flag("stderr", "standard error; one of the two is needed"),
    moment("since", "from this time on"),
    flag("timestamps", "put the time before each line"),
    text("tail", "only the last so many lines, or all"),
)
_FOLLOWED = "follow=1: raw or multiplexed frames"

_NODES = section(
    "Node",
    get(
        "/nodes",
        "NodeList",
        "List the swarm's nodes.",
        filters("id, label, membership, name, node.label, role"),
        produces=(JSON,),
        status="200 500 503",
    ),
    get(
        "/nodes/{id}",
        "NodeInspect",
        "Everything the swarm knows of one node.",
        produces=(JSON,),
        status="200 404 500 503",
    ),
    delete(
        "/nodes/{id}",
        "NodeDelete",
        "Remove a node from the swarm.",
        flag("force", "even if it is up"),
        status="200 404 500 503",
    ),
    post(
        "/nodes/{id}/update",
        "NodeUpdate",
        "Change a node's role, availability or labels.",
        _VERSION,
        json="the new specification: Role, Availability, Labels",
        status="200 400 404 500 503",
    ),
    needs_swarm=True,
)

_ENTER = section(
    "Swarm",
    post(
        "/swarm/init",
        "SwarmInit",
        "Make this engine the first manager of a new swarm.",
        json="ListenAddr, AdvertiseAddr, Spec, …",
        produces=(JSON,),
        status="200 400 500 503",
    ),
    post(
        "/swarm/join",
        "SwarmJoin",
        "Join a swarm that is there.",
        json="RemoteAddrs, JoinToken, ListenAddr, …",
        status="200 400 500 503",
    ),
)

_SWARM = section(
    "Swarm",
    get(
        "/swarm",
        "SwarmInspect",
        "The swarm's settings and join tokens.",
        produces=(JSON,),
        status="200 404 500 503",
    ),
    post(
        "/swarm/leave",
        "SwarmLeave",
        "Take this engine out of its swarm.",
        flag("force", "even if it is a manager"),
        status="200 500 503",
    ),
    post(
        "/swarm/update",
        "SwarmUpdate",
        "Change the swarm's settings, or replace its tokens and keys.",
        _VERSION,
        flag("rotateWorkerToken", "a new join token for workers"),
        flag("rotateManagerToken", "a new join token for managers"),
        flag("rotateManagerUnlockKey", "a new key for unlocking managers"),
        json="the new specification",
        status="200 400 500 503",
    ),
    get(
        "/swarm/unlockkey",
        "SwarmUnlockkey",
        "The key that unlocks a manager after a restart.",
        produces=(JSON,),
        status="200 500 503",
    ),
    post(
        "/swarm/unlock",
        "SwarmUnlock",
        "Unlock a locked manager.",
        json="UnlockKey",
        status="200 500 503",
    ),
    needs_swarm=True,
)

_SERVICES = section(
    "Service",
    get(
        "/services",
        "ServiceList",
        "List services.",
        filters("id, label, mode, name"),
        flag("status", "with counts of running and desired tasks"),
        produces=(JSON,),
        status="200 500 503",
    ),
    post(
        "/services/create",
        "ServiceCreate",
        "Create a service.",
        REGISTRY_AUTH,
        json="Name, TaskTemplate, Mode, Networks, EndpointSpec, …",
        produces=(JSON,),
        status="201 400 403 409 500 503",
    ),
    get(
        "/services/{id}",
        "ServiceInspect",
        "Everything the swarm knows of one service.",
        flag("insertDefaults", "with the defaults filled in"),
        produces=(JSON,),
        status="200 404 500 503",
    ),
    delete(
        "/services/{id}",
        "ServiceDelete",
        "Remove a service and its tasks.",
        status="200 404 500 503",
    ),
    post(
        "/services/{id}/update",
        "ServiceUpdate",
        "Change a service, or take back its last change.",
        _VERSION,
        text("registryAuthFrom", "spec or previous-spec: whose registry credentials to use"),
        text("rollback", "previous: go back to the specification before"),
        REGISTRY_AUTH,
        json="the new specification",
        produces=(JSON,),
        status="200 400 404 500 503",
    ),
    get(
        "/services/{id}/logs",
        "ServiceLogs",
        "What a service's tasks have written.",
        *_LOGS,
        produces=(RAW, MULTIPLEXED),
        stream=_FOLLOWED,
        status="200 404 500 503",
    ),
    needs_swarm=True,
)

_TASKS = section(
    "Task",
    get(
        "/tasks",
        "TaskList",
        "List tasks.",
        filters("desired-state, id, label, name, node, service"),
        produces=(JSON,),
        status="200 500 503",
    ),
    get(
        "/tasks/{id}",
        "TaskInspect",
        "Everything the swarm knows of one task.",
        produces=(JSON,),
        status="200 404 500 503",
    ),
    get(
        "/tasks/{id}/logs",
        "TaskLogs",
        "What a task has written.",
        *_LOGS,
        produces=(RAW, MULTIPLEXED),
        stream=_FOLLOWED,
        status="200 404 500 503",
    ),
    needs_swarm=True,
)

_SECRETS = section(
    "Secret",
    get(
        "/secrets",
        "SecretList",
        "List secrets, without what they hold.",
        filters("id, label, name, names"),
        produces=(JSON,),
        status="200 500 503",
    ),
    post(
        "/secrets/create",
        "SecretCreate",
        "Create a secret.",
        json="Name, Data in base64, Labels",
        produces=(JSON,),
        status="201 409 500 503",
    ),
    get(
        "/secrets/{id}",
        "SecretInspect",
        "What the swarm knows of one secret, without what it holds.",
        produces=(JSON,),
        status="200 404 500 503",
    ),
    delete(
        "/secrets/{id}",
        "SecretDelete",
        "Remove a secret that no service uses.",
        status="204 404 500 503",
    ),
    post(
        "/secrets/{id}/update",
        "SecretUpdate",
        "Change a secret's labels.",
        _VERSION,
        json="the new specification",
        status="200 400 404 500 503",
    ),
    needs_swarm=True,
)

_CONFIGS = section(
    "Config",
    get(
        "/configs",
        "ConfigList",
        "List configs, with what they hold.",
        filters("id, label, name, names"),
        produces=(JSON,),
        status="200 500 503",
    ),
    post(
        "/configs/create",
        "ConfigCreate",
        "Create a config.",
        json="Name, Data in base64, Labels",
        produces=(JSON,),
        status="201 409 500 503",
    ),
    get(
        "/configs/{id}",
        "ConfigInspect",
        "Everything the swarm knows of one config, with what it holds.",
        produces=(JSON,),
        status="200 404 500 503",
    ),
    delete(
        "/configs/{id}",
        "ConfigDelete",
        "Remove a config that no service uses.",
        status="204 404 500 503",
    ),
    post(
        "/configs/{id}/update",
        "ConfigUpdate",
        "Change a config's labels.",
        _VERSION,
        json="the new specification",
        status="200 400 404 500 503",
    ),
    needs_swarm=True,
)

ENDPOINTS = (*_NODES, *_ENTER, *_SWARM, *_SERVICES, *_TASKS, *_SECRETS, *_CONFIGS)
