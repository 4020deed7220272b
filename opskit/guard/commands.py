"""``opskit guard``: an allow-list in front of an engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from opskit.audit.options import Auditing, audit_options
from opskit.errors import PolicyError
from opskit.guard.creation import FORBIDDABLE
from opskit.guard.policyfile import read_policy
from opskit.guard.rules import Policy
from opskit.guard.sections import split_words

__all__ = ["guard"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(invoke_without_command=True)
@click.option(
    "--allow",
    metavar="SECTIONS",
    multiple=True,
    help="Sections of the API, as docker-socket-proxy names them, and single calls, joined by "
    "commas: images,info,restarts. Repeatable.",
)
@click.option(
    "--read-only/--post",
    default=None,
    help="Whether sections allow only what reads (the default), or also what changes something.",
)
@click.option(
    "--forbid",
    metavar="OPTIONS",
    multiple=True,
    help=f"What nobody may ask for when creating: {', '.join(FORBIDDABLE)}; or 'all'.",
)
@click.option("--policy", "file", metavar="FILE", type=_FILE, help="A TOML file with the rules.")
@click.option("--listen", metavar="URL", help="unix:///path or tcp://host:port, for the clients.")
@click.option("--upstream", metavar="URL", help="The engine; by default the docker CLI's.")
@click.option(
    "--expose", is_flag=True, help="Allow --listen on an address that other machines can reach."
)
@click.option(
    "--tls",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Speak TLS with the clients of --listen tcp://…, and ask each for a certificate: "
    "ca.pem, server-cert.pem and server-key.pem in DIR, as 'opskit tls init' makes them.",
)
@audit_options
@click.pass_context
def guard(
    ctx: click.Context,
    allow: tuple[str, ...],
    read_only: bool | None,
    forbid: tuple[str, ...],
    file: Path | None,
    listen: str | None,
    upstream: str | None,
    expose: bool,
    tls: Path | None,
    audit: Auditing | None,
) -> None:
    """Let only some calls through to an engine; answer 403 to the others.

    What is not allowed is denied. --read-only, the default, lets pass what reads; single calls
    (start, stop, restarts, pause, unpause) can be allowed beside it.
    """
    if ctx.invoked_subcommand is not None:
        return
    from opskit.guard.overview import allowed_endpoints, risks
    from opskit.guard.session import open_guard
    from opskit.wire.run import signals_held, wait_for_signal

    policy = _policy(allow, read_only, forbid, file)
    if not listen:
        raise click.UsageError("say where clients find the guard: --listen unix:///path/to.sock")
    if tls and not listen.startswith("tcp://"):
        raise click.UsageError("--tls goes with --listen tcp://host:port")
    with signals_held():
        running = open_guard(
            policy, upstream=upstream, listen_at=listen, anywhere=expose, tls=tls, audit=audit
        )
        try:
            count = len(allowed_endpoints(policy))
            click.echo(f"opskit: {count} endpoints allowed, at {running.address}", err=True)
            secure = " DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=…" if tls else ""
            click.echo(f"  export DOCKER_HOST={running.address}{secure}", err=True)
            click.echo("Ctrl-C or SIGTERM ends it.", err=True)
            for risk in risks(policy):
                click.echo(f"opskit: note: {risk}", err=True)
            wait_for_signal()
        finally:
            running.close()
    click.echo(f"opskit: {running.allowed} calls let through, {running.denied} denied", err=True)


def _policy(
    allow: tuple[str, ...], read_only: bool | None, forbid: tuple[str, ...], file: Path | None
) -> Policy:
    policy = read_policy(file) if file else Policy()
    try:
        sections, switches = split_words(_words(allow))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--allow") from None
    unwanted = set(_words(forbid))
    if "all" in unwanted:
        unwanted = set(FORBIDDABLE)
    if unknown := unwanted - FORBIDDABLE.keys():
        raise click.BadParameter(
            f"{', '.join(sorted(unknown))} cannot be forbidden: choose of {', '.join(FORBIDDABLE)}",
            param_hint="--forbid",
        )
    return replace(
        policy,
        sections=policy.sections | sections,
        switches=policy.switches | switches,
        post=policy.post if read_only is None else not read_only,
        forbid=policy.forbid | unwanted,
    )


def _words(values: tuple[str, ...]) -> list[str]:
    return [word for value in values for word in value.split(",") if word.strip()]


@guard.command()
@click.argument("file", type=_FILE)
@click.argument("requests", nargs=-1)
def check(file: Path, requests: tuple[str, ...]) -> None:
    """Show what the policy in FILE allows, or what becomes of REQUESTS.

    A request is 'POST /containers/web/stop'. Ends with status 1 if one of them is denied, or the
    file is not understood.
    """
    from opskit.guard.overview import allowed_endpoints, needs_scope, risks

    policy = read_policy(file)
    if requests:
        answers = [_answer(policy, request) for request in requests]
        raise SystemExit(0 if all(answers) else 1)
    allowed = allowed_endpoints(policy)
    click.echo(f"{file}: {len(allowed)} endpoints allowed")
    for one in allowed:
        limit = "   some containers" if needs_scope(policy, one) else ""
        click.echo(f"  {one.method:<6} {one.path}{limit}")
    if policy.forbid:
        click.echo(f"Forbidden in what is created: {', '.join(sorted(policy.forbid))}.")
    if policy.mounts:
        click.echo(f"May be mounted all the same: {', '.join(policy.mounts)}.")
    for risk in risks(policy):
        click.echo(f"note: {risk}", err=True)


def _answer(policy: Policy, request: str) -> bool:
    from opskit.guard.asked import Ambiguous, read_request
    from opskit.guard.rules import decide
    from opskit.wire.http1 import Malformed, parse_request

    try:
        head = parse_request(f"{request} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
        verdict = decide(policy.unscoped, read_request(head)[0])
    except Malformed as error:
        raise PolicyError(
            f"{request!r} is no request: {error}", "write 'POST /containers/web/stop'"
        ) from None
    except Ambiguous as error:
        click.echo(f"denied   {request}: not passed on: {error}")
        return False
    click.echo(f"{'allowed' if verdict.allowed else 'denied':<8} {request}: {verdict.why}")
    return verdict.allowed
