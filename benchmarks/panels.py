"""Panels in JupyterLab in a browser: from a click to the wire, and a kernel that goes on answering.

The engine is simulated, 200 containers in its answers; so are the samples of the stats panel.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from benchmarks.harness import Bench
from tests.lab_browser import BrowserMissing, LabPage, chromium, lab_server, notebook
from tests.notebooks import CASSETTES, NOTEBOOKS, notebook_env
from tests.wires import Bare, WireEngine

__all__ = ["run"]

CONTAINERS = 200
CLICKS = 40
SECONDS = 20

CONNECT = """
import opskit
engine = opskit.connect({address!r})
"""
STATS = """
from types import SimpleNamespace
import pandas
from tests.test_stats_plots import series
panel = opskit.widgets.stats(engine, live=False)
moment, whole = series({count}, 1), series({count}, 300)
def frame():
    return whole.assign(time=whole["time"] + pandas.Timedelta(panel.readings, "s"))
panel.release = lambda: None
panel._sampler = SimpleNamespace(
    latest=lambda: moment, frame=frame, gaps=moment.head(0).assign(end=None), close=print
)
panel._kind.value = {kind!r}
panel.start()
panel
"""
CLICK = """() => {
    const button = [...document.querySelectorAll('.opskit-do-pause')].pop();
    button.click();
    return Date.now();
}"""
ONE_AND_ONE = """async () => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const begun = performance.now();
    await kernel.requestExecute({ code: '1+1' }).done;
    return performance.now() - begun;
}"""


class Asked:
    """An engine of many containers that notes when it was asked to change something."""

    def __init__(self) -> None:
        self.changes: list[float] = []
        listed = [_container(number) for number in range(CONTAINERS)]
        version = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"}
        self.answers = {
            b"/version": orjson.dumps(version),
            b"/containers/json": orjson.dumps(listed),
        }

    def __call__(self, connection: Bare) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                head = connection.until(b"\r\n\r\n")
                if not head.startswith(b"GET"):
                    self.changes.append(time.time())
                    connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")
                    continue
                path = head.split(b" ", 2)[1].partition(b"?")[0]
                body = next((b for p, b in self.answers.items() if path.endswith(p)), b"{}")
                kind = b"Content-Type: application/json\r\nApi-Version: 1.41\r\n"
                length = b"Content-Length: %d\r\n\r\n" % len(body)
                connection.send(b"HTTP/1.1 200 OK\r\n" + kind + length + body)


def _container(number: int) -> dict[str, object]:
    return {
        "Id": f"{number:064x}",
        "Names": [f"/service-{number:03}"],
        "Image": "registry.local/service:1.4",
        "ImageID": f"sha256:{0:064x}",
        "Command": "serve --all",
        "Created": 1_790_000_000 + number,
        "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8000 + number, "Type": "tcp"}],
        "Labels": {"com.docker.compose.project": "fleet"},
        "State": "running",
        "Status": "Up 3 hours (healthy)",
        "HostConfig": {"NetworkMode": "default"},
        "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}},
        "Mounts": [],
    }


def run(bench: Bench) -> None:
    """Print the tables."""
    folder = Path(tempfile.mkdtemp())
    try:
        with _lab(folder) as lab:
            first_table(bench, lab)
            with WireEngine(folder, asked := Asked()) as engine:
                connect = CONNECT.format(address=f"unix://{engine.path}")
                clicks(bench, lab, folder, connect, asked)
                responsive(bench, lab, folder, connect)
    except BrowserMissing as missing:
        print(f"{missing}: nothing measured\n", file=sys.stderr)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _lab(folder: Path) -> Iterator[LabPage]:
    notebooks, home = folder / "notebooks", folder / "jupyter"
    (folder / "cassettes").symlink_to(CASSETTES)
    notebooks.mkdir()
    shutil.copy(NOTEBOOKS[0], notebooks)
    env = {**notebook_env(notebooks), "PYTHONPATH": str(CASSETTES.parent)}
    env.pop("OPSKIT_NOTEBOOK")
    with chromium() as browser, lab_server(notebooks, home, env=env) as address:
        yield LabPage(browser, address)


def first_table(bench: Bench, lab: LabPage) -> None:
    """From a kernel that is ready to the first table of the first notebook."""
    times = []
    for _ in range(3):
        lab.open(NOTEBOOKS[0].name)
        lab.command("notebook:clear-all-cell-outputs")
        lab.find(".jp-OutputArea-output table").first.wait_for(state="detached")
        begun = time.perf_counter()
        lab.command("notebook:run-all-cells")
        lab.find(".jp-OutputArea-output table").first.wait_for()
        times.append(time.perf_counter() - begun)
        lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.revert()")
        lab.end_kernel()
        lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.dispose()")
    row = (f"{statistics.median(times):.2f}", f"{max(times):.2f}", bench.wanted(3, max(times)))
    bench.table("Seconds from a ready kernel to the first table", ("median", "most", ""), [row])


def clicks(bench: Bench, lab: LabPage, folder: Path, connect: str, asked: Asked) -> None:
    """From a click in the containers panel to its request at the engine's socket."""
    panel = "panel = opskit.widgets.containers(engine)\npanel"
    notebook(folder / "notebooks/clicks.ipynb", connect, panel)
    lab.open("clicks.ipynb")
    lab.run_all()
    lab.find(".opskit-rows select").select_option(index=[7])
    lab.find(".opskit-do-pause").wait_for()
    times = []
    for _ in range(CLICKS):
        before = len(asked.changes)
        begun = lab.page.evaluate(CLICK) / 1000
        deadline = time.monotonic() + 10
        while len(asked.changes) == before and time.monotonic() < deadline:
            lab.page.wait_for_timeout(5)
        times.append((asked.changes[before] - begun) * 1000)
        lab.page.wait_for_timeout(150)
    assert lab.failures() == []
    lab.close()
    middle, high = statistics.median(times), sorted(times)[int(0.9 * CLICKS)]
    row = (f"{middle:.0f}", f"{high:.0f}", bench.wanted(50, middle))
    title = f"Milliseconds from a click to the engine's socket ({CLICKS} clicks)"
    bench.table(title, ("median", "p90", ""), [row])


