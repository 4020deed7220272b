"""A call as a curl command that runs as it stands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from opskit.api.query import encode_path, encode_query
from opskit.api.render.call import Call

__all__ = ["curl_command"]

SOCKET = "unix:///var/run/docker.sock"
_WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: b3Bza2l0LWN1cmwtbGluZQ==",
)
_WIDTH = 100
_LONGEST_ARGUMENT = 100_000  # Linux takes 128 KiB for one argument


def curl_command(
    call: Call, where: Any, api_version: str | None, headers: Mapping[str, str]
) -> str:
    """Write the command; ``where`` is a URL or anything with ``url`` and ``tls``."""
    url = getattr(where, "url", None) or str(where or SOCKET)
    base, connect, remote = _connect(url, getattr(where, "tls", None))
    version = call.version or (api_version or "").removeprefix("v")
    target = encode_path(f"/v{version}{call.path}" if version else call.path)
    query = encode_query(call.query)
    options = [("-sS", *(word for option in connect for word in option)), *_shape(call)]
    if call.method == "HEAD":
        options.append(("--head",))
    elif call.method != "GET":
        options.append(("-X", call.method))
    options += [("-H", f"{name}: {value}") for name, value in headers.items()]
    body, stdin = _body(call)
    options += body
    words = [" ".join(shlex.quote(word) for word in option) for option in options]
    words.append(shlex.quote(f"{base}{target}?{query}" if query else base + target))
    command = " ".join(["curl", *words])
    if len(command) > _WIDTH:
        command = "curl " + " \\\n  ".join(words)
    if remote:
        command = f"ssh {remote} {shlex.quote(command)}"
    return command + stdin


def _connect(url: str, tls: Any) -> tuple[str, list[tuple[str, ...]], str]:
    """The URL's beginning, curl's options to get there, and the ssh arguments in front."""
    scheme, _, rest = url.partition("://")
    if not rest:
        scheme, rest = ("unix", url) if url.startswith("/") else ("tcp", url)
    if scheme in ("unix", "http+unix"):
        path = unquote(rest.partition("/")[0]) if scheme == "http+unix" else rest
        return "http://localhost", [("--unix-socket", path)], ""
    if scheme == "ssh":
        parts = urlsplit(url)
        user = f"{parts.username}@" if parts.username else ""
        port = f"-p {parts.port} " if parts.port else ""
        socket = parts.path.rstrip("/") or "/var/run/docker.sock"
        host = shlex.quote(f"{user}{parts.hostname}")
        return "http://localhost", [("--unix-socket", socket)], f"{port}-- {host}"
    if tls is None and scheme != "https":
        return f"http://{rest.rstrip('/')}", [], ""
    files: list[tuple[str, ...]] = []
    if not getattr(tls, "verify", True):
        files.append(("--insecure",))
    elif getattr(tls, "ca", ""):
        files.append(("--cacert", tls.ca))
    if getattr(tls, "cert", ""):
        files += [("--cert", tls.cert), ("--key", tls.key)]
    return f"https://{rest.rstrip('/')}", files, ""


def _shape(call: Call) -> list[tuple[str, ...]]:
    """What keeps the answer readable: no buffering, no binary on the terminal, a status."""
    endpoint = call.endpoint
    if endpoint is None or call.method == "HEAD":
        return []
    if endpoint.stream == "a tar archive":
        return [("--output", f"{call.name}.tar")]
    if endpoint.operation == "ContainerAttachWebsocket":
        return [("--no-buffer", "--output", "-"), *(("-H", line) for line in _WEBSOCKET)]
    if any("docker" in kind for kind in endpoint.produces):
        return [("--no-buffer", "--output", "-")]
    if endpoint.streams:
        return [("--no-buffer",)]
    silent = not endpoint.produces or (204 in endpoint.success and 200 not in endpoint.success)
    return [("--write-out", "%{http_code}\\n")] if silent else []


def _body(call: Call) -> tuple[list[tuple[str, ...]], str]:
    if call.tar_body:
        kind = ("-H", "Content-Type: application/x-tar")
        return [kind, ("-T", "archive.tar")], ""
    if call.body is None:
        return [], ""
    text = json.dumps(call.body, ensure_ascii=False)
    kind = ("-H", "Content-Type: application/json")
    if len(text.encode()) <= _LONGEST_ARGUMENT:
        return [kind, ("-d", text)], ""
    return [kind, ("--data-binary", "@-")], f" <<'JSON'\n{text}\nJSON"
