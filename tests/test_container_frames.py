"""Looking at containers as a frame, whatever engine answered."""

from __future__ import annotations

import pandas as pd
import pytest

from opskit.errors import NotFound
from opskit.frames.containers import COLUMNS, SIZE_COLUMNS, containers
from opskit.frames.details import DETAIL_COLUMNS

from .replies import ENGINES, reply


@pytest.mark.parametrize("engine", ENGINES)
def test_values_are_those_of_the_answer(engine):
    raw = reply(engine, "list_all_size")
    frame = containers(raw, size=True)
    assert list(frame) == [c.name for c in (*COLUMNS, *SIZE_COLUMNS)]
    assert frame["id"].tolist() == [item["Id"] for item in raw]
    web = frame.set_index("name").loc["capweb"]
    item = next(item for item in raw if item["Names"] == ["/capweb"])
    assert web["created"] == pd.Timestamp(item["Created"], unit="s", tz="UTC")
    assert (web["state"], web["image"]) == ("running", item["Image"])
    assert web["ports"] == "127.0.0.1:18099->80/tcp"
    assert web["port_list"] == [
        {"host_ip": "127.0.0.1", "host_port": 18099, "container_port": 80, "protocol": "tcp"}
    ]
    assert web["networks"] == ["capnet"]
    assert web["ips"]["capnet"].startswith("10.77.0.")
    assert web["mounts"] == "capvol:/data"
    assert web["mount_list"][0]["read_only"] is False
    assert web["labels"] == {"app": "web", "env": "production"}
    assert web["size_root_bytes"] == item["SizeRootFs"]
    assert web["size_bytes"] == item["SizeRw"]
    assert pd.isna(web["project"])


def test_health_is_read_from_the_status_text():
    def health(engine, call):
        return containers(reply(engine, call)).set_index("name")["health"]["capweb"]

    assert health("docker-20.10.24-cgroup1", "list_all_size") == "healthy"
    assert health("docker-28.5.2-cgroup2-qemu", "list_all_size") == "starting"
    assert health("docker-28.5.2-cgroup1", "list_unhealthy") == "unhealthy"
    assert pd.isna(health("podman-5.4.2-cgroup1", "list_all_size"))  # its text does not tell


@pytest.mark.parametrize(
    ("status", "health", "exit_code"),
    [
        ("Up 2 minutes (healthy)", "healthy", None),
        ("Up About an hour (unhealthy)", "unhealthy", None),
        ("Up 1 second (health: starting)", "starting", None),
        ("Up 3 days (Paused)", None, None),
        ("Up 3 days", None, None),
        ("Exited (137) 2 weeks ago", None, 137),
        ("Exited (0) Less than a second ago", None, 0),
        ("Restarting (1) 4 seconds ago", None, 1),
        ("Exited (-1) 2 weeks ago", None, -1),
        ("Exited (??)", None, None),
        ("Created", None, None),
        ("", None, None),
    ],
)
def test_every_kind_of_status_text(status, health, exit_code):
    row = containers([{"Status": status}]).iloc[0]
    assert (None if pd.isna(row["health"]) else row["health"]) == health
    assert (None if pd.isna(row["exit_code"]) else row["exit_code"]) == exit_code


def test_an_engine_that_tells_health_itself_is_believed():
    items = [
        {"Status": "Up 2 minutes", "Health": {"Status": "healthy", "FailingStreak": 0}},
        {"Status": "Up 2 minutes (healthy)", "Health": {"Status": "unhealthy"}},
        {"Status": "Up 2 minutes", "Health": {"Status": "none"}},
    ]
    health = containers(items)["health"]
    assert health[:2].tolist() == ["healthy", "unhealthy"]
    assert pd.isna(health[2])


def test_ports_read_as_docker_ps_writes_them():
    ports = [
        {"IP": "::", "PrivatePort": 443, "PublicPort": 8443, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 443, "PublicPort": 8443, "Type": "tcp"},
        {"PrivatePort": 53, "Type": "udp"},
        {"IP": "", "PrivatePort": 80, "PublicPort": 0, "Type": "tcp"},
    ]
    frame = containers([{"Ports": ports}])
    assert frame["ports"][0] == "53/udp, 80/tcp, 0.0.0.0:8443->443/tcp, [::]:8443->443/tcp"


