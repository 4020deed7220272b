"""The events panel: a feed that grows, filters, pause, a timeline picture, gaps told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import opskit
from opskit.engine import Engine
from opskit.widgets.events_panel import Events

from .engines import PrivateEngine
from .panels import threads, until

pytestmark = pytest.mark.live


@pytest.fixture
def panel(emptied_engine: PrivateEngine, live_engine: Engine) -> Iterator[Events]:
    panel = opskit.widgets.events(live_engine, window="1m")
    until(lambda: panel.live and panel._watching is not None and panel._watching.connected)
    yield panel
    panel.close()
    until(lambda: not threads("opskit-events"))
    until(lambda: not threads("opskit-feed"))


def test_the_feed_grows_is_filtered_and_drawn(panel: Events, emptied_engine: PrivateEngine) -> None:
    emptied_engine.run(["sh", "-c", "exit 3"], name="failing")
    until(lambda: "exit code 3" in panel._feed.value)
    until(lambda: bytes(panel._image.value[:4]) == b"\x89PNG")
    panel._type.value = "network"
    assert "failing" not in panel._feed.value
    assert set(panel.frame["type"]) <= {"network"}
    panel._type.value = "container"
    panel._search.value = "die failing"
    assert list(panel.frame["action"]) == ["die"]
    assert "failing" in panel._repr_mimebundle_()["text/html"]


def test_pause_holds_the_feed_and_loses_nothing(
    panel: Events, emptied_engine: PrivateEngine
) -> None:
    panel._pause.value = True
    emptied_engine.run(name="behind-the-pause")
    until(lambda: "behind-the-pause" in set(panel.frame["name"]))
    assert "behind-the-pause" not in panel._feed.value
    panel._pause.value = False
    assert "behind-the-pause" in panel._feed.value


def test_a_refresh_reads_without_watching(
    emptied_engine: PrivateEngine, live_engine: Engine
) -> None:
    emptied_engine.run(name="remembered")
    panel = opskit.widgets.events(live_engine, live=False)
    panel.refresh()
    assert "remembered" in panel._feed.value
    assert not threads("opskit-feed")
    panel.close()


def test_a_restarted_engine_is_a_gap_in_the_feed(fresh_engine: PrivateEngine) -> None:
    with opskit.connect(fresh_engine.url, timeout=2) as engine:
        panel = opskit.widgets.events(engine)
        until(lambda: panel._watching is not None and panel._watching.connected)
        fresh_engine.kill()
        fresh_engine.start()
        until(lambda: "events may be missing" in panel._feed.value)
        fresh_engine.run(name="afterwards")
        until(lambda: "afterwards" in panel._feed.value)
        panel.close()
