"""The guard decides as a plain reference does, on requests and policies made at random."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from typing import Any

from opskit.guard.asked import Ambiguous, read_request
from opskit.guard.gojson import read_json
from opskit.guard.policyfile import parse_policy, write_policy
from opskit.guard.rules import Policy, decide
from opskit.guard.subjects import Container
from opskit.wire.http1 import Malformed, parse_request

from .guard_reference import allowed

CASES = int(os.environ.get("OPSKIT_GUARD_CASES", "20000"))
SEED = int(os.environ.get("OPSKIT_GUARD_SEED", "0"))

WORDS = [
    *("containers", "images", "networks", "events", "info", "exec", "session", "grpc", "plugins"),
    *("volumes", "build"),
]
PARTS = [
    *(*WORDS, "_ping", "ping", "version", "v1.41", "v1", "v.1", "v1.41.0", "Containers", "x", ""),
    *("json", "create", "start", "stop", "kill", "restart", "pause", "attach", "ws", "archive"),
    *("prune", "rename", "update", "logs", "connect", ".", "..", "%2e%2e", "%2f", "%252e", "\\"),
    *(
        "shop-web",
        "shop-db",
        "other",
        "%73hop-web",
        "caf\xc3\xa9",
        "a%20b",
        "%00",
        "%ff",
        "a;b",
        "#",
    ),
]
METHODS = ["GET"] * 6 + ["POST"] * 8 + ["HEAD", "DELETE", "PUT", "PATCH", "get", "OPTIONS"]
ENGINE = {
    "shop-web": {"team": "shop", "tier": "web"},
    "shop-db": {"team": "shop"},
    "other": {},
    "a b": {"team": "x"},
}
PATHS = [
    *("/containers/*/json", "/containers/**", "/containers/create", "/containers/*/st*", "/**"),
    *("/*/json", "/images/*", "/exec/*/start", "/networks/*/connect", "/containers/shop-*/*", "/"),
    *("/containers/*/attach/ws", "/containers/*/rename", "/session", "/containers/*"),
]


def some(chance: random.Random, choices: list[Any], most: int) -> list[Any]:
    return chance.sample(choices, chance.randrange(most + 1))


def scope(chance: random.Random, odds: float) -> dict[str, Any]:
    if chance.random() > odds:
        return {}
    return {
        "containers": some(chance, ["shop-*", "*web*", "other", "*", "shop-db"], 2),
        "labels": some(chance, ["team", "team=shop", "tier=web"], 1),
    }


def a_policy(chance: random.Random) -> dict[str, Any]:
    rules = []
    for _ in range(chance.randrange(4)):
        methods = some(chance, ["GET", "POST", "DELETE", "HEAD"], 2)
        rule = f"{','.join(methods)} {chance.choice(PATHS)}".strip()
        rules.append({chance.choice(["allow", "allow", "deny"]): rule, **scope(chance, 0.4)})
    forbid = some(chance, ["privileged", "host-namespaces", "host-mounts"], 2)
    return {
        "allow": some(chance, [*WORDS, "start", "stop", "restarts", "pause", "unpause"], 8),
        "post": chance.random() < 0.5,
        "forbid": forbid,
        "mounts": ["/srv"] if "host-mounts" in forbid and chance.random() < 0.5 else [],
        "rule": rules,
        **scope(chance, 0.2),
    }


def a_body(chance: random.Random) -> dict[str, Any] | None:
    host: dict[str, Any] = {}
    for _ in range(chance.randrange(3)):
        name, value = chance.choice(
            [
                ("Privileged", True),
                ("PRIVILEGED", False),
                ("privileged", True),
                ("NetworkMode", "host"),
                ("NetworkMode", "bridge"),
                ("Binds", ["/srv/x:/x"]),
                ("Binds", ["data:/x"]),
                ("Binds", ["/etc:/x"]),
                ("VolumesFrom", ["other"]),
                ("VolumesFrom", ["shop-web"]),
            ]
        )
        host[name] = value
    body: dict[str, Any] = {}
    for _ in range(chance.randrange(4)):
        name, value = chance.choice(
            [
                ("HostConfig", host),
                ("HostConfig", host),
                ("Privileged", True),
                ("Labels", {"team": "shop"}),
                ("Container", "shop-db"),
                ("Container", "other"),
                ("Image", "x"),
            ]
        )
        body[name] = value
    return body or None


def a_request(chance: random.Random) -> dict[str, Any]:
    method, upgrade = chance.choice(METHODS), ""
    if chance.random() < 0.5:
        parts = chance.choice(
            [
                ["containers", chance.choice(list(ENGINE)[:3]), chance.choice(PARTS)],
                ["containers", chance.choice(["create", "json", "prune"])],
                ["networks", "n", "connect"],
                ["containers", "shop-web", "attach", "ws"],
                ["containers", chance.choice(PARTS), "other", "stop"],
                ["exec", "e", "start"],
            ]
        )
        if chance.random() < 0.3:
            parts = ["v1.41", *parts]
    else:
        parts = [chance.choice(PARTS) for _ in range(chance.randrange(1, 5))]
    if chance.random() < 0.1:
        upgrade = chance.choice(["tcp", "websocket", "h2c", "tcp, h2c"])
    name = chance.choice(["shop-new", "other", "", "web"])
    query = f"?name={name}" if name else chance.choice(["", "?", "?all=1"])
    return {
        "method": method,
        "target": "/" + "/".join(parts) + query,
        "upgrade": upgrade,
        "name": name,
        "body": a_body(chance) if method == "POST" else None,
    }


def decided(policy: Policy, request: dict[str, Any], known: dict[str, Container]) -> bool:
    fields = f"Upgrade: {request['upgrade']}\r\n" if request["upgrade"] else ""
    line = f"{request['method']} {request['target']} HTTP/1.1\r\n"
    try:
        asked, _ = read_request(parse_request(f"{line}{fields}\r\n".encode("latin-1")))
    except (Ambiguous, Malformed):
        return False
    if request["body"] and policy.needs_body(asked):
        asked = replace(asked, body=read_json(json.dumps(request["body"]).encode()))
    return decide(policy, asked, known).allowed


def test_it_decides_as_the_reference_does() -> None:
    chance = random.Random(SEED)
    known = {name: Container(name, (name,), labels) for name, labels in ENGINE.items()}
    passed = 0
    for number in range(CASES):
        if number % 20 == 0:
            content = a_policy(chance)
            policy = parse_policy(as_toml(content))
            assert parse_policy(write_policy(policy)) == policy
        request = a_request(chance)
        expected = allowed(content, request, ENGINE)
        assert decided(policy, request, known) == expected, (number, content, request)
        passed += expected
    assert passed > CASES / 20, "most cases show nothing when all are denied"


def as_toml(content: dict[str, Any]) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in content.items() if key != "rule"]
    for rule in content["rule"]:
        lines += ["[[rule]]", *(f"{key} = {json.dumps(value)}" for key, value in rule.items())]
    return "\n".join(lines)
