"""Run a container and do with it what the docker CLI does, on a real engine."""

from __future__ import annotations

import json
import logging

import docker
import pytest

import opskit
from opskit.actions.finished import Finished
from opskit.errors import (
    APIError,
    Conflict,
    EngineUnresponsive,
    InvalidOption,
    NotFound,
    ReadOnlyEngine,
)

from .engines import IMAGE

pytestmark = pytest.mark.live


@pytest.fixture
def engine(emptied_engine):
    with opskit.connect(emptied_engine.url) as engine:
        yield engine


def start(engine, name="web", command="sleep 1000", **options):
    return engine.run(IMAGE, command, name=name, detach=True, stop_signal="SIGKILL", **options)


@pytest.mark.docker_only("Podman writes mount options out")
def test_what_the_sdks_words_mean_to_the_engine(engine):
    row = start(
        engine,
        ports={"80/tcp": 8080},
        mem_limit="256m",
        cpu_quota=50000,
        restart_policy={"Name": "unless-stopped"},
        labels={"app": "web", "env": "production"},
        environment={"MODE": "fast", "EMPTY": ""},
        volumes={"data": {"bind": "/data", "mode": "ro"}},
        healthcheck={"test": "true", "interval": 10**9},
        stop_timeout=3,
        working_dir="/tmp",
        user="nobody",
    )
    assert (row["name"], row["state"]) == ("web", "running")
    assert ":8080->80/tcp" in row["ports"]
    about = engine.get("/containers/web/json")
    host, config = about["HostConfig"], about["Config"]
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert (host["Memory"], host["CpuQuota"]) == (256 << 20, 50000)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["Binds"] == ["data:/data:ro"]
    assert config["Labels"] == {"app": "web", "env": "production"}
    assert {"MODE=fast", "EMPTY="} <= set(config["Env"])
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 10**9}
    assert (config["StopTimeout"], config["WorkingDir"], config["User"]) == (3, "/tmp", "nobody")


@pytest.mark.docker_only("Podman gives each container a seccomp profile and a host name of its own")
def test_says_the_same_as_the_sdk(engine, emptied_engine):
    options = {
        "ports": {"53/udp": ("127.0.0.1", 5353), "80": None},
        "tmpfs": {"/scratch": "size=1m"},
        "mounts": [docker.types.Mount("/cache", "cache")],
        "ulimits": [docker.types.Ulimit(name="nofile", soft=100, hard=100)],
        "cap_drop": ["NET_RAW"],
        "nano_cpus": 500_000_000,
        "extra_hosts": {"db": "10.0.0.1"},
        "entrypoint": ["sleep"],
        "command": "1000",
    }
    client = docker.DockerClient(emptied_engine.url, version="auto")
    client.containers.create(IMAGE, name="theirs", **options)
    client.close()
    engine.create(IMAGE, name="ours", **options)
    ours, theirs = (engine.get(f"/containers/{name}/json") for name in ("ours", "theirs"))
    assert ours["HostConfig"] == theirs["HostConfig"]
    for about in (ours, theirs):
        del about["Config"]["Hostname"]
    assert ours["Config"] == theirs["Config"]


