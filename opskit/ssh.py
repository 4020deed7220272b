"""Engines behind ssh: ``docker system dial-stdio`` on the far side, one shared ssh connection.

The user's own ssh client does the work, so its configuration, keys, agent and jump hosts count. The
first call to a host logs in and keeps that connection (a control master); every further connection
to the engine is a channel of it, opened in milliseconds.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

from opskit.address import Address
from opskit.errors import (
    AddressError,
    EngineError,
    EngineNotFound,
    EngineUnresponsive,
    PermissionDenied,
)

__all__ = ["dial_stdio"]

IDLE_SECONDS = 60
_masters: dict[str, Path] = {}
_lock = threading.Lock()
_folder: Path | None = None


def dial_stdio(address: Address, timeout: float | None) -> socket.socket:
    """A connection to the engine on ``address.host``, as a socket.

    Raises
    ------
    EngineNotFound, PermissionDenied, EngineUnresponsive
        With ssh's own message.
    AddressError
        There is no ssh client.
    """
    control = _master(address, timeout)
    ours, theirs = socket.socketpair()
    said = tempfile.TemporaryFile()  # noqa: SIM115 - the channel closes it
    docker = ["docker", *([f"--host=unix://{address.path}"] if address.path else [])]
    command = [*_ssh(address, control), "--", address.host, *docker, "system", "dial-stdio"]
    try:
        child = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=said,
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        said.close()
        raise
    finally:
        theirs.close()
    channel = _Channel(address, ours, child, said)
    channel.settimeout(timeout)
    return channel


class _Channel(socket.socket):
    """A channel of the shared connection; an end before the first byte is told in ssh's words."""

    def __init__(
        self, address: Address, sock: socket.socket, child: subprocess.Popen[bytes], said: IO[bytes]
    ) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._address, self._child, self._said = address, child, said
        self._spoken = False

    def recv(self, *args: Any) -> bytes:
        data = super().recv(*args)
        if not self._spoken and not data:
            self._explain()
        self._spoken = True
        return data

    def recv_into(self, *args: Any) -> int:
        count = super().recv_into(*args)
        if not self._spoken and not count:
            self._explain()
        self._spoken = True
        return count

    def _explain(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._child.wait(5)
            self._said.seek(0)
            raise _ssh_error(self._address, self._said.read().decode(errors="replace"), status)

    def close(self) -> None:
        if self._child.poll() is None:
            with contextlib.suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)
            self._child.terminate()
            self._child.wait()
        self._said.close()
        super().close()


def _ssh(address: Address, control: Path) -> list[str]:
    program = shutil.which("ssh")
    if program is None:
        raise AddressError(f"{address} needs an ssh client", "install openssh-client")
    words = [program, "-T", "-o", f"ControlPath={control}"]
    if address.user:
        words += ["-l", address.user]
    if address.port:
        words += ["-p", str(address.port)]
    return words


def _master(address: Address, timeout: float | None) -> Path:
    """Log in once a host; the path of the control socket its channels go through."""
    global _folder  # noqa: PLW0603 - one folder a process
    host = f"{address.user}@{address.host}:{address.port}"
    with _lock:
        if _folder is None:
            _folder = Path(tempfile.mkdtemp(prefix="opskit-ssh-"))
            atexit.register(_hang_up)
        control = _masters.setdefault(host, _folder / str(len(_masters)))
        check = [*_ssh(address, control), "-O", "check", "--", address.host]
        if (
            control.exists()
            and subprocess.run(check, capture_output=True, check=False).returncode == 0
        ):
            return control
        control.unlink(missing_ok=True)
        _log_in(address, control, timeout)
        return control


def _log_in(address: Address, control: Path, timeout: float | None) -> None:
    options = ["-o", "ControlMaster=yes", "-o", f"ControlPersist={IDLE_SECONDS}", "-fN"]
    if timeout is not None:
        options += ["-o", f"ConnectTimeout={max(1, round(timeout))}"]
    if not sys.stdin or not sys.stdin.isatty():
        options += ["-o", "BatchMode=yes"]  # nobody is there to answer a question
    # A file, not a pipe: the process that stays behind keeps it open.
    with tempfile.TemporaryFile() as said:
        try:
            status = subprocess.run(
                [*_ssh(address, control), *options, "--", address.host],
                stdin=subprocess.DEVNULL if "BatchMode=yes" in options else None,
                stdout=said,
                stderr=said,
                timeout=None if timeout is None else timeout + 5,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise EngineUnresponsive(
                f"ssh did not reach {address.host} within {timeout:g} s",
                f"try it by hand: ssh {address.host}",
            ) from None
        said.seek(0)
        message = said.read().decode(errors="replace")
    if status:
        raise _ssh_error(address, message, status)


def _ssh_error(address: Address, message: str, status: int) -> EngineError:
    told = " ".join(message.split()) or f"ssh ended with status {status}"
    login = f"ssh {address.user + '@' if address.user else ''}{address.host}"
    kind: type[EngineError] = EngineNotFound
    remedy = f"try it by hand: {login} docker version"
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in message:
        kind, told = PermissionDenied, "the host's key is another than the one that ssh knows"
        remedy = (
            "somebody may be in between; if you know that the host was installed anew, forget "
            f"the old key (ssh-keygen -R {address.host}) and compare the new one: {login}"
        )
    elif "Host key verification failed" in message:
        kind, remedy = PermissionDenied, f"compare its key and accept it, once by hand: {login}"
    elif "Permission denied" in message:
        kind = PermissionDenied
        remedy = f"load your key into the agent (ssh-add), then try: {login} docker version"
    elif "timed out" in message:
        kind, remedy = EngineUnresponsive, "is the host up, and is its name right?"
    elif "not found" in message and "docker" in message:
        remedy = f"install the docker CLI on {address.host}; try: {login} docker version"
    return kind(f"{address}: {told}", remedy)


def _hang_up() -> None:
    """End the shared connections; those in use by another channel end with it."""
    for control in _masters.values():  # the control socket tells which host is meant
        if control.exists() and (program := shutil.which("ssh")):
            subprocess.run(
                [program, "-o", f"ControlPath={control}", "-O", "exit", "--", "engine"],
                capture_output=True,
                timeout=5,
                check=False,
            )
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
