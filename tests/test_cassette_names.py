"""A replay of code that makes names at random: new names are read and written as the recorded."""

from __future__ import annotations

import io
import json
import random
import string
import tarfile
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.cassette.generated import same_kind
from opskit.cassette.match import Index
from opskit.cassette.model import Body, Exchange, Framing, Piece, Request, Response
from opskit.cassette.names import Names
from opskit.cassette.playback import Playback
from opskit.errors import NoRecordedMatch

CONTAINER = "5fbb57b8550326456b78a6197bf03617bd26e57690e1ea0bdf874cb5a16eca24"
OTHER = "c3cafd2737b914ead332295f67429eb889df937020a666a144e3bb45b2be646f"


class Tape:
    """Exchanges, one after the other."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._order = 0

    def add(
        self,
        method: str,
        target: str,
        sent: object = None,
        answered: object = None,
        *,
        body: Body | None = None,
        pieces: list[bytes] | None = None,
        framing: Framing = Framing.LENGTH,
        kind: str = "application/json",
    ) -> Exchange:
        data = b"" if sent is None else json.dumps(sent).encode()
        request = Request(
            method, target, body=body or Body(data, length=len(data)), order=self.at()
        )
        response = Response(200, "OK", [("Content-Type", kind)], framing, order=self.at())
        said = [json.dumps(answered).encode()] if pieces is None else pieces
        response.pieces = [Piece(self.at(), 0.0, "engine", part) for part in said]
        exchange = Exchange(len(self.exchanges) + 1, request, response, end_order=self.at())
        self.exchanges.append(exchange)
        return exchange

    def at(self) -> int:
        self._order += 1
        return self._order


def asked(index: Index, method: str, target: str, sent: object = None) -> tuple[int, object]:
    """The number of the exchange that answers, and the answer as it is played."""
    data = b"" if sent is None else json.dumps(sent).encode()
    match = index.find(method, target, [], Body(data, length=len(data)))
    playback = match.playback()
    length = playback.length()
    response = match.exchange.response
    assert response is not None
    said = b"".join(playback.data(piece) for piece in response.pieces)
    assert len(said) == length
    return match.exchange.number, json.loads(said) if said else None


def run(tape: Tape, name: str) -> None:
    tape.add(
        "POST", f"/v1.41/containers/create?name={name}", {"Image": "busybox"}, {"Id": CONTAINER}
    )
    tape.add("POST", f"/v1.41/containers/{CONTAINER}/start")
    tape.add("GET", f"/v1.41/containers/{name}/json", None, {"Id": CONTAINER, "Name": "/" + name})
    tape.add("DELETE", f"/v1.41/containers/{name}?force=1")


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("test-8f3a01", "test-c71d99"),
        ("web", "shop"),
        ("kdjfhgkd", "zmxnqpwo"),
        ("tmpab_x9k2j", "tmpqq2w8__z"),
        ("1e2c0a5e-6a0f-4a53-9d0b-0d1c3c7d9a51", "9b2c0a5e-6a0f-4a53-8d0b-ffffff7d9a51"),
    ],
)
def test_a_container_of_another_name(recorded: str, now: str) -> None:
    tape = Tape()
    run(tape, recorded)
    index = Index(tape.exchanges)
    create = f"/v1.41/containers/create?name={now}"
    assert asked(index, "POST", create, {"Image": "busybox"}) == (1, {"Id": CONTAINER})
    number, inspected = asked(index, "GET", f"/v1.44/containers/{now}/json")
    assert (number, inspected) == (3, {"Id": CONTAINER, "Name": "/" + now})
    assert asked(index, "DELETE", f"/v1.41/containers/{now}?force=1")[0] == 4
    assert index.names.pairs() == {now: recorded}


SHUFFLED: dict[str, tuple[str, object, object]] = {
    "variables and binds of a container": (
        "/containers/create",
        {"Env": ["A=1", "B=2", "A=3"], "HostConfig": {"Binds": ["x:/x", "/tmp:/tmp:ro"]}},
        {"HostConfig": {"Binds": ["/tmp:/tmp:ro", "x:/x"]}, "Env": ["B=2", "A=1", "A=3"]},
    ),
    "limits, hosts and mounts of a container": (
        "/containers/create",
        {
            "HostConfig": {
                "Ulimits": [{"Name": "core", "Hard": 0}, {"Name": "nofile", "Hard": 9}],
                "ExtraHosts": ["one:1.1.1.1", "two:2.2.2.2"],
                "Mounts": [{"Target": "/a", "Type": "tmpfs"}, {"Target": "/b", "Source": "b"}],
            }
        },
        {
            "HostConfig": {
                "Ulimits": [{"Name": "nofile", "Hard": 9}, {"Name": "core", "Hard": 0}],
                "ExtraHosts": ["two:2.2.2.2", "one:1.1.1.1"],
                "Mounts": [{"Target": "/b", "Source": "b"}, {"Type": "tmpfs", "Target": "/a"}],
            }
        },
    ),
    "what a composed service depends on": (
        "/containers/create",
        {"Labels": {"com.docker.compose.depends_on": "db:service_started:false,mq:x:true"}},
        {"Labels": {"com.docker.compose.depends_on": "mq:x:true,db:service_started:false"}},
    ),
    "subnets of a network": (
        "/networks/create",
        {"Name": "n", "IPAM": {"Config": [{"Subnet": "10.1.0.0/16"}, {"Subnet": "10.2.0.0/16"}]}},
        {"Name": "n", "IPAM": {"Config": [{"Subnet": "10.2.0.0/16"}, {"Subnet": "10.1.0.0/16"}]}},
    ),
    "secrets, configs and variables of a service": (
        "/services/create",
        {
            "TaskTemplate": {
                "ContainerSpec": {
                    "Env": ["A=1", "B=2"],
                    "Secrets": [{"File": {"Name": "s1"}}, {"File": {"Name": "s2"}}],
                    "Configs": [{"File": {"Name": "c1"}}, {"File": {"Name": "c2"}}],
                }
            }
        },
        {
            "TaskTemplate": {
                "ContainerSpec": {
                    "Env": ["B=2", "A=1"],
                    "Secrets": [{"File": {"Name": "s2"}}, {"File": {"Name": "s1"}}],
                    "Configs": [{"File": {"Name": "c2"}}, {"File": {"Name": "c1"}}],
                }
            }
        },
    ),
    "limits of a build": (
        "/build?ulimits=" + quote('[{"Name":"core","Hard":0},{"Name":"nofile","Hard":9}]'),
        None,
        "/build?ulimits=" + quote('[{"Hard":9,"Name":"nofile"},{"Name":"core","Hard":0}]'),
    ),
    "a set that nobody thought of": (
        "/networks/n/connect",
        {"EndpointConfig": {"Aliases": ["web", "shop", "www"]}},
        {"EndpointConfig": {"Aliases": ["www", "web", "shop"]}},
    ),
    "another terminal": (
        "/containers/create",
        {"Tty": True, "HostConfig": {"ConsoleSize": [24, 80]}},
        {"Tty": True, "HostConfig": {"ConsoleSize": [50, 132]}},
    ),
    "another terminal of an exec": (
        "/exec/5fbb57b8550326456b78/start",
        {"Tty": True, "ConsoleSize": [24, 80]},
        {"Tty": True},
    ),
    "a terminal of another size": (
        "/exec/5fbb/resize?h=24&w=80",
        None,
        "/exec/5fbb/resize?h=5&w=9",
    ),
}


@pytest.mark.parametrize("what", SHUFFLED)
def test_what_has_no_order_may_come_in_any(what: str) -> None:
    """Clients shuffle it from run to run; and no two terminals need be of one size."""
    target, sent, now = SHUFFLED[what]
    tape = Tape()
    tape.add("POST", target, sent, {"Id": OTHER})
    index = Index(tape.exchanges)
    if isinstance(now, str):
        target, now = now, None
    assert asked(index, "POST", target, now) == (1, {"Id": OTHER})
    assert not index.names


@pytest.mark.parametrize(
    ("sent", "now"),
    [
        ({"Env": ["A=1", "B=2", "A=3"]}, {"Env": ["A=3", "B=2", "A=1"]}),
        ({"Cmd": ["cp", "one", "two"]}, {"Cmd": ["cp", "two", "one"]}),
        ({"HostConfig": {"CapAdd": ["A", "A"]}}, {"HostConfig": {"CapAdd": ["A", "B"]}}),
    ],
)
def test_another_order_that_means_something_else(sent: object, now: object) -> None:
    tape = Tape()
    tape.add("POST", "/containers/create", sent, {"Id": OTHER})
    with pytest.raises(NoRecordedMatch, match=r"\] is '"):
        asked(Index(tape.exchanges), "POST", "/containers/create", now)


def test_of_two_shuffled_requests_the_first_plays_first() -> None:
    tape = Tape()
    tape.add("POST", "/containers/create", {"Env": ["A=1", "B=2"]}, {"Id": OTHER})
    tape.add("POST", "/containers/create", {"Env": ["B=2", "A=1"]}, {"Id": CONTAINER})
    index = Index(tape.exchanges)
    for number in (1, 2):
        assert asked(index, "POST", "/containers/create", {"Env": ["B=2", "A=1"]})[0] == number


def test_made_up_names_in_a_set_are_learned() -> None:
    tape = Tape()
    aliases = {"EndpointConfig": {"Aliases": ["net-8f3a01", "web", "shop"]}}
    tape.add("POST", "/networks/n/connect", aliases, None)
    index = Index(tape.exchanges)
    now = {"EndpointConfig": {"Aliases": ["shop", "web", "net-c71d99"]}}
    assert asked(index, "POST", "/networks/n/connect", now)[0] == 1
    assert index.names.pairs() == {"net-c71d99": "net-8f3a01"}


def test_a_terminal_may_be_resized_as_often_as_one_likes() -> None:
    tape = Tape()
    tape.add("POST", "/exec/5fbb/resize?h=24&w=80")
    index = Index(tape.exchanges)
    for height in range(3):
        assert asked(index, "POST", f"/exec/5fbb/resize?h={height}&w=80")[0] == 1


def test_no_filter_at_all_is_none() -> None:
    tape = Tape()
    tape.add("GET", "/v1.41/networks", None, [])
    assert asked(Index(tape.exchanges), "GET", "/v1.41/networks?filters=%7B%7D")[0] == 1


def test_many_names_each_find_their_own_exchanges() -> None:
    draw = random.Random(5)
    tape = Tape()
    first = [f"dockerpytest_{draw.getrandbits(32):08x}" for _ in range(30)]
    second = [f"dockerpytest_{draw.getrandbits(32):08x}" for _ in range(30)]
    for i, name in enumerate(first):
        tape.add("POST", "/volumes/create", {"Name": name, "Labels": {"n": str(i)}}, {"Name": name})
    for name in first:
        tape.add("GET", f"/volumes/{name}", None, {"Name": name})
    index = Index(tape.exchanges)
    for i, name in enumerate(second):
        sent = {"Name": name, "Labels": {"n": str(i)}}
        assert asked(index, "POST", "/volumes/create", sent) == (i + 1, {"Name": name})
    for i, name in reversed(list(enumerate(second))):
        assert asked(index, "GET", f"/volumes/{name}") == (31 + i, {"Name": name})


def test_it_can_be_switched_off() -> None:
    tape = Tape()
    run(tape, "test-8f3a01")
    index = Index(tape.exchanges, names=False)
    with pytest.raises(NoRecordedMatch):
        asked(index, "POST", "/containers/create?name=test-c71d99", {"Image": "busybox"})


@pytest.mark.parametrize(
    "sent",
    [
        {"Image": "alpine", "Cmd": ["true"]},
        {"Image": "busybox", "Cmd": ["false"]},
        {"Image": "busybox", "Cmd": ["sleep", "20"]},
        {"Image": "busybox", "Cmd": ["true", "x"]},
        {"Image": "busybox", "Cmd": ["true"], "Tty": True},
        {"Image": "busybox", "Cmd": "true"},
    ],
)
def test_a_request_that_means_something_else_is_refused(sent: object) -> None:
    tape = Tape()
    body = {"Image": "busybox", "Cmd": ["true"]}
    tape.add("POST", "/containers/create?name=web", body, {"Id": CONTAINER})
    tape.add("POST", "/containers/create?name=web", {**body, "Cmd": ["sleep", "10"]})
    index = Index(tape.exchanges)
    with pytest.raises(NoRecordedMatch) as caught:
        asked(index, "POST", "/containers/create?name=web", sent)
    assert caught.value.status == 501
    assert "POST /containers/create?name=web was not recorded" in str(caught.value)
    assert "nearest: exchange" in str(caught.value)


def test_the_nearest_are_told_with_what_differs() -> None:
    tape = Tape()
    for image in ("busybox", "alpine", "debian"):
        tape.add("POST", "/containers/create", {"Image": image, "Cmd": ["true"]}, {})
    with pytest.raises(NoRecordedMatch) as caught:
        asked(
            Index(tape.exchanges), "POST", "/containers/create", {"Image": "alpine", "Cmd": ["ls"]}
        )
    lines = str(caught.value).splitlines()
    assert lines[1] == (
        "nearest: exchange 2, POST /containers/create: body Cmd[0] is 'ls', recorded was 'true'"
    )
    assert "Image is 'alpine', recorded was 'busybox'" in lines[2]


def test_a_request_that_was_played_as_often_as_it_was_recorded() -> None:
    tape = Tape()
    for _ in range(2):
        tape.add("POST", f"/v1.41/containers/{CONTAINER}/start")
        tape.add("GET", f"/v1.41/containers/{CONTAINER}/json", None, {"n": len(tape.exchanges)})
    index = Index(tape.exchanges)
    path = f"/containers/{CONTAINER}"
    for number in (1, 3):
        assert asked(index, "POST", path + "/start")[0] == number
    for number in (2, 4, 4, 4):
        assert asked(index, "GET", path + "/json")[0] == number
    with pytest.raises(NoRecordedMatch) as caught:
        asked(index, "POST", path + "/start")
    lines = caught.value.message.splitlines()
    assert lines[0].endswith("/start was recorded 2 times, and has been played as often")
    assert lines[1].startswith("nearest: exchange 1 and 1 like it (played already), POST")
    assert "5fbb57b85503…" in lines[1]
    assert lines[1].endswith("equal")


def test_what_is_missing_and_what_is_more_is_told() -> None:
    tape = Tape()
    tape.add("GET", "/containers/json?limit=3&all=1", None, [])
    with pytest.raises(NoRecordedMatch) as caught:
        asked(Index(tape.exchanges), "GET", "/containers/json?all=1&size=1")
    assert "query limit '3' was recorded, and is missing" in caught.value.message
    assert "query size '1' was not recorded" in caught.value.message


def test_a_stricter_match_keeps_the_version() -> None:
    tape = Tape()
    tape.add("GET", "/v1.41/info", None, {})
    assert asked(Index(tape.exchanges), "GET", "/v1.44/info")[0] == 1
    assert asked(Index(tape.exchanges), "GET", "/info")[0] == 1
    strict = Index(tape.exchanges, strict_version=True)
    assert asked(strict, "GET", "/v1.41/info")[0] == 1
    with pytest.raises(NoRecordedMatch):
        asked(strict, "GET", "/v1.44/info")


def test_what_has_to_agree_can_be_said_in_vcrpys_words() -> None:
    tape = Tape()
    tape.add("POST", "/x?a=1", {"b": [1]}, {"n": 1})
    tape.add("POST", "/y?a=1", {"b": [2]}, {"n": 2})
    index = Index(tape.exchanges, match_on=["method", "path"], names=False)
    assert asked(index, "POST", "/y?other=5")[0] == 2
    index = Index(tape.exchanges, match_on=["method", "path", "query"])
    with pytest.raises(NoRecordedMatch):
        asked(index, "POST", "/x?other=5", {"b": [1]})
    assert asked(index, "POST", "/x?a=1", "anything")[0] == 1
    with pytest.raises(ValueError, match="no such part of a request: scheme"):
        Index(tape.exchanges, match_on=["scheme"])


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("/x?a=1&b=2", "/x?b=2&a=1"),
        (
            '/x?filters={"label":["a","b"]}',
            "/x?filters=%7B%22label%22%3A%20%5B%22b%22,%22a%22%5D%7D",
        ),
        ('/x?filters={"label":["a"]}', '/x?filters={"label":{"a":true}}'),
        ("/images/a%2Fb/json", "/images/a/b/json"),
        ("/x?a=b+c", "/x?a=b%20c"),
        ("/x?a", "/x?a="),
    ],
)
def test_the_same_written_in_another_way(recorded: str, now: str) -> None:
    tape = Tape()
    tape.add("GET", recorded, None, {})
    assert asked(Index(tape.exchanges, names=False), "GET", now)[0] == 1


def test_json_bodies_are_compared_as_json() -> None:
    tape = Tape()
    tape.add("POST", "/x", {"a": 1, "b": [1, 2]}, {})
    index = Index(tape.exchanges, names=False)
    assert asked(index, "POST", "/x", {"b": [1, 2], "a": 1})[0] == 1
    with pytest.raises(NoRecordedMatch):
        asked(Index(tape.exchanges, names=False), "POST", "/x", {"b": [2, 1], "a": 1})


def test_a_masked_request_matches_whatever_the_secret_was() -> None:
    tape = Tape()
    body = {"Image": "a", "Env": ["TOKEN=**3fa9c1******", "X=1"], "Cmd": ["login", "****"]}
    tape.add("POST", "/containers/create", body, {"Id": CONTAINER})
    now = {"Image": "a", "Env": ["TOKEN=another-secret", "X=1"], "Cmd": ["login", "literal"]}
    for names in (True, False):
        index = Index(tape.exchanges, names=names)
        assert asked(index, "POST", "/containers/create", now)[0] == 1
        with pytest.raises(NoRecordedMatch):
            asked(index, "POST", "/containers/create", {**now, "Image": "b"})


def test_an_upload_that_holds_something_else_is_still_the_same_step() -> None:
    tape = Tape()
    tape.add("POST", "/build?t=a", body=Body(None, "aa" * 32, 100, "bb" * 32), answered={"n": 1})
    tape.add("POST", "/build?t=b", body=Body(None, "cc" * 32, 100, "dd" * 32), answered={"n": 2})
    index = Index(tape.exchanges)
    same = Body(None, "ee" * 32, 90, "dd" * 32)
    assert index.find("POST", "/build?t=b", [], same).exchange.number == 2
    other = Body(None, "ee" * 32, 90, "ff" * 32)
    assert index.find("POST", "/build?t=a", [], other).exchange.number == 1
    with pytest.raises(NoRecordedMatch):
        index.find("POST", "/build?t=a", [], other)


def test_ids_that_the_engine_gave_are_never_guessed() -> None:
    tape = Tape()
    tape.add("POST", "/containers/create", {"Image": "a"}, {"Id": CONTAINER})
    tape.add("POST", "/containers/create", {"Image": "b"}, {"Id": OTHER})
    tape.add("POST", f"/containers/{CONTAINER}/start")
    index = Index(tape.exchanges)
    for name in (OTHER, CONTAINER[::-1], CONTAINER[:12]):
        with pytest.raises(NoRecordedMatch):
            asked(index, "POST", f"/containers/{name}/start")


def test_values_of_every_kind_and_place() -> None:
    def requests(word: str, port: int, folder: str, since: float) -> list[tuple[str, str, object]]:
        filters = quote(json.dumps({"label": [f"run={word}"]}))
        return [
            ("POST", f"/build?t=img-{word}:latest&dockerfile=.dockerfile.{word}", None),
            (
                "POST",
                "/containers/create",
                {
                    "Image": f"img-{word}",
                    "Env": [f"RUN_ID={word}"],
                    "Labels": {f"label-{word}": "1", "fixed": word},
                    "Cmd": ["sh", "-c", f"echo {word} > {folder}/out"],
                    "ExposedPorts": {f"{port}/tcp": {}},
                    "HostConfig": {
                        "Binds": [f"{folder}:/data"],
                        "PortBindings": {f"{port}/tcp": [{"HostPort": str(port)}]},
                    },
                },
            ),
            ("GET", f"/containers/json?filters={filters}", None),
            ("GET", f"/events?since={since}&until={since + 1}", None),
            ("PUT", f"/containers/{CONTAINER}/archive?path={quote(folder + '/in')}", None),
        ]

    tape = Tape()
    for method, target, sent in requests(
        "8f3a01bc", 49153, "/tmp/pytest-of-me/pytest-12/x0", 1.7e9
    ):
        tape.add(method, target, sent, {"said": unquote(target), "sent": sent})
    index = Index(tape.exchanges)
    again = requests("77aa00fe", 50007, "/tmp/pytest-of-me/pytest-113/x0", 1700086400.25)
    for number, (method, target, sent) in enumerate(again, 1):
        found, answer = asked(index, method, target, sent)
        assert found == number
        if number != 4:  # points in time are not written back
            assert answer == {"said": unquote(target), "sent": sent}


def archive(name: str, data: bytes, mtime: int = 0) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mtime = len(data), mtime
        tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def test_a_downloaded_archive_has_the_new_names_in_it() -> None:
    tape = Tape()
    recorded, now = "file-8f3a01bc", "file-77aa00fe99"
    tape.add("POST", "/containers/create", {"Env": [f"F={recorded}"]}, {"Id": CONTAINER})
    tar = archive(recorded, f"I am {recorded}".encode())
    tape.add(
        "GET",
        f"/containers/{CONTAINER}/archive?path=/{recorded}",
        pieces=[tar[:700], tar[700:]],
        framing=Framing.CHUNKED,
        kind="application/x-tar",
    )
    index = Index(tape.exchanges)
    asked(index, "POST", "/containers/create", {"Env": [f"F={now}"]})
    match = index.find("GET", f"/containers/{CONTAINER}/archive?path=/{now}", [], Body())
    playback = match.playback()
    assert match.exchange.response is not None
    said = b"".join(playback.data(piece) for piece in match.exchange.response.pieces)
    with tarfile.open(fileobj=io.BytesIO(said)) as got:
        member = got.getmembers()[0]
        file = got.extractfile(member)
        assert file is not None
        assert (member.name, file.read()) == (now, f"I am {now}".encode())


def large_archive(name: str) -> bytes:
    """Members with the name in their own, in their content, in a link, and without it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for place, content in {
            "plain": b"nothing in it",
            f"{name}/manifest.json": f'{{"tag": "{name}"}}'.encode(),
            f"{'deep/' * 30}{name}": b"x" * 3_000_000,
            "layer": bytes(2_000_000) + name.encode(),  # a large content is not looked into
        }.items():
            member = tarfile.TarInfo(place)
            member.size, member.mtime, member.mode = len(content), 1_700_000_000, 0o640
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, f"../{name}"
        tar.addfile(link)
    return out.getvalue()


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.CLOSE, Framing.LENGTH])
def test_a_large_archive_beside_the_cassette_too(tmp_path: Path, framing: Framing) -> None:
    old, new = "file-8f3a01bc", "file-77aa00fe99"
    blob = tmp_path / "blob"
    blob.write_bytes(large_archive(old))
    headers = [("Content-Type", "application/octet-stream")]
    response = Response(200, "OK", headers, framing, blob=str(blob))
    names = Names()
    playback = Playback(Exchange(1, Request("GET", "/export"), response), names)
    assert b"".join(playback.file()) == blob.read_bytes()
    names.bind("other-1234x", "other-5678y")
    assert b"".join(playback.file()) == blob.read_bytes()
    names.bind(new, old)
    parts = list(playback.file())
    if framing is Framing.LENGTH:  # its length was told before
        assert b"".join(parts) == blob.read_bytes()
        return
    assert max(map(len, parts)) < 1_000_000

    def held(data: bytes) -> list[tuple[str, str, int, bytes]]:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            return [
                (m.name, m.linkname, m.mode, file.read() if (file := tar.extractfile(m)) else b"")
                for m in tar.getmembers()
                if not m.issym()
            ] + [(m.name, m.linkname, m.mode, b"") for m in tar.getmembers() if m.issym()]

    wanted = held(large_archive(new))
    wanted[3] = (*wanted[3][:3], bytes(2_000_000) + old.encode())
    assert held(b"".join(parts)) == wanted


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def played(pieces: list[bytes], names: Names, framing: Framing, kind: str) -> list[bytes]:
    response = Response(200, "OK", [("Content-Type", kind)], framing)
    response.pieces = [Piece(i, 0.0, "engine", part) for i, part in enumerate(pieces)]
    playback = Playback(Exchange(1, Request("GET", "/"), response), names)
    return [playback.data(piece) for piece in response.pieces]


