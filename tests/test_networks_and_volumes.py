"""Create, use and remove networks and volumes on a real engine."""

from __future__ import annotations

import pytest

import opskit
from opskit.api.versions import version_key
from opskit.errors import APIError, Conflict, Forbidden, NotFound

from .engines import IMAGE

pytestmark = pytest.mark.live


@pytest.fixture
def engine(emptied_engine):
    with opskit.connect(emptied_engine.url) as engine:
        yield engine


@pytest.mark.docker_only("Podman here has no name server")
def test_a_network_from_its_making_to_its_end(engine):
    network = engine.create_network(
        "shop", subnet="172.31.5.0/24", gateway="172.31.5.1", labels={"app": "shop"}, internal=True
    )
    assert network["subnets"] == ["172.31.5.0/24"]
    assert (network["gateways"], network["internal"]) == (["172.31.5.1"], True)
    for name in ("web", "db"):
        engine.run(IMAGE, "sleep 1000", name=name, detach=True, stop_signal="SIGKILL")
    results = engine.connect_network(network, ["web", "db", "nobody"], aliases=["member"])
    assert list(results["done"]) == [True, True, False]
    assert "no such container" in results.loc[2, "error"].lower()
    engine.disconnect_network("shop", "db")
    mac = "02:42:ac:1f:05:4d"
    engine.connect_network(network["id"], "db", ipv4_address="172.31.5.77", mac_address=mac)
    if version_key(engine.api_version) < (1, 48):  # Docker 28 makes up one of its own all the same
        assert engine.inspect("db")["NetworkSettings"]["Networks"]["shop"]["MacAddress"] == mac
    web = engine.exec("db", "nslookup web 127.0.0.11").text
    assert "172.31.5." in web
    assert engine.containers().set_index("name").at["db", "ips"]["shop"] == "172.31.5.77"
    with pytest.raises(APIError, match="active endpoints"):
        engine.remove_network(network)
    assert engine.disconnect_network(network, engine.containers())["done"].all()
    gone = engine.remove_network(network)
    assert (gone["name"], gone["done"]) == ("shop", True)


@pytest.mark.docker_only("Podman refuses with other words and statuses")
def test_networks_that_cannot_be(engine):
    engine.create_network("shop")
    with pytest.raises(Conflict, match="already exists"):
        engine.create_network("shop")
    with pytest.raises(APIError, match=r"subnet|CIDR|ParseAddr"):
        engine.create_network("bad", subnet="not a subnet")
    with pytest.raises(TypeError, match="not both"):
        engine.create_network("bad", subnet="10.1.0.0/24", ipam={"Driver": "default"})
    with pytest.raises(Forbidden, match="pre-defined") as raised:
        engine.remove_network("bridge")
    assert "proxy" not in raised.value.remedy
    with pytest.raises(NotFound):
        engine.remove_network("nowhere")
    results = engine.remove_network(["shop", "nowhere"])
    assert list(results["done"]) == [True, False]


def test_a_volume_from_its_making_to_its_end(engine):
    volume = engine.create_volume("data", labels={"app": "shop"})
    assert (volume["name"], volume["labels"]) == ("data", {"app": "shop"})
    assert len(engine.create_volume()["name"]) == 64
    engine.run(IMAGE, "sh -c 'echo kept > /data/file'", volumes=["data:/data"], remove=True)
    keeper = engine.run(IMAGE, "cat /data/file", volumes={"data": {"bind": "/data", "mode": "ro"}})
    assert keeper.text == "kept\n"
    with pytest.raises(Conflict, match=r"in use|being used"):
        engine.remove_volume(volume)
    engine.remove(engine.containers(all=True))
    results = engine.remove_volume(engine.volumes())
    assert results["done"].all()
    assert len(results) == 2
    with pytest.raises(NotFound):
        engine.remove_volume("data")
