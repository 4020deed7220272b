"""A launch on Binder: the image it would build, and a rehearsal of it with no engine in sight."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .notebooks import NOTEBOOKS

ROOT = Path(__file__).parents[1]
# What Binder's base brings: its JupyterLab stays, and opskit must live with it
BASE = ("jupyterlab==4.4.9", "ipykernel==7.0.1", "ipywidgets==8.1.7", "notebook==7.4.7")


def test_binder_builds_from_the_binder_folder():
    pytest.importorskip("repo2docker")
    command = (sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT))
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    image = done.stdout + done.stderr
    assert done.returncode == 0, image
    assert "Building conda environment for python=3.11" in image
    assert "apt-get install --yes --no-install-recommends curl docker.io" in image
    # After the clone is in the image, since requirements.txt installs the clone itself
    copied = image.index("COPY --chown=0:0 src/ ${REPO_DIR}/")
    assert copied < image.index('pip install --no-cache-dir -r "binder/requirements.txt"')
    assert copied < image.index("RUN ./binder/postBuild")
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in image


@pytest.fixture(scope="module")
def launched(tmp_path_factory) -> dict[str, str]:
    """What Binder does with a clone: install, postBuild; the environment that it starts in."""
    if os.environ.get("OPSKIT_REHEARSE") != "1":
        pytest.skip("OPSKIT_REHEARSE=1 rehearses a launch (a minute, packages downloaded)")
    home = tmp_path_factory.mktemp("home")
    clone = home / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
    pip = (home / "venv/bin/pip", "install", "-q")
    subprocess.run([*pip, *BASE], check=True)
    subprocess.run([*pip, "-r", "binder/requirements.txt"], cwd=clone, check=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    path = f"{home}/.local/bin:{home}/venv/bin:{env['PATH']}"
    env |= {"HOME": str(home), "PATH": path, "CLONE": str(clone)}
    env.pop("XDG_CONFIG_HOME", None)
    subprocess.run(["binder/postBuild"], cwd=clone, env=env, check=True)
    return env


def start(launched: dict[str, str], *command: str, **env: str) -> str:
    """Run a command as Binder does, behind binder/start, with every engine's socket hidden."""
    hide = 'mount -t tmpfs none /run && exec binder/start "$@"'
    with subprocess.Popen(
        ("unshare", "-m", "bash", "-c", hide, "bash", *command),
        cwd=launched["CLONE"],
        env={**launched, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=180)
        finally:  # the command's end leaves the engine that binder/start serves
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    assert process.returncode == 0, stdout + stderr
    return stdout


def test_the_base_keeps_its_jupyterlab(launched):
    listed = start(launched, "pip", "freeze")
    assert BASE[0] in listed
    assert BASE[3] in listed


def test_a_terminal_reaches_the_recorded_engine(launched):
    ask = "source ~/.bashrc; for i in $(seq 100); do [ -S ~/.opskit/engine.sock ] && break; "
    ask += 'sleep 0.1; done; curl -sS --unix-socket "${DOCKER_HOST#unix://}" http://d/_ping'
    assert start(launched, "bash", "-c", ask) == "OK"


def test_a_cell_reaches_it_too(launched):
    """`!docker ps` in a notebook of one's own, where no DOCKER_HOST is set."""
    ask = "for i in $(seq 100); do [ -S ~/.opskit/engine.sock ] && break; sleep 0.1; done; "
    assert "shop-web-1" in start(launched, "sh", "-c", f"{ask} docker ps")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_runs(launched, notebook):
    path = Path(launched["CLONE"]) / "notebooks" / notebook.name
    run = ("jupyter", "nbconvert", "--execute", "--to", "notebook", "--stdout", str(path))
    said = start(launched, *run, JPY_SESSION_NAME=str(path))
    assert '"output_type": "error"' not in said


@pytest.mark.live
@pytest.mark.browser
def test_panels_work_in_binders_jupyterlab(launched):
    """With the base's own kernel, older than the one that requirements.txt brings."""
    venv = Path(launched["HOME"]) / "venv/bin"
    subprocess.run([venv / "pip", "install", "-q", BASE[1]], check=True)
    chosen = "what_its_buttons_say or stats_panel_moves or 00-start-here"
    browser = (sys.executable, "-m", "pytest", "-q", "tests/test_browser.py", "-k", chosen)
    lab = {"OPSKIT_LAB_PYTHON": str(venv / "python")}
    done = subprocess.run(
        browser, cwd=ROOT, env={**os.environ, **lab}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