NAMES = st.text(string.ascii_lowercase + string.digits, min_size=8, max_size=14).filter(
    lambda text: any(c.isdigit() for c in text)
)


@settings(deadline=None)
@given(NAMES, NAMES, st.data())
def test_text_and_frames_cut_anywhere_say_the_new_name(
    recorded: str, now: str, data: st.DataObject
) -> None:
    names = Names()
    names.bind(now, recorded)
    texts = [f"hello {recorded}!\n", f"{recorded}{recorded} no {recorded}\n", "\n", f"/{recorded}"]
    expected = [f"hello {now}!\n", f"{recorded}{recorded} no {now}\n", "\n", f"/{now}"]
    for wrap in (lambda stream, text: text, frame):
        whole = b"".join(wrap(1 + i % 2, text.encode()) for i, text in enumerate(texts))
        want = b"".join(wrap(1 + i % 2, text.encode()) for i, text in enumerate(expected))
        cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=8)))
        parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        said = played(parts, names, Framing.HIJACK, "application/vnd.docker.raw-stream")
        assert b"".join(said) == want


def test_a_stream_says_names_that_are_learned_while_it_runs() -> None:
    names = Names()
    response = Response(200, "OK", [], Framing.CHUNKED)
    lines = [b'{"name":"job-8f3a01bc"}\n'] * 2
    response.pieces = [Piece(i, 0.0, "engine", line) for i, line in enumerate(lines)]
    playback = Playback(Exchange(1, Request("GET", "/events"), response), names)
    assert playback.data(response.pieces[0]) == lines[0]
    names.bind("job-77aa00fe", "job-8f3a01bc")
    assert playback.data(response.pieces[1]) == b'{"name":"job-77aa00fe"}\n'


