"""Walk through a guide: run all it has on an engine at an address, and keep what was said."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .guide import EVENTS, ORDER, Guide

__all__ = ["Walk"]

SOCKET = "/var/run/docker.sock"


class Walk:
    """One walk; ``said`` has the output of every command and program by its name.

    Parameters
    ----------
    address : str
        The engine's, ``unix://``; commands that name the local socket are led there.
    api_version : str
        Asked for instead of the guide's.
    folder : Path
        Where programs run.
    index : str
        The index that is searched instead of the Hub.
    after : Walk, optional
        The walk that this one repeats, to do everything as often as it did.
    """

    def __init__(
        self, address: str, api_version: str, folder: Path, index: str, after: Walk | None = None
    ):
        self.socket = address.removeprefix("unix://")
        self.version = api_version
        self.folder = folder
        self.index = index
        config = str(folder / "no-config")
        self.env = {**os.environ, "DOCKER_HOST": address, "DOCKER_CONFIG": config}
        self.said: dict[str, str] = {}
        self.times: dict[str, int] = {}
        self.after = after

    def through(self, guide: Guide) -> Walk:
        """All of the guide."""
        with self._watching(guide):
            for key in ORDER:
                for command in guide.curl[key]:
                    self._say(key, self._shell(self._local(command)))
            for command in guide.cli:
                self._say(command.split()[1], self._shell(self._elsewhere(command)))
            self._shell("docker rm -f socket-proxy")
            self._say("containers program", self._python(guide.programs["containers"]))
            self._say("images program", self._python(guide.programs["images"]))
            self._endless(guide)
            self._shell("docker rm -f shown")
        return self

    def _endless(self, guide: Guide) -> None:
        """The programs that go on until they are interrupted, while something happens."""
        short = "docker run --name short nginx:alpine sh -c 'exit 3'; docker rm short"
        shown = "docker run -d --name shown nginx:alpine"
        for name, before, meanwhile, seen in (
            ("events", "", short, "destroy: short"),
            ("deaths", "", short, "exit code 3"),
            ("dashboard", shown, "", r"shown +running +no healthcheck +[\d.]+ "),
        ):
            self._shell(before)
            program = guide.programs[name]
            self._say(f"{name} program", self._interrupted(name, program, meanwhile, seen))

    @contextmanager
    def _watching(self, guide: Guide) -> Iterator[None]:
        """The commands that show events, while all else happens."""
        watchers = {}
        for key in EVENTS:
            command = "exec stdbuf -o0 " + self._local(guide.curl[key][0])
            output = (self.folder / f"{key}.out").open("w+")
            watchers[key] = (
                subprocess.Popen(["bash", "-c", command], stdout=output, env=self.env),
                output,
            )
        time.sleep(0.5)  # so that they listen before anything happens
        try:
            yield
            self._until(lambda: "destroy" in (self.folder / "events.out").read_text()[-4000:])
        finally:
            for key, (watcher, output) in watchers.items():
                watcher.terminate()
                watcher.wait()
                output.seek(0)
                self._say(key, output.read())
                output.close()

    def _local(self, command: str) -> str:
        """The command for this engine: its socket, its version, an index that can be reached."""
        command = re.sub(r"/v1\.\d+/", f"/v{self.version}/", command.replace(SOCKET, self.socket))
        return command.replace("term=nginx", f"term={self.index}/nginx")

    def _elsewhere(self, command: str) -> str:
        """A mount of the socket, of a stand-in instead: a missing one would be made a folder."""
        return command.replace(f"{SOCKET}:", f"{self.folder}/stand-in:")

    def _shell(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, env=self.env, check=False
        )
        return done.stdout

    def _python(self, program: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env=self.env,
            cwd=self.folder,
            check=False,
        )
        return done.stdout + done.stderr

    def _interrupted(self, name: str, program: str, meanwhile: str, seen: str) -> str:
        """A program's output until it has said something, and it is interrupted then."""
        path = self.folder / "program.out"
        with path.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-u", "-c", program],
                stdout=output,
                stderr=subprocess.DEVNULL,
                env=self.env,
                cwd=self.folder,
            )
            try:
                time.sleep(1)  # so that it listens, as a rule
                for count in range(1, 7):
                    self._shell(meanwhile)
                    self.times[name] = count
                    if self.after and count < self.after.times[name]:
                        continue
                    if self._until(lambda: re.search(seen, path.read_text()), timeout=10):
                        break
            finally:
                process.send_signal(signal.SIGINT)
                process.wait()
        return path.read_text()

    def _until(self, condition: Callable[[], object], timeout: float = 30) -> bool:
        deadline = time.monotonic() + timeout
        while not (met := bool(condition())) and time.monotonic() < deadline:
            time.sleep(0.05)
        return met

    def _say(self, name: str, text: str) -> None:
        self.said[name] = self.said.get(name, "") + text
