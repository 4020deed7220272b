"""``opskit lab``: JupyterLab on the notebooks, and the cassette in place of a missing engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from jupyter_client import BlockingKernelClient

import opskit
from opskit import lab
from opskit.errors import EngineNotFound

OPSKIT = (sys.executable, "-m", "opskit")


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A folder of cassettes, as the entry names it."""
    for name in ("00-start-here", "01-endpoint-exploration", "shop"):
        (tmp_path / f"{name}.yaml").touch()
    monkeypatch.setenv(lab.CASSETTES, str(tmp_path))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("notebook", "cassette"),
    [
        ("/home/me/01-endpoint-exploration.ipynb", "01-endpoint-exploration.yaml"),
        ("/home/me/01-endpoint-exploration-Copy1.ipynb", "01-endpoint-exploration.yaml"),
        ("/home/me/Untitled.ipynb", "shop.yaml"),
    ],
)
def test_a_notebook_has_the_cassette_of_its_name(recorded, monkeypatch, notebook, cassette):
    monkeypatch.setenv("JPY_SESSION_NAME", notebook)
    assert lab.notebook_cassette() == recorded / cassette


def test_a_script_never_gets_recorded_data(recorded):
    assert lab.notebook_cassette() is None  # a terminal of the same JupyterLab: no notebook
    with pytest.raises(EngineNotFound):
        opskit.connect()


def test_a_notebook_outside_the_entry_gets_no_recorded_data(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/01-endpoint-exploration.ipynb")
    with pytest.raises(EngineNotFound):
        opskit.connect()


def test_an_address_that_was_asked_for_is_never_replaced(recorded, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/00-start-here.ipynb")
    with pytest.raises(EngineNotFound):
        opskit.connect("unix:///nonexistent/docker.sock")


def test_shell_commands_follow_the_stand_in_and_come_back(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///dead.sock")
    lab.stand_in("unix:///one.sock")
    lab.stand_in("unix:///two.sock")
    assert os.environ["DOCKER_HOST"] == "unix:///two.sock"
    lab.step_aside()
    assert os.environ["DOCKER_HOST"] == "unix:///dead.sock"


def test_says_how_to_get_jupyterlab(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    failed = CliRunner().invoke(lab.lab)
    assert "pip install 'opskit[lab]'" in str(failed.exception)


def test_an_installed_opskit_works_on_a_copy(tmp_path, monkeypatch):
    installed = tmp_path / "share"
    for name in ("notebooks/01-a.ipynb", "notebooks/02-b.ipynb", "cassettes/01-a.yaml"):
        (installed / name).parent.mkdir(parents=True, exist_ok=True)
        (installed / name).write_text("new")
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "opskit-lab"
    (mine / "notebooks").mkdir(parents=True)
    (mine / "notebooks/01-a.ipynb").write_text("my notes")
    assert lab._working_copy(installed) == mine
    texts = [path.read_text() for path in sorted((mine / "notebooks").iterdir())]
    assert texts == ["my notes", "new"]
    assert (mine / "cassettes/01-a.yaml").read_text() == "new"


def test_every_cassette_is_installed_with_the_notebooks():
    """The wheel brings what the notebooks open: no file of cassettes/ is left out."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    brought = {
        path
        for target, patterns in project["tool"]["setuptools"]["data-files"].items()
        for pattern in patterns
        for path in Path().glob(pattern)
        if target == f"share/opskit/{path.parent}"
    }
    assert {path for path in Path("cassettes").rglob("*") if path.is_file()} <= brought


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """``opskit lab`` on a machine with no engine."""
    home = tmp_path_factory.mktemp("home")
    env = {**os.environ, "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    env |= {"JUPYTER_CONFIG_DIR": str(home), "IPYTHONDIR": str(home)}
    command = (*OPSKIT, "lab", "--no-browser", "--", "--ServerApp.token=t")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        said = ""
        while not (found := re.search(r"(http://[\w.]+:\d+)/lab", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        drained = threading.Thread(target=process.stderr.read, daemon=True)
        drained.start()
        yield Server(found[1], said, home / "runtime")
        process.terminate()
        drained.join(30)


class Server(NamedTuple):
    url: str
    said: str
    runtime: Path

    def ask(self, path: str, body: object = None) -> Any:
        """One call of Jupyter's API, asked again while the server is still starting."""
        data = None if body is None else json.dumps(body).encode()
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"{self.url}{path}?token=t", data, timeout=30) as got:
                    return json.load(got)
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionRefusedError):
                    raise
                time.sleep(0.05)
        raise AssertionError(f"{self.url} does not answer")


def test_serves_the_notebooks(server):
    assert "engine:    recorded ones, for" in server.said
    names = {entry["name"] for entry in server.ask("/api/contents")["content"]}
    assert names >= {path.name for path in Path("notebooks").glob("*.ipynb")}
    assert "00-start-here.ipynb" in names


def test_a_notebook_opened_there_replays_its_cassette(server):
    name = "00-start-here.ipynb"
    session = {"path": name, "name": name, "type": "notebook"}
    kernel = server.ask("/api/sessions", {**session, "kernel": {"name": "python3"}})["kernel"]
    client = BlockingKernelClient(
        connection_file=str(server.runtime / f"kernel-{kernel['id']}.json")
    )
    client.load_connection_file()
    client.start_channels(hb=False)  # a heartbeat missed on a busy machine is no dead kernel
    try:
        client.wait_for_ready(timeout=60)
        printed: list[str] = []
        client.execute_interactive(
            "import opskit; print(opskit.connect())",
            timeout=60,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
    finally:
        client.stop_channels()
    assert "".join(printed).startswith("<Engine replaying 00-start-here.yaml")
