"""JupyterLab in a real browser: every notebook runs, every panel does what it says.

``OPSKIT_LAB_PYTHON`` names the Python of another environment with opskit in it, whose JupyterLab
and kernel are tried instead: an older one, Binder's.
"""

from __future__ import annotations

import os
import re
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
from .lab_panels import ContainersOnPage, exists, facts, state
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
        home, python = tmp_path_factory.mktemp("jupyter"), os.environ.get("OPSKIT_LAB_PYTHON")
        with (
            chromium() as browser,
            lab_server(folder, home, python=[python] if python else (), env=env) as address,
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


@pytest.mark.live
def test_the_runbooks_action_is_taken_after_a_yes(
    lab: LabPage, folder: Path, emptied_engine: PrivateEngine
) -> None:
    """On an engine: what the button does is in no cassette."""
    emptied_engine.run("false", name="failing", RestartPolicy={"Name": "always"})
    text = (folder / "06-runbook.ipynb").read_text()
    assert "address = None" in text
    live = text.replace("address = None", f"address = '{emptied_engine.url}'")
    (folder / "06-live.ipynb").write_text(live)
    lab.open("06-live.ipynb")
    lab.run_all()
    assert lab.failures() == []
    lab.find("button").filter(has_text=re.compile("^Stop it$")).click()
    assert state(emptied_engine, "failing") in ("running", "restarting")
    lab.find("button").filter(has_text="Yes, stop it").click()
    says(lab, ".widget-html", "stopped: exited")
    assert state(emptied_engine, "failing") == "exited"
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
    """Open a panel on an engine, in a notebook of its own; cell 1 shows it, more may follow."""

    def show(name: str, engine: PrivateEngine, *more: str) -> None:
        connect = f"import opskit\nengine = opskit.connect({engine.url!r}, timeout=5)"
        notebook(folder / f"{name}.ipynb", connect, f"panel = {PANELS[name]}\npanel", *more)
        lab.open(f"{name}.ipynb")
        lab.run_all()
        assert lab.failures() == []
        lab.find(".opskit-panel").first.wait_for()

    yield show
    lab.close()


def says(lab: LabPage, css: str, text: str) -> None:
    """Wait until what a selector finds shows a text."""
    lab.find(css).filter(has_text=text).first.wait_for()


@pytest.mark.live
def test_the_containers_panel_does_to_the_engine_what_its_buttons_say(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    engine = emptied_engine
    for name in ("web", "db", "cache"):
        engine.run(["sh", "-c", f"echo this is {name}; sleep 100000"], name=name)
    show("containers", engine)
    panel = ContainersOnPage(lab, engine, lab.find(".opskit-containers"))
    panel.press("stop", "web", "db")
    panel.become("exited", "web", "db")
    panel.says("stop")
    lab.shot("panel-containers")
    panel.press("start", "web", "db")
    panel.become("running", "web", "db")
    panel.press("pause", "web", "cache")
    panel.become("paused", "web", "cache")
    panel.press("unpause", "web", "cache")
    panel.become("running", "web", "cache")
    before = facts(engine, "web")["State"]["StartedAt"]
    panel.press("restart", "web")
    eventually(lambda: facts(engine, "web")["State"]["StartedAt"] > before)
    panel.become("running", "web")
    panel.press("kill", "web", sure=False)
    assert state(engine, "web") == "running"
    panel.press("kill", "web", sure=True)
    panel.become("exited", "web")
    assert facts(engine, "web")["State"]["ExitCode"] == 137
    panel.press("remove", "cache", "db", sure=False)
    assert state(engine, "db") == state(engine, "cache") == "running"
    panel.press("remove", "cache", "db", sure=True)
    eventually(lambda: not exists(engine, "db") and not exists(engine, "cache"))
    panel.rows.locator("option", has_text="db").wait_for(state="detached")
    assert lab.failures() == []


@pytest.mark.live
def test_the_containers_panel_runs_shows_and_renames_one(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    engine = emptied_engine
    engine.run(["sh", "-c", "echo this is db; sleep 100000"], name="db")
    engine.run(name="cache")
    read_only = f"opskit.widgets.containers(opskit.connect({engine.url!r}, read_only=True))"
    show("containers", engine, read_only)
    panel = ContainersOnPage(lab, engine, lab.find(".opskit-containers").first)
    panel.word.fill("sh -c 'echo made here | tee /made'")
    panel.press("exec", "db")
    panel.says("made here")
    assert {"Path": "/made", "Kind": 1} in engine.api("GET", "/containers/db/changes")
    panel.press("inspect", "db")
    panel.says("HostConfig")
    panel.press("logs", "db")
    panel.says("this is db")
    panel.word.fill("cache")
    panel.press("rename", "db")
    says(lab, ".opskit-status [role=alert]", "Conflict")  # the engine's own word, in the panel
    panel.word.fill("store")
    panel.press("rename", "db")
    eventually(lambda: exists(engine, "store") and not exists(engine, "db"))
    panel.shows("store")
    watching = lab.find(".opskit-containers").nth(1)
    assert watching.locator(".opskit-do-inspect").is_visible()
    assert watching.locator("button[class*=opskit-do-]").count() == 2  # the other one is logs
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
    words = lab.find(".opskit-search input")
    words.fill("nothing has this name")
    lab.find(".opskit-feed").filter(has_text="exit code 3").wait_for(state="detached")
    words.fill("")
    says(lab, ".opskit-feed", "exit code 3")
    lab.find(".opskit-pause").click()
    says(lab, ".opskit-status", "held still")
    fresh_engine.run(name="meanwhile")
    eventually(lambda: "meanwhile" in lab.evaluate("list(panel.frame['name'])"))
    lab.page.wait_for_timeout(500)  # two readings
    assert "meanwhile" not in (lab.find(".opskit-feed").text_content() or "")
    lab.find(".opskit-pause").click()
    says(lab, ".opskit-feed", "meanwhile")
    fresh_engine.kill()
    says(lab, ".opskit-status", "does not answer")
    fresh_engine.start()
    says(lab, ".opskit-feed", "events may be missing")
    fresh_engine.run(name="afterwards")
    says(lab, ".opskit-feed", "afterwards")
    says(lab, ".opskit-status", "live")
    assert lab.failures() == []


@pytest.mark.live
def test_the_explorer_looks_at_once_and_asks_before_it_changes_something(
    lab: LabPage, show: Callable[..., None], emptied_engine: PrivateEngine
) -> None:
    def volumes() -> list[str]:
        return [one["Name"] for one in emptied_engine.api("GET", "/volumes")["Volumes"] or ()]

    emptied_engine.run(name="web")
    show("explorer", emptied_engine)
    body, send = lab.find(".opskit-body textarea"), lab.find(".opskit-submit")
    body.fill('{"Name": "explored"')
    says(lab, ".opskit-calls", "not JSON")
    send.click()
    says(lab, ".opskit-status [role=alert]", "not JSON")
    body.fill('{"Name": "explored"}')
    says(lab, ".opskit-calls", "docker volume create")
    send.click()
    says(lab, ".opskit-confirm", "changes the engine. Send it?")
    assert volumes() == []
    lab.find(".opskit-yes").click()
    says(lab, ".opskit-result", "201")
    assert volumes() == ["explored"]
    lab.shot("panel-explorer")
    lab.find(".opskit-search input").fill("/containers/{id}/top")
    says(lab, ".opskit-calls", "id is required")
    lab.find(".opskit-form input").first.fill("web")
    says(lab, ".opskit-calls", "docker top web")
    send.click()
    says(lab, ".opskit-result", "200")
    says(lab, ".opskit-result", "sleep")
    lab.find(".opskit-result summary").filter(has_text="as a DataFrame").click()
    lab.find(".opskit-result td").filter(has_text="sleep 100000").first.wait_for()
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
    lab.find(".opskit-search input").fill("/line [02]$/")
    lab.find(".opskit-text").filter(has_text="line 8").wait_for(state="detached")
    assert lab.find(".opskit-text time").count() == 2
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
    show("containers", emptied_engine, "opskit.widgets.stats(engine)")
    lab.save()
    convert_env = {**os.environ, **beside_the_package()}
    convert = (sys.executable, "-m", "nbconvert", "--to", "html", "containers.ipynb")
    subprocess.run(convert, cwd=folder, env=convert_env, check=True, capture_output=True)
    page = lab.browser.new_page()
    page.goto((folder / "containers.html").as_uri(), wait_until="domcontentloaded")
    page.locator("td", has_text="web").first.wait_for()
    page.get_by_role("img", name="Charts of 1 container over 5m").wait_for()
    assert page.locator("td", has_text="web").count() == 2
    page.close()
