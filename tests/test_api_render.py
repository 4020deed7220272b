"""Showing one call as curl, opskit, SDK and CLI: what the text says."""

from __future__ import annotations

import ast
import doctest
import shlex
from itertools import pairwise

import pytest

from opskit.address import TLS, Address
from opskit.api import find, render
from opskit.api.endpoints import ENDPOINTS
from opskit.api.render.cli_table import CLI
from opskit.api.render.sdk_table import SDK
from opskit.api.search import ranked

LIST = ("GET", "/containers/json")
FILTERED = {"all": True, "filters": {"label": "app=web", "status": ["running", "paused"]}}


def test_the_docstrings_are_true():
    assert doctest.testmod(render).failed == 0


def test_one_call_in_four_languages():
    assert render.curl(*LIST, query={"all": True}) == (
        "curl -sS --unix-socket /var/run/docker.sock 'http://localhost/containers/json?all=true'"
    )
    assert render.opskit(*LIST, query=FILTERED) == (
        "engine.get(\n    '/containers/json',\n    all=True,\n"
        "    filters={'label': 'app=web', 'status': ['running', 'paused']},\n)"
    )
    assert render.sdk(*LIST, query={"all": True}) == "client.containers.list(all=True)"
    assert render.cli(*LIST, query=FILTERED) == (
        "docker ps --all --filter label=app=web --filter status=running --filter status=paused"
    )


def test_a_path_from_the_wire_reads_like_one_with_python_values():
    wire = (
        "/v1.41/containers/json?all=1&limit=3&filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D"
    )
    assert render.sdk("get", wire) == (
        "client.containers.list(all=True, limit=3, filters={'label': ['a=b']})"
    )
    assert "/v1.41/containers/json" in render.opskit("GET", wire)
    assert "/v1.41/containers/json" in render.curl("GET", wire, api_version="1.45")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/run/user/1000/docker.sock", "--unix-socket /run/user/1000/docker.sock http://localhost"),
        ("unix:///tmp/my socket", "--unix-socket '/tmp/my socket' http://localhost"),
        ("tcp://10.0.0.7:2375", "curl -sS http://10.0.0.7:2375/info"),
        ("tcp://[::1]:2375", "'http://[::1]:2375/info'"),
        ("https://engine:2376", "https://engine:2376/info"),
        ("ssh://ops@build-3:2222", "ssh -p 2222 -- ops@build-3 'curl -sS --unix-socket "),
        (
            Address(
                "tcp", host="engine", port=2376, tls=TLS("/c/ca.pem", "/c/cert.pem", "/c/key.pem")
            ),
            "curl -sS --cacert /c/ca.pem --cert /c/cert.pem --key /c/key.pem https://engine:2376/info",
        ),
        (
            Address("tcp", host="engine", port=2376, tls=TLS(verify=False)),
            "curl -sS --insecure https://engine:2376/info",
        ),
    ],
)
def test_curl_reaches_any_address(address, expected):
    assert expected in render.curl("GET", "/info", address=address)


def test_the_docker_cli_is_told_the_address_and_the_certificates():
    where = Address(
        "tcp", host="engine", port=2376, tls=TLS("/c/ca.pem", "/c/cert.pem", "/c/key.pem")
    )
    assert render.cli("GET", "/info", address=where) == (
        "docker --host tcp://engine:2376 --tlsverify --tlscacert /c/ca.pem "
        "--tlscert /c/cert.pem --tlskey /c/key.pem info"
    )


CREATE = {
    "Image": "nginx:alpine",
    "Entrypoint": ["/bin/sh", "-c"],
    "Cmd": ["echo it's"],
    "Env": ["A=1 2"],
    "Labels": {"app": "web"},
    "ExposedPorts": {"80/tcp": {}},
    "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000, "Retries": 3},
    "HostConfig": {
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        "Memory": 268435456,
        "NanoCpus": 500000000,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
        "Ulimits": [{"Name": "nofile", "Soft": 64, "Hard": 128}],
        "Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True}],
        "Binds": ["/x:/y"],
        "Init": True,
        "CpuRealtimePeriod": 7,
        "Memory_unused": 0,
    },
}


