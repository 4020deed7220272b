"""A user looks at events as a table: what each column says, on every engine's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from opskit.errors import BadResponse
from opskit.frames.event_evidence import healthcheck_command
from opskit.frames.events import COLUMNS, event_row, events_frame, rows_frame

SAMPLES = Path(__file__).parent / "samples" / "events"
PROBE = "/bin/sh -c wget -qO- http://127.0.0.1/ || exit 1"


def sample(engine: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (SAMPLES / f"{engine}.ndjson").read_bytes().splitlines()]


def event(action: str, seconds: float = 1, ident: str = "c1", **attributes: str) -> dict[str, Any]:
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": ident, "Attributes": {"image": "web:1", "name": "web", **attributes}},
        "timeNano": int(seconds * 1e9),
    }


@pytest.mark.parametrize("engine", [path.stem for path in sorted(SAMPLES.glob("*.ndjson"))])
def test_every_event_of_a_session_is_a_row_with_time_type_and_action(engine: str) -> None:
    raw = sample(engine)
    frame = events_frame(raw)
    assert len(frame) == len(raw)
    assert list(frame.columns) == [column.name for column in COLUMNS]
    assert frame[["time", "type", "action", "labels", "attributes"]].notna().all().all()
    assert frame["time"].astype("int64").tolist() == [e["timeNano"] for e in raw]
    for column in COLUMNS:
        assert str(frame[column.name].dtype) in (column.dtype, "object")


def test_an_empty_window_has_the_columns_and_dtypes_of_a_full_one() -> None:
    full = events_frame(sample("docker-28.5.2"))
    pd.testing.assert_series_equal(events_frame([]).dtypes, full.dtypes)


def test_labels_and_the_engines_own_attributes_are_told_apart_and_all_kept() -> None:
    for engine in ("docker-20.10.24", "docker-28.5.2", "podman-4.3.1", "podman-5.4.2"):
        raw = sample(engine)
        frame = events_frame(raw)
        for original, labels, own in zip(raw, frame["labels"], frame["attributes"], strict=True):
            assert {**labels, **own} == original["Actor"]["Attributes"]
            assert labels.keys().isdisjoint(own)
        web = frame[(frame["name"] == "capweb") & (frame["type"] == "container")]
        assert web["labels"].map(lambda labels: labels == {"app": "web", "env": "production"}).all()


def test_a_failed_exec_and_an_oom_kill_show_their_exit_codes() -> None:
    frame = events_frame(sample("docker-28.5.2"))
    assert frame.loc[frame["action"].eq("exec_die"), "exit_code"].isin([0, 7, 1]).all()
    died = frame[frame["action"].eq("die") & frame["name"].eq("capoom")].iloc[0]
    assert (died["exit_code"], died["exit_code_trusted"], died["image"]) == (
        137,
        True,
        "busybox:local",
    )
    assert frame.loc[frame["action"].eq("kill"), "signal"].tolist() == [15, 9]


def test_a_mounted_volume_and_a_connected_network_name_their_container() -> None:
    frame = events_frame(sample("docker-28.5.2"))
    web = frame.loc[frame["name"].eq("capweb"), "id"].iloc[0]
    mount = frame[frame["action"].eq("mount")].iloc[0]
    assert (mount["volume"], mount["name"], mount["container"]) == ("capvol", "capvol", web)
    connect = frame[frame["action"].eq("connect")].iloc[0]
    assert (connect["network"], connect["container"]) == ("capnet", web)


def test_probes_are_told_from_other_execs_without_asking_the_engine() -> None:
    frame = events_frame(sample("docker-28.5.2"))
    execs = frame[frame["exec_id"].notna()]
    probes = set(execs.loc[execs["detail"].eq(PROBE), "exec_id"])
    assert execs["healthcheck"].tolist() == [ident in probes for ident in execs["exec_id"]]
    assert (~execs["healthcheck"]).sum() == 6  # two by hand: created, started, ended
    assert frame.loc[frame["exec_id"].isna(), "healthcheck"].isna().all()


def test_probes_are_known_from_inspect_when_health_never_changes() -> None:
    raw = [
        event("exec_create: true ", 1, execID="e1"),
        event("exec_die", 2, execID="e1", exitCode="0"),
        event("exec_create: sh", 3, execID="e2"),
        event("exec_die", 4, execID="e3", exitCode="0"),  # its beginning was not seen
    ]
    assert events_frame(raw)["healthcheck"].isna().all()
    inspect = {"Config": {"Healthcheck": {"Test": ["CMD", "true"]}}}
    known = events_frame(raw, healthchecks={"c1": healthcheck_command(inspect)})
    assert known["healthcheck"].tolist() == [True, True, False, pd.NA]
    none = events_frame(raw, healthchecks={"c1": None})
    assert none["healthcheck"].tolist() == [False] * 4


def test_a_healthcheck_runs_in_the_containers_shell() -> None:
    config = {"Healthcheck": {"Test": ["CMD-SHELL", "exit 0"]}, "Shell": ["/bin/ash", "-c"]}
    assert healthcheck_command({"Config": config}) == "/bin/ash -c exit 0"
    assert healthcheck_command({"Config": {"Healthcheck": {"Test": ["NONE"]}}}) is None
    assert healthcheck_command({}) is None


def test_an_exit_code_that_a_label_hides_is_not_trusted() -> None:
    frame = events_frame(
        [
            event("start", 1, exitCode="0"),
            event("die", 2, exitCode="0"),
            event("start", 1, "clean"),
            event("die", 2, "clean", exitCode="4"),
            event("die", 2, "alone", exitCode="5"),  # nothing shows its labels
        ]
    )
    died = frame[frame["action"].eq("die")].set_index("id")["exit_code_trusted"]
    assert died.to_dict() == {"c1": False, "clean": True, "alone": False}
    assert frame.loc[frame["action"].eq("start"), "exit_code_trusted"].isna().all()
    assert frame["labels"].iloc[0] == {"exitCode": "0"}


def test_podman_speaks_its_own_words_and_its_exit_codes_are_safe() -> None:
    frame = events_frame(sample("podman-5.4.2"))
    execs = frame[frame["action"].eq("exec_died")]
    assert execs["exit_code"].tolist() == [0, 7, 0]
    assert execs["exit_code_trusted"].all()
    volume = frame[frame["type"].eq("volume")].iloc[0]
    assert (volume["id"], volume["volume"]) == ("capvol", "capvol")
    assert frame.loc[frame["type"].eq("network"), "network"].eq("capnet").all()
    health = {**event("health_status"), "HealthStatus": "unhealthy"}
    assert events_frame([health])["detail"].tolist() == ["unhealthy"]


def test_events_of_old_and_new_engines_say_the_same_without_the_legacy_fields() -> None:
    raw = sample("docker-20.10.24")
    plain = [
        {key: value for key, value in e.items() if key not in ("status", "id", "from")} for e in raw
    ]
    pd.testing.assert_frame_equal(events_frame(plain), events_frame(raw))
    ancient = [
        {key: e[key] for key in ("status", "id", "from", "time") if key in e}
        for e in raw
        if e["Type"] == "container"
    ]
    frame = events_frame(ancient)
    assert frame["action"].notna().all()
    assert frame["id"].notna().all()
    assert frame["image"].notna().all()
    assert frame["type"].isna().all()


ODD = [
    {"Type": "spaceship", "Action": "land: softly: twice", "Actor": {"ID": "x"}, "timeNano": 5},
    {"Type": "container", "Action": "die", "timeNano": 4},  # no Actor
    {"Type": "container", "Action": "die", "Actor": {"ID": "n", "Attributes": None}, "time": 2},
    {"Type": "container", "Action": "die", "Actor": {"ID": "n", "Attributes": {"exitCode": "x"}}},
    {"Type": None, "Action": 7, "Actor": {"ID": "", "Attributes": {}}, "timeNano": "soon"},
    {},
]


def test_odd_events_keep_what_they_have_and_miss_the_rest() -> None:
    frame = events_frame(ODD)
    assert frame["type"].iloc[0] == "spaceship"
    assert (frame["action"].iloc[0], frame["detail"].iloc[0]) == ("land", "softly: twice")
    assert frame["exit_code"].isna().all()
    assert frame["name"].isna().all()
    assert frame["time"].isna().tolist() == [False, False, False, True, True, True]
    assert frame["action"].iloc[4] == "7"
    assert frame["id"].isna().tolist() == [False, True, False, False, True, True]


def test_arrival_order_is_kept_however_the_clock_jumps() -> None:
    raw = [event("start", 9), event("die", 3, exitCode="0"), event("start", 3), event("pause", 3)]
    assert events_frame(raw)["action"].tolist() == ["start", "die", "start", "pause"]


def test_what_is_no_event_is_refused_by_name() -> None:
    with pytest.raises(BadResponse, match="must be a JSON object, not 'hello'"):
        events_frame(["hello"])  # type: ignore[list-item]


def test_rows_of_a_watch_make_the_same_frame() -> None:
    raw = sample("docker-28.5.2")
    rows = [event_row(e) for e in raw]
    for row in rows:
        row["time"] = pd.Timestamp(row["time"], tz="UTC")
    pd.testing.assert_frame_equal(rows_frame(rows), events_frame(raw))
