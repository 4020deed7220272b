"""The notebooks' own entry: JupyterLab on your engine where one answers, else on cassettes.

Only here does a recorded engine stand in for a missing one: `notebook_cassette` is None in any
process that was not started by ``opskit lab`` or a like entry (Binder, the notebooks' tests).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import sysconfig
from pathlib import Path

import click

import opskit
from opskit.errors import EngineError, EngineNotFound, OpskitError

__all__ = ["CASSETTES", "NOTEBOOK", "lab", "notebook_cassette", "stand_in", "step_aside"]

CASSETTES = "OPSKIT_NOTEBOOK_CASSETTES"  # the folder, set by the entry
NOTEBOOK = "OPSKIT_NOTEBOOK"  # the notebook's path, where no Jupyter server tells it
FIRST = "00-start-here"
SHOP = "shop.yaml"

_set_aside: list[str | None] = []


def notebook_cassette() -> Path | None:
    """The cassette that stands in where no engine runs; None outside the notebooks' own entry.

    Returns
    -------
    Path or None
        The cassette named like the notebook (a copy's name may go on: ``01-…-Copy1``); for a
        notebook of one's own the shop's, with what the usual commands ask for.
    """
    folder = os.environ.get(CASSETTES)
    notebook = os.environ.get("JPY_SESSION_NAME") or os.environ.get(NOTEBOOK)
    if not folder or not notebook:
        return None
    name = Path(notebook).stem
    recorded = sorted(Path(folder).glob("*.yaml"), key=lambda path: len(path.stem), reverse=True)
    for path in recorded:
        if name.startswith(path.stem):
            return path
    shop = Path(folder) / SHOP
    return shop if shop.is_file() else None


def stand_in(address: str) -> None:
    """Point this kernel's shell commands and SDK clients at the replayed engine too."""
    step_aside()
    _set_aside.append(os.environ.get("DOCKER_HOST"))
    os.environ["DOCKER_HOST"] = address


def step_aside() -> None:
    """Undo `stand_in`, so that an engine that is there by now is found."""
    while _set_aside:
        before = _set_aside.pop()
        if before is None:
            os.environ.pop("DOCKER_HOST", None)
        else:
            os.environ["DOCKER_HOST"] = before


@click.command()
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--port", type=int, help="Port to listen on.  [default: 8888 or the next free one]")
@click.option("--replay", is_flag=True, help="Recorded engines even where a real one answers.")
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
def lab(no_browser: bool, port: int | None, replay: bool, jupyter_options: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks: on your engine, or on recorded ones where none answers.

    Options after -- are JupyterLab's own.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise OpskitError(
            "JupyterLab is not installed", f"{sys.executable} -m pip install 'opskit[lab]'"
        )
    home = _home()
    if not _is_clone(home):
        home = _working_copy(home)
    notebooks = home / "notebooks"
    os.environ[CASSETTES] = str(home / "cassettes")
    if replay:
        os.environ["DOCKER_HOST"] = "unix:///nonexistent/opskit-lab-replay.sock"
        os.environ.pop("DOCKER_CONTEXT", None)
    click.echo(f"notebooks: {notebooks}\nengine:    {_engine_in_reach(replay)}", err=True)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={notebooks}"]
    command.append(f"--LabApp.default_url=/lab/tree/{FIRST}.ipynb")
    if no_browser:
        command.append("--no-browser")
    if port is not None:
        command.append(f"--port={port}")
    if os.geteuid() == 0:  # Jupyter refuses root unless told; it listens on this machine only
        command.append("--allow-root")
    sys.stderr.flush()
    os.execv(sys.executable, [*command, *jupyter_options])


def _engine_in_reach(replay: bool) -> str:
    if replay:
        return "recorded ones, as asked"
    try:
        with opskit.connect(timeout=5) as engine:
            return f"{engine.address}, version {engine.engine_version}"
    except EngineNotFound as error:
        return f"recorded ones, for {error.what}"
    except EngineError as error:  # there, but not usable: the notebooks will say the same
        return str(error)


def _home() -> Path:
    """The folder that holds notebooks/ and cassettes/: the clone, or where pip put them."""
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    installed = [Path(sysconfig.get_path("data", scheme)) / "share/opskit" for scheme in schemes]
    places = [Path(__file__).parents[1], *installed]
    for place in places:
        if (place / "notebooks" / f"{FIRST}.ipynb").is_file():
            return place
    raise OpskitError(
        f"the notebooks are not where opskit was installed ({', '.join(map(str, places))})",
        "install opskit again, or run opskit lab from a clone",
    )


def _is_clone(home: Path) -> bool:
    return (home / "pyproject.toml").is_file()


def _working_copy(installed: Path) -> Path:
    """One's own copy of the installed notebooks and cassettes, beside what is there already."""
    folder = Path("opskit-lab").absolute()
    for name in ("notebooks", "cassettes"):
        for file in (installed / name).rglob("*"):
            own = folder / name / file.relative_to(installed / name)
            if file.is_file() and not own.exists():
                own.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, own)
    return folder
