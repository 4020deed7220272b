"""Engines leave fields out, or send null: that is a missing value, never an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opskit.frames import containers, disk, images, networks, processes, sdk, system, volumes
from opskit.frames.record import Record, flatten

from .replies import ENGINES, reply

FRAMES = {
    "list_all_size": lambda raw: containers.containers(raw, size=True),
    "list": containers.containers,
    "inspect": lambda raw: containers.containers([{}], inspects=[raw]),
    "inspect_stopped": lambda raw: sdk.frame([raw], kind="container"),
    "images": images.images,
    "image_inspect": lambda raw: images.images([raw]),
    "image_history": images.history,
    "networks": networks.networks,
    "net_inspect": lambda raw: networks.networks([raw], detail=True),
    "volumes": volumes.volumes,
    "info": system.info,
    "version": system.version,
    "df_end": disk.disk_usage,
    "top": processes.top,
    "changes": system.changes,
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value inside `value`."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    found = [path] if path else []
    for key, item in inner:
        found += places(item, (*path, key))
    return found


def harm(value: Any, path: tuple[Any, ...], *, null: bool) -> None:
    """Take away what is at `path`, or put null there; it may be gone already."""
    *way, last = path
    for key in way:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(value, dict) and last in value:
        if null:
            value[last] = None
        else:
            del value[last]
    elif isinstance(value, list) and last < len(value):
        value[last] = None


@pytest.mark.parametrize("call", FRAMES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_fields_may_be_absent_or_null(call, data):
    raw = reply(data.draw(st.sampled_from(ENGINES)), call)
    whole = FRAMES[call](raw)
    chosen = data.draw(st.lists(st.sampled_from(places(raw)), min_size=1, max_size=12))
    for path in chosen:
        harm(raw, path, null=data.draw(st.booleans()))
    frame = FRAMES[call](raw)
    if call != "top":  # its columns follow what ps was asked for
        assert frame.dtypes.equals(whole.dtypes)


@pytest.mark.parametrize("call", FRAMES)
@pytest.mark.parametrize("null", [True, False])
def test_every_single_field_may_be_absent_or_null(call, null):
    for engine in ("docker-28.5.2-cgroup1", "podman-5.4.2-cgroup1"):
        for path in places(reply(engine, call)):
            raw = reply(engine, call)
            harm(raw, path, null=null)
            FRAMES[call](raw)


@pytest.mark.parametrize("nothing", [{}, None])
@pytest.mark.parametrize("call", FRAMES)
def test_an_object_without_any_field(call, nothing):
    if call not in ("inspect", "inspect_stopped", "image_inspect", "net_inspect"):
        FRAMES[call](nothing)
        FRAMES[call]([nothing] if call not in ("info", "version", "df_end", "top") else nothing)
    elif nothing is not None:
        FRAMES[call](nothing)


@pytest.mark.parametrize("engine", ENGINES)
def test_records_take_anything(engine):
    raw = reply(engine, "inspect")
    assert len(flatten([raw, {}])) == 2
    assert Record(raw)._repr_html_()
