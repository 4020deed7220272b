"""Can I reach an engine from here, and if not, why?"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opskit.address import Address, resolve
from opskit.api.endpoints import ENDPOINTS
from opskit.api.versions import NEWEST, api_of_engine, engine_release, version_key
from opskit.checks.environment import check_environment
from opskit.checks.finding import Line, Status
from opskit.checks.socket_file import check_socket, peer_process, peer_state
from opskit.checks.tls_state import check_tls, expiry, server_certificate
from opskit.engine.base import RawEngine
from opskit.errors import (
    AddressError,
    BadResponse,
    EngineUnresponsive,
    Forbidden,
    OpskitError,
    VersionMismatch,
)
from opskit.times import to_ns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["doctor", "examine"]


def doctor(address: str | Address | None = None, *, timeout: float = 5.0) -> pd.DataFrame:
    """Look whether an engine can be reached from here, step by step, and what to do if not.

    Nothing is changed, and no step raises: what goes wrong is a row. Asks ``HEAD /_ping``,
    ``GET /version`` and ``GET /info``.

    Parameters
    ----------
    address : str, optional
        The engine, as for `opskit.connect`; by default the one that it would choose.
    timeout : float
        Seconds to wait for each answer.

    Returns
    -------
    pandas.DataFrame
        One row a check, in the order they were made, ending where no further one makes sense.
        ``check`` (str): what was looked at. ``status`` (str): ``ok``, ``warn`` or ``fail``.
        ``detail`` (str): what was found. ``remedy`` (str): what to do; missing if nothing.
    """
    from opskit.checks.tables import doctor_frame

    return doctor_frame(list(examine(address, timeout=timeout)))


def examine(address: str | Address | None = None, *, timeout: float = 5.0) -> Iterator[Line]:
    """The lines of `doctor`, each as soon as it is known."""
    try:
        where = resolve(address)
    except AddressError as error:
        yield Line("address", "fail", error.what, error.remedy)
        return
    yield Line("address", "ok", f"{where} (chosen by: {where.source})")
    yield from check_environment(where, os.environ)
    before = {"unix": lambda: check_socket(where.path), "tcp": lambda: check_tls(where)}
    lines = before.get(where.scheme, lambda: _check_ssh(where))()
    yield from lines
    if any(line.status == "fail" for line in lines):
        return
    with RawEngine(where, timeout=timeout, read_only=True) as engine:
        for step in (_check_answer, _check_versions, _check_info):
            status = "ok"
            for line in step(engine):
                yield line
                status = line.status
            if status == "fail":
                return


def _check_ssh(where: Address) -> list[Line]:
    program = shutil.which("ssh")
    if program is None:
        return [Line("ssh", "fail", "there is no ssh client", "apt-get install openssh-client")]
    return [Line("ssh", "ok", f"through {program}, with your own ssh configuration and agent")]


def _check_answer(engine: RawEngine) -> Iterator[Line]:
    where = engine.where
    try:
        if where.tls is not None:
            certificate = server_certificate(where, engine.timeout)
            if certificate is not None:
                names = ", ".join(certificate.names) or "no names"
                detail = f"{certificate.subject} ({names}), {certificate.key}"
                yield expiry("engine's certificate", certificate, detail)
        began = time.perf_counter()
        headers = engine.head("/_ping")
        took = (time.perf_counter() - began) * 1000
    except Forbidden:  # a socket proxy that allows other calls, perhaps
        yield Line("answer", "warn", "HEAD /_ping is refused by a proxy", "allow PING=1 there")
        return
    except EngineUnresponsive as error:
        yield _hung(where, error)
        return
    except OpskitError as error:
        yield Line("answer", "fail", error.what, error.remedy)
        return
    if "api-version" not in headers:
        seen = headers.get("server", "somebody")
        detail = f"{seen} answers, but not as a Docker Engine: no Api-Version in its headers"
        remedy = "is the address that of an engine, and not of another server?"
        yield Line("answer", "fail", detail, remedy)
        return
    who = peer_process(where.path) if where.scheme == "unix" else None
    by = f", {who[1]} (pid {who[0]}) listens" if who and who[0] != 1 else ""
    yield Line("answer", "ok", f"in {took:.1f} ms{by}")


def _hung(where: Address, error: EngineUnresponsive) -> Line:
    who = peer_process(where.path) if where.scheme == "unix" else None
    if who is None:
        remedy = "look at its log (journalctl -u docker), restart it, or wait longer: --timeout"
        return Line("answer", "fail", error.what, remedy)
    pid, name = who
    if peer_state(pid) == "T":
        detail = f"{error.what}: {name} (pid {pid}) is stopped by a signal"
        return Line("answer", "fail", detail, f"let it run on: sudo kill -CONT {pid}")
    detail = f"{error.what}, though {name} (pid {pid}) took the connection: it hangs"
    remedy = f"ask for its stacks: sudo kill -USR1 {pid}, see its log, then restart it"
    return Line("answer", "fail", detail, remedy)


def _check_versions(engine: RawEngine) -> Iterator[Line]:
    try:
        about = _object(engine, "/version")
    except OpskitError as error:
        status: Status = "warn" if isinstance(error, Forbidden) else "fail"
        yield Line("engine", status, error.what, error.remedy)
        return
    parts = [part.get("Name", "") for part in about.get("Components") or []]
    kind = "Podman" if any("Podman" in part for part in parts) else "Docker"
    release, newest = str(about.get("Version", "")), str(about.get("ApiVersion", ""))
    oldest = str(about.get("MinAPIVersion") or "")
    span = f"API {oldest} to {newest}" if oldest else f"API {newest}"
    system = " ".join(str(about.get(n, "")) for n in ("Os", "Arch", "KernelVersion")).strip()
    yield Line("engine", "ok", f"{kind} {release}, {span}, {system}")
    try:
        yield _spoken(engine.api_version, newest, release if kind == "Docker" else "")
    except (VersionMismatch, ValueError) as error:
        what, remedy = getattr(error, "what", str(error)), getattr(error, "remedy", "")
        yield Line("api version", "fail", what, remedy)


def _object(engine: RawEngine, path: str) -> dict[str, Any]:
    answer = engine.get(path)
    if not isinstance(answer, dict):
        raise BadResponse(
            f"the answer to GET {path} is not what an engine says: {str(answer)[:60]!r}",
            "is the address that of an engine, and not of another server?",
        )
    return answer


def _spoken(spoken: str, newest: str, release: str) -> Line:
    if version_key(newest) > version_key(NEWEST):
        return Line(
            "api version",
            "ok",
            f"{spoken}, the newest that opskit knows; the engine speaks {newest}",
            "pip install --upgrade opskit, for what is new in it",
        )
    known = api_of_engine(release) if release[:1].isdigit() else None
    if known is not None and version_key(spoken) < version_key(known):
        return Line(
            "api version",
            "warn",
            f"{spoken}, though Docker {release} speaks {known}: something in between limits it",
            "is a proxy, or an older engine, behind this address?",
        )
    absent = [e for e in ENDPOINTS if version_key(e.since) > version_key(spoken)]
    later = [p for e in ENDPOINTS for p in e.params if version_key(p.since) > version_key(spoken)]
    if not absent and not later:
        return Line("api version", "ok", f"{spoken}, all that opskit knows")
    words = [f"{len(later)} options"] if later else []
    words += [f"{e.method} {e.path} (API {e.since}, Docker {_since(e.since)})" for e in absent]
    return Line("api version", "ok", f"{spoken}; newer engines have more: {', '.join(words)}")


def _since(api: str) -> str:
    return engine_release(api) or "?"


def _check_info(engine: RawEngine) -> Iterator[Line]:
    try:
        sent = time.time()
        info = _object(engine, "/info")
        now = (sent + time.time()) / 2
    except OpskitError as error:
        status: Status = "warn" if isinstance(error, Forbidden) else "fail"
        yield Line("info", status, error.what, error.remedy)
        return
    proxies = [n for n in ("HttpProxy", "HttpsProxy") if info.get(n)]
    if proxies:
        yield Line("engine's proxy", "ok", f"pulls go through {info[proxies[0]]}")
    try:
        off = to_ns(str(info["SystemTime"])) / 1e9 - now
    except (KeyError, ValueError):
        return
    if abs(off) > 5:
        yield Line(
            "clock",
            "warn",
            f"the engine's clock is {off:+.0f} s off this one's "
            f"({datetime.now(UTC):%H:%M:%S} UTC here): since= and until= will miss",
            "synchronise both with NTP",
        )
