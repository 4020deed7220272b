"""What the engine's own configuration has to say for these certificates, and how it gets there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from opskit.tls.keys import write_file

__all__ = ["OVERRIDE", "daemon_json", "next_steps", "write_configuration"]

SOCKET = "unix:///var/run/docker.sock"

OVERRIDE = """\
# hosts stands in daemon.json; dockerd refuses to start when -H names hosts as well
[Service]
ExecStart=
ExecStart=/usr/bin/dockerd --containerd=/run/containerd/containerd.sock
"""
"""A systemd drop-in for docker.service that starts dockerd without -H."""


def daemon_json(folder: str | Path, *, listen: str = "tcp://0.0.0.0:2376") -> str:
    """The daemon.json for an engine that serves these certificates and asks clients for theirs.

    Parameters
    ----------
    folder : path
        Where the files lie on the engine's host.
    listen : str
        Where the engine listens, besides its local socket.
    """
    place = Path(folder).absolute()
    settings = {
        "hosts": [SOCKET, listen],
        "tls": True,
        "tlsverify": True,
        "tlscacert": str(place / "ca.pem"),
        "tlscert": str(place / "server-cert.pem"),
        "tlskey": str(place / "server-key.pem"),
    }
    return json.dumps(settings, indent=2) + "\n"


def write_configuration(folder: Path, *, listen: str = "tcp://0.0.0.0:2376") -> list[Path]:
    """Put daemon.json and the systemd drop-in beside the certificates, where there are none."""
    files = {
        folder / "daemon.json": daemon_json(folder, listen=listen),
        folder / "override.conf": OVERRIDE,
    }
    for path, text in files.items():
        if not path.exists():
            write_file(path, text.encode(), 0o644)
    return list(files)


def next_steps(folder: str | Path, host: str, *, listen: str = "tcp://0.0.0.0:2376") -> str:
    """What to do with the files, on the engine's host and on a client's."""
    place = shlex.quote(str(Path(folder).absolute()))
    host = f"[{host}]" if ":" in host else host
    port = listen.rpartition(":")[2]
    return f"""\
On the engine's host (from elsewhere, bring ca.pem, server-cert.pem, server-key.pem there first):
  put the settings of {place}/daemon.json into /etc/docker/daemon.json
  does systemd start dockerd with -H? (systemctl cat docker | grep ExecStart) Then, because the
  same setting in both places keeps dockerd from starting:
    sudo install -D -m 644 {place}/override.conf \\
      /etc/systemd/system/docker.service.d/opskit-tls.conf
    sudo systemctl daemon-reload
  sudo systemctl restart docker
On a client (with ca.pem, cert.pem, key.pem; more clients: opskit tls init --client NAME):
  export DOCKER_HOST=tcp://{host}:{port} DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH={place}
  opskit doctor
Keep ca-key.pem away from both: whoever has it can make certificates.
"""
