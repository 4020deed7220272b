"""The stats panel: charts that move, figures of the highest, and nothing left when it is closed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pytest

import opskit
from opskit.engine import Engine
from opskit.widgets.kernel import giving_way
from opskit.widgets.stats_panel import Stats

from .engines import PrivateEngine
from .panels import find, threads, until
from .test_stats_plots import series

pytestmark = pytest.mark.live


@pytest.fixture
def panel(emptied_engine: PrivateEngine, live_engine: Engine) -> Iterator[Stats]:
    emptied_engine.run(["sh", "-c", "while :; do :; done"], name="busy", CpuQuota=20000)
    emptied_engine.run(name="idle")
    panel = opskit.widgets.stats(live_engine, live=False)
    yield panel
    panel.close()
    until(lambda: not threads("opskit-stats"))
    until(lambda: not threads("opskit-sampler"))


def test_a_refresh_paints_once_and_keeps_nothing_open(panel: Stats) -> None:
    panel.refresh()
    assert bytes(panel._image.value[:4]) == b"\x89PNG"
    assert panel._table.value.index("busy") < panel._table.value.index("idle")
    assert panel._image.tooltip.startswith("Charts of 2 containers over 5m; highest CPU: busy")
    assert '<img alt="Charts of 2 containers' in panel._repr_mimebundle_()["text/html"]
    until(lambda: not threads("opskit-sampler"))


def test_the_refresh_button_keeps_nothing_open_either(panel: Stats) -> None:
    find(panel, "opskit-refresh").click()
    until(lambda: "busy" in panel._table.value)
    until(lambda: not threads("opskit-sampler"))


def test_a_live_panel_moves_and_takes_new_containers_in(
    panel: Stats, emptied_engine: PrivateEngine
) -> None:
    panel.start()
    until(lambda: panel.readings >= 2)
    before = panel._image.value
    emptied_engine.run(name="newcomer")
    until(lambda: "newcomer" in panel._table.value)
    until(lambda: panel._image.value != before)
    assert len(threads("opskit-sampler")) == 1
    panel._window.value = "1m"
    panel._kind.value = "heat map"
    readings = panel.readings
    until(lambda: panel.readings >= readings + 2)
    assert len(threads("opskit-sampler")) == 1
    panel.stop()
    until(lambda: not threads("opskit-sampler"))


def test_a_lost_engine_is_told_and_the_panel_goes_on(fresh_engine: PrivateEngine) -> None:
    fresh_engine.run(name="lasting")
    with opskit.connect(fresh_engine.url, timeout=2) as engine:
        panel = opskit.widgets.stats(engine)
        until(lambda: "lasting" in panel._table.value)
        fresh_engine.kill()
        until(lambda: "does not answer" in panel._status.value)
        fresh_engine.start()
        until(lambda: panel._sampler is not None and len(panel._sampler.gaps) == 1)
        until(lambda: panel._sampler.warm)
        until(lambda: ">live<" in panel._status.value)
        panel.close()


def test_a_long_life_takes_no_more_memory(live_engine: Engine) -> None:
    """Picture after picture of 50 containers, as fast as they are drawn."""
    panel = opskit.widgets.stats(live_engine, live=False)
    moment, whole = series(50, 1), series(50, 20)
    gaps = moment.head(0).assign(end=None)
    panel._sampler = SimpleNamespace(  # type: ignore[assignment]
        latest=lambda: moment, frame=lambda: whole, gaps=gaps, close=lambda: None
    )

    def live_on(readings: int) -> int:
        for _ in range(readings):
            panel.paint(panel.read())
        gc.collect()
        return psutil.Process().memory_info().rss

    early = live_on(10)  # figures are cycles: some pile up before they are collected
    late = live_on(10)
    panel.close()
    assert late < 1.05 * early


def test_the_kernel_comes_in_more_often_while_panels_compute() -> None:
    usual = sys.getswitchinterval()
    with giving_way():
        with giving_way():
            assert sys.getswitchinterval() < usual
        assert sys.getswitchinterval() < usual  # the other one computes still
    assert sys.getswitchinterval() == usual
