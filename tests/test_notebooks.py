"""The notebooks as files, and run live and headless. nbval runs them from their cassettes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from .notebooks import CASSETTES, NOTEBOOKS, execute, notebook_env
from .shop import open_shop

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def tagged(content, tag: str) -> list:
    return [cell for cell in content.cells if tag in cell.metadata.get("tags", [])]


@notebooks
def test_every_code_cell_is_checked_by_nbval(path):
    content = nbformat.read(path, as_version=4)
    code = [cell for cell in content.cells if cell.cell_type == "code"]
    assert code
    unchecked = {"nbval-ignore-output", "nbval-skip"}
    assert [c.source for c in code if not c.execution_count] == []
    assert [c.source for c in code if unchecked & set(c.metadata.get("tags", []))] == []
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(code) + 1)), "outputs are not of one run from top to bottom"


@notebooks
def test_is_a_lesson_of_the_agreed_form(path):
    content = nbformat.read(path, as_version=4)
    nbformat.validate(content)
    assert len(tagged(content, "parameters")) == 1
    text = "\n".join(cell.source for cell in content.cells if cell.cell_type == "markdown")
    assert "On your own engine" in text
    if not path.stem.startswith("00"):
        assert "Exercise" in text
        assert "<details>" in text, "the exercise's solution is hidden"
    assert (CASSETTES / f"{path.stem}.yaml").is_file()
    assert path.stat().st_size <= 100_000
    stored = json.dumps(content.cells)
    assert "/tmp/" not in stored, "an output shows a path of the machine it was recorded on"
    assert Path.home().as_posix() + "/" not in stored


@pytest.fixture(scope="module")
def shop(make_engine):
    """An engine where the shop is open; the notebooks share it, as they would a user's."""
    with make_engine("shop") as engine:
        open_shop(engine)
        yield engine


@pytest.fixture(scope="module")
def nothing(make_engine):
    """An engine without containers."""
    with make_engine("nothing") as engine:
        yield engine


@pytest.mark.live
@notebooks
def test_runs_unchanged_on_a_live_engine(path, shop):
    execute(path, notebook_env(path, shop.url))


@pytest.mark.live
@notebooks
def test_runs_on_an_engine_that_has_nothing(path, nothing):
    if "It needs a running container" in path.read_text():
        pytest.skip("says that it needs a running container")
    execute(path, notebook_env(path, nothing.url))


@pytest.mark.live
def test_papermill_fills_in_the_parameters(nothing, tmp_path):
    path, out = NOTEBOOKS[0], tmp_path / "out.ipynb"
    fill = ("-p", "address", nothing.url, "--cwd", path.parent, "--no-progress-bar")
    command = (sys.executable, "-m", "papermill", *fill, path, out)
    subprocess.run(command, check=True, capture_output=True, env=notebook_env(path))
    content = nbformat.read(out, as_version=4)
    shown = str([cell.outputs for cell in content.cells if cell.cell_type == "code"])
    assert "Live: this is an engine of yours" in shown
