"""``opskit collect``."""

from __future__ import annotations

import signal
from pathlib import Path

import click

__all__ = ["collect"]


def _length(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    from opskit.stats.durations import seconds

    try:
        return None if value is None else seconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _kinds(context: click.Context, parameter: click.Parameter, value: str) -> str:
    from opskit.collect.layout import KINDS

    if unknown := [kind for kind in value.split(",") if kind not in KINDS]:
        raise click.BadParameter(f"cannot collect {', '.join(unknown)}; only {' and '.join(KINDS)}")
    return value


@click.command()
@click.argument("what", default="events,stats", callback=_kinds)
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files; an earlier collection in it is continued.",
)
@click.option("--upstream", metavar="URL", help="The engine; by default the docker CLI's.")
@click.option(
    "--interval",
    metavar="TIME",
    default="10s",
    show_default=True,
    callback=_length,
    help="Time between samples.",
)
@click.option(
    "--rotate",
    metavar="TIME",
    default="1h",
    show_default=True,
    callback=_length,
    help="Time that a file covers.",
)
@click.option(
    "--timeout",
    metavar="TIME",
    callback=_length,
    help="How long; by default until it is interrupted.",
)
def collect(
    what: str, out: Path, upstream: str | None, interval: float, rotate: float,
    timeout: float | None,
) -> None:  # fmt: skip
    """Watch events and sample stats for days, into Parquet files that survive a kill.

    WHAT is events, stats or both, separated by a comma. In Python,
    opskit.read_collected(DIR, since="1h") gives the frames back, also while it goes on.
    """
    import opskit
    from opskit.collect.collector import Collector

    with (
        opskit.connect(upstream, read_only=True) as engine,
        Collector(engine, out, what, interval=interval, rotate=rotate) as collector,
    ):
        signal.signal(signal.SIGTERM, lambda number, frame: collector.stop())
        click.echo(f"collecting {what} of {engine.address} into {collector.home}", err=True)
        counts = collector.run(timeout)
    told = ", ".join(f"{count} rows of {kind}" for kind, count in counts.items())
    click.echo(f"collected {told}", err=True)
