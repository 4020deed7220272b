"""What a series looks like drawn: with one container, with two hundred, with nothing known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import opskit
from opskit.frames.columns import build
from opskit.frames.stats import COLUMNS

MIB = 2**20


def series(containers: int, samples: int, *, limit: int = 512 * MIB) -> pd.DataFrame:
    who = np.tile(np.arange(containers), samples)
    when = np.repeat(np.arange(samples), containers)
    busy = 10.0 + who + 5 * np.sin(when / 9)
    busy[(who == 0) & (when == samples // 2)] = np.nan
    memory = (120 + who % 50) * MIB + when * 1000
    return build(
        COLUMNS,
        {
            "time": 1_795_000_000 * 10**9 + when * 10**9,
            "name": [f"web-{i:03}" for i in who],
            "id": [f"{i:064x}" for i in who],
            "cpu_percent": busy,
            "memory_bytes": memory,
            "memory_limit_bytes": np.full(len(who), limit),
            "network_rx_bytes_per_second": busy * 1000,
            "network_tx_bytes_per_second": busy * 300,
            "block_read_bytes_per_second": busy * 0,
            "block_write_bytes_per_second": busy * 10,
        },
    )


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def drawn(axes: Any) -> None:
    axes.figure.canvas.draw()


def test_a_few_containers_are_a_line_each_and_the_memory_limit_is_drawn() -> None:
    cpu, memory, _network, _block = opskit.plot.stats(series(3, 60))
    assert labels(cpu)[0].startswith("web-002, peak 17 %")
    assert len(labels(cpu)) == 3
    assert any("limit of web-" in text.get_text() for text in memory.texts)
    assert memory.get_ylim()[1] > 512 * MIB
    drawn(cpu)


def test_two_hundred_containers_are_the_highest_and_a_band_of_the_others() -> None:
    (cpu,) = [opskit.plot.stats(series(200, 30), metrics="cpu")]
    assert labels(cpu)[0].startswith("web-199")
    assert labels(cpu)[-1] == "195 others: median, 5 to 95 %"
    drawn(cpu)


def test_what_is_not_known_breaks_the_line() -> None:
    cpu = opskit.plot.stats(series(1, 21), metrics="cpu")
    assert np.isnan(cpu.lines[0].get_ydata()[10])


def test_what_is_sent_is_drawn_below_the_line() -> None:
    network = opskit.plot.stats(series(1, 21), metrics="network")
    low, high = network.get_ylim()
    assert low < 0 < high


@pytest.mark.parametrize("factor", [0, 1e-3, 1, 1e6])
def test_no_tick_says_what_another_says(factor: float) -> None:
    frame = series(1, 21)
    frame["network_rx_bytes_per_second"] *= factor
    frame["network_tx_bytes_per_second"] *= 0
    network = opskit.plot.stats(frame, metrics="network")
    drawn(network)
    low, high = network.get_ylim()
    ticks = network.yaxis.get_major_ticks()
    told = [tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high]
    assert len(told) == len(set(told)) >= 1


def test_a_long_series_is_drawn_as_its_means_between_low_and_high() -> None:
    cpu = opskit.plot.stats(series(2, 3000), metrics="cpu")
    assert max(len(line.get_xdata()) for line in cpu.lines) <= 500
    assert len(cpu.collections) == 2


def test_small_multiples_show_the_24_highest() -> None:
    panels = opskit.plot.stats(series(30, 10), multiples=True, metrics="memory")
    assert len(panels) == 24
    assert panels[0].get_title(loc="left") == "web-029"
    drawn(panels[0])


def test_figures_take_the_axes_they_are_given() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert opskit.plot.stats(series(2, 5), left, metrics="cpu") is left
    assert opskit.plot.top(series(2, 5), right) is right
    assert opskit.plot.heatmap(series(2, 5), figure.add_subplot()) in figure.axes
    with pytest.raises(ValueError, match="4 metrics need as many Axes"):
        opskit.plot.stats(series(2, 5), left)


def test_a_heat_map_has_a_row_for_each_container_the_busiest_on_top() -> None:
    axes = opskit.plot.heatmap(series(12, 40))
    assert [tick.get_text() for tick in axes.get_yticklabels()][:2] == ["web-011", "web-010"]
    drawn(axes)


def test_bars_are_sorted_and_say_their_values() -> None:
    axes = opskit.plot.top(series(30, 5), by="memory_bytes", n=3)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["web-029", "web-028", "web-027"]
    assert axes.texts[0].get_text() == "149 MiB of 512 MiB"
    drawn(axes)


@pytest.mark.parametrize("draw", [opskit.plot.heatmap, opskit.plot.top])
def test_stats_of_one_moment_can_be_drawn(draw: Any) -> None:
    drawn(draw(series(4, 1)))
    drawn(opskit.plot.stats(series(4, 1))[0])


def test_a_frame_of_nothing_says_so_in_the_figure() -> None:
    nothing = series(1, 5).iloc[:0]
    for axes in (
        *opskit.plot.stats(nothing),
        opskit.plot.heatmap(nothing),
        opskit.plot.top(nothing),
    ):
        assert axes.texts[0].get_text() == "nothing known"
        drawn(axes)


def test_the_figure_shows_itself_in_a_notebook_without_pyplot() -> None:
    figure = opskit.plot.top(series(2, 3)).figure
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_wrong_name_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="no metric 'ram': there are cpu, "):
        opskit.plot.stats(series(1, 2), metrics="ram")
    with pytest.raises(ValueError, match="no column 'cpu'; it has time, name"):
        opskit.plot.top(series(1, 2), by="cpu")


def test_containers_of_one_name_are_told_apart() -> None:
    both = pd.concat([series(1, 5), series(1, 5).assign(id="f" * 64)])
    assert [label.split(",")[0] for label in labels(opskit.plot.stats(both, metrics="cpu"))] == [
        "web-000 (000000)",
        "web-000 (ffffff)",
    ]
