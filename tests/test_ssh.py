"""An engine behind ssh: a real sshd on loopback, the user's own ssh configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
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
        assert engine.get("/info")["DockerRootDir"] == near.get("/info")["DockerRootDir"]
        assert engine.request("GET", "/version").json()["Version"] == near.engine_version
        assert engine.sdk.info()["DockerRootDir"] == near.get("/info")["DockerRootDir"]
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


def test_readings_commands_and_fleets_work_over_ssh(
    far: str, private_engine: PrivateEngine, tmp_path: Path
) -> None:
    private_engine.run(["sh", "-c", "while echo said; do sleep 0.1; done"], "far-web")
    with opskit.connect(far, timeout=30) as engine:
        assert "far-web" in set(engine.containers(detail=True)["name"])
        assert engine.exec("far-web", ["echo", "hi"]).text == "hi\n"
        assert next(iter(engine.follow("far-web")))["line"] == "said"
        assert "far-web" in set(engine.stats()["name"])
        with opskit.fleet({"far": engine, "near": private_engine.url}) as fleet:
            for _ in range(2):
                named = fleet.containers().query("name == 'far-web'")
                assert set(named["engine"]) == {"far", "near"}
    command = ["docker", "exec", "far-web", "echo", "taped"]

    def run(address: str) -> subprocess.CompletedProcess[str]:
        env = {**private_engine.env, "DOCKER_HOST": address}
        return subprocess.run(
            command, env=env, check=True, capture_output=True, text=True, timeout=60
        )

    with opskit.record(tmp_path / "far.yaml", upstream=far) as recorder:
        assert run(recorder.address).stdout == "taped\n"
    with opskit.replay(tmp_path / "far.yaml") as replayed:
        assert run(replayed.address).stdout == "taped\n"


@pytest.mark.parametrize("killed", ["dial-stdio", "ControlMaster=yes"])
def test_a_killed_ssh_ends_its_streams_and_the_next_call_works(far: str, killed: str) -> None:
    with opskit.connect(far) as engine, engine.open_stream("/events", timeout=30) as stream:
        for pid, command in _running().items():
            if str(ssh._folder) in command and killed in command:
                os.kill(pid, signal.SIGKILL)
        with pytest.raises(errors.EngineLost, match="ended the stream in the middle"):
            list(stream)
        assert engine.get("/_ping") == "OK"


def test_a_wrong_key_a_dead_host_and_a_missing_docker_are_told_apart(
    far: str, tmp_path: Path, private_engine: PrivateEngine
) -> None:
    with pytest.raises(errors.EngineNotFound, match="Connection refused"):
        opskit.connect("ssh://127.0.0.1:1", timeout=5)
    (tmp_path / "authorized_keys").write_text("")
    with pytest.raises(errors.PermissionDenied, match="Permission denied"):
        opskit.connect(far, timeout=10)
    public = (tmp_path / "id.pub").read_text()
    elsewhere = 'command="PATH=/nonexistent; eval $SSH_ORIGINAL_COMMAND" '
    (tmp_path / "authorized_keys").write_text(elsewhere + public)
    with pytest.raises(errors.EngineNotFound, match="install the docker CLI on far-engine"):
        opskit.connect(far, timeout=10)
    ssh._hang_up()
    (tmp_path / "authorized_keys").write_text(public)
    with pytest.raises(errors.EngineNotFound, match=r"no-such\.sock"):
        opskit.connect(f"{far}/no-such.sock", timeout=10)


def test_a_host_of_unknown_or_changed_key_is_not_spoken_to(far: str, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    host, right = known.read_text().split(maxsplit=1)
    known.write_text("")
    with pytest.raises(errors.PermissionDenied, match="compare its key and accept it"):
        opskit.connect(far, timeout=10)
    known.write_text(f"{host} {(tmp_path / 'id.pub').read_text()}")
    with pytest.raises(errors.PermissionDenied, match="another than the one that ssh knows") as no:
        opskit.connect(far, timeout=10)
    assert "ssh-keygen -R far-engine" in str(no.value)
    assert "@" not in str(no.value)
    known.write_text(f"{host} {right}")
    opskit.connect(far, timeout=10).close()


def test_nothing_is_left_when_the_engine_is_closed(far: str) -> None:
    before = set(_processes())
    engine = opskit.connect(far, timeout=30)
    engine.get("/_ping")
    engine.close()
    assert not [p for p in set(_processes()) - before if "dial-stdio" in p and "ssh" in p]


def _processes() -> list[str]:
    return list(_running().values())


def _running() -> dict[int, str]:
    """The command lines of what runs here, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
    return found
