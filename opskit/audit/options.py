"""The options of an audit log on the command line, for every command that relays calls."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from opskit.audit.log import FSYNC, AuditLog, Fsync
from opskit.audit.service import Audited
from opskit.cassette.redact import Redactor
from opskit.wire.call import Service

__all__ = ["Auditing", "audit_options"]

_SIZE = re.compile(r"(\d+)\s*([kKMG]?)i?B?")
_UNITS = {"": 1, "k": 1024, "K": 1024, "M": 1024**2, "G": 1024**3}


@dataclass(frozen=True, slots=True)
class Auditing:
    """Where and how calls are written down.

    Attributes
    ----------
    path : path
        The audit log.
    fsync, rotate_bytes, keep
        As for `opskit.audit.AuditLog`.
    bodies : bool
        Whether what is sent as JSON is written down too, secrets masked.
    refuse : bool
        Whether calls are refused while the log cannot be written.
    redact : tuple of str
        Secrets to keep out of it, beside those known by their place.
    """

    path: Path
    fsync: Fsync = "interval"
    rotate_bytes: int = 100 * 1024 * 1024
    keep: int = 0
    bodies: bool = True
    refuse: bool = True
    redact: tuple[str, ...] = ()

    def open(self) -> AuditLog:
        """Open the log; whoever does closes it."""
        return AuditLog(self.path, fsync=self.fsync, rotate_bytes=self.rotate_bytes, keep=self.keep)

    def around(self, service: Service, log: AuditLog) -> Audited:
        """A service whose calls are written down in the log."""
        redactor = Redactor(self.redact)
        return Audited(service, log, redactor=redactor, bodies=self.bodies, refuse=self.refuse)


def audit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--audit`` and what goes with it; it gets one ``audit`` argument."""

    @functools.wraps(command)
    def with_audit(*args: Any, **options: Any) -> Any:
        path = options.pop("audit")
        given = {name: options.pop(f"audit_{name}") for name in ("fsync", "rotate", "keep")}
        bodies, refuse = options.pop("audit_bodies"), not options.pop("audit_optional")
        redact = options.pop("audit_redact")
        auditing = path and Auditing(
            path, given["fsync"], given["rotate"], given["keep"], bodies, refuse, redact
        )
        return command(*args, audit=auditing, **options)

    for option in reversed(_OPTIONS):
        with_audit = option(with_audit)
    return with_audit


def _size(ctx: click.Context, param: click.Parameter, value: str) -> int:
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(f"{value!r} is no size: write 100M")
    return int(found[1]) * _UNITS[found[2]]


_OPTIONS = (
    click.option(
        "--audit",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write a line to FILE for each call: who called what, and what came of it.",
    ),
    click.option(
        "--audit-fsync",
        type=click.Choice(FSYNC),
        default="interval",
        show_default=True,
        help="Bring lines to the disk each second, before each call, or when the system does.",
    ),
    click.option(
        "--audit-rotate",
        metavar="SIZE",
        default="100M",
        show_default=True,
        callback=_size,
        help="Put FILE aside under a name with the time when it gets this large; 0 never.",
    ),
    click.option(
        "--audit-keep", metavar="N", default=0, help="Keep only the last N files put aside."
    ),
    click.option(
        "--audit-bodies/--no-audit-bodies",
        default=True,
        help="Write down what is sent as JSON, secrets masked (the default), or not.",
    ),
    click.option(
        "--audit-redact",
        metavar="TEXT",
        multiple=True,
        help="A secret to keep out of FILE, beside those known by their place. Repeatable.",
    ),
    click.option(
        "--audit-optional",
        is_flag=True,
        help="Let calls pass while FILE cannot be written; by default they are refused.",
    ),
)
