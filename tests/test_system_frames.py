"""Looking at the engine itself: info, versions, disk, processes and changed files."""

from __future__ import annotations

import pandas as pd
import pytest

from opskit.errors import Conflict
from opskit.frames import disk, processes, system

from .replies import ENGINES, reply


@pytest.mark.parametrize("engine", ENGINES)
def test_info_is_one_row(engine):
    raw = reply(engine, "info")
    frame = system.info(raw)
    assert list(frame) == [c.name for c in system.INFO_COLUMNS]
    assert len(frame) == 1
    row = frame.iloc[0]
    assert row["engine_version"] == raw["ServerVersion"]
    assert row["memory_bytes"] == raw["MemTotal"]
    assert row["cpus"] == raw["NCPU"]
    assert row["cgroup_version"] == ("2" if "cgroup2" in engine else "1")
    assert row["system_time"] == pd.Timestamp(raw["SystemTime"])
    assert "runc" in row["runtimes"]
    assert row["swarm"] == "inactive"
    assert not row["rootless"]


def test_what_info_does_not_tell_is_missing():
    row = system.info({}).iloc[0]
    assert row.drop([c.name for c in system.INFO_COLUMNS if c.dtype == "object"]).isna().all()
    assert system.info({"SecurityOptions": ["name=rootless"]})["rootless"][0]
    assert system.info({"SecurityOptions": ["name=userns"]})["user_namespaces"][0]


@pytest.mark.parametrize("engine", ENGINES)
def test_version_has_a_row_for_each_component(engine):
    raw = reply(engine, "version")
    frame = system.version(raw)
    assert list(frame) == [c.name for c in system.VERSION_COLUMNS]
    assert frame["component"].tolist() == [part["Name"] for part in raw["Components"]]
    first = frame.iloc[0]
    assert first["version"] == raw["Version"]
    assert first["api_version"] == raw["ApiVersion"]
    assert first["min_api_version"] == raw["MinAPIVersion"]
    assert first["built"] == pd.Timestamp(raw["BuildTime"])
    assert frame["api_version"][1:].isna().all()


def test_an_engine_without_components_still_has_its_row():
    row = system.version({"Version": "17.03", "ApiVersion": "1.27"}).iloc[0]
    assert (row["component"], row["version"], row["api_version"]) == ("Engine", "17.03", "1.27")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("call", ["df_end", "df_empty"])
def test_disk_usage_has_a_row_for_each_object(engine, call):
    raw = reply(engine, call)
    frame = disk.disk_usage(raw)
    assert list(frame) == [c.name for c in disk.COLUMNS]
    counts = {
        "image": len(raw["Images"] or ()),
        "container": len(raw["Containers"] or ()),
        "volume": len(raw["Volumes"] or ()),
        "build-cache": len(raw["BuildCache"] or ()),
    }
    assert frame["type"].value_counts().to_dict() == {k: n for k, n in counts.items() if n}
    assert frame.attrs["layers_size_bytes"] == raw["LayersSize"]
    images = frame[frame["type"] == "image"]
    assert images["size_bytes"].tolist() == [item["Size"] for item in raw["Images"]]


