"""The audit log: a file to which lines are only ever added.

One process writes to it, each line with one ``write``. What cannot be written is kept, and written
as soon as it can be; whoever asks `AuditLog.ready` first does nothing that would not be recorded.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from opskit.errors import AuditError

__all__ = ["FSYNC", "AuditLog", "Fsync", "rotated"]

Fsync = Literal["always", "interval", "never"]
FSYNC: tuple[Fsync, ...] = ("always", "interval", "never")

_KEPT_IN_MEMORY = 10_000


class AuditLog:
    """An audit log, open for writing.

    Parameters
    ----------
    path : path
        The file; made with mode 0600, or added to.
    fsync : {"interval", "always", "never"}
        When what was written is brought to the disk: within a second, before each call goes on,
        or when the system sees fit. A process that is killed loses nothing in any case, only a
        machine that fails.
    rotate_bytes : int
        The size at which the file is put aside, under a name with the time. 0: never.
    keep : int
        How many files put aside are kept. 0: all.
    interval : float
        Seconds between two looks after the file: fsync, and whether it is still there.

    Raises
    ------
    AuditError
        The file cannot be opened, or somebody else writes to it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fsync: Fsync = "interval",
        rotate_bytes: int = 100 * 1024 * 1024,
        keep: int = 0,
        interval: float = 1.0,
    ) -> None:
        self.path = Path(path)
        self.fsync = fsync
        self.error: OSError | None = None
        self.lost = 0
        self._rotate_bytes = rotate_bytes
        self._keep = keep
        self._waiting: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._dirty = False
        self._file = -1
        try:
            self._open()
        except OSError as error:
            raise AuditError(
                f"cannot write the audit log {self.path}: {_reason(error)}",
                "choose a file in a folder that this user may write to, one for each process",
            ) from error
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._look_after, args=(interval,), name="opskit-audit", daemon=True
        )
        self._thread.start()

    # writing

    def write(self, line: bytes) -> None:
        """Add one line. Never raises: what cannot be written now is written later."""
        with self._lock:
            self._waiting.append(line)
            if len(self._waiting) > _KEPT_IN_MEMORY:
                self._waiting.popleft()
                self.lost += 1
            self._write_waiting()

    def ready(self) -> bool:
        """Whether everything so far was written; tries again where it was not."""
        if self._waiting or self.error is not None:
            with self._lock:
                self._write_waiting()
        return self.error is None

    def sync(self) -> None:
        """Bring what was written to the disk."""
        with self._lock:
            if not self._dirty or self._file < 0:
                return
            self._dirty = False
            file = os.dup(self._file)
        try:
            os.fsync(file)
        except OSError as error:
            self.error, self._dirty = error, True
        finally:
            os.close(file)

    def close(self) -> None:
        """Write what can be written, bring it to the disk, and close the file."""
        self._over.set()
        self._thread.join()
        self.ready()
        if self.fsync != "never":
            self.sync()
        with self._lock:
            self._shut()

    def _write_waiting(self) -> None:
        try:
            if self._file < 0:
                self._open()
            while self._waiting:
                self._append(self._waiting[0])
                self._waiting.popleft()
            self.error = None
        except OSError as error:
            self.error = error

    def _append(self, line: bytes) -> None:
        if self._rotate_bytes and self._size and self._size + len(line) > self._rotate_bytes:
            self._rotate()
        written = os.write(self._file, line)
        self._dirty = True
        if written < len(line):
            # The disk is full: half a line is taken back, or where that is not allowed, ended.
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                self._shut()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written

    # the file

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        file = os.open(self.path, flags, 0o600)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._size = found.st_size
            if self._size and os.pread(file, 1, self._size - 1) != b"\n":
                # What a killed writer left: its line stays, unfinished, and ours begins anew.
                self._size += os.write(file, b"\n")
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def _shut(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _rotate(self) -> None:
        if self.fsync != "never":
            os.fsync(self._file)
        aside = _aside(self.path)
        os.rename(self.path, aside)
        self._shut()
        self._open()
        old = rotated(self.path)
        for one in old[: len(old) - self._keep] if self._keep else ():
            with contextlib.suppress(OSError):
                one.unlink()

    def _look_after(self, interval: float) -> None:
        while not self._over.wait(interval):
            self._follow()
            self.ready()
            if self.fsync == "interval":
                self.sync()

    def _follow(self) -> None:
        """Open the file anew when somebody has moved or removed it, as logrotate does."""
        with self._lock:
            if self._file < 0:
                return
            try:
                there, ours = os.stat(self.path), os.fstat(self._file)
                same = (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
            except FileNotFoundError:
                same = False
            except OSError as error:
                self.error = error
                return
            if not same:
                self._shut()
                self._write_waiting()


def rotated(path: Path) -> list[Path]:
    """The files that were put aside, the oldest first."""
    return sorted(path.parent.glob(f"{_escaped(path.stem)}-[0-9]*T[0-9]*Z*{path.suffix}"))


def _aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return path.with_name(f"{path.stem}-{stamp}{path.suffix}")


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _reason(error: OSError) -> str:
    if error.errno in (errno.EWOULDBLOCK, errno.EACCES) and isinstance(error, BlockingIOError):
        return "another process writes to it"
    if error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return error.strerror or str(error)
