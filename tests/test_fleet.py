"""Several engines asked at once: rows of all, and the trouble of one told beside them."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import opskit
from opskit.errors import AddressError, NotFound, OpskitError
from opskit.fleets import FleetWarning
from opskit.fleets.watch import FleetWatch
from opskit.guard.policyfile import parse_policy
from opskit.guard.session import guarding

from .engines import IMAGE, PrivateEngine

pytestmark = pytest.mark.live


def test_every_engine_has_its_rows_and_a_dead_one_is_told(
    private_engine: PrivateEngine, fresh_engine: PrivateEngine, tmp_path: Path
) -> None:
    began = datetime.now(UTC)  # the run's engine has forgotten more than it remembers by now
    private_engine.run(name="fleet-a")
    fresh_engine.run(name="fleet-b")
    engines = {
        "first": private_engine.url,
        "second": opskit.connect(fresh_engine.url),
        "gone": f"unix://{tmp_path}/gone.sock",
    }
    with opskit.fleet(engines, timeout=5) as fleet:
        status = fleet.status().set_index("engine")
        assert status["up"].to_dict() == {"first": True, "second": True, "gone": False}
        assert "socket does not exist" in status.loc["gone", "error"]
        with pytest.warns(FleetWarning, match="no rows of gone"):
            frame = fleet.containers()
        rows = set(zip(frame["engine"], frame["name"], strict=True))
        assert {("first", "fleet-a"), ("second", "fleet-b")} <= rows
        assert list(frame.attrs["failed"]) == ["gone"]
        with pytest.warns(FleetWarning):
            events = fleet.events(since=began)
        assert events["time"].is_monotonic_increasing
        assert set(events["engine"]) == {"first", "second"}


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_hung_engine_costs_its_timeout_and_hides_nobody(
    private_engine: PrivateEngine, fresh_engine: PrivateEngine, asked_before: bool
) -> None:
    private_engine.run(name=f"fleet-{asked_before}")
    with opskit.fleet([private_engine.url, fresh_engine.url], timeout=1) as fleet:
        assert fleet.status()["up"].all()
        if asked_before:
            fleet.containers()
        fresh_engine.pause()
        begun = time.monotonic()
        try:
            with pytest.warns(FleetWarning, match="did not answer within 1 s"):
                frame = fleet.containers()
        finally:
            fresh_engine.resume()
        assert time.monotonic() - begun < 4
        assert f"fleet-{asked_before}" in set(frame["name"])
        with pytest.raises(TypeError, match="give a mapping"):
            fleet.containers(filters="status=running")


def test_an_engine_that_was_away_is_asked_again(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    private_engine.run(name="fleet-f")
    policy = parse_policy('allow = ["containers"]')
    guard = {"upstream": private_engine.url, "listen_at": f"unix://{tmp_path}/guard.sock"}
    with guarding(policy, **guard) as first:
        fleet = opskit.fleet({"direct": private_engine.url, "guarded": first.address})
        for _ in range(2):
            assert set(fleet.containers()["engine"]) == {"direct", "guarded"}
    with fleet:
        for _ in range(2):
            with pytest.warns(FleetWarning, match="no rows of guarded"):
                assert set(fleet.containers()["engine"]) == {"direct"}
        with guarding(policy, **guard):
            for _ in range(2):
                assert set(fleet.containers()["engine"]) == {"direct", "guarded"}
            for _ in range(2):
                with pytest.warns(FleetWarning, match="no rows of guarded: .*networks"):
                    assert set(fleet.networks()["engine"]) == {"direct"}
            with (
                pytest.warns(FleetWarning, match=r"no rows of .*: (400|500) .*(?i:invalid filter)"),
                pytest.raises(OpskitError, match="none of the 2 engines"),
            ):
                fleet.containers(filters={"nonsense": "x"})


def test_no_engine_at_all_is_an_error(tmp_path: Path) -> None:
    with opskit.fleet([f"unix://{tmp_path}/{n}.sock" for n in "ab"], timeout=1) as fleet:
        assert not fleet.status()["up"].any()
        with (
            pytest.warns(FleetWarning),
            pytest.raises(OpskitError, match="none of the 2 engines"),
        ):
            fleet.images()
    with pytest.raises(AddressError, match="twice"):
        opskit.fleet(["unix:///a.sock", "unix:///a.sock"])


def test_a_fleet_cannot_change_engines_it_connected(private_engine: PrivateEngine) -> None:
    with (
        opskit.fleet({"only": private_engine.url}) as fleet,
        pytest.raises(OpskitError, match="read_only"),
    ):
        fleet["only"].post("/volumes/create", {"Name": "never"})


def test_timelines_stats_and_panels_take_a_fleet(
    private_engine: PrivateEngine, fresh_engine: PrivateEngine, tmp_path: Path
) -> None:
    began = datetime.now(UTC)
    private_engine.run(name="fleet-d")
    fresh_engine.run(name="fleet-e")
    engines = {"first": private_engine.url, "second": fresh_engine.url}
    with opskit.fleet(engines, timeout=10) as fleet:
        spans = fleet.timeline(began)
        named = set(zip(spans["engine"], spans["name"], strict=True))
        assert {("first", "fleet-d"), ("second", "fleet-e")} <= named
        assert spans["begin"].is_monotonic_increasing
        assert list(spans.columns).count("engine") == 1
        assert opskit.plot.timeline(spans, group="engine") is not None
        stats = fleet.stats()
        assert {"fleet-d", "fleet-e"} <= set(stats["name"])
        assert stats["time"].is_monotonic_increasing
        tabs = opskit.widgets.containers(fleet)
        try:
            assert tabs.titles == ("first", "second")
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and not len(tabs.panels["second"].frame):
                time.sleep(0.05)
            assert "fleet-e" in set(tabs.panels["second"].frame["name"])
        finally:
            tabs.close()


class Told:
    """Stands in for the watch of an engine that has told these rows, and then ends."""

    connected = True

    def __init__(self, *rows: tuple[int, str]) -> None:
        self.rows = [{"time": pd.Timestamp(at), "name": name, "type": "x"} for at, name in rows]

    def poll(self, seconds: float) -> dict[str, Any] | None:
        return self.rows.pop(0) if self.rows else None

    @property
    def ended(self) -> bool:
        return not self.rows

    def call_when_ready(self, call: Any) -> bool:
        return False

    def close(self) -> None:
        self.rows = []


def test_rows_of_several_engines_are_put_in_the_order_of_time() -> None:
    watches: Any = {
        "a": Told((1, "p"), (4, "s"), (6, "u")),
        "b": Told((2, "q"), (3, "r"), (5, "t")),
    }
    rows = list(FleetWatch(watches, limit=5))
    assert "".join(row["name"] for row in rows) == "pqrst"
    assert "".join(row["engine"] for row in rows) == "abbab"


def test_events_of_all_come_as_they_happen(
    private_engine: PrivateEngine, fresh_engine: PrivateEngine, tmp_path: Path
) -> None:
    engines = {"first": private_engine.url, "second": fresh_engine.url}
    engines["gone"] = f"unix://{tmp_path}/gone.sock"
    with opskit.fleet(engines, timeout=10) as fleet:
        with pytest.warns(FleetWarning, match="watch: no rows of gone"):
            watch = fleet.watch(type="volume", event="create", limit=8, timeout=60)
        with watch:
            assert watch.connected == {"first": True, "second": True}
            for number in range(4):
                for one in (private_engine, fresh_engine):
                    one.api("POST", "/volumes/create", {"Name": f"fleet-{number}"})
            rows = list(watch)
        for name in ("first", "second"):
            told = [row["name"] for row in rows if row["engine"] == name]
            assert told == [f"fleet-{number}" for number in range(4)]
        assert next(watch, None) is None
        for one in (private_engine, fresh_engine):
            for number in range(4):
                one.api("DELETE", f"/volumes/fleet-{number}")
        with pytest.warns(FleetWarning, match="gone"), fleet.watch(timeout=0.3) as quiet:
            assert list(quiet) == []
    with (
        opskit.fleet([engines["gone"]]) as nobody,
        pytest.warns(FleetWarning),
        pytest.raises(OpskitError, match="none of the 1 engines"),
    ):
        nobody.watch()


def test_what_has_a_name_is_found_wherever_it_is(
    private_engine: PrivateEngine, fresh_engine: PrivateEngine
) -> None:
    private_engine.run(name="fleet-here")
    with opskit.fleet({"one": private_engine.url, "two": fresh_engine.url}) as fleet:
        found = fleet.inspect("fleet-here")
        assert found["one"].State.Running
        assert isinstance(found["two"], NotFound)
        with pytest.warns(FleetWarning, match="no rows of two"):
            assert set(fleet.top("fleet-here")["engine"]) == {"one"}
        with pytest.warns(FleetWarning, match="no rows of two"):
            fleet.changes("fleet-here")
        assert set(fleet.history(IMAGE)["engine"]) == {"one", "two"}


def test_two_hundred_engines_are_asked_at_once(tmp_path: Path) -> None:
    """Each a replay of its own; how long it takes is for the benchmarks to say."""
    cassette = Path(__file__).parents[1] / "cassettes" / "shop.yaml"
    count = 200
    script = (
        "import sys; from opskit.wire.session import open_cassette\n"
        "kept = [open_cassette(sys.argv[1], listen_at=f'unix://{p}') for p in sys.argv[2:]]\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    paths = [str(tmp_path / f"{number}.sock") for number in range(count)]
    command = [sys.executable, "-c", script, str(cassette), *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout
            assert running.stdout.readline() == b"ready\n"
            with opskit.fleet([f"unix://{path}" for path in paths]) as fleet:
                frame = fleet.containers()
                assert frame["engine"].nunique() == count
                assert frame.groupby("engine")["name"].nunique().eq(frame["name"].nunique()).all()
                assert fleet.status()["up"].all()
        finally:
            running.kill()
