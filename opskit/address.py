"""Where an engine is: an argument, the environment, a docker context, or the local socket.

The choice is the docker CLI's: ``DOCKER_HOST``, else ``DOCKER_CONTEXT``, else the current context
of ``config.json``, else the local socket. Beyond it, rootless sockets are found without a context.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

from opskit.errors import AddressError

__all__ = ["TLS", "Address", "contexts", "parse", "resolve"]

SYSTEM_SOCKET = "/var/run/docker.sock"
_FORMS = (
    "unix:///path/docker.sock, tcp://host:port, ssh://user@host, or the name of a docker context"
)
_CONTEXT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class TLS:
    """Certificates for a TLS connection: paths of PEM files, and whether the engine is verified.

    An empty ``ca`` means the system's own authorities.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Address:
    """One place an engine listens at.

    Attributes
    ----------
    scheme : {"unix", "tcp", "ssh"}
        How it is reached.
    path : str
        The socket's path (unix), or the base path of all URLs (tcp).
    host, port, user : str, int, str
        For tcp and ssh.
    tls : TLS or None
        Certificates, for tcp.
    source : str
        Why this address was chosen, in words.
    """

    scheme: Literal["unix", "tcp", "ssh"]
    path: str = ""
    host: str = ""
    port: int = 0
    user: str = ""
    tls: TLS | None = None
    source: str = "given"

    @property
    def url(self) -> str:
        """The address in the form that ``DOCKER_HOST`` takes."""
        if self.scheme == "unix":
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.scheme == "ssh":
            port = f":{self.port}" if self.port else ""
            return f"ssh://{self.user + '@' if self.user else ''}{host}{port}{self.path}"
        return f"tcp://{host}:{self.port}{self.path}"

    @property
    def http_unix(self) -> str:
        """The socket as requests-unixsocket writes it."""
        return f"http+unix://{quote(self.path, safe='')}"

    def __str__(self) -> str:
        return self.url


