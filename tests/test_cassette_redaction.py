"""Secrets never reach a cassette, wherever they stand and however a stream cuts them."""

from __future__ import annotations

import base64
import itertools
import json
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.cassette.canonical import form
from opskit.cassette.journal import Journal
from opskit.cassette.literals import Frames, Literals, Tail
from opskit.cassette.model import Body, End, Framing, Piece, Request, Response
from opskit.cassette.redact import Redactor
from opskit.cassette.secrets import JsonFilter, mask_json, telling


def canary(name: str) -> str:
    return f"canary-{name}-7f3e9"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


REGISTRY = b64(json.dumps({"username": "ops", "password": canary("xauth")}))
EXCHANGES: list[tuple[str, str, list[tuple[str, str]], object, object]] = [
    ("POST", "/v1.41/images/create?fromImage=a", [("X-Registry-Auth", REGISTRY)], None, {}),
    ("POST", "/v1.41/build?t=a", [("X-Registry-Config", b64(canary("xconfig")))], None, {}),
    ("GET", "/v1.41/info", [("Authorization", "Bearer " + canary("bearer"))], None, {}),
    (
        "POST",
        "/v1.41/auth",
        [],
        {"username": "ops", "password": canary("auth"), "auth": b64(canary("authb64"))},
        {"Status": "Login Succeeded", "IdentityToken": canary("identity")},
    ),
    (
        "POST",
        "/v1.41/containers/create?name=a",
        [],
        {
            "Image": "busybox",
            "Env": ["MYSQL_ROOT_PASSWORD=" + canary("env") + " with spaces", "LANG=C"],
            "Labels": {"com.example.api-key": canary("label")},
            "Cmd": ["run", "--token=" + canary("option")],
        },
        {"Id": "a" * 64, "Warnings": []},
    ),
    (
        "GET",
        "/v1.41/containers/a/json",
        [],
        None,
        {
            "Config": {
                "Env": ["AWS_SECRET_ACCESS_KEY=" + canary("inspect"), "PATH=/bin"],
                "Labels": {"db.password": canary('label"quoted')},
            },
            "HostConfig": {"LogConfig": {"Config": {"splunk-token": canary("logopt")}}},
        },
    ),
    ("POST", "/v1.41/containers/a/exec", [], {"Env": ["TOKEN=" + canary("exec")]}, {"Id": "b"}),
    (
        "POST",
        "/v1.41/services/create",
        [],
        {"TaskTemplate": {"ContainerSpec": {"Env": ["DB_PASS=" + canary("service")]}}},
        {"ID": "s"},
    ),
    (
        "POST",
        "/v1.41/build?buildargs="
        + urllib.parse.quote(json.dumps({"NPM_TOKEN": canary("buildarg")}))
        + "&labels="
        + urllib.parse.quote_plus(json.dumps({"secret": canary("buildlabel")})),
        [],
        None,
        {"stream": "Step 2/3 : ENV API_KEY=" + canary("step") + "\n"},
    ),
    (
        "POST",
        "/v1.41/build?remote="
        + urllib.parse.quote("https://ops:" + canary("remote") + "@example.com/x.git", safe=""),
        [],
        None,
        {},
    ),
    (
        "GET",
        "/v1.41/swarm",
        [],
        None,
        {
            "JoinTokens": {
                "Worker": "SWMTKN-1-" + canary("worker") + "-abc",
                "Manager": "SWMTKN-1-" + canary("manager") + "-abc",
            }
        },
    ),
    ("POST", "/v1.41/swarm/join", [], {"JoinToken": "SWMTKN-1-" + canary("join") + "-x"}, {}),
    ("GET", "/v1.41/swarm/unlockkey", [], None, {"UnlockKey": "SWMKEY-1-" + canary("unlock")}),
    (
        "POST",
        "/v1.41/swarm/update",
        [],
        {"CAConfig": {"SigningCAKey": "-----BEGIN EC PRIVATE KEY-----\n" + canary("ca")}},
        {},
    ),
    ("POST", "/v1.41/secrets/create", [], {"Name": "s", "Data": b64(canary("secret"))}, {}),
    ("GET", "/v1.41/configs", [], None, [{"Spec": {"Name": "c", "Data": b64(canary("config"))}}]),
    ("GET", "/v1.41/info?x", [], None, {"HttpProxy": "http://ops:" + canary("proxy") + "@p:1"}),
    (
        "GET",
        "/v1.41/images/a/history",
        [],
        None,
        [{"CreatedBy": "|1 GITHUB_TOKEN=" + canary("history") + " /bin/sh -c make"}],
    ),
    (
        "GET",
        "/v1.41/events",
        [],
        None,
        {"Actor": {"Attributes": {"app.token": canary("event"), "name": "a"}}},
    ),
]
# fmt: off
PLACES = [
    "xauth", "xconfig", "bearer", "auth", "authb64", "identity", "env", "label", "option",
    "inspect", "logopt", "exec", "service", "buildarg", "buildlabel", "step", "remote", "worker",
    "manager", "join", "unlock", "ca", "secret", "config", "proxy", "history", "event",
    'label"quoted',
]
# fmt: on


