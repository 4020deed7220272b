"""Variables of the environment that change how clients reach an engine."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from opskit.address import Address
from opskit.checks.finding import Line

__all__ = ["check_environment"]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def check_environment(address: Address, env: Mapping[str, str]) -> list[Line]:
    """Proxies, authority bundles, and settings that contradict each other."""
    lines = []
    if env.get("DOCKER_HOST") and env.get("DOCKER_CONTEXT"):
        lines.append(
            Line(
                "environment",
                "warn",
                "DOCKER_HOST and DOCKER_CONTEXT are both set; DOCKER_HOST decides",
                "unset the one that you do not mean",
            )
        )
    if env.get("DOCKER_API_VERSION"):
        lines.append(
            Line(
                "environment",
                "warn",
                f"DOCKER_API_VERSION={env['DOCKER_API_VERSION']} fixes the docker CLI's API "
                "version; opskit negotiates its own",
                "unset it, unless an old engine needs it",
            )
        )
    proxies = [name for name in _PROXIES if env.get(name) or env.get(name.lower())]
    if proxies:
        lines.append(_proxy(address, env, proxies))
    bundles = [name for name in _BUNDLES if env.get(name)]
    if bundles:
        lines.append(_bundle(address, env, bundles))
    return lines


def _proxy(address: Address, env: Mapping[str, str], proxies: list[str]) -> Line:
    values = [f"{name}={_hidden(env.get(name) or env[name.lower()])}" for name in proxies]
    said = ", ".join(values)
    if address.scheme != "tcp":
        return Line("proxy", "ok", f"{said}; not used for {address.scheme}://")
    if _excepted(address.host, env.get("NO_PROXY") or env.get("no_proxy") or ""):
        return Line("proxy", "ok", f"{said}; NO_PROXY leaves out {address.host}")
    return Line(
        "proxy",
        "warn",
        f"{said}; opskit goes to {address.host} directly, the docker CLI and SDK through the proxy",
        f"export NO_PROXY={','.join(filter(None, [env.get('NO_PROXY', ''), address.host]))}",
    )


def _hidden(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)


def _excepted(host: str, exceptions: str) -> bool:
    if host in ("localhost", "127.0.0.1", "::1"):
        return True  # Go's and Python's clients never ask a proxy for these
    for one in (part.strip().lstrip("*").lstrip(".") for part in exceptions.split(",")):
        if one and (one == host or host.endswith(f".{one}")):
            return True
    return exceptions.strip() == "*"


def _bundle(address: Address, env: Mapping[str, str], bundles: list[str]) -> Line:
    said = ", ".join(f"{name}={env[name]}" for name in bundles)
    missing = [name for name in bundles if not os.path.exists(env[name])]
    if missing:
        gone = f"{said}: {env[missing[0]]} is not there"
        return Line("ca bundle", "warn", gone, f"unset {missing[0]}, or mend it")
    if address.tls is None:
        return Line("ca bundle", "ok", f"{said}; not used for {address}")
    return Line(
        "ca bundle",
        "warn",
        f"{said}; opskit verifies by ca.pem alone, other programs on requests or curl by that",
        f"unset {' '.join(bundles)} for programs that cannot verify the engine",
    )
