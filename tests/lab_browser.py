"""JupyterLab in a real browser: a server of its own, and notebooks driven as a user drives them.

The server has its own folders for settings, workspaces and kernels' files, so it neither reads nor
changes what the user of this machine has set up.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

__all__ = [
    "BrowserMissing",
    "LabPage",
    "beside_the_package",
    "chromium",
    "lab_server",
    "notebook",
]

TOKEN = "opskit"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # All cells are in the page, not only those in view
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
# JupyterLab asks its own server again and again, which fails while a kernel comes or goes
POLLED = re.compile(r"/api/(kernels|sessions|terminals)\?\d+$")
PROMPT = re.compile(r"\[\d+\]:")
READY = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
}"""
VISIBLE = ".jp-NotebookPanel:not(.lm-mod-hidden)"
CODE = """window.jupyterapp.shell.currentWidget.content.widgets
    .map(cell => cell.model).filter(model => model.type === 'code')"""
FAILED = f"""{CODE}.flatMap(model => model.outputs.toJSON())
    .filter(output => output.output_type === 'error')
    .map(output => `${{output.ename}}: ${{output.evalue}}`)"""
OUTCOME = f"() => {FAILED}.length > 0 || {CODE}.every(model => model.executionCount)"


class BrowserMissing(RuntimeError):
    """This machine cannot drive a browser; the message says what it lacks."""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless.

    Raises
    ------
    BrowserMissing
        There is no Chromium, or no Playwright to drive it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise BrowserMissing("Playwright for Python is not installed") from error
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise BrowserMissing("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def lab_server(
    folder: Path, home: Path, *, python: Sequence[str] = (), env: dict[str, str] | None = None
) -> Iterator[str]:
    """A JupyterLab on the notebooks of a folder; its address while it runs.

    Parameters
    ----------
    folder : Path
        What the server shows.
    home : Path
        An empty folder for all that Jupyter keeps.
    python : sequence of str
        The interpreter, and what it is started with; default this one.
    env : dict, optional
        The server's environment, and so its kernels'.
    """
    for name, values in SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(python or (sys.executable,)),
        *("-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.port_retries=0",
        "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True",
    ]
    own = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
    }
    environment = {**(os.environ if env is None else env), **{k: str(v) for k, v in own.items()}}
    if not python:
        environment |= beside_the_package()
    address = f"http://127.0.0.1:{port}"
    with open(home / "server.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_up(address, server, home / "server.log")
        yield address
    finally:
        server.terminate()  # ends the kernels too
        server.wait(30)


def beside_the_package() -> dict[str, str]:
    """Where JupyterLab's own files are: with its package, which may be in another environment."""
    import jupyterlab

    share = Path(jupyterlab.__file__).parents[4] / "share/jupyter"
    return {"JUPYTER_PATH": str(share), "JUPYTERLAB_DIR": str(share / "lab")}


def _wait_until_up(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/api/status?token={TOKEN}", timeout=5).close()
            return
        time.sleep(0.1)
    server.kill()
    server.wait()
    raise RuntimeError(f"JupyterLab does not start:\n{log.read_text(errors='replace')[-3000:]}")


def notebook(path: Path, *cells: str) -> Path:
    """Write a notebook with these code cells."""
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(content, path)
    return path


class LabPage:
    """One browser page on a Lab, showing a notebook at a time.

    Parameters
    ----------
    browser : Browser
    address : str
        From `lab_server`.
    shots : Path or None
        Folder for screenshots; without one none are taken.
    """

    def __init__(self, browser: Browser, address: str, shots: Path | None = None) -> None:
        self.browser = browser
        self.shots = shots
        self.errors: list[str] = []
        self.page = browser.new_page(viewport={"width": 1300, "height": 1500})
        self.page.set_default_timeout(60_000)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(f"page error: {error}"))
        self.page.goto(f"{address}/lab?token={TOKEN}&reset")
        self.page.locator(".jp-DirListing-content").wait_for()
        self.command("application:toggle-left-area")

    def _on_console(self, message: Any) -> None:
        address = str(message.location.get("url", ""))
        if message.type == "error" and not POLLED.search(address):
            self.errors.append(f"{message.text} ({address})")

    def command(self, name: str, **options: Any) -> None:
        """Begin one of JupyterLab's commands; what it leads to is for the caller to wait for."""
        begin = "([name, options]) => { window.jupyterapp.commands.execute(name, options); }"
        self.page.evaluate(begin, [name, options])

    def open(self, name: str) -> None:
        """Open a notebook, and wait until its kernel answers."""
        self.errors.clear()
        self.command("docmanager:open", path=name, factory="Notebook")
        self.page.wait_for_function(
            "name => window.jupyterapp.shell.currentWidget?.context?.path === name", arg=name
        )
        self.page.locator(f"{VISIBLE} .jp-Cell").first.wait_for()
        self.page.evaluate(READY)

    def close(self) -> None:
        """Save the notebook, end its kernel and close it."""
        self.save()
        self.end_kernel()
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.dispose()")

    def end_kernel(self) -> None:
        """End the notebook's kernel as its menu does."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    def evaluate(self, expression: str) -> str:
        """What the notebook's kernel says an expression is, apart from its cells."""
        return str(
            self.page.evaluate(
                """async expression => {
                    const session = window.jupyterapp.shell.currentWidget.sessionContext.session;
                    const asked = session.kernel.requestExecute(
                        { code: '', silent: true, user_expressions: { value: expression } });
                    const reply = await asked.done;
                    return reply.content.user_expressions.value.data['text/plain'];
                }""",
                expression,
            )
        )

    def save(self) -> None:
        """Save the notebook as it is shown."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")

    def run_all(self, timeout: float = 120) -> None:
        """Run all cells; returns when all have run, or one failed."""
        self.command("notebook:clear-all-cell-outputs")
        self.page.wait_for_function(f"() => !({OUTCOME})()")
        self.command("notebook:run-all-cells")
        self.page.wait_for_function(OUTCOME, timeout=timeout * 1000)

    def run(self, index: int, timeout: float = 60) -> None:
        """Run one code cell and wait for its end."""
        prompt = self.cell(index).locator(".jp-InputPrompt").first
        before = prompt.text_content()
        self.page.evaluate(
            """index => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = index;
                window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )
        deadline = time.monotonic() + timeout
        while prompt.text_content() == before or not PROMPT.search(prompt.text_content() or ""):
            assert time.monotonic() < deadline, f"cell {index} runs for {timeout} s"
            self.page.wait_for_timeout(10)

    def cell(self, index: int) -> Locator:
        """A cell, by its place among all of the notebook."""
        return self.page.locator(f"{VISIBLE} .jp-Cell").nth(index)

    def find(self, css: str) -> Locator:
        """What the notebook shows, by CSS selector."""
        return self.page.locator(f"{VISIBLE} {css}")

    def failures(self) -> list[str]:
        """The errors that cells show, and the browser's console had."""
        return [*self.page.evaluate(f"() => {FAILED}"), *self.errors]

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme: ``light`` or ``dark``."""
        self.command("apputils:change-theme", theme=f"JupyterLab {name.capitalize()}")
        light = str(name == "light").lower()
        self.page.locator(f"body[data-jp-theme-light='{light}']").wait_for(state="attached")

    def shot(self, name: str, css: str = "") -> Path | None:
        """Take a screenshot of the page, or of what a selector finds in the notebook."""
        if self.shots is None:
            return None
        self.shots.mkdir(parents=True, exist_ok=True)
        path = self.shots / f"{name}.png"
        if css:
            self.find(css).first.screenshot(path=path)
        else:
            self.page.screenshot(path=path)
        return path
