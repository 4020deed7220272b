"""Plugins."""

from __future__ import annotations

from opskit.api.model import (
    JSON,
    REGISTRY_AUTH,
    delete,
    filters,
    flag,
    get,
    number,
    post,
    section,
    text,
)

__all__ = ["ENDPOINTS"]

_PROGRESS = "one JSON document a line while it goes on"
_PRIVILEGES = "the privileges that you grant, as /plugins/privileges lists them"

ENDPOINTS = section(
    "Plugin",
    get(
        "/plugins",
        "PluginList",
        "List installed plugins.",
        filters("capability, enable"),
        produces=(JSON,),
        status="200 500",
    ),
    get(
        "/plugins/privileges",
        "GetPluginPrivileges",
        "What a plugin wants to be allowed to do, before it is installed.",
        text("remote", "the plugin's name, with its registry", required=True),
        REGISTRY_AUTH,
        produces=(JSON,),
        status="200 500",
    ),
    post(
        "/plugins/pull",
        "PluginPull",
        "Install a plugin from a registry, without enabling it.",
        text("remote", "the plugin's name, with its registry", required=True),
        text("name", "name to give it here"),
        REGISTRY_AUTH,
        json=_PRIVILEGES,
        produces=(JSON,),
        stream=_PROGRESS,
        status="204 500",
    ),
    get(
        "/plugins/{name}/json",
        "PluginInspect",
        "Everything the engine knows of one plugin.",
        produces=(JSON,),
        status="200 404 500",
    ),
    delete(
        "/plugins/{name}",
        "PluginDelete",
        "Remove a plugin.",
        flag("force", "disable it first"),
        produces=(JSON,),
        status="200 404 500",
    ),
    post(
        "/plugins/{name}/enable",
        "PluginEnable",
        "Start a plugin.",
        number("timeout", "seconds to wait for it"),
        status="200 404 500",
    ),
    post(
        "/plugins/{name}/disable",
        "PluginDisable",
        "Stop a plugin.",
        flag("force", "even if something uses it"),
        status="200 404 500",
    ),
    post(
        "/plugins/{name}/upgrade",
        "PluginUpgrade",
        "Replace a disabled plugin by another version of it.",
        text("remote", "the new version's name, with its registry", required=True),
        REGISTRY_AUTH,
        json=_PRIVILEGES,
        stream=_PROGRESS,
        status="204 404 500",
    ),
    post(
        "/plugins/create",
        "PluginCreate",
        "Make a plugin from a tar archive with its file system and config.json.",
        text("name", "its name", required=True),
        tar="rootfs folder and config.json",
        status="204 500",
    ),
    post(
        "/plugins/{name}/push",
        "PluginPush",
        "Push a plugin to a registry.",
        REGISTRY_AUTH,
        stream=_PROGRESS,
        status="200 404 500",
    ),
    post(
        "/plugins/{name}/set",
        "PluginSet",
        "Change a disabled plugin's settings.",
        json="a list of NAME=VALUE",
        status="204 404 500",
    ),
)
