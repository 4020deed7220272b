"""``opskit doctor``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from opskit.checks.doctor import examine
from opskit.checks.finding import Line
from opskit.checks.rules import SEVERITIES, Severity, at_least

if TYPE_CHECKING:
    from opskit.checks.exposure import Exposure

__all__ = ["doctor"]

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_SHADES = {"critical": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": "white"}


@click.command()
@click.argument("address", required=False)
@click.option(
    "--timeout", type=float, default=5.0, show_default=True, help="Seconds to wait for each answer."
)
@click.option("--security", is_flag=True, help="Is the engine exposed, are its containers?")
@click.option("--all", "everything", is_flag=True, help="With --security: stopped containers too.")
@click.option(
    "--least",
    type=click.Choice(SEVERITIES),
    default="low",
    show_default=True,
    help="With --security: leave out what is less serious.",
)
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="high",
    show_default=True,
    help="With --security: end with status 1 for this and what is more serious.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "junit"]),
    default="text",
    show_default=True,
    help="With --security: how to write it.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --security: write it to this file.",
)
def doctor(
    address: str | None,
    timeout: float,
    security: bool,
    everything: bool,
    least: str,
    fail_on: str,
    form: str,
    out: Path | None,
) -> None:
    """Can I reach an engine, is it exposed, and what to do about it.

    ADDRESS is a URL, a socket's path or a docker context's name; by default the engine that the
    docker CLI would use. Ends with status 1 if a check fails.
    """
    if not security:
        sys.exit(_print(examine(address, timeout=timeout)))
    from opskit.checks import report
    from opskit.checks.exposure import examine_exposure
    from opskit.engine import connect

    def write(found: Exposure) -> str:
        makers = {"json": report.as_json, "sarif": report.as_sarif, "junit": report.as_junit}
        return makers[form](found) if form in makers else _text(found)

    if at_least(least, fail_on):  # what makes it fail is shown
        least = fail_on
    with connect(address, timeout=timeout, read_only=True) as engine:
        found = examine_exposure(engine, all=everything, least=cast("Severity", least))
    if out is None:
        click.echo(write(found), nl=False)
    else:
        out.write_text(click.unstyle(write(found)), encoding="utf-8")
    sys.exit(int(any(at_least(f.rule.severity, fail_on) for f in found.findings)))


def _text(found: Exposure) -> str:
    lines = []
    for finding in found.findings:
        rule = finding.rule
        mark = click.style(f"{rule.severity:8}", fg=_SHADES[rule.severity])
        number = f" [CIS {rule.cis}]" if rule.cis else ""
        lines.append(f"{mark}  {finding.subject}: {rule.title}{number}")
        lines.append(f"          {finding.evidence}")
        lines.append(f"          -> {rule.remedy}")
    count = f"{len(found.rules)} rules, the engine and {found.containers} containers"
    lines.append(f"{len(found.findings)} findings ({count})")
    return "\n".join(lines) + "\n"


def _print(lines: Iterable[Line]) -> int:
    failed = False
    for line in lines:
        failed |= line.status == "fail"
        mark = click.style(f"{line.status:4}", fg=_COLOURS[line.status])
        click.echo(f"{mark}  {line.check}: {line.detail}")
        if line.remedy:
            click.echo(f"      -> {line.remedy}")
    return int(failed)