def traces(secret: str) -> set[bytes]:
    """What would give it away: raw, JSON-escaped, percent-encoded, in base64 at any alignment."""
    raw = secret.encode()
    found = {raw, json.dumps(secret)[1:-1].encode(), urllib.parse.quote(secret).encode()}
    for shift in range(3):
        found.add(base64.b64encode(b"\0" * shift + raw)[shift + 1 : -4])
    return found


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def record(journal: Journal, cut: int) -> None:
    order = 0
    for number, (method, target, headers, sent, answered) in enumerate(EXCHANGES, 1):
        data = b"" if sent is None else json.dumps(sent).encode()
        body = Body(data, length=len(data))
        journal.request(number, Request(method, target, headers, body, order=order))
        kind = [("Content-Type", "application/json")]
        journal.response(number, Response(200, "OK", kind, Framing.CHUNKED, order=order + 1))
        answer = json.dumps(answered).encode() + b"\r\n"
        for start in range(0, len(answer), cut):
            journal.piece(number, Piece(order + 2, 0.0, "engine", answer[start : start + cut]))
        journal.end(number, End.COMPLETE, order + 3)
        order += 4


@pytest.mark.parametrize("ending", ["yaml", "jsonl"])
@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_no_canary_is_found_in_any_file(
    tmp_path: Path, ending: str, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    journal = Journal(tmp_path / f"c.{ending}", mode="once", redactor=Redactor(), metadata={})
    record(journal, cut)
    seen = files_below(tmp_path)
    assert [path.suffix for path in seen] == [".journal"]
    journal.close()
    seen |= files_below(tmp_path)
    seen[Path("log")] = caplog.text.encode()
    for place in PLACES:
        for trace in traces(canary(place)):
            assert not [path for path, data in seen.items() if trace in data], (place, trace)
    whole = b"".join(seen.values())
    assert b"busybox" in whole
    assert b"LANG=C" in whole
    assert b"PATH=/bin" in whole


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD",
        "db.password",
        "GITHUB_TOKEN",
        "identitytoken",
        "API_KEY",
        "SigningCAKey",
        "pgpassword",
        "app.secret",
        "AUTH",
        "registryAuth",
        "MYSQL_PWD",
    ],
)
def test_names_that_tell(name: str) -> None:
    assert telling(name)


@pytest.mark.parametrize(
    "name",
    [
        "PWD",
        "Author",
        "org.opencontainers.image.authors",
        "SandboxKey",
        "CertIssuerPublicKey",  # clients decode it
        "PATH",
        "SecretID",
        "monkey",
        "Authenticated_by",
        "compass",
    ],
)
def test_names_that_do_not_tell(name: str) -> None:
    assert not telling(name)


def test_masking_keeps_the_length_and_valid_json() -> None:
    body = json.dumps({"password": 'a"b\\c\u00e9\n', "x": "y", "Env": ["TOKEN=" + "z" * 9]})
    masked = mask_json(body.encode())
    assert len(masked) == len(body.encode())
    assert json.loads(masked)["x"] == "y"
    assert set(json.loads(masked)["password"]) == {"*"}


