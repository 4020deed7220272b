"""A guard's policy as a TOML file: reading one, with errors that say where, and writing one."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opskit.errors import PolicyError
from opskit.guard.asked import METHODS
from opskit.guard.creation import FORBIDDABLE
from opskit.guard.rules import Policy, Rule
from opskit.guard.sections import ALWAYS, split_words
from opskit.guard.subjects import Scope

__all__ = ["parse_policy", "parse_rule", "read_policy", "write_policy"]

_KEYS = ("allow", "post", "forbid", "mounts", "containers", "labels", "rule")
_RULE_KEYS = ("allow", "deny", "containers", "labels")


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """Read a policy from a TOML file.

    Raises
    ------
    PolicyError
        It cannot be read, or something in it is not understood; the message names key and line.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PolicyError(f"cannot read {path}: {reason}", "check its name and rights") from None
    return parse_policy(text, str(path))


def parse_policy(text: str, name: str = "policy") -> Policy:
    """Read a policy from TOML text; ``name`` is what errors call it."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name} is not TOML: {error}", "see https://toml.io") from None
    table = _Table(content, name, text.splitlines(), 0)
    table.only(_KEYS)
    try:
        sections, switches = split_words(table.strings("allow"))
    except ValueError as error:
        raise table.error("allow", str(error)) from None
    rules = content.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise table.error("rule", "rules are written as [[rule]]")
    allow: list[Rule] = []
    deny: list[Rule] = []
    for number, found in enumerate(rules, 1):
        one = _Table(found, name, table.lines, number)
        one.only(_RULE_KEYS)
        if ("allow" in found) == ("deny" in found):
            raise one.error(next(iter(found), ""), "a rule has either 'allow' or 'deny'")
        kind = "allow" if "allow" in found else "deny"
        (allow if kind == "allow" else deny).append(one.rule(kind))
    forbid, mounts = table.choices("forbid", tuple(FORBIDDABLE)), table.folders("mounts")
    if mounts and "host-mounts" not in forbid:
        raise table.error("mounts", "says what may be mounted all the same: forbid 'host-mounts'")
    return Policy(
        sections | ALWAYS,
        switches,
        table.switch("post"),
        tuple(allow),
        tuple(deny),
        forbid,
        mounts,
        table.scope(),
    )


def parse_rule(text: str, scope: Scope | None = None) -> Rule:
    """A rule from ``GET,HEAD /containers/*/json``, or from a path alone for all methods.

    Raises
    ------
    ValueError
        It is something else.
    """
    methods, _, path = text.strip().rpartition(" ")
    named = frozenset(part.strip() for part in methods.split(",")) if methods.strip() else None
    if named and not named <= METHODS:
        raise ValueError(f"no method {', '.join(sorted(named - METHODS))}")
    if not path.startswith("/") or "?" in path or "%" in path:
        raise ValueError(f"{path!r} is no path: write /containers/*/json, * for a name")
    if re.match(r"/v[0-9.]+(/|$)", path):
        raise ValueError(f"leave the version out of {path!r}: rules are for all versions")
    return Rule(path, named or frozenset(), scope or Scope())


class _Table:
    """One table of the file: values as they should be, or an error with the line."""

    def __init__(self, content: Mapping[str, Any], name: str, lines: list[str], rule: int) -> None:
        self.content = content
        self.lines = lines
        self._name = name
        self._rule = rule

    def error(self, key: str, message: str) -> PolicyError:
        line = self._line(key)
        where = f"{self._name}, line {line}" if line else self._name
        owner = f" of rule {self._rule}" if self._rule else ""
        return PolicyError(
            f"{where}: {key!r}{owner}: {message}",
            "correct it; 'opskit guard check FILE' shows what the file allows",
        )

    def _line(self, key: str) -> int:
        """Where a key stands: in the n-th [[rule]], or before all of them."""
        rule = 0
        pattern = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
        for number, line in enumerate(self.lines, 1):
            if re.match(r"\s*\[\[\s*rule\s*\]\]", line):
                rule += 1
                if not key and rule == self._rule:
                    return number
            elif rule == self._rule and pattern.match(line):
                return number
        return 0

    def only(self, known: tuple[str, ...]) -> None:
        for key in self.content:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise self.error(key, f"no such key: {hint}")

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self.error(key, 'a list of texts is wanted: ["…", "…"]')
        return tuple(value)

    def switch(self, key: str) -> bool:
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"true or false is wanted, not {value!r}")
        return value

    def choices(self, key: str, known: tuple[str, ...]) -> frozenset[str]:
        chosen = self.strings(key)
        for one in chosen:
            if one not in known:
                raise self.error(key, f"{one!r} cannot be forbidden: choose of {', '.join(known)}")
        return frozenset(chosen)

    def folders(self, key: str) -> tuple[str, ...]:
        folders = self.strings(key)
        for one in folders:
            if not one.startswith("/") or ".." in one.split("/"):
                raise self.error(key, f"{one!r} is no absolute path")
        return folders

    def scope(self) -> Scope:
        return Scope(self.strings("containers"), self.strings("labels"))

    def rule(self, kind: str) -> Rule:
        value = self.content[kind]
        if not isinstance(value, str):
            raise self.error(kind, 'a text is wanted: "GET,HEAD /containers/*/json"')
        try:
            return parse_rule(value, self.scope())
        except ValueError as error:
            raise self.error(kind, str(error)) from None


def write_policy(policy: Policy, comment: str = "") -> str:
    """A policy as TOML text, from which `parse_policy` makes the same again."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines.append(f"allow = {_list(sorted(policy.sections - ALWAYS) + sorted(policy.switches))}")
    if policy.post:
        lines.append("post = true")
    for key, value in (
        ("forbid", sorted(policy.forbid)),
        ("mounts", policy.mounts),
        ("containers", policy.scope.names),
        ("labels", policy.scope.labels),
    ):
        if value:
            lines.append(f"{key} = {_list(value)}")
    rules = [("deny", rule) for rule in policy.deny] + [("allow", rule) for rule in policy.allow]
    for kind, rule in rules:
        methods = ",".join(sorted(rule.methods))
        lines += ["", "[[rule]]", f"{kind} = {_text(f'{methods} {rule.path}'.strip())}"]
        if rule.scope.names:
            lines.append(f"containers = {_list(rule.scope.names)}")
        if rule.scope.labels:
            lines.append(f"labels = {_list(rule.scope.labels)}")
    return "\n".join(lines) + "\n"


def _list(values: Any) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda c: f"\\u{ord(c[0]):04x}", escaped) + '"'
