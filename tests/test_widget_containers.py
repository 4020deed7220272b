"""The containers panel: what a click does to the engine, and what the panel then shows."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

import opskit
from opskit.engine import Engine
from opskit.widgets.containers_panel import Containers

from .engines import PrivateEngine
from .panels import everything, find, threads, until

pytestmark = pytest.mark.live


def press(panel: Any, name: str) -> None:
    find(panel, f"opskit-do-{name}").click()


@pytest.fixture
def panel(emptied_engine: PrivateEngine, live_engine: Engine) -> Iterator[Containers]:
    emptied_engine.run(name="panel-a", labels={"app": "web"})
    emptied_engine.run(name="panel-b")
    panel = opskit.widgets.containers(live_engine)
    yield panel
    panel.close()


def state(engine: PrivateEngine, name: str) -> str:
    return str(engine.api("GET", f"/containers/{name}/json")["State"]["Status"])


def choose(panel: Containers, *names: str) -> None:
    frame = panel.frame
    panel._rows.value = tuple(frame[frame["name"].isin(names)]["id"])


def test_what_is_shown_follows_filter_and_sort(panel: Containers) -> None:
    assert set(panel.frame["name"]) == {"panel-a", "panel-b"}
    panel._filter.value = "app web"
    assert list(panel.frame["name"]) == ["panel-a"]
    panel._filter.value = ""
    panel._sort.value = "created"
    assert panel.frame["created"].is_monotonic_increasing
    panel._descending.value = True
    assert panel.frame["created"].is_monotonic_decreasing
    assert "panel-b" not in panel._table.value
    panel._details.value = True
    assert "panel-b" in panel._table.value


def test_the_list_has_columns_and_tells_how_a_container_ended(
    panel: Containers, emptied_engine: PrivateEngine
) -> None:
    emptied_engine.run(["sh", "-c", "exit 3"], name="panel-failed")
    until(lambda: (panel.refresh(), state(emptied_engine, "panel-failed") == "exited")[1])
    panel.refresh()
    head = panel._rows.description
    lines = {label.split("\xa0")[0]: label for label, _ in panel._rows.options}
    assert head.split() == ["name", "state", "image"]  # nothing has health, ports or a project
    assert lines["panel-a"][head.index("image") :] == "busybox:local"
    assert lines["panel-failed"][head.index("state") :].startswith("exited\xa0(3)")


def test_a_click_changes_several_containers_and_tells_the_result(
    panel: Containers, emptied_engine: PrivateEngine
) -> None:
    choose(panel, "panel-a", "panel-b")
    press(panel, "stop")
    until(lambda: state(emptied_engine, "panel-a") == "exited")
    until(lambda: state(emptied_engine, "panel-b") == "exited")
    until(lambda: list(panel.frame["state"]) == ["exited", "exited"])
    assert "panel-a" in panel._result.value
    press(panel, "start")
    until(lambda: state(emptied_engine, "panel-b") == "running")


def test_what_destroys_asks_first(panel: Containers, emptied_engine: PrivateEngine) -> None:
    choose(panel, "panel-a")
    press(panel, "remove")
    assert "Remove panel-a?" in panel._confirm.children[0].value
    find(panel, "opskit-no").click()
    assert not panel._confirm.children
    assert state(emptied_engine, "panel-a") == "running"
    press(panel, "remove")
    find(panel, "opskit-yes").click()
    until(lambda: set(panel.frame["name"]) == {"panel-b"})


def test_rename_exec_logs_and_inspect_show_what_the_engine_says(panel: Containers) -> None:
    choose(panel, "panel-a")
    panel._argument.value = "sh -c 'echo out; echo err >&2; exit 3'"
    press(panel, "exec")
    until(lambda: "exit code 3" in panel._result.value)
    assert "out" in panel._result.value
    assert "err" in panel._result.value
    press(panel, "inspect")
    until(lambda: "HostConfig" in panel._result.value)
    press(panel, "logs")
    until(lambda: "no lines" in panel._result.value)
    panel._argument.value = "panel-c"
    press(panel, "rename")
    until(lambda: "panel-c" in set(panel.frame["name"]))
    panel._argument.value = "panel-b"
    press(panel, "rename")
    until(lambda: "Conflict" in panel._status.value)


def test_a_click_with_nothing_chosen_says_so(panel: Containers) -> None:
    press(panel, "stop")
    assert "choose" in panel._status.value


def test_a_read_only_engine_offers_no_change(
    private_engine: PrivateEngine, panel: Containers
) -> None:
    with opskit.connect(private_engine.url, read_only=True) as engine:
        watching = opskit.widgets.containers(engine)
        shown = {css for w in everything(watching) for css in getattr(w, "_dom_classes", ())}
        assert {css for css in shown if css.startswith("opskit-do-")} == {
            "opskit-do-logs",
            "opskit-do-inspect",
        }
        watching.close()


def test_running_a_cell_again_keeps_the_choice_and_leaves_one_reader(
    private_engine: PrivateEngine, live_engine: Engine, panel: Containers
) -> None:
    panel._filter.value = "panel"
    panel.start()
    for _ in range(10):
        again = opskit.widgets.containers(live_engine)
    try:
        assert panel.closed
        assert again._filter.value == "panel"
        assert again.live
        until(lambda: len(threads("opskit-containers")) == 1)
        private_engine.run(name="panel-new")
        until(lambda: "panel-new" in set(again.frame["name"]))
    finally:
        again.close()
    until(lambda: not threads("opskit-containers"))


def test_an_engine_that_comes_back_is_shown_again(fresh_engine: PrivateEngine) -> None:
    fresh_engine.run(name="lasting")
    with opskit.connect(fresh_engine.url, timeout=2) as engine:
        panel = opskit.widgets.containers(engine, interval=0.1)
        panel.start()
        fresh_engine.kill()
        until(lambda: "EngineNotFound" in panel._status.value)
        fresh_engine.start()
        until(lambda: ">live<" in panel._status.value)
        panel.close()
        gc.collect()


def test_an_engine_that_is_away_from_the_start_is_told(fresh_engine: PrivateEngine) -> None:
    with opskit.connect(fresh_engine.url, timeout=2) as engine:
        fresh_engine.kill()
        panel = opskit.widgets.containers(engine)
        assert "EngineNotFound" in panel._status.value
        panel._sort.value = "created"
        press(panel, "stop")
        assert "choose" in panel._status.value
        panel.close()


def test_exported_pages_show_a_table(panel: Containers) -> None:
    bundle = panel._repr_mimebundle_()
    assert "panel-a" in bundle["text/html"]
    assert bundle["text/plain"] == repr(panel)
    assert "application/vnd.jupyter.widget-view+json" in bundle
