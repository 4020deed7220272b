"""The explorer: from a word to an endpoint, its form, the call in four languages, its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import opskit
from opskit.engine import Engine
from opskit.errors import OpskitError
from opskit.widgets.explorer_panel import Explorer

from .engines import PrivateEngine
from .panels import find, until

pytestmark = pytest.mark.live


@pytest.fixture
def explorer(live_engine: Engine) -> Iterator[Explorer]:
    panel = opskit.widgets.explorer(live_engine)
    yield panel
    panel.close()


def choose(panel: Explorer, method: str, path: str) -> None:
    panel._search.value = ""
    panel._endpoints.value = next(
        e for _, e in panel._endpoints.options if (e.method, e.path) == (method, path)
    )


def send(panel: Explorer) -> Any:
    panel.answer = None
    panel._submit.click()
    until(lambda: panel.answer is not None)
    return panel.answer


def test_words_find_an_endpoint_and_the_call_is_shown_in_four_languages(explorer: Explorer) -> None:
    explorer._search.value = "stop container"
    first = explorer._endpoints.options[0][1]
    assert (first.method, first.path) == ("POST", "/containers/{id}/stop")
    explorer._endpoints.value = first
    assert "is required" in explorer._calls.value
    explorer._fields["id"].value = "web"
    explorer._fields["t"].value = "5"
    shown = explorer._calls.value
    assert "curl" in shown
    assert "docker stop" in shown
    assert "stop(timeout=5)" in shown
    assert "engine." in shown


def test_a_call_is_sent_and_its_answer_shown_as_tree_and_frame(
    explorer: Explorer, private_engine: PrivateEngine
) -> None:
    private_engine.run(name="explored", labels={"seen": "yes"})
    choose(explorer, "GET", "/containers/json")
    explorer._fields["filters"].value = '{"label": ["seen=yes"]}'
    answer = send(explorer)
    assert answer.status == 200
    assert answer.body[0]["Names"] == ["/explored"]
    assert answer.headers["content-type"] == "application/json"
    assert "as a DataFrame" in explorer._result.value
    assert "explored" in explorer.table()


def test_a_change_asks_first_and_an_error_is_an_answer(
    explorer: Explorer, private_engine: PrivateEngine
) -> None:
    choose(explorer, "POST", "/volumes/create")
    explorer._body.value = '{"Name": "explored-volume"}'
    explorer._submit.click()
    assert "changes the engine" in explorer._confirm.children[0].value
    assert "explored-volume" not in str(private_engine.api("GET", "/volumes"))
    find(explorer, "opskit-yes").click()
    until(lambda: explorer.answer is not None)
    assert explorer.answer is not None
    assert explorer.answer.status == 201
    assert "explored-volume" in str(private_engine.api("GET", "/volumes"))
    private_engine.api("DELETE", "/volumes/explored-volume")
    choose(explorer, "GET", "/containers/{id}/json")
    explorer._fields["id"].value = "no-such"
    assert send(explorer).status == 404
    assert "No such container" in explorer._result.value


def test_an_endless_answer_is_cut(explorer: Explorer, private_engine: PrivateEngine) -> None:
    container = private_engine.run()
    choose(explorer, "GET", "/containers/{id}/stats")
    explorer._fields["id"].value = container
    answer = send(explorer)
    assert answer.cut
    assert answer.status == 200


def test_what_is_not_json_is_told_with_its_place(explorer: Explorer) -> None:
    choose(explorer, "POST", "/containers/create")
    explorer._body.value = '{"Image": "a",}'
    with pytest.raises(OpskitError, match=r"not JSON: .* line 1"):
        explorer.call()
    explorer._submit.click()
    assert "not JSON" in explorer._status.value
    choose(explorer, "GET", "/containers/json")
    explorer._fields["limit"].value = "many"
    with pytest.raises(OpskitError, match="not a number"):
        explorer.call()


def test_a_read_only_engine_sends_no_change(private_engine: PrivateEngine) -> None:
    with opskit.connect(private_engine.url, read_only=True) as engine:
        panel = opskit.widgets.explorer(engine)
        choose(panel, "POST", "/containers/prune")
        assert panel._submit.disabled
        choose(panel, "GET", "/info")
        assert not panel._submit.disabled
        panel.close()


def test_running_the_cell_again_keeps_the_filled_form(
    explorer: Explorer, live_engine: Engine
) -> None:
    choose(explorer, "POST", "/containers/{id}/rename")
    explorer._fields["id"].value = "web"
    choose(explorer, "POST", "/containers/{id}/stop")
    explorer._fields["t"].value = "7"
    again = opskit.widgets.explorer(live_engine)
    assert explorer.closed
    assert again.endpoint is not None
    assert again.endpoint.path == "/containers/{id}/stop"
    assert (again._fields["id"].value, again._fields["t"].value) == ("web", "7")
    choose(again, "POST", "/volumes/create")
    again._body.value = '{"Name": "kept"}'
    third = opskit.widgets.explorer(live_engine)
    assert third._body.value == '{"Name": "kept"}'
    third.close()
