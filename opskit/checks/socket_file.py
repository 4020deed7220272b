"""Is the engine's socket there, may this user open it, and who listens behind it?"""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import socket
import stat
import struct
from pathlib import Path

from opskit.checks.finding import Line

__all__ = ["check_socket", "other_sockets", "peer_process", "peer_state"]


def check_socket(path: str) -> list[Line]:
    """Look at a socket's file: there, a socket, and open to this user."""
    try:
        found = os.stat(path)
    except PermissionError:
        return [_hidden(path)]
    except OSError as error:
        others = other_sockets(path)
        remedy = (
            f"another one is there: DOCKER_HOST=unix://{others[0]}"
            if others
            else "start the engine (sudo systemctl start docker), or name another in DOCKER_HOST"
        )
        return [Line("socket", "fail", f"{path} is not there: {error.strerror}", remedy)]
    if not stat.S_ISSOCK(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a file"
        remedy = "remove it and start the engine again, which makes the socket"
        if stat.S_ISDIR(found.st_mode):
            remedy += "; docker makes such a folder when it mounts a socket that is not there"
        return [Line("socket", "fail", f"{path} is {kind}, not a socket", remedy)]
    return [Line("socket", "ok", f"{path} is there"), _permission(path, found)]


def _hidden(path: str) -> Line:
    folder = Path(path).parent
    while folder != folder.parent and not os.access(folder.parent, os.X_OK):
        folder = folder.parent
    return Line(
        "permission",
        "fail",
        f"{_me()} may not look into {folder}",
        "use an engine of this user's own (rootless), sudo, or ssh://",
    )


def _permission(path: str, found: os.stat_result) -> Line:
    owner, group = _user(found.st_uid), _group(found.st_gid)
    who = f"{owner}:{group} {stat.filemode(found.st_mode)}"
    uid, groups = os.geteuid(), {os.getegid(), *os.getgroups()}
    if os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        if uid == 0:
            how = "you are root"
        elif uid == found.st_uid:
            how = f"you are its owner {owner}"
        elif found.st_gid in groups:
            how = f"you are in group {group}"
        else:
            how = "open to everybody"
        return Line("permission", "ok", f"{who}; {how}")
    detail = f"{who}; {_me()} is neither its owner nor in group {group}"
    if not found.st_mode & stat.S_IWGRP:
        return Line("permission", "fail", detail, "use sudo, or an engine of this user's own")
    if _listed_in(group):
        remedy = f"you joined {group} after logging in: log in again, or run newgrp {group}"
        return Line("permission", "fail", f"{who}; this session is not in {group} yet", remedy)
    remedy = f"sudo usermod -aG {group} $USER, then log in again (that group is as good as root)"
    return Line("permission", "fail", detail, remedy)


def other_sockets(path: str) -> list[str]:
    """Sockets of engines at their usual places, apart from ``path``."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    usual = (
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        str(Path.home() / ".docker/run/docker.sock"),
        str(Path.home() / ".docker/desktop/docker.sock"),
        str(Path.home() / ".colima/default/docker.sock"),
        "/run/podman/podman.sock",
        f"{runtime}/podman/podman.sock",
    )
    return [one for one in usual if one != path and _is_socket(one)]


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def peer_process(path: str, timeout: float = 1.0) -> tuple[int, str] | None:
    """Process id and name of who listens on a socket; None where that cannot be seen."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout)
            sock.connect(path)
            seen = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid = struct.unpack("3i", seen)[0]
        return (pid, Path(f"/proc/{pid}/comm").read_text().strip()) if pid > 0 else None
    except OSError:
        return None


def peer_state(pid: int) -> str:
    """A process's state as one letter (``T``: stopped); empty where that cannot be seen."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _listed_in(group: str) -> bool:
    try:
        return getpass.getuser() in grp.getgrnam(group).gr_mem
    except (KeyError, OSError):
        return False


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _me() -> str:
    return f"{_user(os.geteuid())} (uid {os.geteuid()})"
