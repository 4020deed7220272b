"""JupyterLab in a real browser: every notebook runs, every panel does what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import REQUIRED
from .engines import PrivateEngine
from .lab_browser import (
    BrowserMissing,
    LabPage,
    beside_the_package,
    chromium,
    lab_server,
    notebook,
)
from .notebooks import CASSETTES, NOTEBOOKS, notebook_env
from .waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What JupyterLab shows: copies of the notebooks, and those that the tests write."""
    clone = tmp_path_factory.mktemp("clone")
    (clone / "cassettes").symlink_to(CASSETTES)
    folder = clone / "notebooks"
    folder.mkdir()
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    """JupyterLab where no engine runs, in a browser."""
    shots = os.environ.get("OPSKIT_SCREENSHOTS")
    env = notebook_env(folder)
    env.pop("OPSKIT_NOTEBOOK")  # the server tells a kernel its notebook
    try:
        with (
            chromium() as browser,
            lab_server(folder, tmp_path_factory.mktemp("jupyter"), env=env) as address,
        ):
            yield LabPage(browser, address, Path(shots) if shots else None)
    except BrowserMissing as missing:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{missing}, and {REQUIRED}=1 forbids to skip")
        pytest.skip(str(missing))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_cassette(lab: LabPage, path: Path) -> None:
    lab.open(path.name)
    lab.run_all()
    lab.shot(path.stem)
    assert lab.failures() == []
    lab.close()


PANELS = {
    "containers": "opskit.widgets.containers(engine, interval=0.5)",
    "stats": "opskit.widgets.stats(engine, window='1m')",
    "events": "opskit.widgets.events(engine, window='1m')",
    "explorer": "opskit.widgets.explorer(engine, search='create volume')",
    "logs": "opskit.widgets.logs(engine, 'web')",
    "cassette": f"opskit.widgets.cassette({str(CASSETTES / 'shop.yaml')!r})",
}


@pytest.fixture
def show(lab: LabPage, folder: Path) -> Iterator[Callable[[str, PrivateEngine], None]]:
    """Open a panel on an engine, in a notebook of its own; cell 1 shows it."""

    def show(name: str, engine: PrivateEngine) -> None:
        connect = f"import opskit\nengine = opskit.connect({engine.url!r}, timeout=5)"
        notebook(folder / f"{name}.ipynb", connect, f"panel = {PANELS[name]}\npanel")
        lab.open(f"{name}.ipynb")
        lab.run_all()
        lab.find(".opskit-panel").wait_for()

    yield show
    lab.close()


def state(engine: PrivateEngine, name: str) -> str:
    return str(engine.api("GET", f"/containers/{name}/json")["State"]["Status"])


def says(lab: LabPage, css: str, text: str) -> None:
    """Wait until what a selector finds shows a text."""
    lab.find(css).filter(has_text=text).first.wait_for()


