"""`Engine`, put together from its calls, and connecting to one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from opskit.address import Address, resolve
from opskit.engine.actions import ActionCalls
from opskit.engine.checks import CheckCalls
from opskit.engine.events import EventCalls
from opskit.engine.reads import ReadCalls
from opskit.engine.sessions import SessionCalls
from opskit.engine.stats import StatsCalls
from opskit.errors import EngineNotFound

__all__ = ["Engine", "connect"]


class Engine(SessionCalls, ReadCalls, StatsCalls, EventCalls, ActionCalls, CheckCalls):
    """A Docker Engine: raw calls, tables, live streams. Made by `opskit.connect`."""


def connect(
    address: str | Address | None = None,
    *,
    cassette: str | Path | None = None,
    api_version: str | None = None,
    timeout: float = 60.0,
    read_only: bool = False,
    **replay: Any,
) -> Engine:
    """Connect to an engine, live or from a cassette.

    Parameters
    ----------
    address : str, optional
        ``unix:///path``, ``tcp://host:port``, ``ssh://user@host``, a socket's path, or a docker
        context's name. Without it the choice is the docker CLI's: ``DOCKER_HOST``,
        ``DOCKER_CONTEXT``, the current context, the local socket (rootless ones too).
    cassette : path, optional
        Replay this cassette instead of speaking to an engine.
    api_version : str, optional
        Speak this API version instead of the newest that both sides know.
    timeout : float
        Seconds to wait for an answer.
    read_only : bool
        Refuse every request but GET and HEAD before it is sent.
    **replay
        With ``cassette``: what `opskit.replay` takes.

    Returns
    -------
    Engine
        Reached once (``HEAD /_ping``), its API version agreed. Also a context manager.

    Raises
    ------
    EngineNotFound, PermissionDenied, EngineUnresponsive, TLSError, AddressError, VersionMismatch
    """
    if cassette is not None:
        return _from_cassette(cassette, api_version, timeout, read_only, **replay)
    if address is None and (entry := sys.modules.get("opskit.lab")):
        entry.step_aside()
    engine = Engine(resolve(address), api_version=api_version, timeout=timeout, read_only=read_only)
    try:
        _ = engine.api_version
    except EngineNotFound:
        engine.close()
        entry = importlib.import_module("opskit.lab") if address is None else None
        fallback = entry.notebook_cassette() if entry else None
        if entry is None or fallback is None:
            raise
        engine = _from_cassette(fallback, api_version, timeout, read_only)
        entry.stand_in(engine.address)
        engine._on_close.append(entry.step_aside)
    except BaseException:
        engine.close()
        raise
    return engine


def _from_cassette(
    path: str | Path, api_version: str | None, timeout: float, read_only: bool, **replay: Any
) -> Engine:
    served = importlib.import_module("opskit.wire.session").open_cassette(path, **replay)
    try:
        engine = Engine(
            resolve(served.address), api_version=api_version, timeout=timeout, read_only=read_only
        )
        _ = engine.api_version
    except BaseException:
        served.close()
        raise
    engine.cassette = Path(path)
    engine._on_close.append(served.close)
    return engine
