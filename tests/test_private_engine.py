"""The tests' own engine: there when asked for, gone without a trace, and the only one reachable."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .engines import PrivateEngine, make_certificates
from .reaper import CGROUPS, NETNS

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[1]


def traces(folder: Path) -> list[str]:
    """What is left of an engine on this machine."""
    left = [path for path in (folder, NETNS / folder.name) if path.exists()]
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]
    return [*map(str, left), *map(str, CGROUPS.glob(f"*/{folder.name}")), *mounts]


def test_runs_containers_and_leaves_nothing_behind(engines):
    engine = engines("traces")
    engine.run(name="web")
    assert [c["Names"] for c in engine.api("GET", "/containers/json")] == [["/web"]]
    engine.close()
    assert traces(engine.folder) == []


def test_survives_kill_pause_and_restart(fresh_engine):
    fresh_engine.run(name="web")
    fresh_engine.kill()
    with pytest.raises(OSError, match="refused"):
        fresh_engine.api("GET", "/_ping")
    fresh_engine.restart()
    fresh_engine.pause()
    with socket.socket(socket.AF_UNIX) as hung:
        hung.settimeout(0.2)
        hung.connect(fresh_engine.socket)
        hung.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        with pytest.raises(TimeoutError):
            hung.recv(1)
    fresh_engine.resume()
    assert [c["Names"] for c in fresh_engine.api("GET", "/containers/json", all="1")] == [["/web"]]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_vanishes_when_its_owner_is_killed(private_engine, how):
    script = (
        "import time; from tests.engines import PrivateEngine\n"
        "engine = PrivateEngine('orphan', image=False).start()\n"
        "print(engine.folder, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    ) as owner:
        folder = Path(owner.stdout.readline().strip())
        assert folder.is_dir()
        owner.send_signal(how)
    deadline = time.monotonic() + 20
    while folder.parent.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert traces(folder) == []
    assert not folder.parent.exists()


def test_serves_tls_to_who_has_the_certificate(engines, tmp_path):
    certificates = make_certificates(tmp_path / "certs")
    engine = engines("tls", tls=certificates, image=False)
    files = ("--cacert", "ca.pem", "--cert", "cert.pem", "--key", "key.pem")
    url = engine.tls_url.replace("tcp:", "https:") + "/_ping"
    said = subprocess.run(
        ["curl", "-sS", *files, url], cwd=certificates, capture_output=True, check=False
    )
    assert (said.stdout, said.stderr) == (b"OK", b"")


def test_no_other_engine_is_in_reach(monkeypatch, tmp_path):
    assert os.environ["DOCKER_HOST"].startswith("unix:///nonexistent/")
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(path)
        monkeypatch.setattr("tests.conftest.FOREIGN", {path})
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(RuntimeError, match="before"):
            client.connect(path)


def test_says_what_the_machine_lacks(monkeypatch, tmp_path):
    monkeypatch.setenv("OPSKIT_DOCKER_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(RuntimeError, match=r"root|dockerd is not installed"):
        PrivateEngine("none")
