"""Browsing one inspected object: attributes, keys, completion, flat, text and tree."""

from __future__ import annotations

import pickle
import re

import pandas as pd
import pytest

from opskit.engine.objects import _without_secrets
from opskit.frames import Record, flatten

from .replies import reply


@pytest.fixture
def record():
    return Record(reply("docker-28.5.2-cgroup1", "inspect"), "container capweb")


def test_attributes_and_keys_are_the_same(record):
    assert record.State.Health.Status == record["State"]["Health"]["Status"] == "healthy"
    assert record.Mounts[0].Destination == "/data"
    assert record.Config.Env == ["PATH=/bin:/sbin", "SECRET=hunter2"]
    assert record.get("Nothing") is None
    assert "State" in record
    assert dict(record.Config.Labels) == {"app": "web", "env": "production"}


def test_a_wrong_name_suggests_the_right_one(record):
    with pytest.raises(AttributeError, match="container capweb has no Stat; do you mean State"):
        _ = record.Stat
    with pytest.raises(AttributeError, match="do you mean RestartCount"):
        _ = record.restart_count
    with pytest.raises(KeyError):
        record["Stat"]


def test_completion_knows_the_names(record):
    assert {"State", "Config", "flat", "raw"} <= set(dir(record))
    assert "com.docker.x" not in dir(Record({"com.docker.x": 1}))
    assert "Health" in record.State._ipython_key_completions_()


def test_flat_names_every_value_by_its_path(record):
    flat = record.flat()
    assert flat["State.Health.Status"] == "healthy"
    assert flat["Mounts.0.Destination"] == "/data"
    assert flat["Config.Env"] == ["PATH=/bin:/sbin", "SECRET=hunter2"]
    assert flat["HostConfig.LogConfig.Config"] == {}
    assert flat.name == "container capweb"


def test_several_flattened_make_a_frame():
    frame = flatten(
        [reply("docker-28.5.2-cgroup1", "inspect"), reply("podman-5.4.2-cgroup1", "inspect")]
    )
    assert frame["State.Status"].tolist() == ["running", "running"]
    assert isinstance(frame, pd.DataFrame)


def test_the_text_is_a_tree(record):
    text = repr(record)
    assert text.startswith("container capweb\n  Id: 235f5522")
    assert "\n    Health:\n      Status: healthy\n" in text
    assert max(map(len, text.splitlines())) <= 100


def test_what_is_called_like_a_secret_is_not_shown_unless_asked_for():
    record = Record(reply("docker-28.5.2-cgroup1", "inspect"), "container capweb", _without_secrets)
    record = pickle.loads(pickle.dumps(record))
    for shown in (record, record.Config):
        for text in (repr(shown), shown._repr_html_()):
            assert "hunter2" not in text
            assert "SECRET=*******" in text
            assert "/bin:/sbin" in text
    assert record.Config.Env == ["PATH=/bin:/sbin", "SECRET=hunter2"]
    assert record.flat()["Config.Env"] == record.raw["Config"]["Env"] == record.Config.Env


def test_the_html_is_a_tree_of_details_and_escapes_what_the_engine_said():
    html = Record({"A": {"B": "<script>"}, "C": [], "D": True}, "x < y")._repr_html_()
    assert re.search(r"<details><summary><span class='opskit-key'>A</span>", html)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "x &lt; y" in html


def test_a_record_is_read_only_and_can_be_pickled(record):
    with pytest.raises(AttributeError, match="raw"):
        record.State = 1
    assert pickle.loads(pickle.dumps(record)) == record
    assert record.raw["State"]["Status"] == "running"
    assert type(record.raw) is dict
