"""One call on many containers: concurrently, a row each, and only of the engine it is meant for."""

from __future__ import annotations

import threading
import time

import docker
import pandas as pd
import pytest

import opskit
from opskit.actions.batch import RESULT_COLUMNS
from opskit.errors import APIError, WrongEngine

from .engines import IMAGE

pytestmark = pytest.mark.live


NAMES = [f"busy-000{n}" for n in range(4)]


@pytest.fixture(scope="module")
def crowd(private_engine):
    """Four running containers that the tests leave as they are."""
    private_engine.remove_all()
    private_engine.fill(4)
    yield private_engine
    private_engine.remove_all()


@pytest.fixture
def engine(crowd):
    with opskit.connect(crowd.url) as engine:
        yield engine


@pytest.fixture
def sdk(crowd):
    client = docker.DockerClient(crowd.url, version="auto")
    yield client
    client.close()


def as_frame(engine, sdk):
    return engine.containers()


def as_names(engine, sdk):
    return NAMES


def as_ids(engine, sdk):
    return [i[:12] for i in engine.containers()["id"]]


def as_column(engine, sdk):
    return engine.containers()["name"]


def as_rows(engine, sdk):
    return [row for _, row in engine.containers().iterrows()]


def as_tuples(engine, sdk):
    return engine.containers().itertuples()


def as_sdk_objects(engine, sdk):
    return sdk.containers.list()


def as_own_sdk_objects(engine, sdk):
    return engine.sdk.containers.list()


def as_json(engine, sdk):
    return engine.get("/containers/json")


def as_sdk_frame(engine, sdk):
    return opskit.frame(sdk.containers.list())


FORMS = [as_frame, as_names, as_ids, as_column, as_rows, as_tuples, as_sdk_objects,
         as_own_sdk_objects, as_json, as_sdk_frame]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_many_in_whatever_form_they_come(engine, sdk, form):
    results = engine.start(form(engine, sdk))
    assert sorted(results["name"]) == NAMES
    assert results["id"].str.fullmatch("[0-9a-f]{64}").all()
    assert results["done"].all()
    assert not results["changed"].any()  # they ran already
    assert results["error"].isna().all()


def test_they_are_done_at_once(engine):
    meeting = threading.Barrier(4, timeout=20)
    reply = engine._reply

    def together(method, *arguments, **options):
        if method == "POST":
            meeting.wait()
        return reply(method, *arguments, **options)

    engine._reply = together
    assert list(engine.pause(NAMES)["state"]) == ["paused"] * 4
    assert list(engine.unpause(NAMES)["state"]) == ["running"] * 4


def test_half_of_them_fail_and_each_row_says_how(engine, crowd):
    crowd.run(name="up")
    crowd.run("true", name="down")
    engine.wait("down", timeout=20)
    asked = ["up", "nowhere", "down", "gone"]
    results = engine.stop(asked)
    assert list(results["name"]) == asked
    assert list(results["done"]) == [True, False, True, False]
    assert results["changed"].fillna(False).tolist() == [True, False, False, False]
    assert "no such container" in results.loc[1, "error"].lower()
    assert list(results["state"].fillna("")) == ["exited", "", "exited", ""]
    removed = engine.remove(engine.containers(all=True))
    assert list(removed["done"]) == [name in ("up", "down") for name in removed["name"]]
    assert removed.loc[~removed["done"], "error"].str.contains("is running|running container").all()
    assert sorted(engine.containers(all=True)["name"]) == NAMES


def test_exec_and_wait_on_many(engine, crowd):
    results = engine.exec(engine.containers(), ["sh", "-c", "hostname; exit 2"])
    assert list(results["exit_code"]) == [2] * 4
    assert [out.strip() for out in results["stdout"]] == [i[:12] for i in results["id"]]
    for code in (0, 3):
        crowd.run(["sh", "-c", f"exit {code}"], name=f"ends-{code}")
    assert list(engine.wait(["ends-0", "ends-3"], timeout=20)["exit_code"]) == [0, 3]
    engine.remove(["ends-0", "ends-3"])


def test_time_series_name_each_container_once(engine):
    rows = pd.concat([engine.containers()] * 3)
    assert len(engine.start(rows)) == 4


def test_none_is_a_frame_of_no_rows(engine):
    results = engine.stop(engine.containers(filters={"name": "nothing-of-that-name"}))
    full = engine.start(engine.containers())
    assert len(results) == 0
    assert list(results.columns) == [column.name for column in RESULT_COLUMNS]
    assert results.dtypes.equals(full.dtypes)
    assert len(engine.stop([])) == 0


def test_rows_of_another_engine_are_refused(engine):
    rows = engine.containers()
    there = rows.copy()
    there.attrs["engine"] = "unix:///elsewhere/docker.sock"
    stranger = docker.DockerClient("tcp://127.0.0.1:9", version="1.41")
    theirs = stranger.containers.prepare_model({"Id": "a" * 64, "Name": "/busy-0000"})
    for foreign in (there, there.iloc[0], there["name"], there[there["name"] == "x"],
                    [there.iloc[0], there.iloc[1]], theirs, [theirs]):  # fmt: skip
        with pytest.raises(WrongEngine, match=r"not (from )?" + engine.address):
            engine.remove(foreign, force=True)
    stranger.close()
    assert list(engine.containers()["state"]) == ["running"] * 4
    assert len(engine.start(there["name"].tolist())) == 4  # plain names mean this engine


NOTHING = [None, 7, b"web", "", " ", "..", [None], [[]], {}, {"id": None},
           pd.DataFrame({"x": [1]}), pd.Series({"id": None})]  # fmt: skip


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_what_names_no_container(engine, nothing):
    with pytest.raises((TypeError, ValueError), match=r"names no object|needs a column|one object"):
        engine.remove(nothing, force=True)
    assert list(engine.containers()["state"]) == ["running"] * 4


@pytest.mark.docker_only("redirects are how Docker refuses them")
def test_a_name_cannot_lead_to_another_path(engine):
    elsewhere = ["busy-0000?force=1", "../images/" + IMAGE, "busy-0000/../busy-0001", "a//b"]
    results = engine.remove(elsewhere)
    assert not results["done"].any()
    for call in (engine.remove_network, engine.remove_volume):
        assert not call(elsewhere)["done"].any()
    assert not engine.remove_image(elsewhere[1:])["done"].any()
    with pytest.raises(APIError, match="301"):  # the engine did nothing, and says so
        engine.delete("/images/%2e%2e%2fcontainers%2fbusy-0000")
    assert list(engine.containers()["state"]) == ["running"] * 4


def test_an_interrupt_leaves_what_has_not_begun(engine, monkeypatch):
    monkeypatch.setattr("opskit.actions.batch.WORKERS", 1)
    reply = engine._reply

    def interrupted(method, target, *arguments, **options):
        if method == "POST":
            raise KeyboardInterrupt
        return reply(method, target, *arguments, **options)

    engine._reply = interrupted
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.pause(NAMES)
    assert time.monotonic() - began < 10
    del engine._reply
    assert list(engine.containers()["state"]) == ["running"] * 4
