"""Private Docker Engines for tests and benchmarks.

Each engine has its own socket, data root, exec root, pid file, network namespace and cgroup, so it
cannot disturb an engine that runs on the machine already: two daemons in one network namespace
would delete each other's bridge. Everything an engine made is found again by its folder, namespace
and cgroup; `erase` removes it all, also when the process that started the engine was killed: a
small reaper process waits on a pipe and erases when the pipe closes.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from .materials import EngineMissing, busybox_tar, make_certificates, must_run
from .reaper import NETNS, erase, new_folder, state_of

__all__ = ["IMAGE", "EngineMissing", "PrivateEngine", "busybox_tar", "erase", "make_certificates"]

IMAGE = "busybox:local"
IMAGE_CHANGES = ('CMD ["sh"]', "ENV PATH=/bin:/sbin:/usr/bin:/usr/sbin")


class UnixConnection(http.client.HTTPConnection):
    """http.client over a unix socket: the tests' own way to an engine, apart from opskit."""

    def __init__(self, path: str, timeout: float = 60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self.path)
        except OSError:
            self.close()
            raise


class PrivateEngine:
    """A Docker Engine of one's own, running between ``start()`` and ``close()`` (or in a ``with``).

    Parameters
    ----------
    name : str
        Part of the namespace's and folder's name.
    flags : sequence of str
        More flags for dockerd.
    tls : Path or None
        Folder with ca.pem, server-cert.pem and server-key.pem (see `make_certificates`): the
        engine then also listens with TLS on 127.0.0.1, at ``tls_url``.
    root : Path or None
        Folder with another Docker's ``usr/sbin/dockerd``; default ``OPSKIT_DOCKER_ROOT``, else the
        installed one.
    image : bool
        Import `IMAGE` on the first start.
    settings : dict or None
        More for daemon.json; None takes a setting out, ``hosts`` are added to the engine's own.
    """

    kind = "docker"

    def __init__(
        self,
        name: str = "test",
        *,
        flags: tuple[str, ...] = (),
        tls: Path | None = None,
        root: Path | None = None,
        image: bool = True,
        settings: dict[str, Any] | None = None,
    ):
        chosen = root or os.environ.get("OPSKIT_DOCKER_ROOT")
        self.root = Path(chosen) if chosen else None
        check_machine(self.daemon_path())
        self.folder = new_folder(name)
        self.namespace = self.folder.name
        self.socket = str(self.folder / "docker.sock")
        self.url = f"unix://{self.socket}"
        self.tls_url = ""
        self.flags = flags
        self.tls = tls
        self.image = image
        self.settings = settings or {}
        self._daemon: subprocess.Popen[bytes] | None = None
        self._listener: socket.socket | None = None

    def __enter__(self) -> PrivateEngine:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of dockerd."""
        if self._daemon is None:
            raise RuntimeError(f"{self.namespace} is not running")
        return self._daemon.pid

    @property
    def env(self) -> dict[str, str]:
        """Environment for a client process that talks to this engine."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        return {**kept, "DOCKER_HOST": self.url, "DOCKER_CONFIG": str(self.folder / "config")}

    def daemon_path(self) -> str | None:
        return shutil.which("dockerd", path=self._path())

    def _path(self) -> str:
        path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
        return f"{self.root}/usr/sbin:{self.root}/usr/bin:{path}" if self.root else path

    def _command(self) -> list[str]:
        folder = self.folder
        config: dict[str, Any] = {"hosts": [self.url]}
        if self.tls:
            config["hosts"].append("fd://")
            config |= {"tls": True, "tlsverify": True, "tlscacert": f"{self.tls}/ca.pem"}
            config |= {f"tls{k}": f"{self.tls}/server-{k}.pem" for k in ("cert", "key")}
        config |= {**self.settings, "hosts": config["hosts"] + self.settings.get("hosts", [])}
        kept = {name: value for name, value in config.items() if value is not None}
        (folder / "daemon.json").write_text(json.dumps(kept))
        return [
            "dockerd",
            *("--config-file", f"{folder}/daemon.json"),
            *("--data-root", f"{folder}/data"),
            *("--exec-root", f"{folder}/exec"),
            *("--pidfile", f"{folder}/docker.pid"),
            *("--cgroup-parent", f"/{self.namespace}"),
            *("--exec-opt", "native.cgroupdriver=cgroupfs"),
            *("--shutdown-timeout", "2"),
            *self.flags,
        ]

    def start(self) -> PrivateEngine:
        """Start the daemon and wait until it answers."""
        first = not (NETNS / self.namespace).exists()
        if first:
            must_run("ip", "netns", "add", self.namespace)
            self.inside("ip", "link", "set", "lo", "up")
            self.inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        for left in ("docker.pid", "docker.sock"):  # what a killed daemon left behind
            (self.folder / left).unlink(missing_ok=True)
        # nsenter, not "ip netns exec": that remounts /sys and hides the cgroups from dockerd
        command = ["nsenter", f"--net={NETNS / self.namespace}", *self._command()]
        env = {**os.environ, "PATH": self._path(), "HOME": str(self.folder)}
        passed: tuple[int, ...] = ()
        if self.tls:
            # A listener of the host's namespace, handed over as systemd would
            if self._listener is None:
                self._listener = socket.create_server(("127.0.0.1", 0))
                self.tls_url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
            passed = (self._listener.fileno(),)
            hand_over = f'exec 3<&{passed[0]}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
            command = ["bash", "-c", hand_over, "bash", *command]
        with open(self.folder / "log", "ab") as log:
            self._daemon = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                pass_fds=passed,
                start_new_session=True,
            )
        self._wait_until_up()
        if first and self.image:
            self.load_image()
        return self

    def _wait_until_up(self, timeout: float = 60) -> None:
        assert self._daemon
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._daemon.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException, RuntimeError):
                if self.api("GET", "/_ping") == "OK":
                    return
            time.sleep(0.03)
        tail = (self.folder / "log").read_text(errors="replace")[-2000:]
        self.close()
        raise EngineMissing(f"the private engine does not start:\n{tail}")

    def inside(self, *command: str) -> None:
        """Run a command in the engine's network namespace."""
        must_run("nsenter", f"--net={NETNS / self.namespace}", *command)

    def api(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """One call of the Engine API: decoded JSON, text, or a RuntimeError."""
        raw = isinstance(body, bytes)
        headers = {"Content-Type": "application/x-tar" if raw else "application/json"}
        target = f"{path}?{urlencode(query)}" if query else path
        data = body if raw or body is None else json.dumps(body).encode()
        with contextlib.closing(UnixConnection(self.socket, timeout=120)) as connection:
            connection.request(method, target, data, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.strip()}")
        if answer.headers.get_content_type() == "application/json" and text:
            with contextlib.suppress(json.JSONDecodeError):  # several objects: a progress stream
                return json.loads(text)
        return text

    def load_image(self, tag: str = IMAGE) -> None:
        """Import an image made of Debian's busybox-static."""
        repo, _, version = tag.partition(":")
        joined = "&".join(f"changes={quote(change)}" for change in IMAGE_CHANGES)
        path = f"/images/create?fromSrc=-&repo={repo}&tag={version}&{joined}"
        said = self.api("POST", path, busybox_tar())
        if '"error"' in said:
            raise RuntimeError(f"importing {tag}: {said}")

    def run(
        self,
        command: str | list[str] = "sleep 100000",
        name: str | None = None,
        *,
        labels: dict[str, str] | None = None,
        config: dict[str, Any] | None = None,
        **host_config: Any,
    ) -> str:
        """Create and start a container of `IMAGE`, as ``docker run -d`` does; its full id.

        ``config`` holds more fields of the create body, ``host_config`` those of its HostConfig.
        It stops at once (StopSignal is SIGKILL unless ``config`` says otherwise), since a plain
        ``sleep`` as process 1 ignores SIGTERM and would take 10 seconds.
        """
        body = {
            "Image": IMAGE,
            "StopSignal": "SIGKILL",
            "Cmd": shlex.split(command) if isinstance(command, str) else command,
            "Labels": labels or {},
            "HostConfig": host_config,
            **(config or {}),
        }
        made = self.api("POST", "/containers/create", body, **({"name": name} if name else {}))
        self.api("POST", f"/containers/{made['Id']}/start")
        return str(made["Id"])

    def fill(self, count: int, *, prefix: str = "busy", workers: int = 4) -> list[str]:
        """Start many sleeping containers; their ids."""
        with ThreadPoolExecutor(workers) as pool:
            names = [f"{prefix}-{i:04}" for i in range(count)]
            return list(pool.map(lambda name: self.run("sleep 100000", name), names))

    def remove_all(self) -> None:
        """Remove what somebody made: containers, volumes, networks, caches, images but `IMAGE`."""
        for one in self.api("GET", "/containers/json", all="1"):
            with contextlib.suppress(RuntimeError):  # one that removes itself
                self.api("DELETE", f"/containers/{one['Id']}", force="1", v="1")
        self.api("POST", "/networks/prune")
        for volume in self.api("GET", "/volumes").get("Volumes") or []:
            self.api("DELETE", f"/volumes/{volume['Name']}", force="1")
        for image in self.api("GET", "/images/json"):
            tags = image.get("RepoTags") or []
            if not any(tag.endswith(IMAGE) for tag in tags):
                with contextlib.suppress(RuntimeError):  # a child's parent, gone with the child
                    self.api("DELETE", f"/images/{image['Id']}", force="1")
            for tag in tags if len(tags) > 1 else ():
                if not tag.endswith(IMAGE):
                    with contextlib.suppress(RuntimeError):
                        self.api("DELETE", f"/images/{tag}")
        with contextlib.suppress(RuntimeError):  # Podman has no such cache
            self.api("POST", "/build/prune", all="1")

    def kill(self) -> None:
        """``kill -9`` dockerd; containers live on, pid file and socket stay."""
        assert self._daemon
        self._daemon.kill()
        self._daemon.wait()
        self._await_containerd()

    def _await_containerd(self) -> None:
        """Wait until the killed daemon's containerd is gone too: a new daemon would adopt it."""
        pid_file = self.folder / "exec/containerd/containerd.pid"
        with contextlib.suppress(OSError, ValueError):
            process = Path(f"/proc/{int(pid_file.read_text())}")
            for _ in range(100):
                if not process.exists():
                    pid_file.unlink()
                    return
                time.sleep(0.02)

    def pause(self) -> None:
        """Stop dockerd in its tracks: it still accepts connections and never answers."""
        os.kill(self.pid, signal.SIGSTOP)
        for _ in range(100):  # the last thread may still be answering somebody
            threads = Path(f"/proc/{self.pid}/task").glob("*/stat")
            if all(state_of(thread) == "T" for thread in threads):
                return
            time.sleep(0.01)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)  # until its last thread has stopped

    def resume(self) -> None:
        """Undo `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """Stop the daemon cleanly, if it still runs, and start it again on the same data."""
        assert self._daemon
        self._daemon.send_signal(signal.SIGCONT)
        self._daemon.terminate()
        try:
            self._daemon.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self.start()

    def close(self) -> None:
        """End the engine and remove all it made."""
        erase(self.folder)
        if self._daemon:
            self._daemon.wait()
        if self._listener:
            self._listener.close()


def check_machine(daemon: str | None) -> None:
    """Raise `EngineMissing` where no private engine can run."""
    if os.geteuid() != 0:
        raise EngineMissing("a private engine needs root")
    if daemon is None:
        raise EngineMissing("dockerd is not installed (Debian: apt-get install docker.io)")
    for tool, package in {
        "ip": "iproute2",
        "nsenter": "util-linux",
        "iptables": "iptables",
        "busybox": "busybox-static",
    }.items():
        if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            raise EngineMissing(f"{tool} is not installed (Debian: apt-get install {package})")
