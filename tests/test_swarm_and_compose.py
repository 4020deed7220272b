"""A real swarm of one node, and Compose projects, as frames."""

from __future__ import annotations

import base64
import time

import pytest

import opskit
from opskit.compose import COLUMNS
from opskit.errors import APIError
from opskit.frames import swarm as frames

from .engines import IMAGE

pytestmark = pytest.mark.live


@pytest.mark.docker_only("Podman knows no swarm")
def test_an_engine_in_no_swarm(live_engine):
    assert not live_engine.swarm.active
    for call in ("nodes", "services", "tasks", "configs", "secrets"):
        with pytest.raises(APIError, match="not a swarm manager") as raised:
            getattr(live_engine.swarm, call)()
        assert "docker swarm init" in raised.value.remedy


@pytest.mark.docker_only("Podman knows no swarm")
def test_a_swarm_of_one_node(fresh_engine):
    with opskit.connect(fresh_engine.url) as engine:
        engine.post("/swarm/init", {"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
        swarm = engine.swarm
        assert swarm.active
        nothing = {c: getattr(swarm, c)() for c in ("services", "tasks", "configs", "secrets")}
        assert all(frame.empty for frame in nothing.values())
        node = swarm.nodes().iloc[0]
        assert (node["role"], node["state"], node["leader"]) == ("manager", "ready", True)
        assert node["engine_version"] == engine.engine_version
        assert node["memory_bytes"] > 1 << 20

        data = base64.b64encode(b"payload").decode()
        labels = {"app": "shop"}
        engine.post("/configs/create", {"Name": "conf", "Data": data, "Labels": labels})
        engine.post("/secrets/create", {"Name": "key", "Data": data})
        service(engine, "web", ["sleep", "1000"], {"Replicated": {"Replicas": 2}},
                ports=[{"TargetPort": 80, "PublishedPort": 8088}])  # fmt: skip
        service(engine, "every", ["sleep", "1000"], {"Global": {}})
        service(engine, "broken", ["sh", "-c", "exit 3"], {"Replicated": {"Replicas": 1}})
        until(lambda: set(swarm.services()["running"]) == {2, 1, 0} and failed(swarm))

        services = swarm.services().set_index("name")
        assert services.loc["web", ["mode", "replicas", "running"]].tolist() == ["replicated", 2, 2]
        assert services.loc["web", "ports"] == "*:8088->80/tcp"
        assert services.loc["web", "image"] == IMAGE
        assert services.loc["every", "mode"] == "global"
        assert services["replicas"].isna().tolist() == [n == "every" for n in services.index]
        tasks = swarm.tasks()
        assert {"web.1", "web.2", f"every.{node['name']}"} <= set(tasks["name"])
        broken = tasks[(tasks["service"] == "broken") & (tasks["state"] == "failed")].iloc[0]
        assert (broken["exit_code"], broken["desired_state"]) == (3, "shutdown")
        assert "non-zero exit" in broken["error"]
        running = tasks[tasks["state"] == "running"]
        assert set(running["container_id"]) <= set(engine.containers()["id"])
        assert running["exit_code"].isna().all()
        assert swarm.configs()["labels"].tolist() == [labels]
        assert swarm.secrets()["name"].tolist() == ["key"]
        assert len(swarm.tasks(filters={"service": "web"})) == 2
        for call, before in nothing.items():
            after = getattr(swarm, call)()
            assert after.dtypes.equals(before.dtypes)
            assert after.attrs["engine"] == engine.address


def service(engine, name, command, mode, ports=()):
    template = {"ContainerSpec": {"Image": IMAGE, "Command": command, "StopSignal": "SIGKILL"}}
    engine.post("/services/create", {"Name": name, "TaskTemplate": template, "Mode": mode,
                                     "EndpointSpec": {"Ports": list(ports)}})  # fmt: skip


def failed(swarm):
    tasks = swarm.tasks()
    return ((tasks["service"] == "broken") & (tasks["state"] == "failed")).any()


def test_swarm_frames_bear_missing_fields():
    for make in (frames.nodes, frames.services, frames.tasks, frames.configs, frames.secrets):
        assert len(make([{}])) == 1
        assert make([{}]).dtypes.equals(make([]).dtypes)
        assert make(None).empty


@pytest.mark.docker_only("Podman lists no health")
def test_compose_projects(emptied_engine):
    def container(project, service, command="sleep 1000", image=IMAGE, **more):
        labels = {"com.docker.compose.project": project, "com.docker.compose.service": service,
                  "com.docker.compose.project.working_dir": f"/srv/{project}"}  # fmt: skip
        labels |= {f"com.docker.compose.{key}": value for key, value in more.items()}
        health = {"Test": ["CMD", "true"], "Interval": 10**8}
        config = {"Healthcheck": health} if service == "web" else {}
        return emptied_engine.run(command, labels=labels, config=config)

    with opskit.connect(emptied_engine.url) as engine:
        assert opskit.compose_projects(engine).empty
        for _ in range(2):
            container("shop", "web", depends_on="db:service_healthy:true,cache:service_started:")
        done = [container("shop", "db"), container("shop", "db", "true"),
                container("blog", "app", "true")]  # fmt: skip
        container("shop", "web", "true", oneoff="True")
        emptied_engine.run("sleep 1000", name="alone")
        engine.wait(done[1:], timeout=20)
        until(lambda: "healthy" in list(engine.containers()["health"]))
        until(lambda: opskit.compose_projects(engine)["healthy"].max() == 2)
        table = opskit.compose_projects(engine)
    assert list(table.columns) == [column.name for column in COLUMNS]
    assert list(zip(table["project"], table["service"], strict=True)) == [
        ("blog", "app"), ("shop", "db"), ("shop", "web")]  # fmt: skip
    assert table["status"].tolist() == ["exited", "partial", "running"]
    assert table["containers"].tolist() == [1, 2, 2]
    assert table["running"].tolist() == [0, 1, 2]
    assert table["healthy"].isna().tolist() == [True, True, False]
    assert table.loc[2, "depends_on"] == ["db", "cache"]
    assert table["working_dir"].tolist() == ["/srv/blog", "/srv/shop", "/srv/shop"]


def until(condition, timeout: float = 40) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)