@pytest.mark.live
def test_the_containers_panel_does_to_the_engine_what_its_buttons_say(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    emptied_engine.run(name="web")
    emptied_engine.run(name="db")
    show("containers", emptied_engine)
    rows = lab.find(".opskit-rows select")
    rows.select_option(index=[0, 1])
    lab.find(".opskit-do-stop").click()
    eventually(lambda: state(emptied_engine, "web") == state(emptied_engine, "db") == "exited")
    says(lab, ".opskit-rows option", "exited")
    says(lab, ".opskit-result", "stop")
    lab.shot("panel-containers")
    lab.find(".opskit-do-start").click()
    eventually(lambda: state(emptied_engine, "web") == "running")
    rows.select_option(index=[0])
    lab.find(".opskit-do-remove").click()
    says(lab, ".opskit-confirm", "Remove db?")
    lab.page.keyboard.press("Enter")  # Cancel has the focus
    lab.find(".opskit-yes").wait_for(state="detached")
    assert state(emptied_engine, "db") == "running"
    lab.find(".opskit-do-remove").click()
    lab.find(".opskit-yes").click()
    eventually(
        lambda: [c["Names"] for c in emptied_engine.api("GET", "/containers/json")] == [["/web"]]
    )
    assert lab.failures() == []


@pytest.mark.live
def test_a_cell_run_ten_times_leaves_one_reader_and_what_was_chosen(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    emptied_engine.run(name="web")
    show("containers", emptied_engine)
    lab.find(".opskit-live").click()
    says(lab, ".opskit-status", "live")
    for _ in range(10):
        lab.run(1)
    says(lab, ".opskit-status", "live")
    emptied_engine.run(name="late")
    says(lab, ".opskit-rows option", "late")
    count = "sum(t.name == 'opskit-containers' for t in __import__('threading').enumerate())"
    assert lab.evaluate(count) == "1"
    assert lab.failures() == []


@pytest.mark.live
def test_the_stats_panel_moves(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    emptied_engine.run(["sh", "-c", "while :; do :; done"], name="web", CpuQuota=20000)
    show("stats", emptied_engine)
    says(lab, ".opskit-table", "web")
    picture = lab.find(".opskit-image")
    before = picture.get_attribute("src")
    eventually(lambda: picture.get_attribute("src") != before, seconds=5)
    lab.shot("panel-stats")
    assert lab.failures() == []


@pytest.mark.live
def test_the_events_panel_outlives_its_engine(
    lab: LabPage, show: Callable[..., None], fresh_engine: PrivateEngine
) -> None:
    show("events", fresh_engine)
    fresh_engine.run(["sh", "-c", "exit 3"], name="failing")
    says(lab, ".opskit-feed", "exit code 3")
    lab.find(".opskit-image").wait_for()
    lab.shot("panel-events")
    fresh_engine.kill()
    says(lab, ".opskit-status", "does not answer")
    fresh_engine.start()
    says(lab, ".opskit-feed", "events may be missing")
    fresh_engine.run(name="afterwards")
    says(lab, ".opskit-feed", "afterwards")
    says(lab, ".opskit-status", "live")
    assert lab.failures() == []


@pytest.mark.live
def test_the_explorer_sends_a_call_that_was_filled_in(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    show("explorer", emptied_engine)
    lab.find(".opskit-body textarea").fill('{"Name": "explored"}')
    says(lab, ".opskit-calls", "docker volume create")
    lab.find(".opskit-submit").click()
    lab.find(".opskit-yes").click()
    says(lab, ".opskit-result", "201")
    assert "explored" in str(emptied_engine.api("GET", "/volumes"))
    lab.shot("panel-explorer")
    assert lab.failures() == []


@pytest.mark.live
def test_the_log_panel_follows(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    talk = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.5; done"
    emptied_engine.run(["sh", "-c", talk], name="web")
    show("logs", emptied_engine)
    lab.find(".opskit-live").click()
    says(lab, ".opskit-text", "line 8")
    lab.shot("panel-logs")
    assert lab.failures() == []


@pytest.mark.live
def test_the_cassette_panel_serves_until_the_kernel_ends(
    lab: LabPage, show: Callable[..., None], private_engine: PrivateEngine
) -> None:
    show("cassette", private_engine)
    lab.find(".opskit-exchanges select").select_option(index=1)
    says(lab, ".opskit-detail", "/version")
    lab.find(".opskit-serve").click()
    says(lab, ".opskit-address", "DOCKER_HOST=")
    told = lab.find(".opskit-address").text_content() or ""
    socket = Path(told.partition("unix://")[2].strip())
    assert socket.is_socket()
    lab.shot("panel-cassette")
    assert lab.failures() == []
    lab.end_kernel()
    eventually(lambda: not socket.exists())


@pytest.mark.live
def test_a_cleared_output_leaves_the_engine_alone(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    show("containers", emptied_engine)
    lab.find(".opskit-live").click()
    says(lab, ".opskit-status", "live")
    eventually(lambda: lab.evaluate("panel.readings > 2") == "True")
    lab.command("notebook:clear-all-cell-outputs")
    eventually(lambda: lab.evaluate("panel._view_count") == "0")
    lab.page.wait_for_timeout(1500)
    before = lab.evaluate("panel.readings")
    lab.page.wait_for_timeout(2000)
    assert lab.evaluate("panel.readings") == before
    lab.run(1)
    emptied_engine.run(name="late")
    says(lab, ".opskit-rows option", "late")
    assert lab.failures() == []


@pytest.mark.live
def test_an_exported_page_shows_a_table(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine, folder: Path
) -> None:
    emptied_engine.run(name="web")
    show("containers", emptied_engine)
    lab.save()
    convert_env = {**os.environ, **beside_the_package()}
    convert = (sys.executable, "-m", "nbconvert", "--to", "html", "containers.ipynb")
    subprocess.run(convert, cwd=folder, env=convert_env, check=True, capture_output=True)
    page = lab.browser.new_page()
    page.goto((folder / "containers.html").as_uri(), wait_until="domcontentloaded")
    page.locator("td", has_text="web").first.wait_for()
    page.close()
