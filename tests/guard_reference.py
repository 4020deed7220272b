"""The guard's decision told a second time, slowly and plainly, to compare the real one with.

It knows nothing of opskit: a policy is the TOML file's content, a request a method, a target, an
upgrade and a body; patterns are matched letter by letter.
"""

from __future__ import annotations

from typing import Any

__all__ = ["allowed"]

SECTIONS = [
    *("auth", "build", "commit", "configs", "containers", "distribution", "events", "exec", "grpc"),
    *("images", "info", "networks", "nodes", "_ping", "plugins", "secrets", "services", "session"),
    *("swarm", "system", "tasks", "version", "volumes"),
]
SINGLE = {
    "start": ["start"],
    "stop": ["stop"],
    "restarts": ["stop", "restart", "kill"],
    "pause": ["pause"],
    "unpause": ["unpause"],
}
SUFFIXES = {
    "GET": "json top logs changes export stats archive attach/ws",
    "HEAD": "archive",
    "PUT": "archive",
    "POST": "start stop restart kill pause unpause wait resize attach rename update exec",
    "DELETE": "",
}


def allowed(policy: dict[str, Any], request: dict[str, Any], engine: dict[str, Any]) -> bool:
    """Whether a request may pass; ``engine`` maps containers' names to ``{label: value}``."""
    parts = read(request)
    if parts is None:
        return False
    method, path = request["method"], "/" + "/".join(parts)
    about = containers(method, parts, request)
    rules = policy.get("rule", [])
    for rule in rules:
        if "deny" in rule and fits(rule["deny"], method, path):
            scoped = rule.get("containers") or rule.get("labels")
            if not scoped or not others(rule, about, engine):
                return False
    if not (
        any(
            "allow" in rule and fits(rule["allow"], method, path) and within(rule, about, engine)
            for rule in rules
        )
        or single(policy, method, parts)
        or section(policy, method, parts)
    ):
        return False
    return within(policy, about, engine) and not forbidden(policy, method, parts, request["body"])


def read(request: dict[str, Any]) -> list[str] | None:
    """The decoded parts of the path without version; None for what is never passed on."""
    if request["method"] not in SUFFIXES:
        return None
    decoded, rest = "", request["target"].partition("?")[0]
    if "#" in request["target"]:
        return None
    while rest:
        if rest[0] == "%" and all(letter in "0123456789abcdefABCDEF" for letter in rest[1:3]):
            decoded, rest = decoded + chr(int(rest[1:3], 16)), rest[3:]
        else:
            decoded, rest = decoded + rest[0], rest[1:]
    if any(letter in "%\\" or ord(letter) < 32 or ord(letter) == 127 for letter in decoded):
        return None
    try:
        decoded = decoded.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return None
    parts = decoded.split("/")[1:]
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        if part in (".", "..") or (part == "" and not last):
            return None
    if len(parts) > 1 and is_version(parts[0]):
        parts = parts[1:]
    if has_alias(request["method"], parts):
        return None
    if request["upgrade"] and request["upgrade"] != hijack(request["method"], parts):
        return None
    return parts


def has_alias(method: str, parts: list[str]) -> bool:
    """The engine takes a/b in /containers/a/b/json for one name: of a link."""
    if parts[0] not in ("containers", "exec"):
        return False
    parts = parts[:-1] if parts[-1] == "" else parts
    if method == "DELETE":
        return len(parts) > 2
    return len(parts) > 3 and not (len(parts) == 4 and parts[2:] == ["attach", "ws"])


def is_version(part: str) -> bool:
    major, dot, minor = part[1:].partition(".")
    return part[0:1] == "v" and dot == "." and digits(major) and digits(minor)


def digits(text: str) -> bool:
    return text != "" and all(letter in "0123456789" for letter in text)


def hijack(method: str, parts: list[str]) -> str:
    if method == "POST" and len(parts) == 3:
        if parts[0] == "containers" and parts[2] == "attach" and parts[1]:
            return "tcp"
        if parts[0] == "exec" and parts[2] == "start" and parts[1]:
            return "tcp"
    if method == "POST" and parts in (["session"], ["grpc"]):
        return "h2c"
    return "websocket" if method == "GET" and is_websocket(parts) else ""


def is_websocket(parts: list[str]) -> bool:
    return len(parts) == 4 and parts[0] == "containers" and parts[2:] == ["attach", "ws"]


def writes(method: str, parts: list[str]) -> bool:
    parts = parts[:-1] if parts[-1] == "" else parts
    return method not in ("GET", "HEAD") or (is_websocket(parts) and parts[1] != "")


def fits(rule: str, method: str, path: str) -> bool:
    methods, _, pattern = rule.rpartition(" ")
    return (not methods or method in methods.split(",")) and glob(pattern, path)


