"""The log panel: the tail, following, searching, levels, and what is left behind: nothing."""

from __future__ import annotations

import pytest

import opskit
from opskit.engine import Engine
from opskit.widgets.logs_panel import level

from .engines import PrivateEngine
from .panels import threads, until

TALK = ["sh", "-c", "echo hello; echo 'ERROR broken' >&2; sleep 1; echo WARN late; sleep 1000"]


@pytest.mark.live
def test_the_log_is_followed_searched_and_told_apart(
    private_engine: PrivateEngine, live_engine: Engine
) -> None:
    private_engine.run(TALK, name="talker")
    panel = opskit.widgets.logs(live_engine, "talker")
    until(lambda: (panel.refresh(), len(panel.matching) >= 2)[1])
    panel.start()
    until(lambda: [row["line"] for row in panel.matching][-1:] == ["WARN late"])
    panel._stream.value = "stderr"
    assert [row["line"] for row in panel.matching] == ["ERROR broken"]
    panel._stream.value = "both"
    panel._level.value = "warning"
    assert [row["line"] for row in panel.matching] == ["ERROR broken", "WARN late"]
    panel._level.value = "all"
    panel._search.value = "/^h.l/"
    assert [row["line"] for row in panel.matching] == ["hello"]
    assert "hello" in panel._repr_mimebundle_()["text/html"]
    panel.close()
    until(lambda: not threads("opskit-follow"))
    until(lambda: not threads("opskit-logs"))


@pytest.mark.live
def test_a_container_that_ends_ends_following(
    private_engine: PrivateEngine, live_engine: Engine
) -> None:
    private_engine.run(["sh", "-c", "echo one; sleep 1; echo two"], name="ending")
    panel = opskit.widgets.logs(live_engine, "ending")
    panel.start()
    until(lambda: "has ended" in panel._status.value)
    assert [row["line"] for row in panel.matching] == ["one", "two"]
    assert not panel.live
    panel.close()


@pytest.mark.live
def test_following_outlasts_a_restart_of_the_engine(fresh_engine: PrivateEngine) -> None:
    talk = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.2; done"
    restarts = {"RestartPolicy": {"Name": "always"}}
    fresh_engine.run(["sh", "-c", talk], name="lasting", **restarts)
    with opskit.connect(fresh_engine.url, timeout=2) as engine:
        panel = opskit.widgets.logs(engine, "lasting")
        panel.start()
        until(lambda: len(panel.matching) > 2)
        fresh_engine.kill()
        until(lambda: "EngineNotFound" in panel._status.value)
        fresh_engine.start()
        until(lambda: ">live<" in panel._status.value)
        count = len(panel.matching)
        until(lambda: len(panel.matching) > count)
        times = [row["time"] for row in panel.matching]
        assert times == sorted(set(times)), "lines came twice"
        panel.close()


@pytest.mark.live
def test_a_missing_container_is_told_in_the_panel(live_engine: Engine) -> None:
    panel = opskit.widgets.logs(live_engine, "nobody")
    assert "NotFound" in panel._status.value
    panel.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-01-01 ERROR cannot", "error"),
        ("level=warn msg=slow", "warning"),
        ("[DEBUG] x", "debug"),
        ("terror in the errorless night", ""),
    ],
)
def test_levels_are_read_from_the_words_loggers_use(line: str, expected: str) -> None:
    assert level(line) == expected