def test_a_create_body_becomes_options_of_docker_create():
    note, command = render.cli("POST", "/containers/create?name=web", json=CREATE).split("\n")
    assert note == "# no option for HostConfig.CpuRealtimePeriod"
    words = shlex.split(command)
    assert words[:4] == ["docker", "create", "--name", "web"]
    assert words[-3:] == ["nginx:alpine", "-c", "echo it's"]
    pairs = set(pairwise(words))
    assert pairs >= {
        ("--env", "A=1 2"),
        ("--label", "app=web"),
        ("--entrypoint", "/bin/sh"),
        ("--publish", "127.0.0.1:8080:80/tcp"),
        ("--memory", "268435456"),
        ("--cpus", "0.5"),
        ("--restart", "on-failure:3"),
        ("--ulimit", "nofile=64:128"),
        ("--mount", "type=bind,source=/a,target=/b,readonly"),
        ("--volume", "/x:/y"),
        ("--health-cmd", "true"),
        ("--health-interval", "5000000000ns"),
        ("--health-retries", "3"),
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_every_endpoint_comes_out_in_every_language(endpoint):
    path = endpoint.path.replace("{id}", "x").replace("{name}", "x")
    words = {"int": 1, "bool": True, "time": 1, "filters": {"label": ["a"]}, "json": {"a": "b"}}
    query = {p.name: words.get(p.type, "a") for p in endpoint.params if p.where == "query"}
    body = {"Name": "x", "Container": "x", "Cmd": ["x"], "Image": "x", "UnlockKey": "x"}
    body |= {"RemoteAddrs": ["x"], "TaskTemplate": {"ContainerSpec": {"Image": "x"}}}
    json = body if "application/json" in endpoint.consumes else None
    assert shlex.split(render.curl(endpoint.method, path, query=query, json=json))[0] == "curl"
    for language in (render.opskit, render.sdk):
        code = language(endpoint.method, path, query=query, json=json)
        ast.parse(code)
        assert not code.startswith(f"# {endpoint} needs"), code
    command = render.cli(endpoint.method, path, query=query, json=json)
    assert f"# {endpoint} needs" not in command, command
    assert command.startswith("# no docker command") == (endpoint.operation not in CLI) or (
        endpoint.operation in ("ServiceUpdate", "SwarmUpdate")
    )


def test_the_tables_of_twins_name_only_what_there_is():
    operations = {e.operation: e for e in ENDPOINTS}
    for table in (SDK, CLI):
        for operation, twins in table.items():
            named = {p.name for p in operations[operation].params if p.where != "header"}
            for twin in twins if isinstance(twins, tuple) else (twins,):
                said = [entry.partition("=")[0].lstrip("!~") for entry in twin.query.split()]
                assert set(said) <= named, operation
                assert set(twin.needs.split()) <= named, operation


def test_what_a_language_cannot_say_is_named():
    assert render.sdk("GET", "/images/json?shared-size=1").endswith(
        "# the SDK has no word for shared-size"
    )
    assert render.cli("GET", "/images/json?shared-size=1") == (
        "# no option for shared-size\ndocker images"
    )
    assert render.sdk("GET", "/images/get?names=a") == (
        "# the Docker SDK has no call for GET /images/get"
    )
    assert render.cli("GET", "/_ping") == "# no docker command for GET /_ping"
    assert render.cli("POST", "/containers/web/rename") == (
        "# POST /containers/{id}/rename needs name"
    )
    assert render.curl("GET", "/nowhere", address="/s").endswith("http://localhost/nowhere")


def test_passwords_are_left_to_the_docker_cli_to_ask_for():
    login = {"username": "ada", "password": "secret", "serveraddress": "registry.example.com"}
    assert render.cli("POST", "/auth", json=login) == (
        "docker login --username ada registry.example.com"
    )


@pytest.mark.parametrize(
    ("words", "operation"),
    [
        ("stop container", "ContainerStop"),
        ("stpo contaner", "ContainerStop"),
        ("stopping containers", "ContainerStop"),
        ("ps", "ContainerList"),
        ("docker ps", "ContainerList"),
        ("list running containers", "ContainerList"),
        ("rmi", "ImageDelete"),
        ("docker rm", "ContainerDelete"),
        ("remove a container", "ContainerDelete"),
        ("delete image", "ImageDelete"),
        ("volume ls", "VolumeList"),
        ("docker system df", "SystemDataUsage"),
        ("disk usage", "SystemDataUsage"),
        ("copy a file into a container", "PutContainerArchive"),
        ("pull an image", "ImageCreate"),
        ("run a command in a container", "ContainerExec"),
        ("cpu", "ContainerStats"),
        ("logs", "ContainerLogs"),
        ("login", "SystemAuth"),
        ("docker network connect", "NetworkConnect"),
        ("docker service scale", "ServiceUpdate"),
        ("ContainerKill", "ContainerKill"),
        ("/info", "SystemInfo"),
        ("what happened", "SystemEvents"),
        ("changed files", "ContainerChanges"),
        ("save image", "ImageGet"),
        ("swarm init", "SwarmInit"),
    ],
)
def test_finding_an_endpoint_by_words(words, operation):
    best = [endpoint.operation for _, endpoint in ranked(words)[:4]]
    assert best[:1] == [operation], best


def test_what_find_gives():
    found = find("stop container", limit=3)
    assert list(found.columns) == "score method path operation summary cli since".split()  # noqa: SIM905
    assert found.loc[0, "cli"] == "docker stop"
    assert found.score.is_monotonic_decreasing
    nothing = find("xyzzy")
    assert nothing.empty
    assert list(nothing.dtypes) == list(found.dtypes)
    assert find("").empty
