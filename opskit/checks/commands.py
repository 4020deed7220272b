"""``opskit doctor``."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from opskit.checks.doctor import examine
from opskit.checks.finding import Line

__all__ = ["doctor"]

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.argument("address", required=False)
@click.option(
    "--timeout", type=float, default=5.0, show_default=True, help="Seconds to wait for each answer."
)
def doctor(address: str | None, timeout: float) -> None:
    """Can I reach an engine, is it exposed, and what to do about it.

    ADDRESS is a URL, a socket's path or a docker context's name; by default the engine that the
    docker CLI would use. Ends with status 1 if a check fails.
    """
    sys.exit(_print(examine(address, timeout=timeout)))


def _print(lines: Iterable[Line]) -> int:
    failed = False
    for line in lines:
        failed |= line.status == "fail"
        mark = click.style(f"{line.status:4}", fg=_COLOURS[line.status])
        click.echo(f"{mark}  {line.check}: {line.detail}")
        if line.remedy:
            click.echo(f"      -> {line.remedy}")
    return int(failed)
