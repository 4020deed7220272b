"""Reading a real engine: every frame, and the record, against what the bare API says."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import opskit
from opskit.errors import APIError, Conflict, NotFound
from opskit.frames import containers, details, logs, processes

pytestmark = pytest.mark.live

TALK = "echo out; echo err >&2; sleep 0.02; echo late; exec sleep 600"


@pytest.fixture(scope="module")
def shop(private_engine):
    """A few containers of a compose project called shop, in a network, with a volume."""
    made = {}
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    private_engine.api("POST", "/networks/create", {"Name": "shop-net", "Labels": labels})
    private_engine.api("POST", "/volumes/create", {"Name": "shop-data", "Labels": labels})
    made["web"] = private_engine.run(
        ["sh", "-c", TALK],
        name="shop-web",
        labels=labels,
        config={"ExposedPorts": {"80/tcp": {}}},
        NetworkMode="shop-net",
        Binds=["shop-data:/data"],
        PortBindings={"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}]},
        RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3},
    )
    made["tty"] = private_engine.run(
        ["sh", "-c", "echo one; echo two; exec sleep 600"], name="shop-tty", config={"Tty": True}
    )
    made["done"] = private_engine.run(
        ["sh", "-c", "touch /new; rm /bin/ar; exit 3"], name="shop-done"
    )
    private_engine.api("POST", f"/containers/{made['done']}/wait")
    deadline = time.monotonic() + 10
    while "late" not in private_engine.api("GET", "/containers/shop-web/logs", stdout="1"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield made
    private_engine.remove_all()


@pytest.fixture
def requests_sent(live_engine, monkeypatch):
    """The requests that the engine is asked, as they go out."""
    sent: list[str] = []
    exchange = live_engine.transport.exchange

    def spy(method, target, **options):
        sent.append(f"{method} {target}")
        return exchange(method, target, **options)

    monkeypatch.setattr(live_engine.transport, "exchange", spy)
    return sent


@pytest.mark.parametrize("call", ["containers", "images", "networks", "volumes"])
def test_one_request_however_many_objects(live_engine, shop, requests_sent, call):
    _ = live_engine.api_version
    frame = getattr(live_engine, call)()
    assert len(requests_sent) == 1
    assert len(frame) >= 1
    assert frame.attrs["request"] == requests_sent[0]
    assert frame.attrs["engine"] == live_engine.address


def test_containers_in_one_table(live_engine, shop):
    running = live_engine.containers().set_index("name")
    assert {"shop-web", "shop-tty"} <= set(running.index)
    assert "shop-done" not in running.index
    web = running.loc["shop-web"]
    assert web["id"] == shop["web"]
    assert web["ports"] == "127.0.0.1:18080->80/tcp"
    assert (web["project"], web["service"]) == ("shop", "web")
    assert web["networks"] == ["shop-net"]
    assert web["mounts"] == "shop-data:/data"
    everything = live_engine.containers(all=True).set_index("name")
    assert everything["exit_code"]["shop-done"] == 3
    labelled = live_engine.containers(filters={"label": "com.docker.compose.project=shop"})
    assert labelled["name"].tolist() == ["shop-web"]
    assert live_engine.containers(limit=1)["name"].tolist() == ["shop-done"]
    assert live_engine.containers(filters={"name": "nothing-like-it"}).empty


def test_containers_with_sizes_and_details(live_engine, shop):
    frame = live_engine.containers(all=True, size=True, detail=True).set_index("name")
    web, done = frame.loc["shop-web"], frame.loc["shop-done"]
    assert web["restart_policy"] == "on-failure:3"
    assert web["started"] < pd.Timestamp.now(tz="UTC")
    assert abs(done["finished"] - done["started"]) < pd.Timedelta("1min")  # short ones overlap
    assert done["size_root_bytes"] > 1_000_000
    assert frame["tty"]["shop-tty"]
    assert frame["detail_error"].isna().all()


def test_a_container_that_vanishes_between_two_calls(live_engine, shop, monkeypatch):
    ask = live_engine.get_many
    monkeypatch.setattr(
        live_engine,
        "get_many",
        lambda paths, **o: ask([p.replace(shop["web"], "gone") for p in paths]),
    )
    frame = live_engine.containers(detail=True).set_index("name")
    assert "gone" in frame["detail_error"]["shop-web"]
    assert pd.isna(frame["started"]["shop-web"])
    assert pd.isna(frame["detail_error"]["shop-tty"])


def test_an_unknown_filter_is_an_error_and_not_an_empty_frame(live_engine):
    with pytest.raises(APIError, match="nonsense"):
        live_engine.containers(filters={"nonsense": "x"})
    with pytest.raises(TypeError, match="give a mapping"):
        live_engine.containers(filters="status=running")


def test_images_networks_and_volumes(live_engine, shop):
    assert any(name.endswith("busybox:local") for name in live_engine.images()["name"])
    assert live_engine.images(filters={"reference": "nothing"}).empty
    net = live_engine.networks(filters={"name": "shop-net"}, detail=True).iloc[0]
    assert (net["driver"], net["project"], net["containers"]) == ("bridge", "shop", ["shop-web"])
    assert "containers" not in live_engine.networks()
    volume = live_engine.volumes(filters={"name": "shop-data"}).iloc[0]
    assert (volume["driver"], volume["project"]) == ("local", "shop")


def test_the_engine_itself(live_engine):
    info = live_engine.info().iloc[0]
    assert info["engine_version"] == live_engine.engine_version
    version = live_engine.version()
    assert version["version"][0] == live_engine.engine_version
    assert version["api_version"][0] >= live_engine.api_version


def test_disk_usage(live_engine, shop):
    frame = live_engine.disk_usage()
    assert set(frame["type"]) >= {"container", "image", "volume"}
    volume = frame[frame["name"] == "shop-data"].iloc[0]
    assert volume["in_use"]
    assert volume["reclaimable_bytes"] == 0
    only = live_engine.disk_usage(type="volume")
    assert set(only["type"]) == {"volume"}
    with pytest.raises(ValueError, match="no type 'pod'"):
        live_engine.disk_usage(type="pod")


def test_logs_of_both_streams_in_order(live_engine, shop):
    frame = live_engine.logs("shop-web")
    assert list(frame) == [c.name for c in logs.COLUMNS]
    assert sorted(frame["line"]) == ["err", "late", "out"]
    assert set(frame["stream"]) == {"stdout", "stderr"}
    assert frame["time"].notna().all()
    assert live_engine.logs("shop-web", stdout=False)["line"].tolist() == ["err"]
    assert live_engine.logs("shop-web", timestamps=False)["time"].isna().all()
    assert len(live_engine.logs("shop-web", tail=1)) == 1
    with pytest.raises(ValueError, match="number of lines"):
        live_engine.logs("shop-web", tail="lots")
    with pytest.raises(ValueError, match="neither stdout nor stderr"):
        live_engine.logs("shop-web", stdout=False, stderr=False)


def test_logs_since_and_until_any_form_of_time(live_engine, shop):
    frame = live_engine.logs("shop-web", stderr=False)
    first, last = frame["time"].min(), frame["time"].max()
    if first == last:
        pytest.skip("this engine logs whole seconds")
    assert live_engine.logs("shop-web", since=last)["line"].tolist() == ["late"]
    assert live_engine.logs("shop-web", until=first, stderr=False)["line"].tolist() == ["out"]
    assert len(live_engine.logs("shop-web", since="1h")) == 3
    assert len(live_engine.logs("shop-web", since=timedelta(hours=1))) == 3
    assert live_engine.logs("shop-web", since=datetime.now(UTC)).empty
    with pytest.raises(ValueError, match="Write a duration"):
        live_engine.logs("shop-web", since="yesterday")


def test_logs_of_a_terminal(live_engine, shop):
    frame = live_engine.logs("shop-tty")
    assert frame["line"].tolist() == ["one", "two"]
    assert set(frame["stream"]) == {"stdout"}


def test_a_line_longer_than_the_engines_buffer_is_one_line(live_engine, private_engine):
    script = "head -c 40000 /dev/zero | tr '\\0' x; echo; printf 'no end'"
    podman = "Podman" in live_engine.version()["component"][0]
    for tty in (False,) if podman else (False, True):  # Podman cuts a terminal's lines anywhere
        id_ = private_engine.run(["sh", "-c", script], config={"Tty": tty})
        private_engine.api("POST", f"/containers/{id_}/wait")
        assert live_engine.logs(id_)["line"].tolist() == ["x" * 40_000, "no end"]


def test_following_a_log_until_the_container_ends(live_engine, private_engine):
    script = "echo first; while [ ! -e /go ]; do sleep 0.05; done; echo last"
    id_ = private_engine.run(["sh", "-c", script])
    lines = live_engine.follow(id_)
    assert next(lines)["line"] == "first"
    go = private_engine.api("POST", f"/containers/{id_}/exec", {"Cmd": ["touch", "/go"]})["Id"]
    private_engine.api("POST", f"/exec/{go}/start", {"Detach": True})
    rest = list(lines)
    assert [line["line"] for line in rest] == ["last"]
    assert rest[0]["stream"] == "stdout"
    assert abs(rest[0]["time"] - pd.Timestamp.now(tz="UTC")) < pd.Timedelta("1min")


def test_leaving_a_followed_log_ends_its_request(live_engine, shop):
    before = threading.active_count()
    for line in live_engine.follow("shop-web", tail=1):
        assert line["line"] == "late"
        break
    time.sleep(0.05)
    assert threading.active_count() <= before


def test_top_and_the_processes_of_all(live_engine, shop):
    frame = live_engine.top("shop-web")
    assert set(frame) <= {c.name for c in processes.COLUMNS}
    assert frame["command"].tolist() == ["sleep 600"]
    every = live_engine.processes()
    assert every.set_index("name")["command"]["shop-web"] == "sleep 600"
    assert every["error"].isna().all()
    if "Podman" not in live_engine.version()["component"][0]:  # its top is ps in the container
        other = live_engine.top("shop-web", ps_args="-o pid,rss,etime,args")
        assert other["rss_bytes"][0] > 0
        with pytest.raises(Conflict):
            live_engine.top("shop-done")


def test_changed_files_and_layers(live_engine, shop):
    changed = live_engine.changes("shop-done").set_index("path")["change"]
    assert (changed["/new"], changed["/bin/ar"], changed["/bin"]) == (
        "added",
        "deleted",
        "modified",
    )
    assert live_engine.history("busybox:local")["size_bytes"].sum() > 1_000_000


def test_inspect_finds_any_kind_by_name(live_engine, shop):
    assert live_engine.inspect("shop-web").Id == shop["web"]
    assert live_engine.inspect("/shop-web").Id == shop["web"]
    assert live_engine.inspect("busybox:local").RepoTags[0].endswith("busybox:local")
    assert live_engine.inspect("shop-net").Driver == "bridge"
    assert live_engine.inspect("shop-data").Name == "shop-data"
    assert live_engine.inspect("shop-net", kind="network").Name == "shop-net"
    with pytest.raises(NotFound, match="no container, image, network or volume called 'nope'"):
        live_engine.inspect("nope")
    with pytest.raises(NotFound):
        live_engine.inspect("shop-net", kind="volume")
    with pytest.raises(ValueError, match="no kind 'pod'"):
        live_engine.inspect("shop-web", kind="pod")


@pytest.mark.parametrize("name", ["", "/"])
def test_an_empty_name_never_becomes_another_call(live_engine, name):
    for call in (live_engine.inspect, live_engine.logs, live_engine.top, live_engine.changes):
        with pytest.raises(ValueError, match="an empty name"):
            call(name)


@pytest.mark.parametrize("call", ["logs", "top", "changes", "history"])
def test_a_name_that_is_not_there(live_engine, call):
    with pytest.raises(APIError, match="nope"):  # NotFound, but for Podman's changes
        getattr(live_engine, call)("nope")


def test_sdk_objects_make_the_same_frames(live_engine, shop):
    ours = live_engine.containers(all=True).set_index("name")
    theirs = opskit.frame(live_engine.sdk.containers.list(all=True)).set_index("name")
    same = ["id", "image", "state", "ports", "networks", "ips", "mounts", "labels", "project"]
    pd.testing.assert_frame_equal(ours[same].sort_index(), theirs[same].sort_index())
    sparse = opskit.frame(live_engine.sdk.containers.list(sparse=True))
    assert list(sparse) == [c.name for c in containers.COLUMNS]
    assert set(theirs) >= {c.name for c in details.DETAIL_COLUMNS}
    for kind in ("images", "networks", "volumes"):
        mine = getattr(live_engine, kind)()
        his = opskit.frame(getattr(live_engine.sdk, kind).list())
        assert sorted(his["name"].dropna()) == sorted(mine["name"].dropna())


def test_search_without_a_registry_says_so(live_engine):
    with pytest.raises(APIError, match="search"):
        live_engine.search("127.0.0.1:9/nginx")


def test_a_read_only_engine_reads(private_engine, shop):
    with opskit.connect(private_engine.url, read_only=True) as engine:
        assert len(engine.containers(detail=True)) >= 2
        assert len(engine.logs("shop-tty")) == 2