def resolve(
    address: str | Address | None = None, *, env: Mapping[str, str] | None = None
) -> Address:
    """Find the address that a docker CLI in this environment would use.

    Parameters
    ----------
    address : str, optional
        A URL, a socket's path, or a docker context's name. Without it the environment decides.
    env : mapping, optional
        The environment, ``os.environ`` by default.

    Raises
    ------
    AddressError
        The address cannot be read, the context does not exist, or its files are missing.
    """
    env = os.environ if env is None else env
    if isinstance(address, Address):
        return address
    if address:
        if _CONTEXT_NAME.fullmatch(address) and address != "default":
            return _from_context(address, env, f"docker context {address!r}")
        if address == "default":
            return _default(env)
        return parse(address, tls=_tls_from(env), source="given")
    if env.get("DOCKER_HOST"):
        return _default(env)
    for name, source in (
        (env.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"),
        (_config(env).get("currentContext", ""), "the current docker context"),
    ):
        if name:
            if name == "default":
                return _default(env)
            return _from_context(str(name), env, f"{source}, {name!r}")
    return _default(env)


def parse(text: str, *, tls: TLS | None = None, source: str = "given") -> Address:
    """Read an address as ``DOCKER_HOST`` would hold it; ``tls`` applies to tcp only."""
    if text.startswith("/"):
        return Address("unix", path=text, source=source)
    scheme, _, rest = text.partition("://")
    if not _:
        scheme, rest = "tcp", text
    if scheme == "unix":
        return Address("unix", path=rest or SYSTEM_SOCKET, source=source)
    if scheme == "http+unix":
        return Address("unix", path=unquote(rest.partition("/")[0]), source=source)
    if scheme not in ("tcp", "http", "https", "ssh"):
        raise AddressError(f"{text!r} is not an engine address", f"use {_FORMS}")
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port or 0
    except ValueError as error:
        raise AddressError(f"{text!r} is not an engine address: {error}", f"use {_FORMS}") from None
    host = parts.hostname or "localhost"
    path = parts.path.rstrip("/")
    if scheme == "ssh":
        if not parts.hostname or parts.password is not None:
            raise AddressError(f"{text!r} is not an ssh address", "use ssh://user@host[:port]")
        return Address("ssh", path, host, port, parts.username or "", source=source)
    if scheme == "http":
        tls = None
    if scheme == "https":
        tls = tls or TLS()
    return Address("tcp", path, host, port or (2376 if tls else 2375), tls=tls, source=source)


def contexts(*, env: Mapping[str, str] | None = None) -> dict[str, Address | AddressError]:
    """All docker contexts by name; one that cannot be used is its error."""
    env = os.environ if env is None else env
    found: dict[str, Address | AddressError] = {"default": _default(env)}
    for meta in sorted((_folder(env) / "contexts" / "meta").glob("*/meta.json")):
        try:
            name = json.loads(meta.read_text())["Name"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            found[meta.parent.name[:12]] = AddressError(
                f"docker context file {meta} cannot be read: {error!r}", "remove its folder"
            )
            continue
        try:
            found[name] = _from_context(name, env, f"docker context {name!r}")
        except AddressError as error:
            found[name] = error
    return found


def _default(env: Mapping[str, str]) -> Address:
    if host := env.get("DOCKER_HOST"):
        return parse(host, tls=_tls_from(env), source="DOCKER_HOST")
    runtime = env.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    home = Path(env.get("HOME") or Path.home())
    rootless = (Path(runtime) / "docker.sock", home / ".docker" / "run" / "docker.sock")
    if not _is_socket(SYSTEM_SOCKET):
        for path in rootless:
            if _is_socket(path):
                return Address("unix", path=str(path), source="the rootless local socket")
    return Address("unix", path=SYSTEM_SOCKET, source="the local socket")


def _is_socket(path: str | Path) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def _folder(env: Mapping[str, str]) -> Path:
    return Path(env.get("DOCKER_CONFIG") or Path(env.get("HOME") or Path.home()) / ".docker")


def _config(env: Mapping[str, str]) -> dict[str, Any]:
    path = _folder(env) / "config.json"
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise AddressError(
            f"{path} cannot be read: {error}", "mend it, or set DOCKER_HOST or DOCKER_CONFIG"
        ) from None
    return config if isinstance(config, dict) else {}


def _tls_from(env: Mapping[str, str]) -> TLS | None:
    verify = bool(env.get("DOCKER_TLS_VERIFY"))
    if not verify and not env.get("DOCKER_TLS"):
        return None
    folder = Path(env.get("DOCKER_CERT_PATH") or _folder(env))
    return _tls_files(folder, verify=verify, named="DOCKER_CERT_PATH")


def _tls_files(folder: Path, *, verify: bool, named: str, own_ca: bool = True) -> TLS:
    ca, cert, key = (folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    if verify and own_ca and not ca.exists():
        raise AddressError(
            f"{ca} does not exist ({named})",
            f"put ca.pem, cert.pem and key.pem into {folder}, or unset DOCKER_TLS_VERIFY",
        )
    if cert.exists() != key.exists():
        missing = key if cert.exists() else cert
        raise AddressError(
            f"{missing} does not exist ({named})", "cert.pem and key.pem go together"
        )
    return TLS(
        ca=str(ca) if ca.exists() else "",
        cert=str(cert) if cert.exists() else "",
        key=str(key) if key.exists() else "",
        verify=verify,
    )


def _from_context(name: str, env: Mapping[str, str], source: str) -> Address:
    folder = _folder(env) / "contexts"
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "meta" / digest / "meta.json"
    try:
        endpoint = json.loads(meta.read_text())["Endpoints"]["docker"]
        host, skip = endpoint["Host"], bool(endpoint.get("SkipTLSVerify"))
    except FileNotFoundError:
        raise AddressError(
            f"docker context {name!r} does not exist in {folder}",
            "see 'docker context ls', or give an address: " + _FORMS,
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AddressError(
            f"docker context {name!r} cannot be read from {meta}: {error!r}",
            f"create it again with 'docker context create {name} --docker host=…'",
        ) from None
    files = folder / "tls" / digest / "docker"
    tls = None
    if files.is_dir():
        named = f"docker context {name!r}"
        tls = _tls_files(files, verify=not skip, named=named, own_ca=False)
    elif skip and str(host).startswith("tcp://"):
        tls = TLS(verify=False)
    return parse(str(host), tls=tls, source=source)
