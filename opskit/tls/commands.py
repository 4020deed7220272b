"""``opskit tls``: make, renew and show certificates."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import click

from opskit import tls as certificates
from opskit.tls import listing
from opskit.tls.daemon import write_configuration
from opskit.tls.keys import KEY_TYPES, KeyType
from opskit.tls.reading import SOON

__all__ = ["tls"]


def _folder(given: str | None) -> Path:
    return Path(given or os.environ.get("DOCKER_CERT_PATH") or ".")


@click.group()
def tls() -> None:
    """Certificates for an engine on TCP."""


@tls.command()
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="Name of the engine's host.")
@click.option("--ip", "ips", multiple=True, metavar="IP", help="Address of the engine's host.")
@click.option("-o", "--out", required=True, metavar="DIR", help="Folder for the files.")
@click.option("--client", "clients", multiple=True, metavar="NAME", help="One more client.")
@click.option("--days", type=float, default=365, show_default=True, help="How long they are valid.")
@click.option("--key", "--key-type", type=click.Choice(KEY_TYPES), default="ec", show_default=True,
              help="Kind of the private keys.")  # fmt: skip
@click.option("--listen", default="tcp://0.0.0.0:2376", show_default=True, metavar="URL",
              help="Where the engine is to listen, for daemon.json.")  # fmt: skip
def init(
    hosts: tuple[str, ...],
    ips: tuple[str, ...],
    out: str,
    clients: tuple[str, ...],
    days: float,
    key: str,
    listen: str,
) -> None:
    """Make an authority and certificates for an engine and its clients.

    What DIR holds already is kept; --client makes certificates for more clients later on. The
    engine's certificate is also valid for localhost.
    """
    made = certificates.init(
        out, hosts=hosts, ips=ips, clients=clients, days=days, key=cast("KeyType", key)
    )
    _report(made)
    fresh = any(one.what == "made" and one.file.name == "server-cert.pem" for one in made)
    for path in write_configuration(Path(out), listen=listen):
        click.echo(f"{path}")
    if fresh:
        host = next(iter([*hosts, *ips]), "localhost")
        click.echo()
        click.echo(certificates.next_steps(out, host, listen=listen), nl=False)


@tls.command()
@click.argument("folder", required=False)
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="One more name of the engine.")
@click.option("--ip", "ips", multiple=True, metavar="IP", help="One more address of the engine.")
@click.option("--days", type=float, default=365, show_default=True, help="How long they are valid.")
@click.option("--all", "everything", is_flag=True, help="Also those that are valid for longer.")
def renew(
    folder: str | None, hosts: tuple[str, ...], ips: tuple[str, ...], days: float, everything: bool
) -> None:
    """Sign certificates anew that expire within 30 days, with the same keys and names.

    FOLDER is DOCKER_CERT_PATH, else the current folder, if not given.
    """
    made = certificates.renew(_folder(folder), hosts=hosts, ips=ips, days=days, all=everything)
    _report(made)
    if any(one.what == "renewed" and one.file.name == "server-cert.pem" for one in made):
        click.echo("The engine reads its certificate when it starts: sudo systemctl restart docker")


@tls.command()
@click.argument("folder", required=False)
def show(folder: str | None) -> None:
    """Whose certificates these are, for what, and until when.

    FOLDER is DOCKER_CERT_PATH, else the current folder, if not given. Ends with status 1 if one
    has expired, expires within 30 days, or is not signed by ca.pem.
    """
    place = _folder(folder)
    bad = False
    for one in listing.certificates(place):
        left = one.days_left()
        said = listing.status(one)
        bad |= left < SOON or said == listing.FOREIGN
        severe = left < 0 or said == listing.FOREIGN
        colour = "green" if said == "ok" else "red" if severe else "yellow"
        names = f", for {' '.join(one.names)}" if one.names else ""
        file = Path(one.file).relative_to(place)
        click.echo(f"{file}: {one.role} {one.subject}, by {one.issuer}, {one.key}{names}")
        days = f"{abs(left):.0f} days {'left' if left >= 0 else 'ago'}"
        when = f"until {one.not_after:%Y-%m-%d %H:%M} UTC, {days}"
        click.echo(f"  {click.style(said, fg=colour)}: {when}")
    if bad:
        raise SystemExit(1)


def _report(made: list[certificates.Made]) -> None:
    for one in made:
        click.echo(f"{one.file}: {one.what}")
