"""JupyterLab in a real browser: every notebook runs, every panel does what it says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import REQUIRED
from .lab_browser import BrowserMissing, LabPage, chromium, lab_server
from .notebooks import NOTEBOOKS, notebook_env

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What JupyterLab shows: copies of the notebooks, and those that the tests write."""
    folder = tmp_path_factory.mktemp("notebooks")
    for notebook in NOTEBOOKS:
        shutil.copy(notebook, folder)
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
