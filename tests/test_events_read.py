"""A user asks a real engine what happened: window, filters, the 256 it remembers, exit codes."""

from __future__ import annotations

import http.server
import threading
import time
import warnings
from collections.abc import Iterator

import orjson
import pandas as pd
import pytest

import opskit
from opskit import Engine
from opskit.errors import BadResponse, EngineLost, EventsForgotten
from opskit.events.clock import clock_of

from .engines import PrivateEngine
from .waiting import eventually

live = pytest.mark.live


def told_to_have_died(engine: Engine, ident: str) -> None:
    """A wait may be answered before the engine has told the death."""
    eventually(lambda: len(engine.events(container=ident, event="die", check=False)) > 0)


@live
@pytest.mark.docker_only("Podman calls a death otherwise")
def test_a_container_that_ran_shows_its_whole_life(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    began = pd.Timestamp.now("UTC")  # what went on before may be past the engine's memory
    ident = private_engine.run("sh -c 'exit 4'", "short", labels={"team": "ops"})
    told_to_have_died(live_engine, ident)
    frame = live_engine.events(container="short", since=began)
    private_engine.api("DELETE", f"/containers/{ident}")
    of_it = frame[frame["type"].eq("container")]
    assert of_it["action"].tolist() == ["create", "start", "die"]
    died = of_it.iloc[-1]
    assert (died["id"], died["exit_code"], died["exit_code_trusted"]) == (ident, 4, True)
    assert died["labels"] == {"team": "ops"}
    assert frame["time"].is_monotonic_increasing
    assert frame.attrs["truncated"] is False
    assert frame.attrs["engine"] == private_engine.url


@live
@pytest.mark.docker_only("Podman calls a death otherwise")
def test_an_exit_code_that_a_label_hides_is_corrected_from_inspect(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    began = pd.Timestamp.now("UTC")
    ident = private_engine.run("sh -c 'exit 4'", "liar", labels={"exitCode": "0"})
    told_to_have_died(live_engine, ident)

    def died(check: bool) -> tuple[int, bool]:
        frame = live_engine.events(container=ident, event="die", since=began, check=check)
        return frame["exit_code"].iloc[0], frame["exit_code_trusted"].iloc[0]

    assert died(check=False) == (0, False)
    assert died(check=True) == (4, True)
    private_engine.api("DELETE", f"/containers/{ident}")
    frame = live_engine.events(container=ident, event="die", since=began)
    assert frame["exit_code_trusted"].tolist() == [False]
    assert frame.attrs["unchecked_exit_codes"] == 1


@live
@pytest.mark.docker_only("Podman leaves health probes to systemd")
def test_probes_are_told_from_what_an_operator_ran(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    check = {"Test": ["CMD", "true"], "Interval": 200_000_000}
    ident = private_engine.run(name="probed", config={"Healthcheck": check})
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        frame = live_engine.events(container=ident, event=["exec_create", "exec_die"])
        if len(frame) > 3:
            break
        time.sleep(0.1)
    made = private_engine.api("POST", f"/containers/{ident}/exec", {"Cmd": ["sh", "-c", "true"]})
    private_engine.api("POST", f"/exec/{made['Id']}/start", {"Detach": True})
    frame = live_engine.events(container=ident, event="exec_create")
    private_engine.api("DELETE", f"/containers/{ident}", force="1")
    assert frame.set_index("detail")["healthcheck"].to_dict() == {"true": True, "sh -c true": False}


@live
@pytest.mark.docker_only("Podman keeps a journal")
def test_more_than_the_engine_remembers_is_said_in_a_warning_and_in_attrs(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    for number in range(130):
        private_engine.api("POST", "/volumes/create", {"Name": f"v{number}"})
    for number in range(130):
        private_engine.api("DELETE", f"/volumes/v{number}")
    with pytest.warns(EventsForgotten, match="last 256 events only"):
        frame = live_engine.events(since="2h")
    assert len(frame) == 256
    assert frame.attrs["truncated"] is True
    assert frame.attrs["memory_begins"] == frame["time"].iloc[0].isoformat()
    with pytest.warns(EventsForgotten, match="last 256 events only"):
        assert len(live_engine.events(since="2h", volume="v33", event="destroy")) == 1
    with pytest.warns(
        EventsForgotten, match="last 256 events only"
    ):  # the last ones are not asked for
        past = live_engine.events(since="2h", until=frame["time"].iloc[100])
    assert past.attrs["truncated"] is True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recent = live_engine.events(since=frame["time"].iloc[200])
        assert live_engine.events().attrs["truncated"] is True
    assert len(recent) == 56
    assert recent.attrs["truncated"] is False


@live
def test_an_empty_window_is_an_empty_table_of_the_same_shape(live_engine: Engine) -> None:
    now = pd.Timestamp.now("UTC")
    frame = live_engine.events(since=now, until=now)
    assert len(frame) == 0
    pd.testing.assert_series_equal(frame.dtypes, live_engine.events().dtypes)


@live
def test_questions_that_make_no_sense_are_refused_with_a_reason(live_engine: Engine) -> None:
    with pytest.raises(ValueError, match=r"since \(.*\) is after until \(.*\)"):
        live_engine.events(since="10m", until="1h")
    with pytest.raises(ValueError, match="lies ahead"):
        live_engine.events(until="-1h")
    with pytest.raises(
        ValueError, match=r"no events filter is called 'name'; there are .*container"
    ):
        live_engine.events(filters={"name": "web"})
    with pytest.raises(ValueError, match="yesterday"):
        live_engine.events(since="yesterday")


def test_the_engines_clock_is_used_where_it_differs() -> None:
    ahead = "Wed, 01 Jan 2200 00:00:00 GMT"
    assert clock_of({"date": ahead}) == int(pd.Timestamp("2200-01-01T00:00:00Z").value)
    assert abs(clock_of({}) - time.time_ns()) < 1e9
    assert abs(clock_of({"date": "soon"}) - time.time_ns()) < 1e9


class Fake(http.server.BaseHTTPRequestHandler):
    """An engine that answers /events with what the test wants, and may cut it short."""

    protocol_version = "HTTP/1.1"
    body, length = b"", 0

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Api-Version", "1.45")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self) -> bytes:
        return self.body

    def do_GET(self) -> None:
        body = self.answer()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(self.length or len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def fake() -> Iterator[Engine]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with opskit.connect(f"tcp://127.0.0.1:{server.server_port}") as engine:
        yield engine
    server.shutdown()
    thread.join()
    server.server_close()


EVENT = orjson.dumps({"Type": "x", "Action": "y", "Actor": {"ID": "1"}, "timeNano": 7}) + b"\n"


@pytest.mark.parametrize(
    ("before", "meanwhile", "cut"),
    [(256, 0, True), (250, 6, True), (196, 60, True), (250, 0, False), (250, 5, False),
     (10, 0, False), (300, 0, False)],
)  # fmt: skip
def test_only_a_memory_without_room_is_said_to_have_forgotten(
    fake: Engine, monkeypatch: pytest.MonkeyPatch, before: int, meanwhile: int, cut: bool
) -> None:
    """Events that happen while the engine is asked take places in its memory and are not told."""
    answers = [EVENT * before, EVENT * meanwhile]
    monkeypatch.setattr(Fake, "answer", lambda self: answers.pop(0))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        frame = fake.events(since="1970-01-01T00:00:00Z", check=False)
    assert len(frame) == before
    assert frame.attrs["truncated"] is cut
    assert [each.category for each in said] == [EventsForgotten] * cut
    assert all(each.filename == __file__ for each in said)


def test_an_answer_that_is_cut_or_no_events_is_an_error_not_a_shorter_table(
    fake: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fake, "body", EVENT * 2)
    assert len(fake.events()) == 2
    monkeypatch.setattr(Fake, "body", EVENT + EVENT[:20])
    with pytest.raises(BadResponse, match="a line that is no event"):
        fake.events()
    monkeypatch.setattr(Fake, "length", 1000)
    with pytest.raises(EngineLost):
        fake.events()
