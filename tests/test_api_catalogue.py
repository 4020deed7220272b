"""Looking things up in the Engine API: endpoints, the path of a request, versions."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from opskit import api
from opskit.api.endpoints import ENDPOINTS
from opskit.api.versions import api_of_engine
from opskit.errors import VersionMismatch


@pytest.mark.parametrize(
    ("request_line", "operation", "args"),
    [
        ("GET /containers/json", "ContainerList", {}),
        ("GET /v1.45/containers/json?all=true", "ContainerList", {}),
        ("GET /v1/info", "SystemInfo", {}),
        ("GET /containers/web/json", "ContainerInspect", {"id": "web"}),
        ("GET /containers/json/json", "ContainerInspect", {"id": "json"}),
        ("GET /containers/web/attach/ws", "ContainerAttachWebsocket", {"id": "web"}),
        ("POST /containers/create", "ContainerCreate", {}),
        ("POST /containers/create/start", "ContainerStart", {"id": "create"}),
        ("HEAD /containers/web/archive?path=/etc", "ContainerArchiveInfo", {"id": "web"}),
        ("PUT /containers/web/archive", "PutContainerArchive", {"id": "web"}),
        ("GET /images/get", "ImageGetAll", {}),
        ("GET /images/a/b/json", "ImageInspect", {"name": "a/b"}),
        ("GET /images/a%2Fb%3A1/json", "ImageInspect", {"name": "a/b:1"}),
        ("GET /v1.41/images/reg:5000/a/b:1/get", "ImageGet", {"name": "reg:5000/a/b:1"}),
        ("DELETE /images/reg/a@sha256:00", "ImageDelete", {"name": "reg/a@sha256:00"}),
        (
            "GET /distribution/library/busybox/json",
            "DistributionInspect",
            {"name": "library/busybox"},
        ),
        ("GET /plugins/privileges?remote=x", "GetPluginPrivileges", {}),
        ("POST /plugins/reg/x:1/enable", "PluginEnable", {"name": "reg/x:1"}),
        ("GET /networks/", "NetworkList", {}),
        ("POST /networks/create", "NetworkCreate", {}),
        ("GET /volumes/create", "VolumeInspect", {"name": "create"}),
        ("GET /services/web/logs", "ServiceLogs", {"id": "web"}),
        ("HEAD /_ping", "SystemPingHead", {}),
        ("POST /grpc", "Grpc", {}),
    ],
)
def test_a_request_leads_to_its_endpoint(request_line, operation, args):
    found = api.route(*request_line.split(" "))
    assert found is not None
    assert (found.endpoint.operation, found.args) == (operation, args)
    assert api.lookup(*request_line.split(" ")) is found.endpoint


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /",
        "GET /v1.45",
        "GET /v1.45/",
        "GET /vx/info",
        "GET /v1.45/v1.45/info",
        "get /info",
        "POST /info",
        "GET //info",
        "GET /containers//json",
        "GET /containers/web/../json",
        "GET /containers/./json",
        "GET /containers/%2e%2e/json",
        "GET /containers/web/",
        "GET /containers/json/",
        "GET /services/a/b",
        "GET /nowhere",
        "GET http://engine/info",
        "GET ",
    ],
)
def test_what_no_endpoint_takes_leads_nowhere(request_line):
    assert api.route(*request_line.split(" ")) is None


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_every_endpoint_is_found_by_a_path_made_from_it(endpoint):
    path = endpoint.path.replace("{id}", "4f1c").replace("{name}", "4f1c")
    assert api.lookup(endpoint.method, path) is endpoint
    assert api.lookup(endpoint.method, f"/v1.45{path}?x=/y") is endpoint


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_every_endpoint_is_complete(endpoint):
    assert endpoint.tag
    assert endpoint.summary.endswith(".")
    assert endpoint.success
    assert all(p.doc for p in endpoint.params)
    assert len({(p.where, p.name) for p in endpoint.params}) == len(endpoint.params)
    assert bool(endpoint.body) <= bool(endpoint.consumes)
    assert endpoint.read_only <= (endpoint.method in {"GET", "HEAD"})


# What the API's own descriptions from 1.41 to 1.55 say, apart from the endpoints named here:
# the first came with 1.55's last change, the second is served without being described.
FACTS = Path(__file__).parent / "data" / "engine-api.csv"
BEYOND = {("GET", "/images/{name}/attestations"), ("POST", "/grpc")}


def test_the_catalogue_agrees_with_the_api_descriptions():
    known = {(e.method, e.path): e for e in ENDPOINTS}
    facts = {
        (row["method"], row["path"]): row for row in csv.DictReader(FACTS.read_text().splitlines())
    }
    assert known.keys() - facts.keys() == BEYOND
    for key, row in facts.items():
        ours = known[key]
        query = {p.name: p for p in ours.params if p.where == "query"}
        assert (ours.operation, ours.tag) == (row["operationId"], row["tag"])
        assert query.keys() >= set(row["query"].split()), key
        assert all(query[n].since > "1.41" for n in query.keys() - set(row["query"].split())), key
        assert ours.hijacks == bool(row["hijack"]), key
        assert ours.streams == bool(row["stream"]), key
        assert ours.needs_swarm == bool(row["needs_swarm"]), key
        assert bool(ours.body) == bool(row["body"]), key
        assert {*ours.success, *ours.failure} == {int(s) for s in row["status"].split()}, key
        assert (ours.since, ours.last) == (row["since"].removeprefix("<="), row["last"]), key
        # Attaching through a websocket is a GET that types into the container.
        typed = ours.operation == "ContainerAttachWebsocket"
        assert ours.read_only == (not row["mutates"] and not typed), key


def test_the_catalogue_as_a_frame():
    frame = api.endpoints()
    assert len(frame) == len(ENDPOINTS)
    assert not frame.duplicated(["method", "path"]).any()
    assert not frame.duplicated("operation").any()
    logs = frame.set_index("operation").loc["ContainerLogs"]
    assert logs.query.split() == [
        "follow",
        "stdout",
        "stderr",
        "since",
        "until",
        "timestamps",
        "tail",
    ]
    assert logs.streams
    assert logs.read_only
    assert frame.set_index("operation").loc["ContainerRename", "query"] == "name*"
    assert set(frame.loc[frame.hijacks, "operation"]) == {
        "ContainerAttach",
        "ContainerAttachWebsocket",
        "ExecStart",
        "Session",
        "Grpc",
    }


def test_the_version_table():
    frame = api.versions()
    assert list(frame.engine[:2]) == ["20.10", "23.0"]
    assert frame.api_version.iloc[-1] == api.NEWEST
    assert api.engine_release("1.45") == "26.0"
    assert api.engine_release("1.47") == "27.2"
    assert api.engine_release("9.99") is None


@pytest.mark.parametrize(
    ("engine", "speaks"),
    [("20.10.24+dfsg1", "1.41"), ("26.1.5", "1.45"), ("27.1.0", "1.46"), ("29.1.3", "1.52"),
     ("31.0.0", api.NEWEST), ("19.03", None)],
)  # fmt: skip
def test_what_an_engine_release_speaks(engine, speaks):
    assert api_of_engine(engine) == speaks


@pytest.mark.parametrize(
    ("engine", "minimum", "agreed"),
    [("1.41", "1.12", "1.41"), ("1.45", "", "1.45"), ("1.99", "1.44", api.NEWEST),
     ("1.100", "", api.NEWEST)],
)  # fmt: skip
def test_both_sides_agree_on_the_lower_version(engine, minimum, agreed):
    assert api.negotiate(engine, minimum) == agreed


@pytest.mark.parametrize(("engine", "minimum"), [("1.40", "1.12"), ("1.24", ""), ("1.99", "1.90")])
def test_no_version_in_common_says_what_to_upgrade(engine, minimum):
    with pytest.raises(VersionMismatch, match="upgrade"):
        api.negotiate(engine, minimum)


def test_the_catalogue_loads_without_pandas():
    code = (
        "import sys, opskit.api; opskit.api.lookup('GET', '/info'); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
