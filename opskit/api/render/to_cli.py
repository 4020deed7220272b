"""A call as a docker command."""

from __future__ import annotations

import re
import shlex
from typing import Any

from opskit.api.render.call import Call, leaves
from opskit.api.render.cli_options import option_values
from opskit.api.render.cli_table import CLI, CliTwin

__all__ = ["cli_command"]

_SLOT = re.compile(r"\{([\w.-]+)(\*|:tag)?\}")


def cli_command(call: Call, where: Any) -> str:
    """Write the command; a comment where the docker CLI has none.

    A comment in the line before the command names what the command cannot say.
    """
    twin = _choose(call)
    if twin is None:
        return f"# no docker command for {call.endpoint or call.method + ' ' + call.path}"
    body = call.body if isinstance(call.body, dict) else {}
    values = {**body, **call.query, **call.args, "json": call.body}
    values["file"] = f"{call.name}.tar"
    if isinstance(entrypoint := body.get("Entrypoint"), list):  # the option takes its first word
        values["Cmd"] = entrypoint[1:] + (body.get("Cmd") or [])
    wanted = [slot[1] for slot in _SLOT.finditer(twin.operands) if slot[2] != "*"]
    optional = {"Name", "serveraddress", "repo"}
    missing = [name for name in wanted if _at(values, name) is None and name not in optional]
    if missing:
        return f"# {call.endpoint} needs {', '.join(sorted(missing))}"
    options, known = _options(call, twin, body)
    known |= {name for slot in _SLOT.finditer(twin.operands) for name in _named(slot)}
    operands = [_operand(word, values) for word in twin.operands.split()]
    words = [_where(twin.words, where), *options, *(word for word in operands if word)]
    command = _before(call) + " ".join(words) + _after(call)
    left = [name for name in call.query if name not in known]
    if "json" not in known:
        left += leaves(body, known)
    return f"# no option for {', '.join(left)}\n{command}" if left else command


def _choose(call: Call) -> CliTwin | None:
    twins = CLI.get(call.endpoint.operation, ()) if call.endpoint is not None else ()
    for twin in twins if isinstance(twins, tuple) else (twins,):
        if all(name in call.query for name in twin.needs.split()):
            return twin
    return None


def _options(call: Call, twin: CliTwin, body: dict[str, Any]) -> tuple[list[str], set[str]]:
    words: list[str] = []
    value: Any
    known = set(twin.unsaid.split())
    entries = [(entry, call.query) for entry in twin.query.split()]
    entries += [(entry, body) for entry in twin.body.split()]
    for entry, source in entries:
        name, _, option = entry.partition("=")
        if name[0] in "!~":
            value = source.get(name[1:])
            if value is False or (value is None and name[0] == "~"):
                words.append(option)
            known.add(name[1:])
            continue
        known.add(name)
        value = _at(source, name)
        if source is body and value == 0:  # in bodies 0 says: not set
            continue
        for written, text in option_values(option, value):
            words.append(written if text is None else f"{written} {shlex.quote(text)}")
    return words, known


def _named(slot: re.Match[str]) -> tuple[str, ...]:
    return (slot[1], "tag") if slot[2] == ":tag" else (slot[1],)


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _operand(word: str, values: dict[str, Any]) -> str:
    """One word of the operands with its slots filled in; empty if it stands for nothing."""
    if (slot := _SLOT.fullmatch(word)) is not None:
        value = _at(values, slot[1])
        if value is None:
            return ""
        if slot[2] == "*":
            several = value if isinstance(value, list) else str(value).split()
            return " ".join(shlex.quote(str(item)) for item in several)
        if slot[2] == ":tag" and (tag := values.get("tag")):
            value = f"{value}@{tag}" if str(tag).startswith("sha256:") else f"{value}:{tag}"
        return shlex.quote(str(value))
    if "{" in word:
        return shlex.quote(_SLOT.sub(lambda slot: str(_at(values, slot[1])), word))
    return word


def _where(words: str, where: Any) -> str:
    """The command's words, with the engine's address where one is given."""
    url = getattr(where, "url", None) or (str(where) if where else "")
    if not url:
        return words
    options = ["--host", url]
    tls = getattr(where, "tls", None)
    if tls is not None:
        options.append("--tlsverify" if tls.verify else "--tls")
        files = (("--tlscacert", tls.ca), ("--tlscert", tls.cert), ("--tlskey", tls.key))
        options += [word for name, path in files if path for word in (name, path)]
    return words.replace("docker", shlex.join(["docker", *options]), 1)


def _before(call: Call) -> str:
    operation = call.endpoint.operation if call.endpoint is not None else ""
    if operation in ("SecretCreate", "ConfigCreate"):
        data = call.body.get("Data", "") if isinstance(call.body, dict) else ""
        return f"echo {shlex.quote(str(data))} | base64 --decode | "
    if operation == "ImageBuild" and call.query.get("version") != "2":
        return "DOCKER_BUILDKIT=0 "
    return ""


def _after(call: Call) -> str:
    """The docker CLI writes both of a container's streams; leave out the one not asked for."""
    if call.endpoint is None or call.endpoint.operation != "ContainerLogs":
        return ""
    out, err = call.truth("stdout"), call.truth("stderr")
    return "" if out == err else " 2>/dev/null" if out else " >/dev/null"
