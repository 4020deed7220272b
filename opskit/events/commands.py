"""``opskit collect``."""

from __future__ import annotations

import signal
from pathlib import Path

import click

__all__ = ["collect"]


@click.command()
@click.argument("what", default="events,stats")
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files; an earlier collection in it is continued.",
)
@click.option("--upstream", metavar="URL", help="The engine; by default the docker CLI's.")
@click.option("--interval", default="10s", show_default=True, help="Time between samples.")
@click.option("--rotate", default="1h", show_default=True, help="Time that a file covers.")
@click.option("--timeout", metavar="TIME", help="How long; by default until it is interrupted.")
def collect(
    what: str, out: Path, upstream: str | None, interval: str, rotate: str, timeout: str | None
) -> None:
    """Watch events and sample stats for days, into Parquet files that survive a kill.

    WHAT is events, stats or both, separated by a comma. In Python,
    opskit.read_collected(DIR, since="1h") gives the frames back, also while it goes on.
    """
    import opskit
    from opskit.collect.collector import Collector
    from opskit.stats.durations import seconds

    with (
        opskit.connect(upstream, read_only=True) as engine,
        Collector(engine, out, what, interval=interval, rotate=rotate) as collector,
    ):
        signal.signal(signal.SIGTERM, lambda number, frame: collector.stop())
        click.echo(f"collecting {what} of {engine.address} into {collector.home}", err=True)
        counts = collector.run(None if timeout is None else seconds(timeout))
    told = ", ".join(f"{count} rows of {kind}" for kind, count in counts.items())
    click.echo(f"collected {told}", err=True)
