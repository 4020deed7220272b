"""The picture of what takes an engine's disk."""

from __future__ import annotations

import pytest

from opskit import plot
from opskit.frames.disk import disk_usage
from opskit.plot.canvas import size_text

MIB = 1 << 20
USAGE = {
    "LayersSize": 900 * MIB,
    "Images": [
        {"Id": f"sha256:{n:064x}", "RepoTags": [f"app:{n}"], "Size": (n + 1) * 10 * MIB,
         "SharedSize": 5 * MIB, "Containers": n % 2}
        for n in range(20)
    ],
    "Containers": [{"Id": "c" * 64, "Names": ["/web"], "SizeRw": 300 * MIB, "State": "running"}],
    "Volumes": [{"Name": "f" * 64, "UsageData": {"Size": 250 * MIB, "RefCount": 0}},
                {"Name": "empty", "UsageData": {"Size": 0, "RefCount": 0}}],
}  # fmt: skip


def labels(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def test_the_largest_first_and_the_rest_as_one():
    axes = plot.disk_usage(disk_usage(USAGE), n=5)
    assert labels(axes) == ["web", "f" * 12, "app:19", "app:18", "app:17", "17 others"]
    widths = [bar.get_width() / MIB for bar in axes.patches[:5]]
    assert widths == [300, 250, 200, 190, 180]
    back = [bar.get_width() / MIB for bar in axes.patches[5:10]]
    assert back == [0, 250, 0, 185, 0]  # in use, unused, in use, unused but for shared layers, …
    assert axes.get_title(loc="left").startswith("1.42 GiB in use")
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["image", "container", "volume", "reclaimable"]
    assert axes.figure._repr_png_().startswith(b"\x89PNG")


def test_into_axes_of_ones_own_and_with_nothing_to_show():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert plot.disk_usage(disk_usage(USAGE).head(3), axes) is axes
    empty = plot.disk_usage(disk_usage({}))
    assert empty.texts[0].get_text() == "nothing known"
    assert empty.get_title(loc="left") == "0 B in use, 0 B of it reclaimable"


@pytest.mark.parametrize(
    ("size", "text"),
    [(1000 * MIB, "1000 MiB"), (999.4 * MIB, "999 MiB"), (1.25 * MIB, "1.25 MiB"), (7, "7 B")],
)
def test_sizes_for_people(size, text):
    assert size_text(size) == text
