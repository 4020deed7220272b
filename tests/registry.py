"""Real registries for tests: Debian's docker-registry in a private engine's network namespace.

Engines trust plain HTTP on 127.0.0.0/8, so nothing needs to be configured.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from .engines import EngineMissing, PrivateEngine
from .reaper import NETNS

__all__ = ["PASSWORD", "USER", "Registry"]

USER, PASSWORD = "ann", "sesame"
HASH = "$2b$05$3DiIkZeAps8BCryEecPbqu//IH2txTw.5qkHKJb.HwubcWVsFOzrm"  # bcrypt of the password

CONFIG = """
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{folder}/data"}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: tests}}
"""


class Registry:
    """A registry that an engine can reach, at ``address``; ends with the engine, or by ``close``.

    Parameters
    ----------
    engine : PrivateEngine
        Started; the registry lives in its namespace.
    folder : Path
        Where it keeps its data.
    port : int
        Its port in that namespace.
    login : bool
        Let in only `USER` with `PASSWORD`.
    """

    def __init__(self, engine: PrivateEngine, folder: Path, port: int, *, login: bool = False):
        program = shutil.which("docker-registry")
        if program is None:
            raise EngineMissing("docker-registry is not installed (Debian's package of that name)")
        self.namespace = engine.namespace
        self.address = f"127.0.0.1:{port}"
        self.port = port
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        config = CONFIG.format(folder=folder, port=port)
        if login:
            (folder / "htpasswd").write_text(f"{USER}:{HASH}\n")
            config += f'auth: {{htpasswd: {{realm: tests, path: "{folder}/htpasswd"}}}}\n'
        (folder / "config.yml").write_text(config)
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start(program, "serve", f"{folder}/config.yml")

    def slow_link(self, port: int, *, rate: int = 0, cut: int = 0) -> str:
        """Another address of this registry, slow or breaking; see ``slow_link.py``."""
        script = Path(__file__).with_name("slow_link.py")
        self._start(sys.executable, str(script), *map(str, (port, self.port, rate, cut)))
        return f"127.0.0.1:{port}"

    def index(self, port: int) -> str:
        """Address of an image index beside it, for searches; see ``index.py``."""
        self._start(sys.executable, str(Path(__file__).with_name("index.py")), str(port))
        return f"127.0.0.1:{port}"

    def _start(self, *command: str) -> None:
        log = self.folder / f"log-{len(self.processes)}"
        with log.open("w") as file:
            process = subprocess.Popen(
                ["nsenter", f"--net={NETNS / self.namespace}", *command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self.processes.append(process)
        deadline = time.monotonic() + 20
        while "listening" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not start: {log.read_text()}")
            time.sleep(0.02)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
