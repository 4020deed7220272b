"""``opskit record`` and ``opskit replay``: a cassette around a command, or as a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from opskit.audit.options import Auditing, audit_options
from opskit.cassette.model import RecordMode
from opskit.cassette.pace import PACES
from opskit.wire.run import run, signals_held, wait_for_signal
from opskit.wire.session import Recording, Replay, open_cassette, open_recording

__all__ = ["record", "replay"]

_listen = click.option(
    "--listen",
    metavar="URL",
    help="Serve other clients at unix:///path or tcp://127.0.0.1:PORT until interrupted.",
)
_expose = click.option(
    "--expose", is_flag=True, help="Allow --listen on an address that other machines can reach."
)
_command = click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND…]")


@click.command()
@click.option(
    "-o",
    "--output",
    "path",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The cassette: .yaml, .jsonl or .jsonl.gz.",
)
@click.option("--upstream", metavar="URL", help="The engine; by default the docker CLI's.")
@_listen
@_expose
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in RecordMode]),
    default="once",
    show_default=True,
    help="What to do with a cassette that exists: replay it (once, none), add to it "
    "(new_episodes), record it anew (all).",
)
@click.option(
    "--redact",
    multiple=True,
    metavar="TEXT",
    help="A secret to keep out of the cassette, beside those known by their place. Repeatable.",
)
@audit_options
@_command
def record(
    path: Path,
    upstream: str | None,
    listen: str | None,
    expose: bool,
    mode: str,
    redact: tuple[str, ...],
    command: tuple[str, ...],
    audit: Auditing | None,
) -> None:
    """Record what COMMAND, or clients of --listen, say to the engine.

    The command's exit status becomes this one's.
    """
    _check(command, listen)
    with signals_held():
        session = open_recording(
            path,
            redact=redact,
            mode=mode,
            upstream=upstream,
            listen_at=listen,
            anywhere=expose,
            audit=audit and replace(audit, redact=(*redact, *audit.redact)),
        )
        recording = isinstance(session, Recording)
        try:
            what = f"recording to {path}" if recording else f"replaying {path} (mode {mode})"
            status = _serve(session.address, command, what)
        finally:
            session.close()
    if isinstance(session, Recording):
        exchanges = "exchange" if session.count == 1 else "exchanges"
        click.echo(f"opskit: {session.count} {exchanges} recorded to {path}", err=True)
    else:
        _tell(session)
        click.echo(
            f"opskit: {path} was replayed, and nothing was recorded (mode {mode}): "
            "--mode all records it anew, new_episodes adds to it",
            err=True,
        )
    raise SystemExit(status)


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@_listen
@_expose
@click.option(
    "--pace",
    type=click.Choice(PACES),
    default="causal",
    show_default=True,
    help="When the parts of streams are sent: after what caused them, at the recorded times, "
    "or all at once.",
)
@click.option("--strict-version", is_flag=True, help="Tell API versions in paths apart.")
@click.option("--strict-names", is_flag=True, help="Do not learn names that the client made up.")
@_command
def replay(
    path: Path,
    listen: str | None,
    expose: bool,
    pace: str,
    strict_version: bool,
    strict_names: bool,
    command: tuple[str, ...],
) -> None:
    """Answer COMMAND, or clients of --listen, from the cassette FILE; no engine is needed.

    The command's exit status becomes this one's. What was recorded and never asked for is told
    at the end.
    """
    _check(command, listen)
    strict = {"version": strict_version, "names": strict_names}
    with signals_held():
        session = open_cassette(
            path,
            pace=pace,
            match=[name for name, chosen in strict.items() if chosen],
            listen_at=listen,
            anywhere=expose,
        )
        try:
            status = _serve(session.address, command, f"replaying {path}")
        finally:
            session.close()
    _tell(session)
    raise SystemExit(status)


def _tell(session: Replay) -> None:
    """What a replay that is over did not play."""
    for refused in dict.fromkeys(session.refused):
        click.echo(f"opskit: {refused}", err=True)
    if left := [number for number, _ in session.unplayed()]:
        of = len(session.cassette.exchanges)
        them = f"opskit cassette show {session.cassette.path} -n {_ranges(left)}"
        click.echo(f"opskit: {len(left)} of {of} exchanges were not played: {them}", err=True)


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as ``3,5-7``; as much of them as one line holds."""
    ends: list[list[int]] = []
    for number in numbers:
        if ends and number == ends[-1][1] + 1:
            ends[-1][1] = number
        else:
            ends.append([number, number])
    told = [str(low) if low == high else f"{low}-{high}" for low, high in ends]
    return ",".join(told[:12]) + (" and more" if len(told) > 12 else "")


def _check(command: Sequence[str], listen: str | None) -> None:
    if not command and not listen:
        raise click.UsageError("give a command after --, or an address to --listen at")


def _serve(address: str, command: Sequence[str], what: str) -> int:
    if command:
        return run(command, address)
    click.echo(
        f"opskit: {what}, at {address}\n  export DOCKER_HOST={address}\nCtrl-C or SIGTERM ends it.",
        err=True,
    )
    wait_for_signal()
    return 0
