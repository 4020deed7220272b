"""Looking at images, networks and volumes as frames, whatever engine answered."""

from __future__ import annotations

import pandas as pd
import pytest

from opskit.frames import images, networks, volumes

from .replies import ENGINES, reply


@pytest.mark.parametrize("engine", ENGINES)
def test_images(engine):
    raw = reply(engine, "images")
    frame = images.images(raw)
    assert list(frame) == [c.name for c in images.COLUMNS]
    assert frame["id"].tolist() == [item["Id"] for item in raw]
    assert frame["size_bytes"].tolist() == [item["Size"] for item in raw]
    assert frame["tags"].tolist() == [item["RepoTags"] for item in raw]
    assert frame["created"][0] == pd.Timestamp(raw[0]["Created"], unit="s", tz="UTC")
    if raw[0]["SharedSize"] == -1:  # the engine's "not counted"
        assert pd.isna(frame["shared_bytes"][0])


@pytest.mark.parametrize("engine", ENGINES)
def test_an_inspected_image_makes_the_same_row(engine):
    raw = reply(engine, "image_inspect")
    row = images.images([raw]).iloc[0]
    assert row["id"] == raw["Id"]
    assert row["created"] == pd.Timestamp(raw["Created"])
    assert row["size_bytes"] == raw["Size"]
    assert "busybox:local" in row["name"] or "busybox" in row["tags"][0]


def test_an_untagged_image_has_no_name():
    raw = [{"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]}, {"RepoTags": None}]
    frame = images.images(raw)
    assert frame["name"].isna().all()
    assert frame["tags"].tolist() == frame["digests"].tolist() == [[], []]


def test_an_image_without_a_date_has_a_missing_one():
    frame = images.images([{"Created": -62135596800}, {"Created": 0}, {"Created": 1_700_000_000}])
    assert frame["created"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize("engine", ENGINES)
def test_image_history(engine):
    raw = reply(engine, "image_history")
    frame = images.history(raw)
    assert list(frame) == [c.name for c in images.HISTORY_COLUMNS]
    assert frame["size_bytes"].tolist() == [item["Size"] for item in raw]
    assert frame["comment"][0] == raw[0]["Comment"]
    assert images.history([{"Id": "<missing>"}])["id"].isna().all()


def test_search_results():
    raw = [
        {"name": "nginx", "description": "Web", "star_count": 7, "is_official": True},
        {"name": "me/nginx", "is_automated": False},
    ]
    frame = images.search(raw)
    assert frame.iloc[0].tolist() == ["nginx", "Web", 7, True]
    assert pd.isna(frame["stars"][1])


@pytest.mark.parametrize("engine", ENGINES)
def test_networks(engine):
    raw = reply(engine, "networks")
    frame = networks.networks(raw)
    assert list(frame) == [c.name for c in networks.COLUMNS]
    assert frame["id"].tolist() == [item["Id"] for item in raw]
    row = frame.set_index("name").loc["capnet"]
    assert row["driver"] == "bridge"
    assert row["subnets"] == ["10.77.0.0/24"]
    assert row["gateways"] == ["10.77.0.1"]
    assert row["labels"] == {"a": "b"}
    assert not row["internal"]
    item = next(item for item in raw if item["Name"] == "capnet")
    assert row["created"] == pd.Timestamp(item["Created"])


@pytest.mark.parametrize("engine", ENGINES)
def test_an_inspected_network_tells_who_is_in_it(engine):
    row = networks.networks([reply(engine, "net_inspect")], detail=True).iloc[0]
    assert row["containers"] == ["capweb"]
    assert row["ips"]["capweb"].endswith("/24")


@pytest.mark.parametrize("engine", ENGINES)
def test_volumes(engine):
    raw = reply(engine, "volumes")
    frame = volumes.volumes(raw)
    assert list(frame) == [c.name for c in volumes.COLUMNS]
    row = frame.set_index("name").loc["capvol"]
    item = next(item for item in raw["Volumes"] if item["Name"] == "capvol")
    assert row["created"] == pd.Timestamp(item["CreatedAt"])
    assert row["mountpoint"] == item["Mountpoint"]
    assert row["labels"] == {"a": "b"}
    assert row["options"] == {}


@pytest.mark.parametrize(
    ("make", "call"),
    [
        (images.images, "images"),
        (images.history, "image_history"),
        (networks.networks, "networks"),
        (volumes.volumes, "volumes"),
    ],
)
def test_nothing_has_the_dtypes_of_something(make, call):
    full = make(reply("docker-28.5.2-cgroup1", call))
    for nothing in ([], None):
        assert make(nothing).dtypes.equals(full.dtypes)
    assert volumes.volumes({"Volumes": None, "Warnings": None}).empty
