"""A user follows an engine's events, over lost connections, restarts and odd answers."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import opskit
from opskit import Engine
from opskit.errors import APIError, EngineNotFound
from opskit.events.gaps import gap
from opskit.events.mailbox import EMPTY, OVER, Mailbox
from opskit.frames.events import COLUMNS, rows_frame

from .engines import PrivateEngine
from .scripted import Reply, ScriptedEngine, event, lines

NOW = time.time_ns()
SECOND = 10**9


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "opskit-events"]


def no_threads() -> bool:
    deadline = time.monotonic() + 5
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not threads()


def told(engine: ScriptedEngine, limit: int, **options: Any) -> list[dict[str, Any]]:
    with opskit.connect(engine.url) as client:
        return list(client.watch(limit=limit, timeout=15, **options))


def shown(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["type"], row["action"]) for row in rows]


# --- a real engine ---------------------------------------------------------------------------


@pytest.mark.live
def test_events_come_as_they_happen_with_the_tables_column_names(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    with live_engine.watch(limit=3, timeout=30, label="watched") as watch:
        ident = private_engine.run("sh -c 'exit 3'", "seen", labels={"watched": "yes"})
        rows = list(watch)
        private_engine.api("POST", f"/containers/{ident}/wait")
    private_engine.api("DELETE", f"/containers/{ident}")
    assert shown(rows) == [("container", word) for word in ("create", "start", "die")]
    assert list(rows[0]) == [column.name for column in COLUMNS]
    assert (rows[2]["exit_code"], rows[2]["exit_code_trusted"]) == (3, True)
    assert isinstance(rows[0]["time"], pd.Timestamp)
    assert rows_frame(rows)["exit_code"].tolist() == [pd.NA, pd.NA, 3]
    assert no_threads()


@pytest.mark.live
def test_nothing_is_lost_or_doubled_when_events_come_fast(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    made = []
    with live_engine.watch(type="volume", timeout=60, limit=400) as watch:
        for number in range(200):
            private_engine.api("POST", "/volumes/create", {"Name": f"quick{number}"})
            made.append(("create", f"quick{number}"))
        for number in range(200):
            private_engine.api("DELETE", f"/volumes/quick{number}")
            made.append(("destroy", f"quick{number}"))
        time.sleep(0.2)  # a reader that comes late
        assert [(row["action"], row["name"]) for row in watch] == made


@pytest.mark.live
def test_an_async_loop_can_watch_and_stop(
    live_engine: Engine, private_engine: PrivateEngine
) -> None:
    async def follow() -> list[str]:
        watch = live_engine.watch(type="volume", event="create", limit=2, timeout=20)
        names = [row["name"] async for row in watch]
        with live_engine.watch(timeout=0.05) as quiet:
            assert [row async for row in quiet if row["type"] == "volume"] == []
        return names

    async def both() -> list[str]:
        task = asyncio.create_task(follow())
        await asyncio.sleep(0.2)
        for name in ("async1", "async2"):
            await asyncio.to_thread(private_engine.api, "POST", "/volumes/create", {"Name": name})
        return await task

    assert asyncio.run(both()) == ["async1", "async2"]
    assert no_threads()
    for name in ("async1", "async2"):
        private_engine.api("DELETE", f"/volumes/{name}")


@pytest.mark.live
def test_a_killed_engine_gives_a_gap_and_then_what_changed_in_it(
    fresh_engine: PrivateEngine,
) -> None:
    with opskit.connect(fresh_engine.url) as engine, engine.watch(timeout=60) as watch:
        lost = fresh_engine.run(name="lost")
        rows = [next(watch) for _ in range(3)]
        fresh_engine.kill()
        fresh_engine.start()
        after = fresh_engine.run("true", "after")
        for row in watch:
            rows.append(row)
            if row["action"] == "die" and row["id"] == after:
                break
    gaps = [row for row in rows if row["type"] == "gap"]
    assert [row["action"] for row in gaps] == ["restart"]
    assert gaps[0]["begin"] >= rows[2]["time"]
    assert gaps[0]["end"] > gaps[0]["begin"]
    reconciled = {row["id"]: row for row in rows if row["type"] == "reconcile"}
    assert (reconciled[lost]["action"], reconciled[lost]["exit_code"]) == ("exited", 137)
    of_after = [row["action"] for row in rows if row["id"] == after and row["type"] == "container"]
    assert of_after == ["create", "start", "die"]


@pytest.mark.live
def test_ctrl_c_ends_the_watch_at_once(live_engine: Engine) -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in live_engine.watch(type="plugin"):
            pass
    assert time.monotonic() - begun < 5
    assert no_threads()


@pytest.mark.live
def test_a_watch_that_nobody_holds_ends(live_engine: Engine) -> None:
    watch = live_engine.watch()
    assert watch.connected
    assert "connected" in repr(watch)
    del watch
    gc.collect()
    assert no_threads()


# --- engines that misbehave ------------------------------------------------------------------


def stream(*events: dict[str, Any], then: Callable[[Reply], None] | None = None) -> Any:
    def script(reply: Reply) -> None:
        reply.begin()
        if events:
            reply.send(lines(events))
        if then:
            then(reply)

    return script


def test_a_lost_connection_is_mended_without_loss_or_doubles() -> None:
    first = [event("create", NOW), event("start", NOW + 1)]
    missed = [event("pause", NOW + 2), event("unpause", NOW + 3)]
    with ScriptedEngine(stream(*first), stream(*first, *missed)) as engine:
        engine.memory = [*first, *missed]
        rows = told(engine, limit=4)
    assert [row["action"] for row in rows] == ["create", "start", "pause", "unpause"]
    begin = float(engine.streams[1]["since"])
    assert NOW / 1e9 - 1.1 < begin < NOW / 1e9


def test_a_line_cut_in_two_is_neither_an_event_nor_lost() -> None:
    whole = [event("create", NOW), event("start", NOW + 1)]
    text = lines(whole)

    def cut(reply: Reply) -> None:
        reply.begin().send(text[:-40])

    def halves(reply: Reply) -> None:
        reply.begin().send(text[:50]).send(text[50:])

    with ScriptedEngine(cut, halves) as engine:
        engine.memory = whole
        assert [row["action"] for row in told(engine, limit=2)] == ["create", "start"]


def test_a_line_that_is_no_event_is_reported_where_it_stood() -> None:
    def noise(reply: Reply) -> None:
        reply.begin().send(lines([event("create", NOW)]) + b"<html>\n")
        reply.send(lines([event("start", NOW + 1)]))
        reply.hold(engine.over)

    with ScriptedEngine(noise) as engine:
        rows = told(engine, limit=2)
    assert shown(rows) == [("container", "create"), ("gap", "unreadable"), ("container", "start")]
    assert "<html>" in rows[1]["detail"]


def test_an_engine_that_answers_500_is_asked_again() -> None:
    def failing(reply: Reply) -> None:
        reply.begin(500).send(b'{"message": "not now"}')
        reply.handler.wfile.write(b"0\r\n\r\n")

    def failing_in_midstream(reply: Reply) -> None:
        reply.begin().send(lines([event("create", NOW), {"message": "disk on fire"}]))
        reply.hold(engine.over)

    with ScriptedEngine(failing_in_midstream, failing, stream(event("start", NOW + 1))) as engine:
        engine.memory = [event("create", NOW)]
        rows = told(engine, limit=2)
    assert [row["action"] for row in rows] == ["create", "start"]


def test_an_engine_that_refuses_the_question_ends_the_watch_with_its_words() -> None:
    def refusing(reply: Reply) -> None:
        reply.begin(400).send(b'{"message": "client version 1.45 is too old"}')
        reply.handler.wfile.write(b"0\r\n\r\n")

    with (
        ScriptedEngine(stream(event("create", NOW)), refusing) as engine,
        pytest.raises(APIError, match="too old"),
    ):
        told(engine, limit=2)


def test_a_restarted_engine_gives_a_gap_with_bounds_and_reason() -> None:
    after = NOW + 5 * SECOND
    with ScriptedEngine(
        stream(event("start", NOW)), stream(event("die", after, exitCode="1"))
    ) as engine:
        rows = told(engine, limit=2, reconcile=False)
    assert shown(rows) == [("container", "start"), ("gap", "restart"), ("container", "die")]
    assert rows[1]["begin"].value == NOW
    assert "as if restarted" in rows[1]["detail"]
    assert rows_frame(rows)["attributes"].iloc[1].keys() == {"begin", "end"}


def test_a_memory_that_was_flushed_gives_a_gap_up_to_its_oldest_event() -> None:
    busy = [event("top", NOW + 100 + i, "other") for i in range(256)]
    with ScriptedEngine(stream(event("start", NOW)), stream(*busy)) as engine:
        engine.memory = busy
        rows = told(engine, limit=257, reconcile=False)
    assert len(rows) == 258
    assert (rows[1]["type"], rows[1]["action"]) == ("gap", "memory")
    assert (rows[1]["begin"].value, rows[1]["end"].value) == (NOW, NOW + 100)


def test_a_clock_that_jumps_back_loses_nothing() -> None:
    early = NOW - 3_600 * SECOND
    first = [event("create", NOW), event("start", early), event("die", early + 1, exitCode="0")]
    later = event("start", early + 2 * SECOND)
    with ScriptedEngine(stream(*first), stream(*first[1:], later)) as engine:
        engine.memory = [*first, later]
        rows = told(engine, limit=4)
    assert [row["action"] for row in rows] == ["create", "start", "die", "start"]
    assert float(engine.streams[1]["since"]) < NOW / 1e9 - 3_599


def test_a_clock_set_back_while_away_asks_for_everything_again() -> None:
    ahead = NOW + 7_200 * SECOND
    first, later = event("create", ahead), event("start", NOW)
    with ScriptedEngine(stream(first), stream(), stream(first, later)) as engine:
        engine.memory = [first, later]
        rows = told(engine, limit=2, reconcile=False)
    assert [row["action"] for row in rows] == ["create", "clock", "start"]
    assert float(engine.streams[2]["since"]) == 0


def test_equal_times_are_different_events_and_odd_ones_pass() -> None:
    same = [event("start", NOW, "c1"), event("start", NOW, "c2"), event("pause", NOW, "c1")]
    odd = [{"Type": "x", "Action": "y"}, {"Action": "z", "Actor": None, "timeNano": NOW + 1}]
    with ScriptedEngine(stream(*same, *odd, *same)) as engine:
        engine.memory = same
        rows = told(engine, limit=5)
    assert len(rows) == 5
    assert rows[3]["time"] is None


def test_a_gap_is_reconciled_with_a_list() -> None:
    with ScriptedEngine(stream(event("create", NOW), event("start", NOW + 1)), stream()) as engine:
        engine.containers = []
        with opskit.connect(engine.url) as client, client.watch(timeout=10) as watch:
            next(watch), next(watch)
            engine.containers = [
                {"Id": "new", "Names": ["/db"], "State": "exited", "Status": "Exited (1) now"}
            ]
            rows = [next(watch) for _ in range(3)]
    assert shown(rows) == [("gap", "restart"), ("reconcile", "exited"), ("reconcile", "removed")]
    assert (rows[1]["name"], rows[1]["exit_code"]) == ("db", 1)
    assert (rows[2]["name"], rows[2]["id"]) == ("web", "c1")


def test_an_engine_that_is_not_there_is_said_at_the_call() -> None:
    with ScriptedEngine(stream()) as engine:
        client = opskit.connect(engine.url)
    with pytest.raises(EngineNotFound):
        client.watch()
    with pytest.raises(ValueError, match="no events filter"):
        client.watch(filters={"status": "x"})


def test_a_slow_reader_gets_a_gap_and_the_engine_never_waits() -> None:
    many = [event("top", NOW + i) for i in range(50)]
    with (
        ScriptedEngine(stream(*many, then=lambda reply: reply.hold(engine.over))) as engine,
        opskit.connect(engine.url) as client,
        client.watch(timeout=1, buffer=10) as watch,
    ):
        time.sleep(0.3)
        rows = list(watch)
    assert len(rows) == 11
    assert (rows[10]["action"], rows[10]["begin"].value) == ("reader", NOW + 10)
    assert "40 events were not kept" in rows[10]["detail"]


def test_rows_left_out_are_reported_before_the_next_ones() -> None:
    mailbox = Mailbox(1, lambda first, last, count: {"count": count})
    assert mailbox.take() is EMPTY
    for number in range(3):
        mailbox.put({"n": number})
    assert mailbox.take() == {"n": 0}
    mailbox.put({"n": 3})
    assert [mailbox.take() for _ in range(2)] == [{"count": 2}, {"n": 3}]
    mailbox.end(ValueError("x"))
    with pytest.raises(ValueError, match="x"):
        mailbox.take()
    assert mailbox.wait(None) is OVER


def test_a_gap_never_ends_before_it_begins() -> None:
    row = gap(NOW, NOW - 5, "restart", "why")
    assert row["begin"] == row["end"] == row["time"]
