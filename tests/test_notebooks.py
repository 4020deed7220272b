"""The notebooks as files, and run live. That they run from their cassettes, nbval tests."""

from __future__ import annotations

import json
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


@pytest.mark.live
@notebooks
def test_runs_unchanged_on_a_live_engine(path, fresh_engine):
    open_shop(fresh_engine)
    execute(path, notebook_env(path, fresh_engine.url))
