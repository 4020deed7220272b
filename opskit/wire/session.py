"""Recording and replaying in one process: context managers that lend out an address."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opskit.address import Address, resolve
from opskit.cassette.canonical import MATCH_ON
from opskit.cassette.format import Cassette, load
from opskit.cassette.journal import Journal
from opskit.cassette.match import Index
from opskit.cassette.model import RecordMode
from opskit.cassette.pace import pace_named
from opskit.cassette.redact import Redactor
from opskit.errors import CassetteError
from opskit.wire.about import about
from opskit.wire.call import Service
from opskit.wire.environment import docker_host
from opskit.wire.faults import Fault, Faults
from opskit.wire.forward import Forwarder
from opskit.wire.listen import listen
from opskit.wire.record import Recorder
from opskit.wire.relay import Relay
from opskit.wire.replay import Player
from opskit.wire.upstream import dialler

if TYPE_CHECKING:
    from opskit.audit.options import Auditing
    from opskit.audit.service import Audited
    from opskit.engine import Engine

__all__ = [
    "Recording",
    "Replay",
    "open_cassette",
    "open_recording",
    "record",
    "replay",
]


class Replay:
    """A cassette that answers at an address, as an engine would.

    Attributes
    ----------
    address : str
        For ``DOCKER_HOST``.
    cassette : Cassette
        What is replayed.
    refused : list of str
        Why requests were refused that had been recorded, but could not be replayed.
    """

    def __init__(self, cassette: Cassette, relay: Relay, index: Index, player: Player) -> None:
        self.cassette = cassette
        self.address = relay.address
        self.refused = player.refused
        self._relay = relay.start()
        self._index = index

    def unplayed(self) -> list[tuple[int, str]]:
        """The exchanges whose requests nobody has made: their numbers, and the requests."""
        left = map(self._index.numbered, self._index.unplayed())
        return [(number, f"{request.method} {request.target}") for number, request in left]

    def close(self) -> None:
        """Stop answering."""
        self._relay.stop()


class Recording:
    """An engine behind an address where everything that is said is recorded.

    Attributes
    ----------
    address : str
        For ``DOCKER_HOST``.
    """

    def __init__(self, relay: Relay, recorder: Recorder, audited: Audited | None = None) -> None:
        self.address = relay.address
        self._relay = relay.start()
        self._recorder = recorder
        self._audited = audited
        self._journal = recorder.journal

    @property
    def count(self) -> int:
        """How many exchanges have been recorded."""
        return self._recorder.count

    def close(self) -> Path:
        """Stop, and write the cassette.

        Raises
        ------
        CassetteError
            It could not be written, or not whole; the message says what was kept and where.
        """
        self._stop()
        return self._journal.close()

    def set_aside(self) -> Path:
        """Stop, leave the cassette as it is, and write what was recorded beside it."""
        self._stop()
        return self._journal.set_aside()

    def _stop(self) -> None:
        self._relay.stop()
        if self._audited is not None:
            self._audited.log.close()


def open_cassette(
    path: str | os.PathLike[str],
    *,
    pace: str = "causal",
    match: Iterable[str] = (),
    faults: Iterable[Fault] = (),
    seed: int = 0,
    listen_at: str | None = None,
    anywhere: bool = False,
) -> Replay:
    """Answer from a cassette until ``close()``; parameters as for `replay`."""
    cassette = load(path)
    index = Index(cassette.exchanges, **_matching(match))
    player = Player(index, pace_named(pace, cassette.exchanges))
    service: Service = Faults(player, faults, seed=seed) if faults else player
    return Replay(cassette, Relay(service, listen(listen_at, anywhere=anywhere)), index, player)


def open_recording(
    path: str | os.PathLike[str],
    *,
    redact: Iterable[str | bytes] = (),
    mode: str = "once",
    upstream: str | Address | None = None,
    listen_at: str | None = None,
    anywhere: bool = False,
    audit: Auditing | None = None,
) -> Recording | Replay:
    """Record until ``close()``; parameters as for `record`.

    With ``audit`` each call is written down too.

    A cassette that is complete by its mode (``none``, or ``once`` where the file exists) is
    replayed instead.
    """
    if mode not in list(RecordMode):
        raise ValueError(f"no record mode {mode!r}: choose one of {', '.join(RecordMode)}")
    path = Path(path)
    if mode == "none" or (mode == "once" and path.exists()):
        return open_cassette(path, listen_at=listen_at, anywhere=anywhere)
    address = resolve(upstream)
    known = load(path) if mode == "new_episodes" and path.exists() else None
    player = None
    if known is not None:
        index = Index(known.exchanges, redactor=Redactor(redact))
        player = Player(index, pace_named("causal", known.exchanges))
    listener = listen(listen_at, anywhere=anywhere)
    log = None
    try:
        log = audit.open() if audit is not None else None
        journal = Journal(path, mode=mode, redactor=Redactor(redact), metadata=about(address))
    except BaseException as error:
        listener.close()
        if log is not None:
            log.close()
        if mode == "once" and isinstance(error, CassetteError) and path.exists():
            # Somebody else has recorded it meanwhile.
            return open_cassette(path, listen_at=listen_at, anywhere=anywhere)
        raise
    forwarder = Forwarder(dialler(address), address.path if address.scheme == "tcp" else "")
    recorder = Recorder(forwarder, journal, player=player)
    if audit is None or log is None:
        return Recording(Relay(recorder, listener), recorder)
    audited = audit.around(recorder, log)
    relay = Relay(audited, listener, turned_away=audited.turned_away)
    return Recording(relay, recorder, audited)


@contextlib.contextmanager
def record(
    path: str | os.PathLike[str],
    *,
    redact: Iterable[str | bytes] = (),
    mode: str = "once",
    upstream: str | Address | None = None,
) -> Iterator[Engine]:
    """Record whatever is said to the engine inside the ``with`` block.

    Every client is recorded that finds the engine by ``DOCKER_HOST``: the docker SDK, the docker
    CLI in a subprocess, anything in any language.

    Parameters
    ----------
    path : path
        The cassette: ``.yaml`` to be read by people, ``.jsonl`` or ``.jsonl.gz`` for long ones.
    redact : iterable of str or bytes
        Secrets to keep out of the cassette, beside those that are known by their place.
    mode : {"once", "new_episodes", "all", "none"}
        ``once`` records a cassette that does not exist and replays one that does;
        ``new_episodes`` replays what it knows and adds the rest; ``all`` records anew; ``none``
        only replays.
    upstream : str, optional
        The engine, as for `opskit.connect`.

    Yields
    ------
    Engine
        Connected through the recorder.

    Raises
    ------
    CassetteError, CassetteBusy
        The cassette cannot be written, or somebody else is recording to it.

    Notes
    -----
    If the block raises and a cassette was there before, that one stays, and what was recorded is
    written beside it: ``shop.failed.yaml`` for ``shop.yaml``.
    """
    session = open_recording(path, redact=redact, mode=mode, upstream=upstream)
    existed = Path(path).exists()
    try:
        with _engine_at(session.address) as engine:
            yield engine
    except BaseException as error:
        if isinstance(session, Recording) and existed:
            aside = session.set_aside()
            error.add_note(f"opskit: {path} is as it was; this recording went to {aside}")
        else:
            session.close()
        raise
    session.close()


@contextlib.contextmanager
def replay(
    path: str | os.PathLike[str],
    *,
    pace: str = "causal",
    match: Iterable[str] = (),
    faults: Iterable[Fault] = (),
    seed: int = 0,
) -> Iterator[Engine]:
    """Answer from a cassette whatever is said to the engine inside the ``with`` block.

    Parameters
    ----------
    path : path
        The cassette.
    pace : {"causal", "recorded", "instant"}
        When the parts of streams are sent: in the order of the recording and no sooner than the
        calls that caused them, at the recorded times, or all at once.
    match : iterable of {"method", "path", "query", "body", "version", "names"}
        The first four, if any is given, are what has to agree (vcrpy's ``match_on``); by default
        all. ``version``: a request for another API version is another request. ``names``: only
        equal names match; by default names that the client made up are learned.
    faults : iterable of Fault
        How the engine misbehaves, see `opskit.wire.faults`.
    seed : int
        For faults that have a chance.

    Yields
    ------
    Engine
        Connected to the replay.
    """
    session = open_cassette(path, pace=pace, match=match, faults=faults, seed=seed)
    try:
        with _engine_at(session.address) as engine:
            engine.cassette = Path(path)
            yield engine
    finally:
        session.close()


@contextlib.contextmanager
def _engine_at(address: str) -> Iterator[Engine]:
    from opskit.engine import Engine

    with docker_host(address), Engine(resolve(address)) as engine:
        yield engine


def _matching(match: Iterable[str]) -> dict[str, Any]:
    wanted = {match} if isinstance(match, str) else set(match)
    if unknown := wanted - {"version", "names", *MATCH_ON}:
        words = ", ".join((*MATCH_ON, "version", "names"))
        raise ValueError(f"match takes {words}, not {', '.join(sorted(unknown))}")
    return {
        "match_on": wanted & set(MATCH_ON) or MATCH_ON,
        "strict_version": "version" in wanted,
        "names": "names" not in wanted,
    }