def responsive(bench: Bench, lab: LabPage, folder: Path, connect: str) -> None:
    """How long ``1+1`` takes beside a live panel, and whether that keeps its pace."""
    cases = {"no panel": "panel = None", "containers": CONTAINERS_LIVE}
    for count, kind in ((50, "all together"), (200, "all together"), (200, "one for each")):
        cases[f"stats of {count}, {kind}"] = STATS.format(count=count, kind=kind)
    rows = []
    for name, code in cases.items():
        notebook(folder / "notebooks/busy.ipynb", connect, code)
        lab.open("busy.ipynb")
        lab.run_all()
        lab.page.wait_for_timeout(3000)
        readings = _readings(lab)
        begun, times = time.perf_counter(), list[float]()
        while time.perf_counter() < begun + SECONDS:
            times.append(lab.page.evaluate(ONE_AND_ONE))
            lab.page.wait_for_timeout(100)
        paints = (_readings(lab) - readings) / (time.perf_counter() - begun)
        times.sort()
        high = times[int(0.95 * len(times))]
        rows.append(
            (name, f"{statistics.median(times):.0f}", f"{high:.0f}", f"{times[-1]:.0f}",
             f"{paints:.2f}", bench.wanted(200, high))
        )  # fmt: skip
        assert lab.failures() == []
        lab.close()
    title = f"Milliseconds of 1+1 beside a live panel of {CONTAINERS} containers, every second"
    bench.table(title, ("", "median", "p95", "most", "repaints per second", "p95"), rows)


CONTAINERS_LIVE = """
panel = opskit.widgets.containers(engine, interval=1)
panel._details.value = True
panel.start()
panel
"""


def _readings(lab: LabPage) -> int:
    return int(lab.evaluate("getattr(panel, 'readings', 0)"))
