"""The Docker SDK's words for a container, as the Engine API's JSON.

The translation is docker-py's own: what its ``containers.run`` takes is taken here too.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from opskit.actions.proxies import with_proxy_variables
from opskit.errors import InvalidOption

__all__ = ["container_spec", "limits_spec"]

_Spec = TypeVar("_Spec")
_LIMITS = {
    "blkio_weight",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpuset_cpus",
    "cpuset_mems",
    "kernel_memory",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "nano_cpus",
    "pids_limit",
    "restart_policy",
}
_OWN = {"stop_timeout", "platform", "name"}
_ELSEWHERE = {
    "stdout": "the result has both outputs, and detach=True keeps neither",
    "stderr": "the result has both outputs, and detach=True keeps neither",
    "stream": "engine.run(…, detach=True), then engine.follow(…) gives lines as they come",
    "auth_config": "pull it first, with engine.pull(…, auth_config=…)",
}
_SPLIT = {"ports", "volumes", "network", "networking_config"}


def container_spec(
    version: str, address: str, image: str, command: Any, options: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Body and query of ``POST /containers/create``.

    Raises
    ------
    TypeError
        An option that the SDK does not have.
    InvalidOption
        A value that cannot be, such as ``mem_limit="lots"``.
    """
    from docker.models import containers as sdk
    from docker.types import ContainerConfig

    known = {*sdk.RUN_CREATE_KWARGS, *sdk.RUN_HOST_CONFIG_KWARGS, *_SPLIT, *_OWN} - {"version"}
    _check_names("run", options, known)
    words = {k: v for k, v in options.items() if v is not None}
    stop_timeout = words.pop("stop_timeout", None)
    use_proxy = words.pop("use_config_proxy", True)

    def translate() -> tuple[dict[str, Any], dict[str, Any]]:
        given = {"image": image, "command": command, "version": version, **words}
        arguments = sdk._create_container_args(given)  # type: ignore[attr-defined]
        query = {k: arguments.pop(k, None) for k in ("name", "platform")}
        environment = arguments.get("environment")
        if use_proxy:
            arguments["environment"] = with_proxy_variables(environment, address)
        config = ContainerConfig(version, stop_timeout=stop_timeout, **arguments)
        return dict(config), query

    return _translated(translate)


def limits_spec(version: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Body of ``POST /containers/ID/update``. Errors as for `container_spec`."""
    from docker.types import HostConfig

    _check_names("update", options, _LIMITS)

    def translate() -> dict[str, Any]:
        given = HostConfig(version, **options)
        unasked = HostConfig(version)
        return {k: v for k, v in given.items() if k not in unasked}

    return _translated(translate)


def _translated(translate: Callable[[], _Spec]) -> _Spec:
    from docker.errors import DockerException

    try:
        return translate()
    except (DockerException, ValueError) as error:
        raise InvalidOption(str(error), "nothing was sent; the options are docker-py's") from error


def _check_names(call: str, options: Mapping[str, Any], known: set[str]) -> None:
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            if name in _ELSEWHERE:
                hint = f": {_ELSEWHERE[name]}"
            raise TypeError(f"{call}() has no option {name!r}{hint}")