def glob(pattern: str, text: str) -> bool:
    if pattern == "":
        return text == ""
    if pattern.startswith("**"):
        return any(glob(pattern[2:], text[n:]) for n in range(len(text) + 1))
    if pattern[0] == "*":
        return glob(pattern[1:], text) or (
            text != "" and text[0] != "/" and glob(pattern, text[1:])
        )
    return text != "" and pattern[0] == text[0] and glob(pattern[1:], text[1:])


def single(policy: dict[str, Any], method: str, parts: list[str]) -> bool:
    if method != "POST" or len(parts) != 3 or parts[0] != "containers" or not parts[1]:
        return False
    return any(parts[2] in SINGLE.get(word, []) for word in policy["allow"])


def section(policy: dict[str, Any], method: str, parts: list[str]) -> bool:
    words = [*policy["allow"], "ping", "version"]
    named = parts[0] in SECTIONS or parts[0] == "ping"
    if not named or parts[0].removeprefix("_") not in words:
        return False
    return policy["post"] or not writes(method, parts)


def containers(method: str, parts: list[str], request: dict[str, Any]) -> Any:
    """``all``, or a list of names, the container to be made being ``(name, labels)``."""
    body = request["body"] or {}
    if parts == ["containers", "create"] and method == "POST":
        joined = body.get("HostConfig", {}).get("VolumesFrom", [])
        return [(request["name"], body.get("Labels", {})), *joined]
    if parts[0] == "networks" and len(parts) == 3 and parts[2] == "connect":
        return [body["Container"]] if "Container" in body else []
    if parts[0] == "exec":
        return "all"  # none of the cases has one that exists
    if parts[0] != "containers":
        return []
    rest = parts[1:]
    if method == "GET" and rest == ["json"]:
        return []
    if method == "POST" and rest == ["prune"]:
        return "all"
    for suffix in SUFFIXES[method].split():
        ends = suffix.split("/")
        if len(rest) > len(ends) and rest[-len(ends) :] == ends:
            names = ["/".join(rest[: -len(ends)])]
            return [*names, (request["name"], None)] if suffix == "rename" else names
    if method == "DELETE" and rest and rest[-1]:
        return ["/".join(rest)]
    return "all"


def within(rule: dict[str, Any], about: Any, engine: dict[str, Any]) -> bool:
    if not rule.get("containers") and not rule.get("labels"):
        return True
    if about == "all":
        return False
    for one in about:
        name, labels = one if isinstance(one, tuple) else (one, engine.get(one))
        if labels is None and not isinstance(one, tuple):
            return False
        if not holds(rule, name, labels):
            return False
    return True


def holds(rule: dict[str, Any], name: str, labels: dict[str, str] | None) -> bool:
    patterns = rule.get("containers", [])
    if patterns and not any(glob(pattern.replace("*", "**"), name) for pattern in patterns):
        return False
    for label in rule.get("labels", []):
        if labels is None:
            continue  # a rename leaves them
        key, equals, value = label.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def others(rule: dict[str, Any], about: Any, engine: dict[str, Any]) -> bool:
    """Whether a request is surely about other containers than the rule's."""
    if about == "all":
        return False
    for one in about:
        if isinstance(one, tuple):
            if one[1] is not None and holds(rule, *one):
                return False
        elif one not in engine or holds(rule, one, engine[one]):
            return False
    return True


def forbidden(policy: dict[str, Any], method: str, parts: list[str], body: Any) -> bool:
    forbid = policy["forbid"]
    if not forbid or not writes(method, parts):
        return False
    if parts[0] == "plugins" and len(parts) > 1:
        return True
    looked = method == "POST" and (
        parts == ["containers", "create"]
        or (
            len(parts) == 3 and parts[0] == "containers" and parts[2] in ("start", "update", "exec")
        )
    )
    if not looked or not body:
        return False
    if parts[1:] != ["create"] and parts[1] == "":
        return False
    host = [body, *(value for key, value in body.items() if key.lower() == "hostconfig")]
    told = {key.lower(): value for owner in host for key, value in owner.items()}
    if "privileged" in forbid and any(
        value is True
        for owner in host
        for key, value in owner.items()
        if key.lower() == "privileged"
    ):
        return True
    if "host-namespaces" in forbid and told.get("networkmode") == "host":
        return True
    if "host-mounts" in forbid:
        for bind in told.get("binds", []):
            source = bind.split(":")[0]
            tops = policy.get("mounts", [])
            if source[0] == "/" and not any((source + "/").startswith(top + "/") for top in tops):
                return True
        return bool(told.get("volumesfrom"))
    return False
