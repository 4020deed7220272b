"""The figures of the stats frame are the docker CLI's own, or missing: on real samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from opskit.frames.readings import READING, UNKNOWN, earlier, reading
from opskit.frames.stats import COLUMNS, frame
from tests import cli_reference as cli

SAMPLES = sorted((Path(__file__).parent / "samples" / "stats").glob("*.ndjson"))


def objects(path: Path, case: str | None = None) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["stats"] for line in lines if case in (None, line["case"])]


def engine(name: str) -> Path:
    return next(path for path in SAMPLES if path.stem == name)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_figure_is_what_docker_stats_prints_or_missing_where_it_prints_a_made_up_zero(
    path: Path,
) -> None:
    for stats in objects(path):
        row = frame([stats]).iloc[0]
        told = {
            "cpu": (cli.cpu(stats), row.cpu_percent, "{:.2f}%".format),
            "memory": (cli.memory(stats), row.memory_bytes, cli.binary_size),
            "memory percent": (cli.memory_percent(stats), row.memory_percent, "{:.2f}%".format),
        }
        for what, (shown, ours, form) in told.items():
            if pd.isna(ours):
                first = what == "cpu" and stats["precpu_stats"].get("system_cpu_usage") is None
                assert first or float(shown.rstrip("%B")) == 0, (what, shown)
            else:
                assert form(ours) == shown, what
        for columns, shown in (
            (("network_rx_bytes", "network_tx_bytes"), cli.network(stats)),
            (("block_read_bytes", "block_write_bytes"), cli.block(stats)),
        ):
            ours = [row[column] for column in columns]
            assert shown == " / ".join("0B" if pd.isna(x) else cli.size(x) for x in ours)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_series_gives_the_same_cpu_percent_as_the_engines_own_earlier_sample(path: Path) -> None:
    streamed = objects(path, "cpu_free")
    if "docker" in path.stem:
        for stats in streamed[1:]:
            stats["precpu_stats"], stats["preread"] = {}, "0001-01-01T00:00:00Z"
    for now, before, row in zip(
        objects(path, "cpu_free")[1:], streamed, frame(streamed)[1:].itertuples(), strict=False
    ):
        assert now["preread"] == before["read"]
        if not pd.isna(row.cpu_percent):
            assert f"{row.cpu_percent:.2f}%" == cli.cpu(now)


def test_a_busy_container_under_a_quota_of_30_percent_is_at_its_quota() -> None:
    series = frame(objects(engine("docker-28.5.2-cgroup1"), "cpu"))
    name = series.id[0]
    limited = frame(objects(engine("docker-28.5.2-cgroup1"), "cpu"), cpu_limits={name: 0.3})
    assert limited.cpu_percent_wall[1:].between(27, 33).all()
    assert limited.cpu_percent_host[1:].between(13.5, 16.5).all()
    assert limited.cpu_percent_quota[1:].between(90, 110).all()
    assert limited.throttled_percent[1:].between(40, 100).all()
    assert series.cpu_percent_quota.isna().all()


def test_the_first_sample_of_a_stream_has_memory_but_no_cpu_percent() -> None:
    row = frame(objects(engine("docker-28.5.2-cgroup1"), "cpu")[:1]).iloc[0]
    assert np.isnan(row.cpu_percent)
    assert np.isnan(row.interval_seconds)
    assert row.memory_bytes > 0
    assert row.note == "no earlier sample to compare with"


def test_a_stopped_container_is_a_row_of_missing_values_that_says_why() -> None:
    row = frame(objects(engine("docker-20.10.24-cgroup1"), "exited")).iloc[0]
    assert row["name"] == "capoom"
    assert len(row["id"]) == 64
    assert row.note == "not running"
    assert row.drop(["name", "id", "note"]).isna().all()


@pytest.mark.parametrize("name", ["docker-26.1.5-cgroup1", "podman-4.3.1-cgroup1"])
def test_a_container_on_the_hosts_network_has_no_network_figures(name: str) -> None:
    series = frame(objects(engine(name), "hostnet"))
    assert series.network_rx_bytes.isna().all()
    assert series.network_tx_bytes_per_second.isna().all()
    assert series.memory_bytes.notna().all()


def test_without_cgroup_controllers_nothing_is_made_up() -> None:
    series = frame(objects(engine("docker-26.1.5-cgroup2-nocontrollers"), "cpu_free"))
    figures = ["cpu_percent", "cpu_percent_wall", "cpu_seconds", "memory_bytes", "memory_percent"]
    figures += ["memory_rss_bytes", "throttled_seconds", "pids"]
    assert series[figures].isna().all(axis=None)


def test_podman_never_measured_the_throttling_it_reports_as_zero() -> None:
    series = frame(objects(engine("podman-5.4.2-cgroup2-qemu"), "cpu"))
    assert series[["throttled_seconds", "throttled_percent"]].isna().all(axis=None)


def test_podmans_operation_counts_are_no_bytes() -> None:
    last = objects(engine("podman-5.4.2-cgroup2-qemu"), "io")[-1]
    written = [
        entry["value"]
        for entry in last["blkio_stats"]["io_service_bytes_recursive"]
        if entry["op"] == "write"
    ]
    assert frame([last]).block_write_bytes[0] == sum(written) > 0


def test_an_unlimited_number_of_pids_is_missing() -> None:
    row = frame(objects(engine("docker-26.1.5-cgroup2-qemu"), "io")).iloc[0]
    assert row.pids == 2
    assert pd.isna(row.pids_limit)


def restarted(stats: dict[str, Any], later: dict[str, Any]) -> list[dict[str, Any]]:
    later = json.loads(json.dumps(later))
    later["precpu_stats"], later["preread"] = stats["cpu_stats"], stats["read"]
    later["cpu_stats"]["cpu_usage"]["total_usage"] = 5_000_000
    later["networks"] = {"eth0": {"rx_bytes": 0, "tx_bytes": 0}}
    return [stats, later]


def test_counters_that_begin_anew_give_no_negative_and_no_giant_rate() -> None:
    first, second, *_ = objects(engine("docker-26.1.5-cgroup1"), "cpu")
    row = frame(restarted(first, second)).iloc[1]
    rates_ = [column.name for column in COLUMNS if "per_second" in column.name]
    assert row[["cpu_percent", "cpu_percent_wall", "throttled_percent", *rates_]].isna().all()
    assert row.network_rx_bytes == 0
    assert row.cpu_seconds == 0.005
    assert "restarted" in row.note


@pytest.mark.parametrize("jump", ["-3600", "3600"])
def test_a_clock_that_jumps_spoils_what_goes_by_the_clock_and_nothing_else(jump: str) -> None:
    first, second, *_ = objects(engine("docker-26.1.5-cgroup1"), "cpu")
    moved = (pd.Timestamp(second["read"]) + pd.Timedelta(int(jump), "s")).isoformat()
    second["read"] = moved.replace("+00:00", "Z")
    row = frame([first, second]).iloc[1]
    assert row[["cpu_percent_wall", "network_rx_bytes_per_second"]].isna().all()
    assert f"{row.cpu_percent:.2f}%" == cli.cpu(second)
    assert row.note == "the clock of the engine jumped"


def windows(read: str, used: int) -> dict[str, Any]:
    return {
        "read": read,
        "preread": "2026-03-01T10:00:00.0000000Z",
        "num_procs": 4,
        "id": "f" * 64,
        "name": "/iis",
        "cpu_stats": {"cpu_usage": {"total_usage": used, "usage_in_kernelmode": 1}},
        "precpu_stats": {"cpu_usage": {"total_usage": 1_000_000}},
        "memory_stats": {"commitbytes": 9, "commitpeakbytes": 9, "privateworkingset": 77_000_000},
        "storage_stats": {"read_count_normalized": 1, "read_size_bytes": 4096,
                          "write_count_normalized": 2, "write_size_bytes": 12_288},
        "networks": {"Ethernet": {"rx_bytes": 7, "tx_bytes": 9}},
        "pids_stats": {},
        "blkio_stats": {},
    }  # fmt: skip


def test_windows_counts_in_hundreds_of_nanoseconds_and_of_all_cpus() -> None:
    stats = windows("2026-03-01T10:00:01.0051234Z", 11_050_000)
    row = frame([stats]).iloc[0]
    assert f"{row.cpu_percent:.2f}%" == cli.cpu(stats) == "25.00%"
    assert row.cpu_percent_host == row.cpu_percent
    assert row.cpu_percent_wall == pytest.approx(100, abs=0.1)
    assert row.memory_bytes == 77_000_000
    assert (row.block_read_bytes, row.block_write_bytes) == (4096, 12_288)
    assert pd.isna(row.memory_percent)
    assert pd.isna(row.pids)


def test_processors_are_counted_from_the_per_processor_usage_of_old_engines() -> None:
    _, stats, *_ = objects(engine("docker-20.10.24-cgroup1"), "cpu")
    percent = frame([stats]).cpu_percent[0]
    del stats["cpu_stats"]["online_cpus"]
    assert frame([stats]).cpu_percent[0] == percent


def test_what_an_engine_leaves_out_is_missing_and_never_an_error() -> None:
    whole = objects(engine("docker-28.5.2-cgroup2-qemu"), "io")[-1]
    for key in whole:
        for nothing in ({}, {key: None}):
            rest = {k: v for k, v in whole.items() if k != key} | nothing
            assert len(frame([rest])) == 1
    assert frame([{}]).note[0] == "not running"


def test_a_frame_of_nothing_has_the_columns_and_types_of_a_full_one() -> None:
    full = frame(objects(SAMPLES[0]))
    pd.testing.assert_series_equal(frame([]).dtypes, full.dtypes)
    assert list(full.columns) == [column.name for column in COLUMNS]


def test_a_reading_is_small_and_says_what_it_does_not_know() -> None:
    assert READING.itemsize <= 200
    assert earlier(objects(SAMPLES[0], "oneshot")[0]).cpu == UNKNOWN
    assert reading({"read": "2026-01-01T00:00:00Z"}).memory == UNKNOWN
