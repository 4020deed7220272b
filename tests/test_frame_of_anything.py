"""``opskit.frame(x)``: SDK objects and raw JSON become the engine's own frames."""

from __future__ import annotations

import docker.models.containers
import docker.models.images
import docker.models.networks
import docker.models.volumes
import pandas as pd
import pytest

import opskit
from opskit.frames import (
    containers,
    details,
    disk,
    events,
    images,
    networks,
    stats,
    system,
    volumes,
)

from .replies import ENGINES, reply

MODELS = {
    "container": docker.models.containers.Container,
    "image": docker.models.images.Image,
    "network": docker.models.networks.Network,
    "volume": docker.models.volumes.Volume,
}


def names(columns):
    return [column.name for column in columns]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("call", "make"),
    [
        ("list", containers.containers),
        ("images", images.images),
        ("networks", networks.networks),
        ("volumes", volumes.volumes),
        ("image_history", images.history),
        ("changes", system.changes),
        ("info", system.info),
        ("version", system.version),
        ("df_end", disk.disk_usage),
    ],
)
def test_an_answer_of_the_engine_is_recognised(engine, call, make):
    raw = reply(engine, call)
    frame, expected = opskit.frame(raw), make(raw)
    if call == "networks" and engine.startswith("podman"):  # its list tells who is in them
        assert "capweb" in frame.set_index("name")["containers"]["capnet"]
        frame = frame[names(networks.COLUMNS)]
    pd.testing.assert_frame_equal(frame, expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_inspected_container_makes_the_row_of_the_list(engine):
    inspect = reply(engine, "inspect")
    listed = containers.containers(
        [item for item in reply(engine, "list_all_size") if item["Id"] == inspect["Id"]]
    )
    frame = opskit.frame(inspect)
    assert set(names(details.DETAIL_COLUMNS)) < set(frame)
    same = ["name", "id", "image", "state", "ports", "networks", "ips", "mounts", "labels"]
    same += ["image_id", "port_list", "mount_list"]
    pd.testing.assert_frame_equal(frame[same], listed[same])
    assert frame["created"].dt.floor("s").tolist() == listed["created"].tolist()
    assert frame["status"].isna().all()


@pytest.mark.parametrize(
    ("kind", "call", "columns"),
    [
        ("container", "inspect", containers.COLUMNS + details.DETAIL_COLUMNS),
        ("container", "list", containers.COLUMNS),
        ("image", "image_inspect", images.COLUMNS),
        ("network", "net_inspect", networks.COLUMNS + networks.DETAIL_COLUMNS),
        ("volume", "volumes", volumes.COLUMNS),
    ],
)
def test_sdk_objects_one_or_several(kind, call, columns):
    raw = reply("docker-28.5.2-cgroup1", call)
    raw = raw["Volumes"] if call == "volumes" else raw
    found = [MODELS[kind](attrs=attrs) for attrs in (raw if isinstance(raw, list) else [raw])]
    for several in (found, tuple(found), iter(found)):
        frame = opskit.frame(several)
        assert len(frame) == len(found)
        assert [c for c in frame if not c.startswith("size_root") and c != "size_bytes"] == [
            name for name in names(columns) if name != "size_bytes"
        ]
    pd.testing.assert_frame_equal(opskit.frame(found[0]), opskit.frame([found[0]]))


def test_published_ports_of_an_inspected_container():
    ports = {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
        "53/udp": None,
    }
    inspect = {"Id": "x", "Name": "/x", "State": {}, "NetworkSettings": {"Ports": ports}}
    assert opskit.frame(inspect)["ports"][0] == "53/udp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"


def test_events_and_stats_are_recognised_too():
    sample = {"id": "a" * 64, "name": "/web", "read": "2026-11-23T20:33:24Z", "cpu_stats": {}}
    assert list(opskit.frame(sample)) == names(stats.COLUMNS)
    event = {"Type": "container", "Action": "start", "Actor": {"ID": "a"}, "timeNano": 10**18}
    assert list(opskit.frame([event])) == names(events.COLUMNS)


def test_an_empty_list_needs_to_be_told_what_of():
    with pytest.raises(ValueError, match="kind='container'"):
        opskit.frame([])
    assert list(opskit.frame([], kind="container")) == names(containers.COLUMNS)
    assert list(opskit.frame(None, kind="volume")) == names(volumes.COLUMNS)
    with pytest.raises(ValueError, match="no kind 'pod': it is one of container, image"):
        opskit.frame([], kind="pod")


@pytest.mark.parametrize("value", [42, "web", b"[]", object(), [1, 2], pd.DataFrame({"a": [1]})])
def test_what_is_no_engine_object_is_refused_by_name(value):
    with pytest.raises(TypeError, match=r"no frame for a \w+: give containers"):
        opskit.frame(value)


def test_json_of_something_else_is_refused():
    with pytest.raises(TypeError, match=r"no frame fits this JSON \(with message\)"):
        opskit.frame({"message": "No such container"})


def test_a_list_of_different_things_is_refused():
    mixed = [
        reply("docker-28.5.2-cgroup1", "inspect"),
        reply("docker-28.5.2-cgroup1", "net_inspect"),
    ]
    with pytest.raises(TypeError, match="container, network"):
        opskit.frame(mixed)
