"""Recording to disk: killed, aborted, out of room or done twice, nothing recorded is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opskit.cassette.format import Cassette, load, save
from opskit.cassette.journal import Journal
from opskit.cassette.lock import lock_journal
from opskit.cassette.model import Body, End, Exchange, Framing, Piece, Request, Response
from opskit.cassette.recovery import recover
from opskit.cassette.redact import Redactor
from opskit.errors import CassetteBusy, CassetteError

ENDINGS = ["yaml", "jsonl", "jsonl.gz"]
NOTHING = {"headers": 0, "values": 0, "literals": 0}


@pytest.fixture(autouse=True)
def nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def begin(path: Path, mode: str = "once", **metadata: Any) -> Journal:
    return Journal(path, mode=mode, redactor=Redactor(), metadata=metadata)


def say(
    journal: Journal,
    number: int,
    *pieces: bytes,
    end: End | None = End.COMPLETE,
    framing: Framing = Framing.CHUNKED,
    kind: str = "application/json",
) -> None:
    order = number * 1000
    journal.request(number, Request("GET", f"/v1.41/things/{number}", order=order, at=1.0))
    head = Response(200, "OK", [("Content-Type", kind)], framing, order=order + 1, at=2.0)
    journal.response(number, head)
    for place, data in enumerate(pieces):
        journal.piece(number, Piece(order + 2 + place, 3.0, "engine", data))
    if end is not None:
        journal.end(number, end, order + 999)


def bodies(path: Path) -> dict[int, tuple[bytes, End]]:
    """What the engine said in each exchange, and how it ended."""
    found = {}
    for exchange in load(path).exchanges:
        said = b""
        if response := exchange.response:
            said = Path(response.blob).read_bytes() if response.blob else response.body()
        found[exchange.number] = said, exchange.end
    return found


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_recorded_is_in_the_cassette(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"c.{ending}"
    journal = begin(path, recorded_by="me")
    body = Body(b'{"a":1}', length=7)
    journal.request(1, Request("POST", "/exec/1/start", [("A", "1")], body, "1.0", 1, 0.5))
    upload = Body(None, "ab" * 32, 10_240, "cd" * 32)
    journal.request(2, Request("PUT", "/archive", [], upload, order=2))
    journal.response(1, Response(101, "UPGRADED", [("B", "2")], Framing.HIJACK, order=3, at=0.75))
    journal.piece(1, Piece(4, 1.0, "client", b"in\xff"))
    journal.piece(1, Piece(5, 1.5, "engine", b"out"))
    journal.piece(1, Piece(6, 1.75, "client", None))
    journal.end(1, End.CLIENT_LEFT, 7, {"why": "gone"})
    journal.end(2, End.ENGINE_LOST, 8, {"replayable": False})
    assert not path.exists()
    assert journal.close() == path
    assert os.listdir(tmp_path) == [path.name]
    cassette = load(path)
    pieces = [
        Piece(4, 1.0, "client", b"in\xff"),
        Piece(5, 1.5, "engine", b"out"),
        Piece(6, 1.75, "client", None),
    ]
    assert list(cassette.exchanges) == [
        Exchange(
            1,
            Request("POST", "/exec/1/start", [("A", "1")], body, "1.0", 1, 0.5),
            Response(101, "UPGRADED", [("B", "2")], Framing.HIJACK, pieces, order=3, at=0.75),
            End.CLIENT_LEFT,
            7,
            notes={"why": "gone"},
        ),
        Exchange(
            2,
            Request("PUT", "/archive", [], upload, order=2),
            None,
            End.ENGINE_LOST,
            8,
            replayable=False,
        ),
    ]
    assert cassette.metadata == {"recorded_by": "me", "redacted": NOTHING, "exchanges": 2}


@pytest.mark.parametrize("ending", ENDINGS)
def test_modes(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"c.{ending}"
    first = begin(path, note="first")
    say(first, 1, b"one\n")
    first.close()
    with pytest.raises(CassetteError, match="'once' never changes"):
        begin(path)
    with pytest.raises(CassetteError, match="records nothing"):
        begin(path, "none")
    with pytest.raises(CassetteError, match="no record mode"):
        begin(path, "sometimes")
    more = begin(path, "new_episodes", note="second")
    say(more, 1, b"two\n")
    more.close()
    assert bodies(path) == {1: (b"one\n", End.COMPLETE), 2: (b"two\n", End.COMPLETE)}
    orders = [order for e in load(path).exchanges for order in e.orders()]
    assert orders == sorted(set(orders))
    assert load(path).metadata == {"note": "second", "redacted": NOTHING, "exchanges": 2}
    anew = begin(path, "all")
    say(anew, 1, b"three\n")
    anew.close()
    assert bodies(path) == {1: (b"three\n", End.COMPLETE)}
    assert os.listdir(tmp_path) == [path.name]


def test_once_does_not_begin_over_what_another_has_just_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other ends between the look at the target and the lock."""
    path = tmp_path / "c.yaml"

    def ends_meanwhile(journal: Path, target: Path) -> int:
        save(Cassette(), target)
        return lock_journal(journal, target)

    monkeypatch.setattr("opskit.cassette.journal.lock_journal", ends_meanwhile)
    with pytest.raises(CassetteError, match="exists"):
        begin(path)
    assert os.listdir(tmp_path) == ["c.yaml"]


