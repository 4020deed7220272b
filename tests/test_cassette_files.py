"""Cassette files: what is written is read back, by vcrpy too, and what is damaged is told."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opskit.cassette import format as formats
from opskit.cassette.format import Cassette, load, save
from opskit.cassette.model import Body, End, Exchange, Framing, Piece, Request, Response
from opskit.errors import CassetteError, CassetteFormatError

ENDINGS = ["yaml", "jsonl", "jsonl.gz"]


@pytest.fixture(autouse=True)
def nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def exchange(number: int = 1, said: bytes = b'{"Id":"abc"}\n', **more: object) -> Exchange:
    order = 10 * number
    response = Response(
        200,
        "OK",
        [("Content-Type", "application/json"), ("Server", "Docker/20.10")],
        Framing.CHUNKED,
        [Piece(order + 2, 0.25, "engine", said)],
        order=order + 1,
        at=0.125,
    )
    request = Request("GET", f"/v1.41/containers/{number}/json", [("Host", "docker")], order=order)
    return Exchange(number, request, response, end_order=order + 3, **more)  # type: ignore[arg-type]


def same(one: Cassette, other: Cassette) -> bool:
    return list(one.exchanges) == list(other.exchanges) and one.metadata == other.metadata


HEADER = st.tuples(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")),
)
HEADERS = st.lists(HEADER, max_size=4) | st.just([("A", "1"), ("a", "2"), ("A", "3")])
BYTES = st.binary(max_size=300) | st.text(max_size=100).map(str.encode)
AT = st.floats(0, 1e6, allow_nan=False)
ORDER = st.integers(0, 2**53)
PIECES = st.lists(
    st.builds(Piece, ORDER, AT, st.sampled_from(["client", "engine"]), BYTES | st.none()),
    max_size=4,
)
BODY = BYTES.map(lambda data: Body(data, length=len(data))) | st.builds(
    Body, st.none(), st.just("ab" * 32), st.integers(0, 2**40), st.sampled_from(["", "cd" * 32])
)
LINE = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc", "Zs"]), max_size=30)
RESPONSE = st.builds(
    Response,
    st.integers(100, 999),
    LINE,
    HEADERS,
    st.sampled_from(Framing),
    PIECES,
    st.none(),
    st.sampled_from(["1.0", "1.1"]),
    ORDER,
    AT,
)
REQUEST = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "BREW"]),
    LINE.map(lambda text: "/" + text) | LINE.map(lambda text: "x" + text),
    HEADERS,
    BODY,
    st.sampled_from(["1.0", "1.1"]),
    ORDER,
    AT,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
EXCHANGE = st.builds(
    Exchange,
    ORDER,
    REQUEST,
    RESPONSE | st.none(),
    st.sampled_from(End),
    ORDER,
    st.booleans(),
    st.dictionaries(st.text(max_size=9), JSON, max_size=3),
)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    exchanges=st.lists(EXCHANGE, max_size=3), metadata=st.dictionaries(st.text(), JSON, max_size=3)
)
def test_any_exchange_is_read_back_as_it_was(
    tmp_path: Path, ending: str, exchanges: list[Exchange], metadata: dict[str, object]
) -> None:
    cassette = Cassette(exchanges, metadata)
    assert same(load(save(cassette, tmp_path / f"c.{ending}")), cassette)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "said",
    [
        b"a" * 2_000_000,
        os.urandom(2_000_000),
        b"\r\n",
        b" leading\n  and trailing \n\n\n",
        b"\n",
        b"\xef\xbb\xbf{}",
        "\u2028\u2029\x85\x00\x7f\ufffe\U0001f600".encode(),
        b"- a: [b\n",
        b"# no comment",
        b"...\n",
        b"---\n",
        b"null",
        b"~",
        b"1e5",
        b"2024-01-01",
        b"yes",
        b"=",
        b"<<",
        b"\t",
        b"'",
        b"\xff\xfe",
        b"line\x85next\n",
        b"%YAML 1.1\n",
    ],
    ids=lambda said: repr(said[:12]),
)
def test_awkward_bodies(tmp_path: Path, ending: str, said: bytes) -> None:
    cassette = Cassette([exchange(1, said), exchange(2, said + said)])
    path = save(cassette, tmp_path / f"c.{ending}")
    assert same(load(path), cassette)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_large_body_goes_to_a_folder_beside(tmp_path: Path, ending: str) -> None:
    said = [b"x" * 700_000, b"y" * 700_000]
    one = exchange()
    assert one.response is not None
    one.response.pieces = [Piece(12 + i, 0.0, "engine", data) for i, data in enumerate(said)]
    path = save(Cassette([one, one]), tmp_path / f"c.{ending}")
    bodies = list((tmp_path / f"c.{ending}.bodies").iterdir())
    assert len(bodies) == 1
    assert path.stat().st_size < 2000
    assert same(load(path), Cassette([one, one]))
    # Copies of the cassette have their own, and nothing is left when it is no longer needed.
    copy = save(load(path), tmp_path / f"copy.{ending}")
    shutil.rmtree(tmp_path / f"c.{ending}.bodies")
    with pytest.raises(CassetteFormatError, match="missing"):
        list(load(path).exchanges)
    assert same(load(copy), Cassette([one, one]))
    save(Cassette([exchange()]), copy)
    assert not (tmp_path / f"copy.{ending}.bodies").exists()


@pytest.mark.parametrize("ending", ENDINGS)
def test_large_requests_and_what_the_client_says_go_there_too(tmp_path: Path, ending: str) -> None:
    one = exchange()
    assert one.response is not None
    one.request.body = Body(b'{"a":"' + b"r" * 1_100_000 + b'"}', length=1_100_008)
    one.response.pieces.insert(0, Piece(12, 0.0, "client", b"c" * 1_200_000))
    path = save(Cassette([one]), tmp_path / f"c.{ending}")
    assert path.stat().st_size < 2000
    assert same(load(path), Cassette([one]))
    opened = load(path).exchanges
    assert next(opened.requests()) == one.request  # type: ignore[attr-defined]


@pytest.mark.parametrize("ending", ENDINGS)
def test_cut_short_at_any_byte_is_an_error_and_the_file_stays(tmp_path: Path, ending: str) -> None:
    cassette = Cassette(
        [exchange(1), exchange(2, "binary \udcff".encode(errors="surrogateescape"))],
        {"recorded_by": "opskit", "count": 12},
    )
    path = save(cassette, tmp_path / f"whole.{ending}")
    whole = path.read_bytes()
    cut = tmp_path / f"cut.{ending}"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(CassetteFormatError) as caught:
            list(load(cut).exchanges)
        assert str(cut) in str(caught.value)
        assert "line" in str(caught.value) or "byte" in str(caught.value)
        assert cut.read_bytes() == whole[:length]


def vcr_file(tmp_path: Path) -> Path:
    """A cassette as vcrpy itself writes it."""
    from vcr.cassette import Cassette as VcrCassette
    from vcr.request import Request as VcrRequest

    path = tmp_path / "vcr.yaml"
    cassette = VcrCassette(str(path))
    for name in ("json", "json?all=1"):
        request = VcrRequest(
            "GET", f"http://127.0.0.1:4243/v1.41/containers/{name}", None, {"A": "b"}
        )
        headers = {"Content-Type": ["application/json"], "Content-Length": ["14"]}
        body = {"string": b'[{"Id": "a"}]\n'}
        response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": body}
        cassette.append(request, response)
    cassette._save(force=True)
    return path


def test_what_vcrpy_recorded_is_read(tmp_path: Path) -> None:
    exchanges = list(load(vcr_file(tmp_path)).exchanges)
    assert [e.request.target for e in exchanges] == [
        "/v1.41/containers/json",
        "/v1.41/containers/json?all=1",
    ]
    response = exchanges[0].response
    assert response is not None
    assert (response.status, response.reason, response.body()) == (200, "OK", b'[{"Id": "a"}]\n')
    assert response.framing is Framing.LENGTH
    orders = [order for e in exchanges for order in e.orders()]
    assert orders == sorted(set(orders))


def test_what_vcrpy_recorded_cut_short_is_an_error(tmp_path: Path) -> None:
    path = vcr_file(tmp_path)
    whole = path.read_bytes()
    for length in range(len(whole) - 1):  # without its last line end nothing is missing
        path.write_bytes(whole[:length])
        with pytest.raises(CassetteFormatError):
            list(load(path).exchanges)


def test_vcrpy_reads_and_rewrites_ours(tmp_path: Path) -> None:
    from vcr.cassette import Cassette as VcrCassette
    from vcr.request import Request as VcrRequest

    ours = Cassette(
        [exchange(1), exchange(2, b"\xff\x00"), exchange(3, b"z" * 100_000)], {"by": "us"}
    )
    path = save(ours, tmp_path / "ours.yaml")
    theirs = VcrCassette.load(path=str(path), record_mode="none")
    assert [request.uri for request in theirs.requests] == [
        f"http://localhost:2375/v1.41/containers/{n}/json" for n in (1, 2, 3)
    ]
    played = theirs.play_response(
        VcrRequest("GET", "http://localhost:2375/v1.41/containers/2/json", None, {})
    )
    assert played["body"]["string"] == b"\xff\x00"
    assert played["headers"]["Content-Type"] == ["application/json"]
    large = theirs.responses[2]["body"]["string"]
    assert large.startswith(b"100000 bytes in ours.yaml.bodies/")
    theirs._save(force=True)
    assert same(load(path), ours)


@pytest.mark.parametrize("ending", ENDINGS)
def test_vcrpy_with_our_persister_reads_and_records_every_format(
    tmp_path: Path, ending: str
) -> None:
    import vcr
    from vcr.request import Request as VcrRequest

    from opskit.cassette.persister import Persister

    large = b"z" * 1_500_000
    path = save(Cassette([exchange(1), exchange(2, large)], {"by": "us"}), tmp_path / f"c.{ending}")
    recorder = vcr.VCR()
    recorder.register_persister(Persister)
    uri = "http://localhost:2375/v1.41/containers/{}/json"
    with recorder.use_cassette(str(path), record_mode="new_episodes") as cassette:
        played = cassette.play_response(VcrRequest("GET", uri.format(2), None, {}))
        assert played["body"]["string"] == large
        response = {
            "status": {"code": 404, "message": "Not Found"},
            "headers": {"Content-Type": ["application/json"]},
            "body": {"string": b'{"message":"no"}'},
        }
        cassette.append(VcrRequest("GET", uri.format(3), b"body", {"A": "b"}), response)
    opened = load(path)
    assert [e.request.target[-6:] for e in opened.exchanges] == ["1/json", "2/json", "3/json"]
    last = opened.exchanges[2]
    assert last.response is not None
    assert (last.request.body.data, last.request.headers) == (b"body", [("A", "b")])
    assert (last.response.status, last.response.body()) == (404, b'{"message":"no"}')
    assert opened.metadata == {"by": "us", "exchanges": 3}
    with recorder.use_cassette(str(tmp_path / "new" / f"d.{ending}")) as fresh:
        fresh.append(VcrRequest("GET", uri.format(4), None, {}), response)
    assert len(load(tmp_path / "new" / f"d.{ending}").exchanges) == 1
    path.write_bytes(b"damaged")
    with pytest.raises(CassetteFormatError), recorder.use_cassette(str(path)):
        pass
    assert path.read_bytes() == b"damaged"


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", "line 1", "empty"),
        ("\n\n", "line 1", "empty"),
        ("just text", "line 1", "not a cassette"),
        ("- a\n- b\n", "line 1", "not a cassette"),
        ("{unclosed: [", "", "not YAML"),
        ("a: b\n c: d\n", "line 2", "not YAML"),
        ("version: 2\ninteractions: []\n...\n", "line 1", "version is 2"),
        ("version: one\ninteractions: []\n...\n", "line 1", "version is 'one'"),
        ("interactions: []\n", "line 1", "version is None"),
        ("version: 1\ninteractions: 5\n...\n", "line 1", "not a list"),
        ("version: 1\ninteractions:\n- 5\n...\n", "line 3", "needs 'request'"),
        ("version: 1\ninteractions:\n- request: {}\n  response: {}\n...\n", "line 3", "method|uri"),
        (
            "version: 1\ninteractions:\n- request: {method: GET, uri: 5}\n  response: {}\n...\n",
            "line 3",
            "request is not one",
        ),
        (
            "version: 1\nversion: !!python/object:os.system {}\ninteractions: []\n...\n",
            "line 2",
            "not plain data",
        ),
        ("version: 1\ninteractions: []\n---\nversion: 1\n...\n", "", "more than one"),
        ("version: 1\ninteractions: *nothing\n...\n", "line 2", "alias"),
        ("\x00\x01", "line 1", "not YAML"),
        ("version: 1\ninteractions: []\nmetadata: 5\n...\n", "line 1", "metadata"),
        ("version: 1\nmetadata: " + "[" * 100_000 + "\n", "", "nested|not YAML"),
    ],
)
def test_nonsense_is_told_with_its_place(tmp_path: Path, text: str, place: str, what: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(CassetteFormatError, match=what) as caught:
        list(load(path).exchanges)
    assert place in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_text() == text


RESPONSES = [
    {},
    {"status": {"code": "200"}},
    {"status": {"code": 20}},
    {"status": {"code": True}},
    {"status": 200},
    {"status": {"code": 200}, "headers": 5},
    {"status": {"code": 200}, "headers": {"a": [{}]}},
    {"status": {"code": 200}, "body": {"string": 5}},
    {"status": {"code": 200}, "opskit": {"order": [1], "at": [0, 0]}},
    {"status": {"code": 200}, "opskit": {"order": [1, 2, 3], "at": "x"}},
    {"status": {"code": 200}, "opskit": {"order": [1, 2, 3], "at": [0, 0], "framing": "odd"}},
    {"status": {"code": 200}, "opskit": {"order": [1, 2, 3], "at": [0, 0], "pieces": "1 2 < 5"}},
    {"status": {"code": 200}, "opskit": {"order": [1, 2, 3], "at": [0, 0], "pieces": "1 2 x 0"}},
    {"status": {"code": 200}, "opskit": {"order": [1, 2, 3], "at": [0, 0], "pieces": 5}},
    {"status": {"code": 200}, "opskit": {"order": [1, 2, 3], "at": [0, 0], "end": "never"}},
    {
        "status": {"code": 200},
        "opskit": {"order": [1, 2, 3], "at": [0, 0], "blob": {"sha256": "../x"}},
    },
    {"status": {"code": 200}, "opskit": 5},
    5,
    None,
]


@pytest.mark.parametrize("response", RESPONSES, ids=lambda r: json.dumps(r)[:60])
@pytest.mark.parametrize("ending", ["yaml", "jsonl"])
def test_a_response_edited_into_nonsense(tmp_path: Path, ending: str, response: object) -> None:
    path = tmp_path / f"c.{ending}"
    request = {"method": "GET", "uri": "/a", "body": None, "headers": {}}
    if ending == "yaml":
        interaction = {"request": request, "response": response}
        path.write_text(yaml.safe_dump({"interactions": [interaction], "version": 1}))
    else:
        extra = response.pop("opskit", None) if isinstance(response, dict) else None
        lines = [
            {"opskit": "cassette", "version": 1, "metadata": {}},
            {"opskit": extra, "request": request, "response": response},
            {"opskit": "end", "exchanges": 1},
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(CassetteFormatError, match=r"exchange 1|line 2"):
        list(load(path).exchanges)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda lines: lines[1:], "first line"),
        (lambda lines: lines[:-1], "last line is missing"),
        (lambda lines: [lines[0], lines[-1]], "says 2 exchanges, but 0"),
        (lambda lines: [lines[0], *lines[2:]], "says 2 exchanges, but 1"),
        (
            lambda lines: [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]],
            "version is 2",
        ),
        (lambda lines: [lines[0], b"{]\n", *lines[2:]], "not JSON"),
        (lambda lines: [lines[0], b"5\n", *lines[2:]], "not a JSON object"),
        (lambda lines: [lines[0], b"{}\n", *lines[2:]], "request is not one"),
    ],
)
def test_lines_edited_into_nonsense(tmp_path: Path, change: object, what: str) -> None:
    path = save(Cassette([exchange(1), exchange(2)]), tmp_path / "c.jsonl")
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))  # type: ignore[operator]
    with pytest.raises(CassetteFormatError, match=what):
        list(load(path).exchanges)


def test_aliases_have_a_budget(tmp_path: Path) -> None:
    lines = ["version: 1", "metadata:", "  a: &a [" + "x, " * 50 + "x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"  {name}: &{name} [" + f"*{before}, " * 50 + f"*{before}]")
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join([*lines, "interactions: []", "...", ""]))
    with pytest.raises(CassetteFormatError, match="aliases"):
        load(path)


def test_gzip_has_a_budget_and_writing_keeps_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opskit.cassette import linesfile

    monkeypatch.setattr(linesfile, "GZIP_FREE", 100_000)
    bomb = tmp_path / "bomb.jsonl.gz"
    bomb.write_bytes(gzip.compress(b'{"opskit":"cassette"' + b" " * 10_000_000))
    with pytest.raises(CassetteFormatError, match="unpacks to more than"):
        load(bomb)
    alike = Cassette([exchange(i, b"0" * 500_000) for i in range(8)])
    assert same(load(save(alike, tmp_path / "alike.jsonl.gz")), alike)


@pytest.mark.parametrize("name", ["c.json", "c", "c.yaml.txt"])
def test_a_name_without_a_known_ending(tmp_path: Path, name: str) -> None:
    with pytest.raises(CassetteError, match=r"name it \.yaml"):
        save(Cassette(), tmp_path / name)
    with pytest.raises(CassetteError, match=r"name it \.yaml"):
        load(tmp_path / name)


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="no cassette"):
        load(tmp_path / "none.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(CassetteError, match="cannot read"):
        load(tmp_path / "folder.yaml")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(CassetteError, match="cannot read"):
        load(tmp_path / "folder.jsonl")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_failed_save_leaves_the_old_file(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(Cassette([exchange()]), tmp_path / f"c.{ending}")
    before = path.read_bytes()

    def failing() -> Iterator[object]:
        yield exchange(1), None
        raise OSError(28, "No space left on device")

    with pytest.raises(CassetteError, match="No space left"):
        formats.write(path, failing(), {})  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_lines_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    path = save(Cassette([exchange(i) for i in range(1, 1001)]), tmp_path / "c.jsonl")
    exchanges = load(path).exchanges
    assert len(exchanges) == 1000
    assert exchanges[-1].number == 1000
    assert [e.number for e in exchanges[10:13]] == [11, 12, 13]
    with pytest.raises(IndexError):
        exchanges[1000]
    requests = exchanges.requests()  # type: ignore[attr-defined]
    assert next(requests).target == "/v1.41/containers/1/json"
