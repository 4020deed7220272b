"""Ends private engines and all they made, also when the process that started them was killed.

Run as a program it waits on its standard input, which closes when that process ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

__all__ = ["CGROUPS", "NETNS", "erase", "new_folder", "state_of"]

NETNS = Path("/run/netns")
CGROUPS = Path("/sys/fs/cgroup")


def erase(folder: Path) -> None:
    """End every process of the engine in ``folder``; remove mounts, namespace, cgroups, files."""
    namespace = folder.name
    for _ in range(100):
        living = _processes(namespace)
        if not living:
            break
        for pid in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    with open("/proc/self/mounts") as mounts:
        points = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{folder}/")]
    for point in sorted(points, reverse=True):
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)
    if (NETNS / namespace).exists():
        subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
    for parent in (CGROUPS / namespace, *CGROUPS.glob(f"*/{namespace}")):
        for path in (*sorted(parent.rglob("*/"), reverse=True), parent):
            with contextlib.suppress(OSError):
                path.rmdir()
    shutil.rmtree(folder, ignore_errors=True)


def state_of(stat: Path) -> str:
    """A process's or thread's state letter: T stopped, Z a zombie."""
    return stat.read_text().rpartition(")")[2].split()[0]


def _processes(namespace: str) -> list[int]:
    """Living processes in the engine's network namespace or below its cgroup."""
    inode = 0
    with contextlib.suppress(OSError):
        inode = (NETNS / namespace).stat().st_ino
    if inode == os.stat("/proc/self/ns/net").st_ino:  # never: that would be everybody
        inode = 0
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            if state_of(Path(f"/proc/{entry}/stat")) == "Z":
                continue
            inside = inode and os.stat(f"/proc/{entry}/ns/net").st_ino == inode
            if inside or f"/{namespace}/" in Path(f"/proc/{entry}/cgroup").read_text():
                found.append(int(entry))
    return found


class _Reaper:
    """A process that erases this process's engines once this process is gone, however it ended."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="opskit-"))
        self.owner = os.getpid()
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-ES", __file__, str(self.base)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.pipe: IO[bytes] | None = self.process.stdin  # closes when this process ends


_reaper: _Reaper | None = None


def new_folder(name: str) -> Path:
    global _reaper  # noqa: PLW0603  one for the process
    if _reaper is None or _reaper.owner != os.getpid():
        _reaper = _Reaper()
    return Path(tempfile.mkdtemp(prefix=f"opskit-{name}-", dir=_reaper.base))


def _reap(base: Path) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for folder in base.iterdir():
        erase(folder)
    base.rmdir()


if __name__ == "__main__":
    _reap(Path(sys.argv[1]))