def test_once_does_not_replace_what_appeared_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    journal = begin(path)
    say(journal, 1, b"one\n")
    save(Cassette(), path)
    before = path.read_bytes()
    with pytest.raises(CassetteError, match="exists"):
        journal.close()
    assert path.read_bytes() == before
    kept = recover(path)
    assert kept == tmp_path / "c.recovered1.yaml"
    assert bodies(kept) == {1: (b"one\n", End.COMPLETE)}
    assert path.read_bytes() == before


def test_new_episodes_of_a_damaged_cassette_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("version: 1\ninter")
    with pytest.raises(CassetteError, match="line"):
        begin(path, "new_episodes")
    assert path.read_text() == "version: 1\ninter"
    assert os.listdir(tmp_path) == ["c.yaml"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
def test_a_large_body_passes_through_a_file_of_its_own(
    tmp_path: Path, ending: str, framing: Framing
) -> None:
    path = tmp_path / f"c.{ending}"
    journal = begin(path)
    chunks = [bytes([65 + i]) * 300_000 for i in range(10)]
    say(journal, 1, *chunks, framing=framing, kind="application/x-tar")
    say(journal, 2, b"small\n")
    assert journal.path.stat().st_size < 3_000_000
    journal.close()
    response = load(path).exchanges[0].response
    assert response is not None
    assert response.blob is not None
    assert not response.pieces
    assert bodies(path) == {1: (b"".join(chunks), End.COMPLETE), 2: (b"small\n", End.COMPLETE)}
    assert len(os.listdir(tmp_path / f"c.{ending}.bodies")) == 1


def test_a_large_stream_keeps_its_pieces(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    journal = begin(path)
    lines = [b'{"n":%d,"pad":"%s"}\n' % (i, b"x" * 500) for i in range(10_000)]
    say(journal, 1, *lines)
    journal.close()
    response = load(path).exchanges[0].response
    assert response is not None
    assert response.blob is None
    assert [piece.data for piece in response.pieces] == lines


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_aborted_recording_is_recovered(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"c.{ending}"
    journal = begin(path)
    say(journal, 1, b"one\n")
    say(journal, 2, b"tw", b"o\n", end=None)
    say(journal, 3, b"z" * 2_000_000, end=None, kind="application/x-tar")
    journal.abort()
    assert not path.exists()
    with pytest.raises(CassetteError, match="opskit cassette recover"):
        begin(path)
    assert recover(journal.path) == path
    assert bodies(path) == {
        1: (b"one\n", End.COMPLETE),
        2: (b"two\n", End.UNFINISHED),
        3: (b"z" * 2_000_000, End.UNFINISHED),
    }
    assert not journal.path.exists()
    with pytest.raises(CassetteError, match="there is no journal"):
        recover(path)


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("how", ["recover", "set_aside"])
def test_large_bodies_come_along_when_the_cassette_is_put_elsewhere(
    tmp_path: Path, finished: bool, how: str
) -> None:
    path = tmp_path / "c.jsonl"
    old = begin(path)
    say(old, 1, b"o" * 2_000_000, kind="application/x-tar")
    old.close()
    before = path.read_bytes(), bodies(path)
    journal = begin(path, "all")
    end = End.COMPLETE if finished else None
    say(journal, 1, b"z" * 2_000_000, end=end, kind="application/x-tar")
    if how == "recover":
        journal.abort()
        kept = recover(path)
        told = End.COMPLETE if finished else End.UNFINISHED
    else:
        kept = journal.set_aside()
        told = End.COMPLETE if finished else End.RECORDING_STOPPED
    assert kept != path
    assert bodies(kept) == {1: (b"z" * 2_000_000, told)}
    assert (path.read_bytes(), bodies(path)) == before
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.glob("*.journal"))


def test_a_journal_torn_at_any_byte_gives_what_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    journal = begin(path)
    for number in range(1, 4):
        say(journal, number, b"x%d\n" % number, b"\xff\xfe\n")
    journal.abort()
    whole = journal.path.read_bytes()
    ends = {1: whole.index(b'{"q":2'), 2: whole.index(b'{"q":3'), 3: len(whole)}
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole) + 1):
        journal.path.write_bytes(whole[:length])
        found = bodies(recover(path))
        for number, end in ends.items():
            if length >= end:
                assert found[number] == (b"x%d\n\xff\xfe\n" % number, End.COMPLETE)
            elif number in found:
                assert found[number][1] is End.UNFINISHED
        path.unlink()