def test_what_is_in_use_cannot_be_reclaimed():
    raw = {
        "Images": [
            {"Id": "a", "Size": 100, "SharedSize": 30, "Containers": 0, "RepoTags": ["a:1"]},
            {"Id": "b", "Size": 100, "SharedSize": 30, "Containers": 2},
            {"Id": "c", "Size": 100, "SharedSize": -1, "Containers": -1},
        ],
        "Containers": [
            {"Id": "d", "SizeRw": 7, "SizeRootFs": 9, "State": "exited"},
            {"Id": "e", "SizeRw": 7, "SizeRootFs": 9, "State": "running"},
            {"Id": "f", "SizeRootFs": 9, "State": "dead"},
        ],
        "Volumes": [
            {"Name": "v", "UsageData": {"Size": 5, "RefCount": 0}},
            {"Name": "w", "UsageData": {"Size": -1, "RefCount": 1}},
        ],
        "BuildCache": [
            {"ID": "x", "Size": 11, "InUse": False, "Shared": True},
            {"ID": "y", "Size": 11, "InUse": False, "Shared": False},
        ],
    }
    frame = disk.disk_usage(raw).set_index("id")
    assert frame["reclaimable_bytes"].fillna(-1).to_dict() == {
        "a": 70, "b": 0, "c": -1, "d": 7, "e": 0, "f": 0, "v": 5, "w": -1, "x": 0, "y": 11,
    }  # fmt: skip
    assert frame["size_bytes"]["f"] == 0
    assert pd.isna(frame["size_bytes"]["w"])
    assert frame["containers"]["b"] == 2


def test_the_newer_shape_of_disk_usage_gives_the_same_rows():
    raw = reply("docker-20.10.24-cgroup1", "df_end")
    newer = {
        "ImageUsage": {"TotalSize": raw["LayersSize"], "Items": raw["Images"]},
        "ContainerUsage": {"Items": raw["Containers"]},
        "VolumeUsage": {"Items": raw["Volumes"]},
        "BuildCacheUsage": {"TotalCount": 0},
    }
    old, new = disk.disk_usage(raw), disk.disk_usage(newer)
    pd.testing.assert_frame_equal(old, new)
    assert old.attrs == new.attrs


@pytest.mark.parametrize("engine", ENGINES)
def test_top_lists_processes(engine):
    raw = reply(engine, "top")
    frame = processes.top(raw)
    if raw["Titles"][0] == "UID":  # Podman without its own ps runs the container's
        assert list(frame) == [c.name for c in processes.COLUMNS]
        assert frame["pid"].tolist() == [int(row[1]) for row in raw["Processes"]]
    else:
        assert list(frame) == ["pid", "user", "command"]
    assert frame["user"][0] == "root"
    assert frame["pid"][0] > 0
    assert frame["command"][0] == "httpd -f -p 80 -h /www"


def test_top_with_other_ps_columns_keeps_all_of_them():
    raw = {
        "Titles": ["PID", "%MEM", "RSS", "VSZ", "ELAPSED", "STAT", "NI", "NAME", "COMMAND"],
        "Processes": [["7", "0.5", "1024", "4096", "1-02:03:04", "Ss", "-5", "n", "sh -c x"]],
    }
    row = processes.top(raw).iloc[0]
    assert row["memory_percent"] == 0.5
    assert row["rss_bytes"] == 1024 * 1024
    assert row["virtual_bytes"] == 4096 * 1024
    assert row["elapsed"] == pd.Timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert (row["state"], row["ni"], row["name_"]) == ("Ss", "-5", "n")


def test_processes_of_all_containers_with_a_row_for_a_failure():
    answer = reply("docker-28.5.2-cgroup1", "top")
    error = Conflict("container b is not running", status=409, message="x", request="GET")
    frame = processes.processes([("web", "a"), ("db", "b"), ("q", "c")], [answer, error, answer])
    assert frame["name"].tolist() == ["web", "db", "q"]
    assert frame["id"].tolist() == ["a", "b", "c"]
    assert frame["pid"].isna().tolist() == [False, True, False]
    assert frame["error"][1] == "container b is not running"
    assert frame["error"].isna().tolist() == [True, False, True]
    assert processes.processes([], []).dtypes.equals(frame.dtypes)


@pytest.mark.parametrize("engine", ENGINES)
def test_changed_files(engine):
    raw = reply(engine, "changes")
    frame = system.changes(raw)
    kinds = {0: "modified", 1: "added", 2: "deleted"}
    assert frame["path"].tolist() == [item["Path"] for item in raw]
    assert frame["change"].tolist() == [kinds[item["Kind"]] for item in raw]
    assert system.changes(None).dtypes.equals(frame.dtypes)
