"""Prune a real engine: what the preview shows is what the engine then removes, and nothing else."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pandas as pd
import pytest

import opskit
from opskit.api.versions import version_key
from opskit.errors import APIError, InvalidOption

from .engines import IMAGE

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server(make_engine):
    with make_engine("prune") as server:
        yield server


@pytest.fixture
def engine(server):
    with opskit.connect(server.url) as engine:
        yield engine


@pytest.fixture(scope="module")
def littered(server):
    """Containers, images, networks and volumes, used and unused: to be looked at."""
    with opskit.connect(server.url) as engine:
        litter(engine)
        yield engine


@pytest.fixture
def litter_again(server, littered):
    """The same, for a test that prunes."""
    server.remove_all()
    server.load_image()
    litter(littered)
    return littered


def litter(engine):
    engine.run(IMAGE, "true", name="done", labels={"keep": "no"})
    engine.run(IMAGE, "true", name="kept", labels={"keep": "yes"})
    engine.create(IMAGE, "true", name="never-started", volumes={"used": {"bind": "/u"}})
    engine.run(IMAGE, "sleep 1000", name="up", detach=True, stop_signal="SIGKILL",
               network=engine.create_network("in-use")["name"], volumes=["busy:/b"])  # fmt: skip
    engine.pause(engine.run(IMAGE, "sleep 1000", name="frozen", detach=True,
                            stop_signal="SIGKILL"))  # fmt: skip
    engine.create_network("unused")
    engine.create_volume("named")
    for text in ("LABEL n=1", "LABEL n=2"):  # the first loses its name to the second
        engine.build(fileobj=io.BytesIO(f"FROM {IMAGE}\n{text}\n".encode()), tag="app:1")
    engine.build(fileobj=io.BytesIO(f"FROM {IMAGE}\nLABEL u=1\n".encode()), tag="busy:1")
    engine.create("busy:1", "true", name="holds-image")


def state(engine):
    return (
        set(engine.containers(all=True)["name"]),
        set(engine.images()["id"]),
        set(engine.networks()["name"]),
        set(engine.volumes()["name"]),
    )


def what(frame, kind):
    return set(frame.loc[frame["type"] == kind, "name"].dropna())


def test_looking_removes_nothing(littered):
    before = state(littered)
    for preview in (littered.prune(), littered.prune("images", "volumes", "containers", all=True)):
        assert len(preview) > 0
        assert not preview["removed"].any()
        assert preview.attrs["dry_run"]
    assert state(littered) == before


@pytest.mark.docker_only("Podman tells no names in its disk usage")
def test_what_counts_as_unused(littered):
    preview = littered.prune("containers", "networks", "images", "volumes", all=True)
    stopped = {"done", "kept", "never-started", "holds-image"}
    assert what(preview, "container") == stopped
    assert what(preview, "network") == {"unused"}
    assert what(preview, "image") == {"app:1", "busy:1"}
    # only a stopped container uses it, which goes too
    assert what(preview, "volume") == {"named", "used"}
    assert "used" not in what(littered.prune("volumes", all=True), "volume")
    assert "busy:1" not in what(littered.prune("images", all=True), "image")
    nameless = littered.prune("images")
    assert len(nameless) == 1
    assert nameless["name"].isna().all()
    named_volumes_go = version_key(littered.api_version) < (1, 42)
    assert ("named" in what(littered.prune("volumes"), "volume")) == named_volumes_go


def test_filters(littered):
    def names(**filters):
        return what(littered.prune("containers", filters=filters), "container")

    assert names(label="keep=yes") == {"kept"}
    assert names(label=["keep"]) == {"kept", "done"}
    assert names(until="1h") == set()
    assert "done" in names(until=pd.Timestamp(datetime.now(UTC)) + pd.Timedelta("1h"))
    for call, words in (
        (lambda: littered.prune("containers", filters={"name": "done"}), "no filter 'name'"),
        (lambda: littered.prune("volumes", filters={"until": "1h"}), "no 'until' for volumes"),
        (lambda: littered.prune("everything"), "knows no 'everything'"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
        assert issubclass(InvalidOption, ValueError)


PRUNES = [
    (("networks",), {"filters": {"until": "1h"}}),
    (("containers",), {"filters": {"label": "keep", "label!": "keep=yes"}}),
    (("volumes",), {}),
    (("volumes",), {"all": True}),
    ((), {}),
    (("containers", "images"), {"all": True}),
]


@pytest.mark.docker_only("Podman refuses to prune all images")
def test_what_is_shown_is_what_goes(litter_again):
    engine = litter_again
    for kinds, options in PRUNES:
        preview = engine.prune(*kinds, **options)
        before = state(engine)
        done = engine.prune(*kinds, dry_run=False, **options)
        after = state(engine)
        assert set(done["id"]) == set(preview["id"])
        assert done["removed"].all(), done.to_string()
        gone = [old - new for old, new in zip(before, after, strict=True)]
        assert gone[0] == what(done, "container")
        assert gone[1] == set(done.loc[done["type"] == "image", "id"])
        assert gone[2] == what(done, "network")
        assert gone[3] == what(done, "volume")


def test_an_engine_that_refuses(litter_again, monkeypatch):
    littered = litter_again
    post = littered.post

    def refusing(path, *arguments, **options):
        if path == "/containers/prune":
            raise APIError("busy", status=409, message="a prune is running", request=path)
        return post(path, *arguments, **options)

    monkeypatch.setattr(littered, "post", refusing)
    done = littered.prune(dry_run=False)
    containers = done[done["type"] == "container"]
    assert not containers["removed"].any()
    assert (containers["error"] == "a prune is running").all()
    assert done.loc[done["type"] == "network", "removed"].all()
    with pytest.raises(APIError, match="busy"):
        littered.prune("containers", dry_run=False)


def test_space_that_came_back(server, engine):
    server.remove_all()
    engine.run(IMAGE, "dd if=/dev/zero of=/big bs=1M count=5", name="big")
    preview = engine.prune("containers")
    assert preview["size_bytes"].sum() >= 5 << 20
    assert engine.prune("containers", dry_run=False).attrs["reclaimed_bytes"] >= 5 << 20
    assert engine.prune("containers", "networks", "volumes").empty
