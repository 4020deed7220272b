"""An engine behind ssh: a real sshd on loopback, the user's own ssh configuration."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import opskit
from opskit import errors, ssh

from .engines import PrivateEngine

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not (os.path.exists("/usr/sbin/sshd") and shutil.which("ssh") and shutil.which("docker")),
        reason="needs openssh-server, openssh-client and the docker CLI",
    ),
]


@pytest.fixture
def far(
    private_engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An ssh address whose far side is the private engine, by an ssh configuration of ours."""
    for name in ("host", "id"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(key, check=True)
    shutil.copy(tmp_path / "id.pub", tmp_path / "authorized_keys")
    os.makedirs("/run/sshd", exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path}/authorized_keys\nStrictModes no\nUsePAM no\n"
        f"SetEnv DOCKER_HOST={private_engine.url}\nMaxSessions 100\nMaxStartups 100\n"
    )
    public = " ".join((tmp_path / "host.pub").read_text().split()[:2])
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
    (tmp_path / "ssh_config").write_text(
        f"Host far-engine\n  HostName 127.0.0.1\n  Port {port}\n  User root\n"
        f"Host *\n  IdentityFile {tmp_path}/id\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {tmp_path}/known_hosts\n  StrictHostKeyChecking yes\n"
    )
    # ssh takes the home folder from the user database: a wrapper names the configuration instead.
    program = shutil.which("ssh")
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {program} -F {tmp_path}/ssh_config "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    server = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-f", str(tmp_path / "sshd_config")], stderr=subprocess.DEVNULL
    )
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield "ssh://far-engine"
    ssh._hang_up()
    assert not [p for p in _processes() if str(ssh._folder) in p]
    ssh._masters.clear()
    ssh._folder = None
    server.terminate()
    server.wait(10)


def test_all_of_an_engine_works_over_one_ssh_connection(
    far: str, private_engine: PrivateEngine
) -> None:
    with opskit.connect(far, timeout=30) as engine, opskit.connect(private_engine.url) as near:
        assert engine.get("/info")["ID"] == near.get("/info")["ID"]
        assert engine.request("GET", "/version").json()["Version"] == near.engine_version
        assert engine.sdk.info()["ID"] == near.get("/info")["ID"]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: engine.get("/_ping"), range(24)))
        assert answers == ["OK"] * 24
        with engine.open_stream("/events") as stream:
            lines = stream.lines()
            near.post("/volumes/create", {"Name": "far"})
            assert b'"far"' in next(lines)
            near.delete("/volumes/far")
        logins = [p for p in _processes() if str(ssh._folder) in p and "ControlMaster=yes" in p]
        assert len(logins) == 1


def test_a_wrong_key_a_dead_host_and_a_missing_docker_are_told_apart(
    far: str, tmp_path: Path, private_engine: PrivateEngine
) -> None:
    with pytest.raises(errors.EngineNotFound, match="Connection refused"):
        opskit.connect("ssh://127.0.0.1:1", timeout=5)
    (tmp_path / "authorized_keys").write_text("")
    with pytest.raises(errors.PermissionDenied, match="Permission denied"):
        opskit.connect(far, timeout=10)
    shutil.copy(tmp_path / "id.pub", tmp_path / "authorized_keys")
    with pytest.raises(errors.EngineNotFound, match=r"no-such\.sock"):
        opskit.connect(f"{far}/no-such.sock", timeout=10)


def test_nothing_is_left_when_the_engine_is_closed(far: str) -> None:
    before = set(_processes())
    engine = opskit.connect(far, timeout=30)
    engine.get("/_ping")
    engine.close()
    assert not [p for p in set(_processes()) - before if "dial-stdio" in p and "ssh" in p]


def _processes() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found
