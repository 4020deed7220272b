"""``opskit lab``: JupyterLab on the notebooks, and the cassette in place of a missing engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

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
    installed.mkdir()
    (installed / "01-a.ipynb").write_text("new")
    (installed / "02-b.ipynb").write_text("new")
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "opskit-notebooks"
    mine.mkdir()
    (mine / "01-a.ipynb").write_text("my notes")
    assert lab._working_copy(installed) == mine
    assert [path.read_text() for path in sorted(mine.iterdir())] == ["my notes", "new"]


def test_serves_the_notebooks(tmp_path):
    with subprocess.Popen(
        (*OPSKIT, "lab", "--no-browser", "--", "--ServerApp.token=t"),
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "HOME": str(tmp_path)},
    ) as server:
        try:
            said = ""
            while not (found := re.search(r"http://[\w.]+:\d+/lab", said)):
                line = server.stderr.readline()
                assert line, said
                said += line
            assert "engine:    recorded ones, for" in said
            url = found[0].replace("/lab", "/api/contents?token=t")
            listed = json.loads(_get(url))["content"]
        finally:
            server.terminate()
            server.stderr.read()
    names = {entry["name"] for entry in listed}
    assert names >= {path.name for path in Path("notebooks").glob("*.ipynb")}
    assert "00-start-here.ipynb" in names


def _get(url: str) -> bytes:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")