def test_a_second_recorder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    first = begin(path)
    say(first, 1, b"one\n")
    with pytest.raises(CassetteBusy, match="being recorded"):
        begin(path)
    with pytest.raises(CassetteBusy):
        recover(path)
    code = (
        "import sys; from pathlib import Path\n"
        "from opskit.cassette.journal import Journal; from opskit.cassette.redact import Redactor\n"
        "Journal(Path(sys.argv[1]), mode='all', redactor=Redactor(), metadata={})"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "CassetteBusy" in other.stderr
    first.close()
    assert bodies(path) == {1: (b"one\n", End.COMPLETE)}


WRITER = """
import os, random, signal, sys
from pathlib import Path
from opskit.cassette.journal import Journal
from opskit.cassette.model import *
from opskit.cassette.redact import Redactor

draw = random.Random(int(sys.argv[2]))
journal = Journal(Path(sys.argv[1]), mode=sys.argv[3], redactor=Redactor(["literal"]), metadata={})
order, number, open_ones = 0, 0, {}
kinds = ["application/json", "application/x-tar", "application/vnd.docker.raw-stream"]
while True:
    order += 1
    if order > 3000:  # who kills it may come late, on a busy machine: 60 MB are enough
        signal.pause()
    if len(open_ones) < 4:
        number += 1
        journal.request(number, Request("GET", f"/things/{number}", order=order))
        kind = draw.choice(kinds)
        journal.response(
            number, Response(200, "OK", [("Content-Type", kind)], Framing.CHUNKED, order=order)
        )
        open_ones[number] = b"", 1500000 if draw.random() < 0.05 else 50000
    which = draw.choice(list(open_ones))
    said, limit = open_ones[which]
    data = draw.randbytes(draw.choice([10, 1000, 60000])) if len(said) < limit else b""
    if data:
        journal.piece(which, Piece(order, 0.0, "engine", data))
        open_ones[which] = said + data, limit
    else:
        journal.end(which, End.COMPLETE, order)
        del open_ones[which]
        print(which, len(said), flush=True)
"""


def kill_while_writing(
    path: Path, seed: int, mode: str, delay: float
) -> dict[int, tuple[int, int]]:
    """Kill a recording process at some moment; what it said was finished, by number."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(seed), mode],
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(delay)
    writer.send_signal(signal.SIGKILL)
    lines = (first + writer.communicate()[0]).splitlines(keepends=True)
    finished = [line.split() for line in lines if line.endswith(b"\n")]
    return {int(number): int(size) for number, size in finished}


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_a_random_moment(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "c.jsonl"
    old = begin(path)
    say(old, 1, b"old\n")
    old.close()
    before = path.read_bytes()
    finished = kill_while_writing(path, seed, "all", random.Random(seed).uniform(0, 0.3))
    assert path.read_bytes() == before
    found = bodies(recover(path))
    for number, size in finished.items():
        assert found[number][1] is End.COMPLETE
        assert len(found[number][0]) == size
    assert path.read_bytes() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_once_and_what_was_written_is_kept(
    small_disk: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = small_disk / "c.jsonl"
    old = begin(path)
    say(old, 1, b"old\n")
    old.close()
    journal = begin(path, "all")
    for number in range(1, 100):
        say(journal, number, os.urandom(30_000))
    assert len(caplog.records) == 1
    with pytest.raises(CassetteError, match=r"No space left.*kept in .*\n.*make room") as caught:
        journal.close()
    assert bodies(path) == {1: (b"old\n", End.COMPLETE)}
    moved = tmp_path / journal.path.name
    moved.write_bytes(journal.path.read_bytes())
    found = bodies(recover(moved))
    assert len(found) > 20
    assert all(len(said) == 30_000 for said, end in found.values() if end is End.COMPLETE)
    assert sum(end is not End.COMPLETE for _, end in found.values()) <= 1
    assert str(caught.value).count("No space left") == 1


def test_room_for_the_journal_but_not_for_the_cassette(small_disk: Path) -> None:
    path = small_disk / "c.yaml"
    journal = begin(path)
    for number in range(1, 41):
        say(journal, number, os.urandom(30_000))
    with pytest.raises(CassetteError, match=r"No space left.*kept in"):
        journal.close()
    assert sorted(os.listdir(small_disk)) == ["c.yaml.journal"]


def test_a_folder_that_is_not_there_and_one_that_is_read_only(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="No such file"):
        begin(tmp_path / "none" / "c.yaml")
    with pytest.raises(CassetteError, match="name it"):
        begin(tmp_path / "c.txt")


def test_a_cassette_that_somebody_made_read_only(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    save(Cassette(), path)
    path.chmod(0o444)
    for mode in ("all", "new_episodes"):
        with pytest.raises(CassetteError, match="read-only"):
            begin(path, mode)
    with pytest.raises(CassetteError, match="read-only"):
        save(Cassette(), path)
    assert os.listdir(tmp_path) == ["c.yaml"]
    assert list(load(path).exchanges) == []


def test_a_read_only_disk(small_disk: Path) -> None:
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    save(Cassette(), small_disk / "c.yaml")
    subprocess.run(remount, check=True)
    with pytest.raises(CassetteError, match="Read-only"):
        begin(small_disk / "c.yaml", "all")
    with pytest.raises(CassetteError, match="Read-only"):
        save(Cassette(), small_disk / "c.yaml")
    assert list(load(small_disk / "c.yaml").exchanges) == []


def test_a_literal_held_back_when_the_stream_ends_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    journal = Journal(path, mode="once", redactor=Redactor(["secret-word"]), metadata={})
    say(journal, 1, b"a secret", b"-word and a secret-", b"wo", kind="text/plain")
    assert b"secret-word" not in journal.path.read_bytes()
    journal.close()
    response = load(path).exchanges[0].response
    assert response is not None
    assert [p.data for p in response.pieces] == [b"a ******", b"***** and a secret-", b"wo"]
    assert load(path).metadata["redacted"] == {**NOTHING, "literals": 1}
