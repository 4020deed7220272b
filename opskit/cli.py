"""The ``opskit`` command. A subcommand lives beside what it runs and is loaded when called."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click

from opskit import __version__
from opskit.errors import OpskitError

__all__ = ["main"]

COMMANDS = {
    "cassette": ("opskit.cassette.commands:cassette", "Show, verify, compare and mend cassettes."),
    "collect": ("opskit.events.commands:collect", "Watch events and stats for days, into files."),
    "doctor": (
        "opskit.checks.commands:doctor",
        "Can I reach an engine, is it exposed, what to do.",
    ),
    "guard": ("opskit.guard.commands:guard", "Let only some calls through to an engine."),
    "lab": ("opskit.lab:lab", "Open JupyterLab on the notebooks."),
    "record": ("opskit.wire.commands:record", "Record what a command says to the engine."),
    "replay": ("opskit.wire.commands:replay", "Answer a command from a cassette, with no engine."),
    "tls": ("opskit.tls.commands:tls", "Certificates for an engine on TCP."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="opskit")
def opskit() -> None:
    """See, drive and understand Docker Engines; record and replay what is said to them.

    The engine is the docker CLI's: DOCKER_HOST, else the docker context, else the local socket.
    """


def main() -> NoReturn:
    """Run the command line; an error of opskit's own is one message, not a traceback."""
    try:
        opskit(prog_name="opskit")
    except OpskitError as error:
        click.echo(f"opskit: {error}", err=True)
        sys.exit(1)
    sys.exit(0)
