"""Where a relay listens: a unix socket at a path, a port of this machine, a socket of its own."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
import stat
import tempfile
import weakref
from pathlib import Path
from urllib.parse import urlsplit

from opskit.errors import AddressError

__all__ = ["Listener", "listen"]

_PATH_MAX = 107
_FORMS = "use unix:///path/to/new.sock or tcp://127.0.0.1:PORT"


class Listener:
    """A listening socket and what has to go when it closes.

    Attributes
    ----------
    socket : socket.socket
        Bound and listening.
    address : str
        The address for ``DOCKER_HOST``.
    unix : bool
        Whether it is a unix socket.
    """

    def __init__(self, sock: socket.socket, address: str, folder: str | None = None) -> None:
        self.socket = sock
        self.address = address
        self.unix = sock.family == socket.AF_UNIX
        # Also when the process ends without closing, as a script or a kernel may
        self._remove = weakref.finalize(self, _remove_folder, folder, os.getpid())
        self._path = sock.getsockname() if self.unix else ""
        self._inode = os.stat(self._path).st_ino if self.unix else 0

    def close(self) -> None:
        """Close the socket and remove its path, if it is still this one's."""
        if self.unix:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(self._path).st_ino == self._inode:
                    os.unlink(self._path)
        self.socket.close()
        self._remove()


def _remove_folder(folder: str | None, owner: int) -> None:
    if folder is not None and os.getpid() == owner:  # not in a fork of the process
        shutil.rmtree(folder, ignore_errors=True)


def listen(url: str | None = None, *, anywhere: bool = False) -> Listener:
    """Listen at ``url``, or on a socket in a new private folder.

    Parameters
    ----------
    url : str, optional
        ``unix:///path`` or ``tcp://127.0.0.1:port`` (port 0: any free one).
    anywhere : bool
        Allow addresses other than loopback: whoever reaches them speaks to the engine.

    Raises
    ------
    AddressError
        The path exists, is too long or cannot be made; the port is taken; or not loopback.
    """
    if url is None:
        return _private()
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "unix" and rest.startswith("/"):
        return _unix(rest)
    if separator and scheme == "tcp":
        return _tcp(url, anywhere)
    raise AddressError(f"{url!r} is not an address to listen at", _FORMS)


def _private() -> Listener:
    folder = tempfile.mkdtemp(prefix="opskit-")
    path = os.path.join(folder, "engine.sock")
    if len(os.fsencode(path)) > _PATH_MAX:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="opskit-", dir="/tmp")
        path = os.path.join(folder, "engine.sock")
    try:
        return Listener(_bind(path), f"unix://{path}", folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unix(path: str) -> Listener:
    if len(os.fsencode(path)) > _PATH_MAX:
        raise AddressError(
            f"the socket's path {path} is longer than {_PATH_MAX} bytes", "use a shorter one"
        )
    _clear_stale(path)
    try:
        return Listener(_bind(path), f"unix://{path}")
    except OSError as error:
        remedy = (
            f"create its folder first: mkdir -p {Path(path).parent}"
            if isinstance(error, FileNotFoundError)
            else "use a path in a folder of your own"
        )
        raise AddressError(f"cannot listen at {path}: {error.strerror}", remedy) from error


def _bind(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        os.chmod(path, 0o600)  # whoever may open the socket commands the engine
        sock.listen(1024)
    except BaseException:
        sock.close()
        raise
    return sock


def _clear_stale(path: str) -> None:
    """Remove a socket of this user's that nobody listens on any more."""
    try:
        info = os.lstat(path)
    except OSError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise AddressError(f"{path} exists and is not a socket", "use another path, or remove it")
    if info.st_uid != os.geteuid():
        raise AddressError(f"the socket {path} is someone else's", "use another path")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1.0)
    try:
        probe.connect(path)
    except (ConnectionRefusedError, FileNotFoundError):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise AddressError(f"the socket {path} is in use: {error}", "use another path") from error
    else:
        raise AddressError(f"somebody listens at {path} already", "use another path, or stop them")
    finally:
        probe.close()


def _tcp(url: str, anywhere: bool) -> Listener:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError as error:
        raise AddressError(f"{url!r} is not an address to listen at: {error}", _FORMS) from None
    if port is None or parts.path.strip("/"):
        raise AddressError(f"{url!r} is not an address to listen at", _FORMS)
    if not anywhere and not _loopback(host):
        raise AddressError(
            f"{host} can be reached from other machines, and who reaches it commands the engine",
            "use tcp://127.0.0.1:PORT, or 'opskit guard --tls DIR', which asks for certificates; "
            "--expose (anywhere=True) listens there as it is",
        )
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(where)
            sock.listen(1024)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise AddressError(
            f"cannot listen at {url}: {error.strerror}", "use another port; 0 takes any free one"
        ) from error
    host = f"[{host}]" if ":" in host else host
    return Listener(sock, f"tcp://{host}:{sock.getsockname()[1]}")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
