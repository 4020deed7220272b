"""Showing one call as curl, opskit, SDK and CLI: each says the same to a real engine."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import warnings
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import docker
import pytest

import opskit
from opskit.api import render
from opskit.api.endpoints import ENDPOINTS
from opskit.api.render.cli_table import CLI
from opskit.api.render.sdk_table import SDK
from opskit.errors import APIError

from .engines import IMAGE, PrivateEngine

pytestmark = pytest.mark.live

LANGUAGES = ("curl", "opskit", "sdk", "cli")
# Query values that an endpoint needs, or that end an answer which would go on.
QUERY: dict[str, dict[str, Any]] = {
    "ContainerList": {"all": True, "filters": {"label": ["of=render"]}},
    "ContainerLogs": {"stdout": True, "stderr": True, "tail": "5"},
    "ContainerStats": {"stream": False},
    "ContainerTop": {"ps_args": "-o pid,args"},
    "ContainerArchive": {"path": "/tmp/said"},
    "ContainerArchiveInfo": {"path": "/tmp/said"},
    "ImageGetAll": {"names": [IMAGE]},
    "ImageSearch": {"term": "127.0.0.1:1/nothing"},
    "SystemEvents": {"since": "1", "until": "1.5"},
    "GetPluginPrivileges": {"remote": "127.0.0.1:1/nothing"},
    "ServiceLogs": {"stdout": True},
    "TaskLogs": {"stdout": True},
}
# Numbers that are different each time they are asked for.
RESTLESS = {"read", "preread", "cpu_stats", "precpu_stats", "memory_stats", "networks", "id"}
RESTLESS |= {
    "MemFree",
    "SwapFree",
    "memFree",
    "swapFree",
    "uptime",
    "Status",
    "Uptime",
    "SystemTime",
    "NFd",
    "NGoroutines",
    "pids_stats",
    "blkio_stats",
    "name",
}


class World:
    """One engine with an object of each kind, and the names to ask for."""

    def __init__(self, engine: PrivateEngine, folder: Path, names: dict[str, str]):
        self.url, self.env, self.folder, self.names = engine.url, engine.env, folder, names
        self.engine = opskit.connect(engine.url)
        self.client = docker.DockerClient(engine.url, version=self.engine.api_version)

    def close(self) -> None:
        self.engine.close()
        self.client.close()

    def shell(self, command: str) -> subprocess.CompletedProcess[bytes]:
        script = self.folder / "script.sh"
        script.write_text(command + "\n")
        return subprocess.run(
            ["bash", str(script)],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def python(self, code: str) -> Any:
        """Run rendered code; its last expression's value, spoken as JSON would be."""
        space = {"engine": self.engine, "client": self.client}
        if code.startswith("with "):
            exec(compile(code, "rendered", "exec"), space)
            return None
        with warnings.catch_warnings():  # the SDK leaves sockets and files to the collector
            warnings.simplefilter("ignore")
            return eval(compile(code, "rendered", "eval"), space)


def _put_archive(folder: Path) -> None:
    with tarfile.open(folder / "archive.tar", "w") as archive:
        member = tarfile.TarInfo("said")
        member.size = 6
        archive.addfile(member, io.BytesIO(b"hello\n"))