def test_the_own_name_is_taken_and_links_are_not():
    assert containers([{"Names": ["/web/db", "/db"]}])["name"][0] == "db"
    assert containers([{"Names": ["db"]}])["name"][0] == "db"
    assert containers([{"Names": None}, {}])["name"].isna().all()


def test_compose_labels_become_columns():
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    row = containers([{"Labels": labels}]).iloc[0]
    assert (row["project"], row["service"]) == ("shop", "web")


def test_read_only_mounts_and_ipv6_only_networks():
    item = {
        "Mounts": [{"Type": "bind", "Source": "/etc", "Destination": "/host", "RW": False}],
        "NetworkSettings": {
            "Networks": {"six": {"IPAddress": "", "GlobalIPv6Address": "fd00::2"}, "off": None}
        },
    }
    row = containers([item]).iloc[0]
    assert row["mounts"] == "/etc:/host:ro"
    assert row["networks"] == ["six", "off"]
    assert row["ips"] == {"six": "fd00::2"}


@pytest.mark.parametrize("engine", ENGINES)
def test_details_come_from_inspect(engine):
    inspect = reply(engine, "inspect")
    frame = containers([{"Id": inspect["Id"]}], inspects=[inspect])
    assert list(frame) == [c.name for c in (*COLUMNS, *DETAIL_COLUMNS)]
    row = frame.iloc[0]
    assert row["started"] == pd.Timestamp(inspect["State"]["StartedAt"])
    assert pd.isna(row["finished"])  # 0001-01-01 is the engine's "never"
    assert row["pid"] == inspect["State"]["Pid"]
    assert (row["restart_count"], row["restart_policy"]) == (0, "unless-stopped")
    if "nocontrollers" not in engine:  # that kernel takes no limits
        assert row["memory_limit_bytes"] == 64 * 1024**2
        assert row["cpu_limit"] == 0.5
        assert row["pids_limit"] == 64
    assert row["health"] == inspect["State"]["Health"]["Status"]
    assert not row["oom_killed"]
    assert not row["tty"]
    assert row["log_driver"] == "json-file"
    assert pd.isna(row["detail_error"])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stopped_container_tells_when_and_how_it_ended(engine):
    inspect = reply(engine, "inspect_stopped")
    row = containers([{"Id": inspect["Id"]}], inspects=[inspect]).iloc[0]
    assert row["exit_code"] == inspect["State"]["ExitCode"]
    assert row["finished"] == pd.Timestamp(inspect["State"]["FinishedAt"])
    assert pd.isna(row["pid"])


def test_unlimited_is_missing_in_all_its_spellings():
    hosts = [
        {"PidsLimit": 2**64 - 1, "Memory": 0, "CpuQuota": -1},
        {"PidsLimit": -1, "NanoCpus": 0},
        {"PidsLimit": 0, "CpuQuota": 0},
        {"PidsLimit": None},
    ]
    frame = containers([{}] * 4, inspects=[{"HostConfig": h} for h in hosts])
    assert frame[["pids_limit", "memory_limit_bytes", "cpu_limit"]].isna().all(axis=None)
    limited = containers([{"Id": "x"}], inspects=[{"HostConfig": {"NanoCpus": 1_500_000_000}}])
    assert limited["cpu_limit"][0] == 1.5


def test_a_container_that_vanished_keeps_its_row_and_says_why():
    gone = NotFound(
        "no container abc", status=404, message="No such container: abc", request="GET /containers"
    )
    items = [{"Id": "abc", "Names": ["/web"], "Status": "Up 2 minutes (healthy)"}]
    row = containers(items, inspects=[gone]).iloc[0]
    assert (row["name"], row["health"]) == ("web", "healthy")
    assert pd.isna(row["started"])
    assert "no container abc" in row["detail_error"]


def test_sizes_are_missing_when_nobody_asked_and_zero_when_nothing_was_written():
    frame = containers([{"SizeRootFs": 1000}, {}], size=True)
    assert frame["size_bytes"].tolist() == [0, pd.NA]
    assert frame["size_root_bytes"].tolist() == [1000, pd.NA]


def test_no_containers_at_all():
    full = containers(
        reply("docker-28.5.2-cgroup1", "list"),
        size=True,
        inspects=[reply("docker-28.5.2-cgroup1", "inspect")],
    )
    for nothing in ([], None):
        empty = containers(nothing, size=True, inspects=[])
        assert len(empty) == 0
        assert empty.dtypes.equals(full.dtypes)
