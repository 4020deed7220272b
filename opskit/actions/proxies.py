"""The proxies that docker's config file sets for what runs and builds in containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker.utils.proxy import ProxyConfig

__all__ = ["with_proxy_args", "with_proxy_variables"]


def with_proxy_variables(environment: Any, address: str) -> list[str] | None:
    """A container's variables, those of the proxies before them."""
    from docker.utils.utils import format_environment

    if isinstance(environment, dict):
        environment = format_environment(environment)
    return list(_proxies(address).inject_proxy_environment(environment) or ()) or None


def with_proxy_args(buildargs: dict[str, str], address: str) -> dict[str, str]:
    """A build's arguments, and those of the proxies."""
    proxies: Any = _proxies(address).get_environment()
    return {**proxies, **buildargs}


def _proxies(address: str) -> ProxyConfig:
    """Those for the engine at the address, else the default ones."""
    from docker.utils.config import load_general_config
    from docker.utils.proxy import ProxyConfig

    known = load_general_config().get("proxies", {})
    return ProxyConfig.from_dict(known.get(address) or known.get("default", {}))