@pytest.fixture(scope="module")
def world(
    private_engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    api = private_engine.api
    loop = ["sh", "-c", "echo out; echo err >&2; echo hello > /tmp/said; exec sleep 10000"]
    private_engine.run(loop, "render-web", labels={"of": "render"})
    api("POST", "/volumes/create", {"Name": "render-data"})
    api("POST", "/networks/create", {"Name": "render-net"})
    task = api("POST", "/containers/render-web/exec", {"Cmd": ["true"], "AttachStdout": True})
    names = {
        "containers": "render-web",
        "exec": task["Id"],
        "images": IMAGE,
        "volumes": "render-data",
        "networks": "render-net",
        "distribution": "127.0.0.1:1/nothing",
    }
    folder = tmp_path_factory.mktemp("render")
    _put_archive(folder)
    world = World(private_engine, folder, names)
    yield world
    world.close()
    private_engine.remove_all()


@pytest.fixture(scope="module")
def swarm(
    make_engine: Callable[..., PrivateEngine], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with make_engine("swarm") as engine:
        if engine.kind == "podman":
            pytest.skip("Podman knows no swarm")
        api = engine.api
        spec = {"EncryptionConfig": {"AutoLockManagers": True}}
        there = {"AdvertiseAddr": "127.0.0.1", "ListenAddr": "127.0.0.1", "Spec": spec}
        node = api("POST", "/swarm/init", there)
        secret = api("POST", "/secrets/create", {"Name": "render-secret", "Data": "aGVsbG8="})
        config = api("POST", "/configs/create", {"Name": "render-config", "Data": "aGVsbG8="})
        container = {"Image": IMAGE, "Command": ["sleep", "10000"]}
        task = {"TaskTemplate": {"ContainerSpec": container}, "Name": "render-service"}
        task["Mode"] = {"Replicated": {"Replicas": 1}}
        api("POST", "/services/create", task)
        tasks: list[Any] = []
        while not tasks:
            tasks = api("GET", "/tasks")
        names = {"nodes": node, "secrets": secret["ID"], "configs": config["ID"]}
        names |= {"services": "render-service", "tasks": tasks[0]["ID"]}
        folder = tmp_path_factory.mktemp("swarm")
        world = World(engine, folder, names)
        yield world
        world.close()


def _call(world: World, endpoint: Any) -> tuple[str, str, dict[str, Any]]:
    name = world.names.get(endpoint.section, "render-none")
    path = endpoint.path.replace("{id}", name).replace("{name}", name)
    return endpoint.method, path, QUERY.get(endpoint.operation, {})


def _still(value: Any) -> Any:
    """A value without what changes from one moment to the next."""
    if isinstance(value, dict) and "BuildahVersion" in value:
        value = {**value, "ID": "Podman makes up another for each answer"}
    if isinstance(value, dict):
        return {k: _still(v) for k, v in value.items() if k not in RESTLESS}
    if isinstance(value, list):  # the engine keeps no order of networks, among others
        return sorted((_still(item) for item in value), key=str)
    return value


ASKING = [e for e in ENDPOINTS if e.read_only and e.documented]
ONE_ENGINE = [e for e in ASKING if not e.needs_swarm and e.since == "1.41"]
IN_SWARM = [e for e in ASKING if e.needs_swarm]


def spoken(table: Any, endpoints: list[Any]) -> list[Any]:
    return [e for e in endpoints if e.operation in table]


@pytest.mark.parametrize("endpoint", ONE_ENGINE, ids=lambda e: e.operation)
def test_a_curl_line_gets_what_the_engine_says(world, endpoint):
    _check_curl(world, endpoint)


@pytest.mark.parametrize("endpoint", IN_SWARM, ids=lambda e: e.operation)
def test_a_curl_line_gets_what_a_swarm_says(swarm, endpoint):
    _check_curl(swarm, endpoint)


def _check_curl(world: World, endpoint: Any) -> None:
    method, path, query = _call(world, endpoint)
    line = render.curl(method, path, query=query, address=world.url, api_version="1.41")
    done = world.shell(line)
    assert done.returncode == 0, (line, done.stderr)
    assert not done.stderr, line
    answer = world.engine.request(method, f"/v1.41{path}", params=query, check=False)
    if method == "HEAD":
        assert f"HTTP/1.1 {answer.status_code}".encode() in done.stdout
    elif endpoint.stream == "a tar archive":
        assert not done.stdout
        saved = next(world.folder.glob("[!a]*.tar"))  # archive.tar is what is sent
        with tarfile.open(saved) as archive:
            assert archive.getmembers()
        saved.unlink()
    elif answer.content.startswith((b"{", b"[")) and endpoint.operation != "SystemPing":
        assert _still(json.loads(done.stdout or b"null")) == _still(
            answer.json() if answer.content else None
        )
    else:
        assert done.stdout == answer.content


@pytest.mark.parametrize(
    ("language", "endpoint"),
    [*product(["opskit"], ONE_ENGINE), *product(["sdk"], spoken(SDK, ONE_ENGINE))],
    ids=str,
)
def test_rendered_python_gets_the_same_answer(world, endpoint, language, monkeypatch):
    monkeypatch.chdir(world.folder)
    _check_python(world, endpoint, language)


@pytest.mark.parametrize(
    ("language", "endpoint"),
    [*product(["opskit"], IN_SWARM), *product(["sdk"], spoken(SDK, IN_SWARM))],
    ids=str,
)
def test_rendered_python_gets_the_same_answer_of_a_swarm(swarm, endpoint, language, monkeypatch):
    monkeypatch.chdir(swarm.folder)
    _check_python(swarm, endpoint, language)


def _check_python(world: World, endpoint: Any, language: str) -> None:
    method, path, query = _call(world, endpoint)
    code = getattr(render, language)(method, path, query=query)
    expected = world.engine.request(method, path, params=query, check=False)
    if not expected.ok:
        with pytest.raises((APIError, docker.errors.APIError)) as caught:
            world.python(code)
        refused: Any = caught.value
        status = refused.status if language == "opskit" else refused.status_code
        assert status == expected.status_code
        return
    said = world.python(code)
    if endpoint.stream == "a tar archive" or method == "HEAD" or said is True:
        return
    if endpoint.operation in ("ContainerLogs", "ServiceLogs", "TaskLogs"):
        lines = said if isinstance(said, bytes) else b"".join(said or [])
        assert (b"out" in lines) == (endpoint.operation == "ContainerLogs")
    elif endpoint.operation == "SystemEvents":
        assert list(said or []) == []
    elif isinstance(said, bytes | str):
        assert said == (expected.text if isinstance(said, str) else expected.content)
    else:
        wanted = expected.json()
        wanted = wanted.get("Volumes") or [] if endpoint.operation == "VolumeList" else wanted
        if language == "sdk":
            said, wanted = _identities(said), _identities(wanted)
        elif isinstance(said, dict) and endpoint.operation == "VolumeList":
            said = said.get("Volumes") or []
        assert _still(said) == _still(wanted)


def _identities(value: Any) -> Any:
    """SDK objects and JSON alike: ids where there are several, all of it where there is one."""
    if isinstance(value, list):
        return sorted(str(_identity(getattr(item, "attrs", item))) for item in value)
    return value


def _identity(item: dict[str, Any]) -> Any:
    return item.get("Id") or item.get("ID") or item.get("Name") or item


@pytest.mark.parametrize("endpoint", spoken(CLI, ONE_ENGINE), ids=lambda e: e.operation)
def test_a_docker_command_is_understood(world, endpoint):
    _check_command(world, endpoint)


@pytest.mark.parametrize("endpoint", spoken(CLI, IN_SWARM), ids=lambda e: e.operation)
def test_a_docker_command_is_understood_by_a_swarm(swarm, endpoint):
    _check_command(swarm, endpoint)


def _check_command(world: World, endpoint: Any) -> None:
    method, path, query = _call(world, endpoint)
    line = render.cli(method, path, query=query, address=world.url)
    done = world.shell(line)
    answer = world.engine.request(method, path, params=query, check=False)
    expected = 0 if answer.ok else 1
    assert done.returncode == expected, (line, done.stderr)
    assert b"unknown flag" not in done.stderr
    for saved in world.folder.glob("[!a]*.tar"):
        saved.unlink()


Step = tuple[str, str, dict[str, Any], Any, Callable[[PrivateEngine], bool]]


def _state(name: str, key: str, value: Any) -> Callable[[PrivateEngine], bool]:
    return lambda e: bool(e.api("GET", f"/containers/{name}/json")["State"][key] == value)


def _there(path: str, there: bool = True) -> Callable[[PrivateEngine], bool]:
    def check(engine: PrivateEngine) -> bool:
        try:
            engine.api("GET", path)
        except RuntimeError as error:
            if ": 404 " not in str(error):
                raise
            return not there
        return there

    return check


def _in_network(engine: PrivateEngine) -> bool:
    return bool(engine.api("GET", "/networks/x-net")["Containers"])


LIFE: list[Step] = [
    ("POST", "/containers/create", {"name": "x-one"},
     {"Image": IMAGE, "Cmd": ["sh", "-c", "echo \"it's $((1+1))\"; exec sleep 10000"],
      "Env": ["A=b c"], "StopSignal": "SIGKILL", "Labels": {"of": "life"},
      "HostConfig": {"Memory": 67108864, "NetworkMode": "none"}},
     _state("x-one", "Status", "created")),
    ("POST", "/containers/x-one/start", {}, None, _state("x-one", "Running", True)),
    ("POST", "/containers/x-one/pause", {}, None, _state("x-one", "Paused", True)),
    ("POST", "/containers/x-one/unpause", {}, None, _state("x-one", "Paused", False)),
    ("POST", "/containers/x-one/update", {}, {"CpuShares": 512},
     lambda e: e.api("GET", "/containers/x-one/json")["HostConfig"]["CpuShares"] == 512),
    ("POST", "/containers/x-one/exec", {}, {"Cmd": ["touch", "/x y"], "AttachStdout": True},
     lambda e: True),
    ("PUT", "/containers/x-one/archive", {"path": "/"}, None,
     lambda e: e.api("HEAD", "/containers/x-one/archive?path=/said") == ""),
    ("POST", "/containers/x-one/restart", {"t": 1}, None, _state("x-one", "Running", True)),
    ("POST", "/containers/x-one/rename", {"name": "x-two"}, None, _there("/containers/x-two/json")),
    ("POST", "/commit", {"container": "x-two", "repo": "x/image", "tag": "a", "comment": "it's"},
     {}, lambda e: e.api("GET", "/images/x/image:a/json")["Comment"] == "it's"),
    ("POST", "/images/x/image:a/tag", {"repo": "x/image", "tag": "b"}, None,
     _there("/images/x/image:b/json")),
    ("DELETE", "/images/x/image:a", {}, None, _there("/images/x/image:a/json", False)),
    ("DELETE", "/images/x/image:b", {"force": True}, None, _there("/images/x/image:b/json", False)),
    ("POST", "/images/create", {"fromSrc": "-", "repo": "x/import", "tag": "1", "message": "m"},
     None, _there("/images/x/import:1/json")),
    ("DELETE", "/images/x/import:1", {}, None, _there("/images/x/import:1/json", False)),
    ("POST", "/containers/x-two/kill", {"signal": "KILL"}, None, _state("x-two", "Running", False)),
    ("POST", "/containers/x-two/wait", {}, None, _state("x-two", "ExitCode", 137)),
    ("POST", "/containers/x-two/stop", {"t": 1}, None, _state("x-two", "Running", False)),
    ("POST", "/volumes/create", {}, {"Name": "x-volume", "Labels": {"of": "life", "a": "b c"}},
     lambda e: e.api("GET", "/volumes/x-volume")["Labels"] == {"of": "life", "a": "b c"}),
    ("DELETE", "/volumes/x-volume", {}, None, _there("/volumes/x-volume", False)),
    ("POST", "/networks/create", {},
     {"Name": "x-net", "Internal": True, "IPAM": {"Config": [{"Subnet": "10.77.0.0/24"}]}},
     lambda e: e.api("GET", "/networks/x-net")["IPAM"]["Config"][0]["Subnet"] == "10.77.0.0/24"),
    ("POST", "/networks/none/disconnect", {}, {"Container": "x-two", "Force": True},
     lambda e: True),
    ("POST", "/networks/x-net/connect", {},
     {"Container": "x-two", "EndpointConfig": {"Aliases": ["two"]}},
     lambda e: "x-net" in e.api("GET", "/containers/x-two/json")["NetworkSettings"]["Networks"]),
    ("POST", "/networks/x-net/disconnect", {}, {"Container": "x-two"},
     lambda e: not _in_network(e)),
    ("DELETE", "/networks/x-net", {}, None, _there("/networks/x-net", False)),
    ("POST", "/containers/prune", {"filters": {"label": ["of=nobody"]}}, None,
     _there("/containers/x-two/json")),
    ("DELETE", "/containers/x-two", {"force": True, "v": True}, None,
     _there("/containers/x-two/json", False)),
]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_container_lives_its_life_by_rendered_calls(world, private_engine, language, monkeypatch):
    if private_engine.kind == "podman":
        pytest.skip("Podman has no update, and gives imports other names")
    monkeypatch.chdir(world.folder)
    for left in private_engine.api("GET", '/containers/json?all=1&filters={"name":["x-"]}'):
        private_engine.api("DELETE", f"/containers/{left['Id']}?force=1")
    for method, path, query, body, happened in LIFE:
        where = {"address": world.url} if language in ("curl", "cli") else {}
        code = getattr(render, language)(method, path, query=query, json=body, **where)
        assert not code.startswith("# no"), code
        if language in ("curl", "cli"):
            done = world.shell(code)
            assert done.returncode == 0, (code, done.stderr)
            assert b'"message"' not in done.stdout, (code, done.stdout)
        else:
            world.python(code)
        assert happened(private_engine), code


def test_an_exec_created_and_started_by_curl_says_what_it_said(world):
    create = render.curl(
        "POST",
        "/containers/render-web/exec",
        json={"Cmd": ["echo", "it's me"], "AttachStdout": True, "Tty": True},
        address=world.url,
    )
    task = json.loads(world.shell(create).stdout)["Id"]
    start = render.curl(
        "POST", f"/exec/{task}/start", json={"Detach": False, "Tty": True}, address=world.url
    )
    assert world.shell(start).stdout == b"it's me\r\n"


def test_a_body_too_long_for_an_argument_still_runs(world):
    labels = {f"label-{n}": "it's " * 20 for n in range(2000)}
    line = render.curl(
        "POST", "/volumes/create", json={"Name": "x-long", "Labels": labels}, address=world.url
    )
    assert len(line) > 200_000
    done = world.shell(line)
    assert json.loads(done.stdout)["Labels"] == labels
    world.engine.delete("/volumes/x-long")


def test_the_engine_routes_paths_as_the_catalogue_does(world, private_engine):
    if private_engine.kind == "podman":
        pytest.skip("Podman's router is its own")
    odd = [
        ("GET", "/containers//json"), ("GET", "/containers/a/b/json"), ("GET", "/networks/"),
        ("GET", "/containers/json/"), ("GET", "/volumes/a/b"), ("GET", "/nodes/a/b"),
        ("GET", "/images/a/b/c/history"), ("GET", "/containers/a%2Fb/json"),
        ("GET", "/exec/a/b/json"), ("GET", "/volumes/create"), ("POST", "/info"),
        ("HEAD", "/info"), ("GET", "/nowhere"),
        ("GET", "/containers/./json"), ("GET", "/plugins/a/b/json"), ("GET", "/services/a/b"),
    ]  # fmt: skip
    for method, path in odd:
        answer = world.engine.request(method, f"/v1.41{path}", check=False)
        routed = answer.status_code not in (301, 405) and "page not found" not in answer.text
        if method == "HEAD":
            routed = answer.status_code == 200
        assert routed == (opskit.api.lookup(method, path) is not None), (method, path, answer.text)
