"""The cassette panel: find an exchange, read it, see it again in time, serve it as an engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import opskit
from opskit.widgets.cassette_panel import Cassette

from .engines import PrivateEngine
from .panels import until

pytestmark = pytest.mark.live


@pytest.fixture
def panel(emptied_engine: PrivateEngine, tmp_path: Path) -> Iterator[Cassette]:
    path = tmp_path / "seen.yaml"
    with opskit.record(path, upstream=emptied_engine.url) as engine:
        emptied_engine.run(["sh", "-c", "echo first; sleep 1; echo second"], name="seen")
        engine.containers()
        list(engine.follow("seen"))
    panel = opskit.widgets.cassette(path)
    yield panel
    panel.close()


def choose(panel: Cassette, words: str) -> None:
    panel._search.value = words
    panel._exchanges.value = panel.frame["number"].iloc[0]


def test_an_exchange_is_found_and_read(panel: Cassette) -> None:
    choose(panel, "containers/json")
    assert panel.exchange is not None
    assert panel.exchange.request.method == "GET"
    assert "seen" in panel._detail.value
    assert "/containers/json" in panel._repr_mimebundle_()["text/html"]


def test_a_stream_plays_again_in_time(panel: Cassette) -> None:
    choose(panel, "logs")
    panel._detail.value = ""
    panel._play.click()
    until(lambda: "first" in panel._detail.value)
    assert "second" not in panel._detail.value
    until(lambda: "second" in panel._detail.value)


def test_it_is_served_as_an_engine_and_the_socket_goes_with_it(panel: Cassette) -> None:
    panel._serve.value = True
    assert panel._served is not None
    address = panel._served.address
    assert str(address) in panel._address.value
    with opskit.connect(address) as engine:
        assert "seen" in set(engine.containers()["name"])
    panel._pace.value = "instant"
    with opskit.connect(panel._served.address) as engine:
        assert "seen" in set(engine.containers()["name"])
    path = str(panel._served.address).removeprefix("unix://")
    panel.close()
    assert not Path(path).exists()