def test_masks_tell_secrets_apart_and_nothing_else() -> None:
    def masked(redactor: Redactor, token: str) -> str:
        body = json.dumps({"token": token, "JoinTokens": {"Worker": f"SWMTKN-1-{token}"}}).encode()
        return redactor.body("/x", Body(body)).data.decode()  # type: ignore[union-attr]

    one, other = Redactor(), Redactor()
    assert masked(one, "a" * 20) == masked(one, "a" * 20)
    assert masked(one, "a" * 20) != masked(one, "b" * 20)
    assert masked(one, "a" * 20) != masked(other, "a" * 20)
    assert masked(one, "a" * 11) == masked(one, "b" * 11)
    forms = {
        form("POST", "/x", Body(masked(which, token).encode())).key()
        for which in (one, other)
        for token in ("a" * 20, "b" * 20, "c" * 11)
    }
    assert len(forms) == 1


LITERAL = 'päss "word"<&>/+%7f'
OTHER = 'word"<&>/+%7f-and-on'


def as_go_writes(text: str) -> str:
    written = json.dumps(text)
    for character in "<>&":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


@pytest.mark.parametrize(
    "written",
    [
        LITERAL.encode(),
        json.dumps(LITERAL).encode(),
        json.dumps(LITERAL, ensure_ascii=False).encode(),
        json.dumps(LITERAL)
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .encode(),
        urllib.parse.quote(LITERAL, safe="").encode(),
        urllib.parse.quote_plus(LITERAL).encode(),
        base64.b64encode(b"x" + LITERAL.encode() + b"y"),
        base64.b64encode(b"xx" + LITERAL.encode() + b"y"),
        base64.urlsafe_b64encode(b"xxx" + LITERAL.encode() + b"y"),
    ],
    ids=range(9),
)
def test_a_named_literal_is_found_however_written_and_wherever_cut(written: bytes) -> None:
    literals = Literals([LITERAL, OTHER])
    data = b"before " + written + b" after"
    expected = literals.mask(data)
    assert expected != data
    assert len(expected) == len(data)
    for cut in range(len(data) + 1):
        tail = Tail(literals)
        assert tail.feed(data[:cut]) + tail.feed(data[cut:]) + tail.flush() == expected
    tail = Tail(literals)
    assert b"".join(tail.feed(bytes([byte])) for byte in data) + tail.flush() == expected
    for trace in traces(LITERAL):
        assert trace not in expected


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@settings(deadline=None)
@given(st.data())
def test_a_literal_cut_by_the_frames_of_two_streams(data: st.DataObject) -> None:
    literals = Literals(["s3cret-value"])
    texts = {1: b"out s3cret-value out", 2: b"err s3cret-value s3cret-value"}
    stream = b""
    left = dict(texts)
    while any(left.values()):
        which = data.draw(st.sampled_from([key for key, rest in left.items() if rest]))
        size = data.draw(st.integers(1, len(left[which])))
        stream += frame(which, left[which][:size])
        left[which] = left[which][size:]
    frames = Frames(literals)
    masked, place = b"", 0
    while place < len(stream):
        size = data.draw(st.integers(1, 40))
        masked += frames.feed(stream[place : place + size])
        place += size
    masked += frames.flush()
    assert len(masked) == len(stream)
    shown = {1: b"", 2: b""}
    place = 0
    while place < len(masked):
        size = int.from_bytes(masked[place + 4 : place + 8], "big")
        shown[masked[place]] += masked[place + 8 : place + 8 + size]
        place += 8 + size
    assert shown == {key: text.replace(b"s3cret-value", b"*" * 12) for key, text in texts.items()}


@settings(deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_whatever_passes_comes_out_as_long_as_it_was(data: bytes, cuts: list[int]) -> None:
    redactor = Redactor(["abc", b"\x00\x01"])
    for response in (None, Response(200, "OK", [("Content-Type", "application/json")])):
        stream = redactor.stream(Request("GET", "/secrets"), response, "engine")
        places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        parts = [data[a:b] for a, b in itertools.pairwise(places)]
        out = b"".join(stream.feed(part) for part in parts) + stream.flush()
        assert len(out) == len(data)
        assert b"abc" not in out


def test_a_long_line_is_let_go_between_members_and_nothing_leaks() -> None:
    text = json.dumps([{"password": 'x,"' * 5, "n": i, "pad": "y" * 500} for i in range(1000)])
    filter = JsonFilter()
    out = b"".join(filter.feed(text[i : i + 997].encode()) for i in range(0, len(text), 997))
    assert len(out) > len(text) / 2
    assert out + filter.flush() == mask_json(text.encode())
    assert b"x," not in out


def test_an_empty_literal_is_refused() -> None:
    with pytest.raises(ValueError, match="redact everything"):
        Redactor([""])
