"""``opskit cassette``: look into cassettes, compare, verify, convert and mend them."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import opskit
from opskit.cassette.commands import cassette
from opskit.cassette.format import Cassette, load, save
from opskit.cassette.journal import Journal
from opskit.cassette.model import Body, End, Exchange, Framing, Piece, Request, Response
from opskit.cassette.redact import Redactor
from opskit.cassette.shapes import compare
from opskit.cassette.verify import verify


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cassette, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def session(seed: int = 1, **change: Any) -> Cassette:
    """A small session with an engine, its ids, names and times drawn anew for each seed."""
    draw = random.Random(seed)
    container = f"{draw.getrandbits(256):064x}"
    name = f"job-{draw.getrandbits(32):08x}"
    created = f"2026-11-{seed:02d}T10:00:00.123456789Z"
    inspect = {"Id": container, "Name": "/" + name, "Created": created, "State": {"Pid": 12}}
    inspect["Layer"] = f"/var/lib/docker/overlay2/{draw.getrandbits(256):064x}-init/diff"
    inspect.update(change)
    steps: list[tuple[str, str, Any, Any]] = [
        ("GET", "/_ping", None, "OK"),
        ("POST", f"/containers/create?name={name}", {"Image": "busybox"}, {"Id": container}),
        ("POST", f"/containers/{container}/start", None, None),
        ("GET", f"/containers/{name}/json", None, inspect),
        ("GET", "/events?since=" + str(1795000000 + seed), None, [{"id": container}, {"n": name}]),
        ("POST", f"/containers/{container}/attach", None, None),
    ]
    exchanges = []
    order = 0
    for number, (method, path, sent, answered) in enumerate(steps, 1):
        data = b"" if sent is None else json.dumps(sent).encode()
        at = number / 8
        body = Body(data, length=len(data))
        request = Request(method, "/v1.41" + path, [("Host", "d")], body, order=order, at=at)
        kind = "text/plain" if answered == "OK" else "application/json"
        response = Response(
            200, "OK", [("Content-Type", kind)], Framing.CHUNKED, order=order + 1, at=at + 0.01
        )
        if answered == "OK":
            texts = [b"OK"]
        elif isinstance(answered, list):
            texts = [json.dumps(item).encode() + b"\n" for item in answered]
        else:
            texts = [] if answered is None else [json.dumps(answered).encode()]
        response.pieces = [
            Piece(order + 2 + i, at + 0.02, "engine", text) for i, text in enumerate(texts)
        ]
        if path.endswith("/attach"):
            response.status, response.reason, response.framing = 101, "UPGRADED", Framing.HIJACK
            response.pieces = [
                Piece(order + 2, at, "client", b"ls\n"),
                Piece(order + 3, at, "engine", b"bin\r\n\x1b[0m"),
                Piece(order + 4, at, "client", None),
            ]
        exchanges.append(Exchange(number, request, response, end_order=order + 9))
        order += 10
    exchanges[4].end = End.CLIENT_LEFT
    metadata = {
        "engine_version": "20.10.24",
        "api_version": "1.41",
        "recorded_at": "2026-11-24T05:00:00+00:00",
        "exchanges": len(exchanges),
    }
    return Cassette(exchanges, metadata)


def exchange_of(number: int, method: str, path: str, answered: Any) -> Exchange:
    order = 10 * number
    response = Response(200, "OK", [("Content-Type", "application/json")], order=order + 1)
    response.pieces = [Piece(order + 2, 0.0, "engine", json.dumps(answered).encode())]
    return Exchange(number, Request(method, path, order=order), response, end_order=order + 3)


def test_show_lists_what_was_asked_and_answered(tmp_path: Path) -> None:
    path = save(session(), tmp_path / "job.yaml")
    lines = run("show", path).output.splitlines()
    assert lines[0] == ("job.yaml: 6 exchanges, engine 20.10.24 (API 1.41), recorded 2026-11-24")
    assert lines[1].split() == [
        "#",
        "at",
        "method",
        "request",
        "status",
        "answer",
        "size",
        "took",
        "end",
    ]
    assert lines[2].split() == ["1", "0.125", "GET", "/_ping", "200", "text", "2", "B", "20", "ms"]
    assert "POST    /containers/create?name=job-" in lines[3]
    assert "/start" in lines[4]
    assert "…" in lines[4]
    assert "json stream, 2 pieces" in lines[6]
    assert lines[6].endswith("client left")
    assert "101  hijacked, 3 pieces" in lines[7]


def test_show_bodies_of_some(tmp_path: Path) -> None:
    path = save(session(), tmp_path / "job.yaml")
    said = run("show", path, "-b", "-n", "2,6").output
    assert "/_ping" not in said
    assert '    "Image": "busybox"' in said
    assert "  Content-Type: application/json" in said
    tail = [line.split(None, 1)[1] for line in said.splitlines()[-4:]]
    assert tail == ["> ls", "< bin", "< \\x1b[0m", "> (says no more)"]
    short = run("show", path, "-b", "-n", "4", "--lines", "2").output
    assert "… " in short
    assert "more lines" in short


def test_a_replay_tells_at_its_end_what_was_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    recorded = session()
    recorded.exchanges[5].replayable = False
    recorded.exchanges[5].notes["why"] = "it is BuildKit's"
    for exchange in recorded.exchanges[3:]:  # the third was dropped, say
        exchange.number += 1
    save(recorded, path)
    attach = recorded.exchanges[5].request.target

    def told(*urls: str) -> list[str]:
        curl = ["curl", "-s", "--unix-socket", "${DOCKER_HOST#unix://}", "-o", "/dev/null"]
        asks = [" ".join([*curl, "-X", *url.split(" ")]) for url in urls]
        done = subprocess.run(
            [sys.executable, "-m", "opskit", "replay", str(path), "--", "sh", "-c", ";".join(asks)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stderr.splitlines()

    assert told("GET http://d/_ping", f"POST http://d{attach}") == [
        f"opskit: POST {attach} was recorded but cannot be replayed: it is BuildKit's",
        f"opskit: 4 of 6 exchanges were not played: opskit cassette show {path} -n 2-3,5-6",
    ]
    asked = [f"{e.request.method} 'http://d{e.request.target}'" for e in recorded.exchanges[2:4]]
    assert told(*asked)[-1].endswith("show " + str(path) + " -n 1-2,6-7")


def test_a_replay_says_what_is_wrong_with_an_answer_edited_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "session.yaml"
    save(session(), path)
    path.write_text(path.read_text().replace("code: 200", "code: soup", 1))
    script = "curl -s --unix-socket ${DOCKER_HOST#unix://} -w '%{http_code}' http://d/_ping"
    done = subprocess.run(
        [sys.executable, "-m", "opskit", "replay", str(path), "--", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.endswith("500")
    assert "'soup' is not a whole number" in done.stdout
    assert "Traceback" not in done.stderr
    assert f"{path}, line" in done.stderr


def test_a_frame_of_the_exchanges(tmp_path: Path) -> None:
    opened = load(save(session(), tmp_path / "job.jsonl"))
    frame = opened.frame()
    assert list(frame["kind"]) == ["text", "json", "empty", "json", "json stream", "hijacked"]
    assert list(frame["status"]) == [200] * 5 + [101]
    assert str(frame["time"][0]) == "2026-11-24 05:00:00.125000+00:00"
    assert frame["duration_s"][0] == pytest.approx(0.02)
    empty = Cassette().frame()
    assert list(empty.columns) == list(frame.columns)
    assert list(empty.dtypes) == list(frame.dtypes)
    assert repr(opened).startswith("<Cassette job.jsonl: 6 exchanges")
    assert "<table" in opened._repr_html_()


def test_two_recordings_of_the_same_mean_the_same(tmp_path: Path) -> None:
    first = save(session(1), tmp_path / "a.yaml")
    second = save(session(2), tmp_path / "b.jsonl")
    result = run("diff", first, second)
    assert result.output == "they mean the same\n"
    assert result.exit_code == 0


def test_diff_tells_what_is_other_than_it_was(tmp_path: Path) -> None:
    changed = session(2, State={"Pid": "twelve"}, New=True)
    exchanges = list(changed.exchanges)
    assert exchanges[2].response is not None
    exchanges[2].response.status = 304
    extra = dataclasses.replace(exchanges[0], number=9, request=Request("GET", "/v1.41/info"))
    cassette = Cassette([*exchanges[1:], extra, extra])
    result = run("diff", save(session(), tmp_path / "a.yaml"), save(cassette, tmp_path / "b.yaml"))
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert result.exit_code == 1
    assert lines[0].startswith("~ 3/3 POST /containers/")
    assert lines[0].endswith("status: 200 → 304")
    assert any(line.endswith("State.Pid: 12 → twelve") for line in lines)
    assert any(line.endswith("New: nothing → True") for line in lines)
    assert lines.count("+ 9 GET /info") == 2
    assert "- 1 GET /_ping" in lines
    assert len(lines) == 6


@pytest.mark.parametrize("ending", ["yaml", "jsonl", "jsonl.gz"])
def test_convert_there_and_back(tmp_path: Path, ending: str) -> None:
    path = save(session(), tmp_path / "a.yaml")
    other, back = tmp_path / f"b.{ending}", tmp_path / "c.yaml"
    assert run("convert", path, other).output == f"{other}: 6 exchanges\n"
    assert run("convert", other, back).exit_code == 0
    assert back.read_bytes() == path.read_bytes()
    refused = run("convert", path, other)
    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert run("convert", path, other, "--force").exit_code == 0


def test_edit_drops_and_masks(tmp_path: Path) -> None:
    path = save(session(), tmp_path / "a.yaml")
    said = run("edit", path, "--drop", "GET /events*", "--drop", "1", "--redact", "busybox")
    assert said.output == f"{path}: 4 exchanges, 2 dropped\n"
    opened = load(path)
    assert [exchange.number for exchange in opened.exchanges] == [2, 3, 4, 6]
    assert opened.exchanges[0].request.body.data == b'{"Image": "*******"}'
    assert opened.metadata["exchanges"] == 4
    assert b"busybox" not in path.read_bytes()
    with pytest.raises(opskit.errors.CassetteError, match="nothing matches"):
        run("edit", path, "--drop", "PUT *")
    assert run("edit", path).exit_code == 2
    other = tmp_path / "b.jsonl"
    run("edit", path, "--drop", "2-3", "-o", other)
    assert [len(load(p).exchanges) for p in (path, other)] == [4, 2]


def test_edit_masks_what_pieces_split_and_what_lies_beside(tmp_path: Path) -> None:
    cassette = session()
    stream, large = cassette.exchanges[4].response, cassette.exchanges[3].response
    assert stream is not None
    assert large is not None
    stream.pieces = [Piece(42, 0.1, "engine", b"a top-se"), Piece(43, 0.2, "engine", b"cret b")]
    large.pieces = [Piece(32, 0.1, "engine", b"." * 3_000_000 + b"top-secret")]
    path = save(cassette, tmp_path / "a.jsonl")
    run("edit", path, "--redact", "top-secret")
    exchanges = load(path).exchanges
    assert exchanges[4].response is not None
    assert [p.data for p in exchanges[4].response.pieces] == [b"a ******", b"**** b"]
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"top-secret" not in file.read_bytes()
    assert exchanges[3].response is not None
    assert len(exchanges[3].response.body()) == 3_000_010


def test_recover_tells_what_it_found(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    journal = Journal(path, mode="once", redactor=Redactor(), metadata={})
    for exchange in session().exchanges[:2]:
        assert exchange.response is not None
        journal.request(exchange.number, exchange.request)
        journal.response(exchange.number, exchange.response)
    journal.end(1, End.COMPLETE)
    journal.abort()
    assert run("recover", path).output == f"{path}: 2 exchanges, 1 of them unfinished\n"


def test_verify_reads_and_tells_the_age(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    young = session()
    young.metadata["recorded_at"] = (now - timedelta(days=3)).isoformat()
    path = save(young, tmp_path / "a.yaml")
    assert run("verify", path, "--max-age", "90d").exit_code == 0
    old = run("verify", path, "--max-age", "2d")
    assert old.exit_code == 1
    assert "is 3 days old" in old.output
    del young.metadata["recorded_at"]
    unknown = run("verify", save(young, tmp_path / "b.yaml"), "--max-age", "2d")
    assert "does not say when" in unknown.output
    with pytest.raises(opskit.errors.CassetteError, match="no duration"):
        run("verify", path, "--max-age", "soon")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(opskit.errors.CassetteFormatError):
        run("verify", path)


def test_verify_compares_shapes_with_an_engine(tmp_path: Path) -> None:
    whole = session()
    recorded = save(whole, tmp_path / "recorded.yaml")
    about = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}
    live = session(1, State={"Pid": "12", "Health": None}, Created=None, Mounts=[{"Source": "/"}])
    version = exchange_of(7, "GET", "/version", about)
    live.exchanges = [*live.exchanges, version]
    engine = save(live, tmp_path / "engine.yaml")
    with opskit.replay(engine) as replayed:
        result = run("verify", recorded, "--engine", replayed.address)
    lines = [line.strip() for line in result.output.splitlines()]
    assert result.exit_code == 1
    assert "GET /containers/{name}/json" in lines
    assert "retyped  .State.Pid: number → text" in lines
    assert "new      .Mounts" in lines
    assert "new      .State.Health" in lines
    assert not [line for line in lines if "Created" in line]
    whole.exchanges = [*whole.exchanges, version]
    with opskit.replay(save(whole, tmp_path / "same.yaml")) as replayed:
        again = run("verify", recorded, "--engine", replayed.address)
    assert again.exit_code == 0
    assert "1 endpoints as recorded, 0 changed, 0 skipped" in again.output


def test_verify_skips_what_the_engine_no_longer_has() -> None:
    def fetch(target: str) -> Any:
        raise opskit.errors.NotFound("no", status=404, message="no", request=target)

    report = verify(session(), fetch)
    assert list(report.skipped) == ["GET /containers/{name}/json"]
    assert "the engine has no /containers/job-" in report.skipped["GET /containers/{name}/json"]


@pytest.mark.parametrize(
    ("recorded", "live", "changes"),
    [
        ({"a": 1}, {"a": 2.5}, []),
        ({"a": None}, {"a": {"b": 1}}, []),
        ({"a": []}, {"a": [{"b": 1}]}, []),
        ({"Labels": {"x": "1"}}, {"Labels": {"y": "2"}}, []),
        ({"Labels": {}}, {"Labels": {"y": "2"}}, []),
        ({"a": {"b": 1}}, {"a": None}, []),
        ({"a": 1, "b": 2}, {"a": 1, "c": 2}, [("gone", ".b"), ("new", ".c")]),
        ({"a": "1"}, {"a": 1}, [("retyped", ".a: text → number")]),
        ([{"a": 1}], [{"a": 1, "b": {"c": 1}}], [("new", "[].b"), ("new", "[].b.c")]),
        ([], [{"a": 1}], []),
        ({"a": {"b": 1}}, {"a": "x"}, [("retyped", ".a: object → text"), ("gone", ".a.b")]),
    ],
)
def test_shapes(recorded: Any, live: Any, changes: list[tuple[str, str]]) -> None:
    assert compare([recorded], [live]) == changes
