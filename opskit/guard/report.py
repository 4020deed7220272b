"""``opskit cassette policy``: the least rights of a session, printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from opskit.api.catalogue import ENDPOINTS
from opskit.guard.evidence import gather
from opskit.guard.least import KINDS, fit

__all__ = ["report"]

_TITLES = {
    "guard": "opskit guard --policy",
    "tecnativa": "Tecnativa's docker-socket-proxy: an environment file",
    "linuxserver": "LinuxServer's docker-socket-proxy: an environment file",
    "wollomatic": "wollomatic's socket-proxy: an environment file",
}


def report(files: Sequence[Path], kinds: Sequence[str] = ()) -> int:
    """Print the settings of each kind; how many requests could not be let through."""
    evidence, odd = gather(files)
    names = ", ".join(path.name for path in files)
    count = len({(one.method, one.pattern) for one in evidence})
    refused = len(odd)
    for request in odd:
        click.echo(f"note: nobody should let through {request}", err=True)
    for number, kind in enumerate(kinds or KINDS):
        fitted = fit(kind, evidence)
        if number:
            click.echo()
        click.echo(f"# {_TITLES[kind]}")
        click.echo(f"# The least that lets through {names}: {count} kinds of calls.")
        click.echo(
            f"# With it {fitted.endpoints} of the API's {len(ENDPOINTS)} endpoints are open."
        )
        for note in fitted.notes:
            click.echo(f"# Note: {note}.")
        for request in fitted.refused:
            click.echo(f"# Cannot be let through: {request}")
        click.echo(fitted.text, nl=False)
        refused += len(fitted.refused)
    return refused