def test_the_proxies_of_dockers_config_are_set_as_the_sdk_sets_them(
    emptied_engine, tmp_path, monkeypatch
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    usual = {"default": {"httpProxy": "http://proxy:3128", "noProxy": "localhost"}}
    own = {**usual, emptied_engine.url: {"httpsProxy": "http://other:3128"}}
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo via $https_proxy $http_proxy\n")
    for proxies, built in ((usual, "via http://proxy:3128"), (own, "via http://other:3128")):
        (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
        client = docker.DockerClient(emptied_engine.url, version="auto")
        theirs = client.containers.create(IMAGE, environment={"http_proxy": "mine"})
        client.close()
        with opskit.connect(emptied_engine.url) as engine:
            ours = engine.create(IMAGE, environment={"http_proxy": "mine"})
            told = [engine.get(f"/containers/{made}/json") for made in (ours["id"], theirs.id)]
            assert sorted(told[0]["Config"]["Env"]) == sorted(told[1]["Config"]["Env"])
            plain = engine.create(IMAGE, use_config_proxy=False)
            assert "proxy" not in str(engine.inspect(plain["id"])["Config"]["Env"])
            steps = engine.build(tmp_path, nocache=True).steps
            assert built in steps["output"].iloc[-1]


def test_run_to_the_end_gives_exit_code_and_both_outputs_apart(engine):
    done = engine.run(IMAGE, ["sh", "-c", "echo out; echo err >&2; exit 3"], remove=True)
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert repr(done) == "exit code 3\nout\nstderr: err"
    assert engine.get("/containers/json", all=True) == []
    terminal = engine.run(IMAGE, ["sh", "-c", "echo out; echo err >&2"], tty=True)
    assert (terminal.exit_code, terminal.stdout) == (0, b"out\r\nerr\r\n")
    many = engine.run(IMAGE, ["sh", "-c", "seq 200000; seq 1000 >&2"])
    assert many.text.split() == [str(n) for n in range(1, 200_001)]
    assert len(many.stderr.split()) == 1000


def test_a_run_that_takes_too_long_is_killed(engine):
    with pytest.raises(EngineUnresponsive, match=r"web still ran after 0\.5 s"):
        engine.run(IMAGE, "sleep 1000", name="web", timeout=0.5)
    assert engine.get("/containers/web/json")["State"]["Status"] == "exited"
    with pytest.raises(EngineUnresponsive):
        engine.run(IMAGE, "sleep 1000", name="gone", timeout=0.5, remove=True)
    with pytest.raises(NotFound):
        engine.get("/containers/gone/json")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"name": "web"}, Conflict, "already in use"),
        ({"ports": {"80/tcp": 8080}}, APIError, r"(allocated|already in use)\n.*take another"),
        ({"mem_limit": "lots"}, InvalidOption, "lots"),
        ({"mem_limit": "1k"}, APIError, "[Mm]inimum memory limit|runc create failed"),
        (
            {"volumes": ["a:b:c:d"]},
            APIError,
            "invalid volume specification|incorrect volume format",
        ),
        ({"volumes": ["data:not/absolute"]}, APIError, "invalid|absolute"),
        ({"command": "/no/such/program"}, APIError, "no such file"),
        ({"network": "nowhere"}, APIError, "nowhere"),
        ({"port": 80}, TypeError, "no option 'port'; did you mean 'ports'"),
        ({"stream": True}, TypeError, "engine.follow"),
        ({"pull": "sometimes"}, ValueError, "sometimes"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_container_that_cannot_run_leaves_nothing_behind(engine, options, error, words):
    start(engine, ports={"80/tcp": 8080})
    with pytest.raises(error, match=words):
        engine.run(IMAGE, **{"command": "sleep 1000", "detach": True, **options})
    assert [c["Names"] for c in engine.get("/containers/json", all=True)] == [["/web"]]


def test_an_image_that_is_nowhere(engine):
    with pytest.raises(NotFound, match=r"[Nn]o such image"):
        engine.run("nosuch:1", "true", pull="never")
    with pytest.raises(APIError, match=r"127\.0\.0\.1:9") as raised:
        engine.run("127.0.0.1:9/nosuch:1", "true")
    assert "does not reach the registry" in str(raised.value)


def test_the_life_of_a_container(engine):
    row = start(engine)
    assert engine.pause(row)["state"] == "paused"
    assert engine.unpause("web")["state"] == "running"
    assert engine.rename("web", "shop")["name"] == "shop"
    assert engine.restart("shop", timeout=0)["state"] == "running"
    assert engine.stop(row, timeout=10)["state"] == "exited"
    assert engine.start(row["id"][:12])["state"] == "running"
    assert engine.kill("shop", signal="SIGKILL") is not None
    assert engine.wait("shop", timeout=20) == 137
    gone = engine.remove("shop")
    assert (gone["name"], gone["action"], gone["done"]) == ("shop", "remove", True)
    with pytest.raises(NotFound):
        engine.remove("shop")


@pytest.mark.docker_only("Podman has no update in its Docker API")
def test_limits_of_a_running_container(engine):
    start(engine, mem_limit="64m", memswap_limit="64m")
    engine.update("web", mem_limit="128m", memswap_limit="128m", cpu_quota=20000)
    host = engine.get("/containers/web/json")["HostConfig"]
    assert (host["Memory"], host["CpuQuota"]) == (128 << 20, 20000)
    with pytest.raises(InvalidOption, match="many"):
        engine.update("web", mem_limit="many")
    with pytest.raises(TypeError, match="no option 'memory'"):
        engine.update("web", memory=1)
    with pytest.raises(TypeError, match="needs a limit"):
        engine.update("web")


def test_waiting_has_an_end(engine):
    start(engine)
    with pytest.raises(EngineUnresponsive, match=r"web still runs after 0\.3 s"):
        engine.wait("web", timeout=0.3)


def test_exec_gives_exit_code_and_both_outputs_apart(engine):
    start(engine)
    done = engine.exec("web", ["sh", "-c", "echo out; echo err >&2; exit 5"])
    assert isinstance(done, Finished)
    assert (done.exit_code, done.stdout, done.stderr) == (5, b"out\n", b"err\n")
    where = engine.exec("web", "sh -c 'echo $X $PWD $(id -u)'", environment={"X": "1"},
                        workdir="/tmp", user="nobody")  # fmt: skip
    assert where.text == "1 /tmp 65534\n"
    assert engine.exec("web", "tty", tty=True).stdout.startswith(b"/dev/pts")
    missing = engine.exec("web", "no-such-program")
    assert missing.exit_code in (126, 127)
    assert "not found" in missing.text + missing.stderr.decode()
    with pytest.raises(EngineUnresponsive, match=r"sleep in web still ran after 0\.3 s"):
        engine.exec("web", "sleep 1000", timeout=0.3)
    assert engine.exec("web", "touch /made", detach=True).exit_code == -1
    engine.pause("web")
    with pytest.raises(Conflict, match="paused"):
        engine.exec("web", "true")
    engine.unpause("web")
    engine.stop("web")
    with pytest.raises(Conflict, match=r"not running|running containers"):
        engine.exec("web", "true")


def test_commit_makes_an_image_of_it(engine):
    start(engine)
    engine.exec("web", ["sh", "-c", "echo hello > /greeting"])
    image = engine.commit("web", "snap", tag="1", message="with greeting", author="ann",
                          changes=['CMD ["cat", "/greeting"]', "LABEL a=b"])  # fmt: skip
    assert image["name"].endswith("snap:1")
    assert image["labels"] == {"a": "b"}
    assert engine.run(image).text == "hello\n"
    engine.remove(engine.containers(all=True), force=True)
    engine.remove_image("snap:1")


@pytest.mark.docker_only("Podman warns of nothing")
def test_what_the_engine_warns_of_is_passed_on(engine, caplog):
    with caplog.at_level(logging.WARNING, "opskit"):
        start(engine, oom_kill_disable=True)
    warned = engine.get("/containers/web/json")  # it was made all the same
    assert warned["State"]["Running"]
    assert any("web: the engine warns" in text for text in caplog.messages)


def test_a_read_only_engine_runs_nothing(emptied_engine):
    with opskit.connect(emptied_engine.url, read_only=True) as engine:
        for call in (
            lambda: engine.run(IMAGE, "true"),
            lambda: engine.remove_image(IMAGE),
            lambda: engine.prune(dry_run=False),
            lambda: engine.put_files("web", {"a": "b"}),
            lambda: engine.pull("busybox"),
        ):
            with pytest.raises(ReadOnlyEngine):
                call()
        assert len(engine.prune()) == 0
