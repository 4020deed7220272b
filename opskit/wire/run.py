"""Running a command with ``DOCKER_HOST`` set: its signals and its exit status pass through."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence

from opskit.wire.environment import DOCKER_VARIABLES

__all__ = ["run", "signals_held", "wait_for_signal"]

_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_PASSED = {*_ENDING, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
_FROM_TERMINAL = 0x80
"""``si_code`` of a signal from the kernel: the command got it from the terminal too."""


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Hold signals back inside the block, to be waited for; threads begun inside hold them too."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED, signal.SIGCHLD})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait_for_signal() -> None:
    """Wait until the process is asked to end."""
    signal.sigwait(_ENDING)


def run(command: Sequence[str], docker_host: str) -> int:
    """Run a command to its end inside `signals_held`; give its exit status as a shell would."""
    environment = {k: v for k, v in os.environ.items() if k not in DOCKER_VARIABLES}
    environment["DOCKER_HOST"] = docker_host
    try:
        pid = os.posix_spawnp(command[0], list(command), environment, setsigmask=[])
    except FileNotFoundError:
        print(f"opskit: {command[0]}: command not found", file=sys.stderr)
        return 127
    except OSError as error:
        print(f"opskit: {command[0]}: {error.strerror}", file=sys.stderr)
        return 126
    while True:
        got = signal.sigwaitinfo({*_PASSED, signal.SIGCHLD})
        if got.si_signo != signal.SIGCHLD:
            if got.si_code != _FROM_TERMINAL:
                os.kill(pid, got.si_signo)
            continue
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
