"""The cell magics: a cell's talk with the engine, recorded and replayed."""

from __future__ import annotations

import os

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from opskit.cassette.format import load


@pytest.fixture
def shell():
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "opskit")
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def run(shell, cell):
    result = shell.run_cell(cell, store_history=False)
    result.raise_error()
    return result.result


CELL = """
import subprocess, os
version = engine.get("/version")
host = os.environ["DOCKER_HOST"]
version["ApiVersion"]
"""


@pytest.mark.live
def test_a_cell_is_recorded_and_replayed(shell, private_engine, tmp_path):
    run(shell, "engine = 'mine'")
    recorded = run(shell, f"%%record {tmp_path}/cell.yaml --upstream {private_engine.url}\n{CELL}")
    seen = shell.user_ns["version"]
    assert recorded == seen["ApiVersion"]
    assert shell.user_ns["host"].startswith("unix:///")
    assert os.environ["DOCKER_HOST"] != shell.user_ns["host"]
    assert run(shell, "engine") == "mine", "the name is put back"
    shell.user_ns["version"] = None
    assert run(shell, f"%%replay {tmp_path}/cell.yaml\n{CELL}") == recorded
    assert shell.user_ns["version"] == seen


@pytest.mark.live
def test_an_error_in_the_cell_is_the_cells_error(shell, private_engine, tmp_path):
    path = tmp_path / "wrong.yaml"
    cell = "engine.get('/info'); 1 / 0"
    with pytest.raises(ZeroDivisionError):
        run(shell, f"%%record {path} --upstream {private_engine.url} --as engine\n{cell}")
    assert [one.request.target for one in load(path).exchanges][-1].endswith("/info")
    assert "engine" not in shell.user_ns


def test_a_wrong_option_is_told(shell):
    with pytest.raises(UsageError, match="--pace"):
        run(shell, "%%replay x.yaml --pace slow\n1")
