"""How values of the API are written as options of the docker command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["option_values"]


Option = tuple[str, str | None]


def option_values(option: str, value: Any) -> Iterator[Option]:
    """The option and its value, once for each time it is written; ``None`` for a bare flag."""
    special = _SPECIAL.get(option)
    if value is None or value is False or value in ("", [], {}):
        return
    if special is not None:
        for item in special(value):
            yield item if isinstance(item, tuple) else (option, item)
    elif value is True:
        yield option, None
    elif isinstance(value, dict):
        for key, item in value.items():
            yield option, f"{key}={_word(item)}"
    elif isinstance(value, list):
        for item in value:
            yield option, _word(item)
    else:
        yield option, _word(value)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _filters(value: Any) -> Iterator[str]:
    for key, items in value.items() if isinstance(value, dict) else ():
        for item in items if isinstance(items, list | tuple | set) else [items]:
            yield f"{key}={_word(item)}"


def _unused(value: Any) -> Iterator[Option]:
    """Filters of image prune: which images are meant is an option of its own there."""
    for text in _filters(value):
        name, _, said = text.partition("=")
        if name != "dangling":
            yield "--filter", text
        elif said in ("false", "0"):
            yield "--all", None


def _cpus(value: Any) -> Iterator[str]:
    yield f"{value / 1e9:g}"


def _restart(value: Any) -> Iterator[str]:
    policy, count = value.get("Name") or "no", value.get("MaximumRetryCount")
    yield f"{policy}:{count}" if count else policy


def _ports(value: Any) -> Iterator[str]:
    for inside, bindings in value.items():
        for binding in bindings or [{}]:
            address, port = binding.get("HostIp", ""), binding.get("HostPort", "")
            if address:
                yield f"{f'[{address}]' if ':' in address else address}:{port}:{inside}"
            else:
                yield f"{port}:{inside}" if port else inside


def _keys(value: Any) -> Iterator[str]:
    yield from value


def _tmpfs(value: Any) -> Iterator[str]:
    for path, options in value.items():
        yield f"{path}:{options}" if options else path


def _ulimits(value: Any) -> Iterator[str]:
    for limit in value:
        yield f"{limit['Name']}={limit.get('Soft', 0)}:{limit.get('Hard', limit.get('Soft', 0))}"


def _devices(value: Any) -> Iterator[str]:
    for device in value:
        parts = (device.get(n) for n in ("PathOnHost", "PathInContainer", "CgroupPermissions"))
        yield ":".join(part for part in parts if part)


def _mounts(value: Any) -> Iterator[str]:
    for mount in value:
        words = [f"type={mount.get('Type', 'volume')}"]
        words += [f"source={mount['Source']}"] if mount.get("Source") else []
        words += [f"target={mount.get('Target', '')}"]
        words += ["readonly"] if mount.get("ReadOnly") else []
        yield ",".join(words)


def _entrypoint(value: Any) -> Iterator[str]:
    yield value[0] if isinstance(value, list) else str(value)


def _subnets(value: Any) -> Iterator[Option]:
    names = (("Subnet", "--subnet"), ("Gateway", "--gateway"), ("IPRange", "--ip-range"))
    for pool in value:
        yield from ((option, str(pool[name])) for name, option in names if pool.get(name))


def _health(value: Any) -> Iterator[Option]:
    test = value.get("Test") or []
    if test[:1] == ["NONE"]:
        yield "--no-healthcheck", None
    elif len(test) > 1:
        yield "--health-cmd", " ".join(test[1:])
    names = (
        ("Interval", "--health-interval"),
        ("Timeout", "--health-timeout"),
        ("StartPeriod", "--health-start-period"),
        ("StartInterval", "--health-start-interval"),
    )
    yield from ((option, f"{value[name]}ns") for name, option in names if value.get(name))
    if value.get("Retries"):
        yield "--health-retries", str(value["Retries"])


_SPECIAL: dict[str, Callable[[Any], Iterator[str] | Iterator[Option]]] = {
    "--filter": _filters,
    "--cpus": _cpus,
    "--restart": _restart,
    "--publish": _ports,
    "--expose": _keys,
    "--volume": _keys,
    "--unused": _unused,
    "--tmpfs": _tmpfs,
    "--ulimit": _ulimits,
    "--device": _devices,
    "--mount": _mounts,
    "--entrypoint": _entrypoint,
    "--subnet": _subnets,
    "--health-cmd": _health,
}
