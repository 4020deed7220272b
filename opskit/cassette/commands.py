"""``opskit cassette``: show, compare, verify and mend cassettes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from opskit.cassette.format import load, save

__all__ = ["cassette"]

_file = click.argument("file", type=click.Path(path_type=Path))


@click.group()
def cassette() -> None:
    """Show, compare, verify and mend cassettes."""


@cassette.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-b", "--bodies", "with_bodies", is_flag=True, help="Also what was said.")
@click.option("-n", "--number", "which", metavar="3,5-7", help="Only these exchanges.")
@click.option("--lines", default=40, show_default=True, help="Lines of each body.")
def show(files: tuple[Path, ...], with_bodies: bool, which: str | None, lines: int) -> None:
    """List the exchanges of cassettes."""
    from opskit.cassette.edit import selector
    from opskit.cassette.show import bodies, exchange_list

    for path in files:
        opened = load(path)
        select = selector(which) if which else None
        numbers = {e.number for e in opened.exchanges if select(e)} if select else None
        for line in exchange_list(opened, numbers):
            click.echo(line)
        for exchange in opened.exchanges if with_bodies else ():
            if numbers is None or exchange.number in numbers:
                for line in bodies(exchange, limit=lines):
                    click.echo(line)


@cassette.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
def diff(first: Path, second: Path) -> None:
    """Compare two cassettes by what they mean; exit status 1 when they differ.

    Made-up names, the engine's ids, times, and the way JSON is written do not count.
    """
    from opskit.cassette.diff import diff as compare

    changes = compare(load(first), load(second))
    marks = {"gone": "-", "new": "+", "changed": "~"}
    for change in changes:
        numbers = "/".join(str(number) for number in change.numbers if number)
        detail = f"  {change.detail}" if change.detail else ""
        click.echo(f"{marks[change.what]} {numbers:>9}  {change.request}{detail}")
    if not changes:
        click.echo("they mean the same")
    sys.exit(1 if changes else 0)


@cassette.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--engine",
    is_flag=False,
    flag_value="",
    metavar="URL",
    help="Compare with a live engine's answers; without URL the docker CLI's engine.",
)
@click.option("--max-age", metavar="90d", help="Tell cassettes that are older.")
def verify(files: tuple[Path, ...], engine: str | None, max_age: str | None) -> None:
    """Check that cassettes can be read, are not too old, and are still true.

    With --engine the safe requests of a cassette are made again, and what has changed in the
    shape of the answers is told: new, gone and retyped fields. Exit status 1 when something is.
    """
    from opskit.cassette import verify as checks

    limit = checks.duration(max_age) if max_age else None
    wrong = False
    for path in files:
        opened = load(path)
        for _ in opened.exchanges:  # reads each of them
            pass
        click.echo(opened.title())
        old = checks.age(opened)
        if limit is not None and (old is None or old > limit):
            told = "does not say when it was recorded" if old is None else f"is {old.days} days old"
            click.echo(f"  too old: it {told}; record it again")
            wrong = True
        if engine is not None:
            wrong |= _compare(opened, engine or None)
    sys.exit(1 if wrong else 0)


def _compare(opened: Any, address: str | None) -> bool:
    from opskit.cassette.verify import verify as compare
    from opskit.engine import connect

    with connect(address, read_only=True) as engine:
        report = compare(opened, engine.get)
    for endpoint, changes in report.changes.items():
        click.echo(f"  {endpoint}")
        for what, place in changes:
            click.echo(f"    {what:8} {place}")
    for endpoint, why in report.skipped.items():
        click.echo(f"  {endpoint}: not compared, {why}")
    same, changed = len(report.same), len(report.changes)
    click.echo(f"  {same} endpoints as recorded, {changed} changed, {len(report.skipped)} skipped")
    return bool(report.changes)


@cassette.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("-f", "--force", is_flag=True, help="Replace the target if it exists.")
def convert(source: Path, target: Path, force: bool) -> None:
    """Write a cassette in another format: .yaml, .jsonl or .jsonl.gz, as the name says."""
    if target.exists() and not force:
        raise click.UsageError(f"{target} exists; --force replaces it")
    opened = load(source)
    save(opened, target)
    click.echo(f"{target}: {len(opened.exchanges)} exchanges")


@cassette.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--for",
    "kinds",
    multiple=True,
    type=click.Choice(["guard", "tecnativa", "linuxserver", "wollomatic"]),
    help="Whose settings to print; by default everybody's. Repeatable.",
)
def policy(files: tuple[Path, ...], kinds: tuple[str, ...]) -> None:
    """Print the least rights that let the recorded sessions through.

    FILES are cassettes and audit logs. The rules are for 'opskit guard --policy', and as
    environment files for the docker-socket-proxy of Tecnativa and LinuxServer and for
    wollomatic's socket-proxy. Each is tried on the recorded requests first; ends with status 1 if
    one of them would be refused all the same.
    """
    from opskit.guard.report import report

    raise SystemExit(1 if report(files, kinds) else 0)


@cassette.command()
@_file
def recover(file: Path) -> None:
    """Make a cassette of what a killed recording left behind."""
    from opskit.cassette.recovery import recover as make

    target = make(file)
    opened = load(target)
    unfinished = sum(e.end.value == "unfinished" for e in opened.exchanges)
    click.echo(f"{target}: {len(opened.exchanges)} exchanges, {unfinished} of them unfinished")


@cassette.command()
@_file
@click.option(
    "--drop",
    multiple=True,
    metavar="WHICH",
    help="Leave exchanges out: numbers (3,5-7) or a pattern ('GET /events*'). Repeatable.",
)
@click.option("--redact", multiple=True, metavar="TEXT", help="Mask a secret. Repeatable.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write here instead of over the file.",
)
def edit(file: Path, drop: tuple[str, ...], redact: tuple[str, ...], output: Path | None) -> None:
    """Rewrite a cassette without some exchanges, or with secrets masked."""
    from opskit.cassette.edit import edited

    if not drop and not redact:
        raise click.UsageError("say what to do: --drop or --redact")
    opened = load(file)
    before = len(opened.exchanges)
    target = output or file
    dropped = edited(opened, target, drop=drop, redact=redact)
    click.echo(f"{target}: {before - dropped} exchanges, {dropped} dropped")