def test_a_name_after_an_escape_in_json_is_found() -> None:
    names = Names()
    names.bind("77aa00fe", "8f3a01bc")
    recorded = json.dumps({"stream": "\n8f3a01bc\t8f3a01bc <8f3a01bc\x1b[0m"})
    said = names.outgoing(recorded.replace("<", "\\u003c").encode())
    assert json.loads(said) == {"stream": "\n77aa00fe\t77aa00fe <77aa00fe\x1b[0m"}


def test_a_common_word_is_only_written_where_it_stands_alone() -> None:
    names = Names()
    names.bind("shop", "web")
    said = names.outgoing(b'{"Name":"/web","Image":"webapp","Cmd":"serve web","Tag":"web:latest"}')
    assert said == b'{"Name":"/shop","Image":"webapp","Cmd":"serve web","Tag":"shop:latest"}'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hello", "goodbye"),
        ("node18", "node20"),
        ("python3.11", "python3.12"),
        ("3.18", "3.19"),
        ("10", "20"),
        ("busybox", "alpine"),
        ("start", "stop"),
        ("running", "created"),
        ("postgres", "mongodb"),
        ("web1", "web2"),
    ],
)
def test_words_and_versions_are_not_taken_for_random(one: str, other: str) -> None:
    assert not same_kind(one, other)


@pytest.mark.parametrize("length", [8, 12])
@pytest.mark.parametrize("letters", [string.ascii_lowercase, string.ascii_letters + string.digits])
def test_random_draws_are_taken_for_random(letters: str, length: int) -> None:
    draw = random.Random(length)
    pairs = [tuple("".join(draw.choices(letters, k=length)) for _ in range(2)) for _ in range(500)]
    assert sum(same_kind(*pair) for pair in pairs) >= 495
