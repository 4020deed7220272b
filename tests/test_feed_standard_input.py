"""Feed a program in a container: its standard input from text, bytes, files, however much."""

from __future__ import annotations

import io
import itertools

import pytest

import opskit
from opskit.address import TLS, Address
from opskit.errors import EngineUnresponsive, InvalidOption

from .engines import IMAGE, make_certificates

pytestmark = pytest.mark.live

MIB = bytes(1 << 20)
PROMPT = ["sh", "-c", 'while read word; do echo "<$word>"; done; echo end >&2; exit 4']


@pytest.fixture(scope="module")
def secure(make_engine, tmp_path_factory):
    """An engine that is reached over its socket and over TLS, with a container to work in."""
    files = make_certificates(tmp_path_factory.mktemp("stdin") / "certificates")
    with make_engine("stdin", tls=files) as private:
        private.run("sleep 100000", "web")
        private.run("sleep 100000", "shop")
        yield private


@pytest.fixture(params=["socket", "tls"])
def engine(secure, request):
    address = secure.url
    if request.param == "tls":
        host, _, port = secure.tls_url.removeprefix("tcp://").rpartition(":")
        names = {name: f"{secure.tls}/{name}.pem" for name in ("ca", "cert", "key")}
        address = Address("tcp", host=host, port=int(port), tls=TLS(**names))
    with opskit.connect(address) as engine:
        yield engine


@pytest.mark.parametrize(
    "make",
    [
        lambda: "één\ntwo\n",
        "één\ntwo\n".encode,
        lambda: io.BytesIO("één\ntwo\n".encode()),
        lambda: iter(["één\n".encode(), b"", b"two\n"]),
    ],
    ids=["text", "bytes", "file", "pieces"],
)
def test_a_command_reads_what_it_is_given(engine, make):
    done = engine.exec("web", PROMPT, stdin=make())
    assert (done.exit_code, done.text, done.stderr) == (4, "<één>\n<two>\n", b"end\n")
    ran = engine.run(IMAGE, PROMPT, stdin=make(), remove=True)
    assert (ran.exit_code, ran.text, ran.stderr) == (4, "<één>\n<two>\n", b"end\n")


def test_a_command_that_answers_while_it_reads(engine):
    size = 16 * len(MIB)
    done = engine.exec("web", "cat", stdin=itertools.repeat(MIB, 16))
    assert (done.exit_code, len(done.stdout), set(done.stdout)) == (0, size, {0})
    counted = engine.run(IMAGE, "wc -c", stdin=itertools.repeat(MIB, 16), remove=True)
    assert int(counted.text) == size


def test_a_command_that_ends_before_its_input(engine):
    endless = itertools.repeat(MIB)
    assert engine.exec("web", "head -c 3", stdin=endless).stdout == bytes(3)
    assert engine.exec("web", ["sh", "-c", "exit 3"], stdin=endless).exit_code == 3
    assert engine.run(IMAGE, "head -c 3", stdin=endless, remove=True).stdout == bytes(3)
    with pytest.raises(EngineUnresponsive, match="sleep in web still ran"):
        engine.exec("web", "sleep 1000", stdin=endless, timeout=0.3)
    assert next(endless) == MIB


def test_input_that_breaks_off_is_the_callers_error(engine):
    def broken():
        yield MIB
        raise OSError("the disk is on fire")

    with pytest.raises(OSError, match="on fire"):
        engine.exec("web", "cat", stdin=broken())
    with pytest.raises(OSError, match="on fire"):
        engine.run(IMAGE, "cat", name="broken", stdin=broken(), remove=True)
    assert "broken" not in set(engine.containers(all=True)["name"])


def test_many_containers_get_the_same_text(engine):
    rows = engine.exec(["web", "shop"], "tr a-z A-Z", stdin="hello")
    assert list(rows["stdout"]) == ["HELLO", "HELLO"]
    with pytest.raises(TypeError, match="one object is wanted"):
        engine.exec(["web", "shop"], "cat", stdin=io.BytesIO(b"read once"))
    assert engine.exec(engine.containers().query("name == 'web'"), "cat", stdin=iter([b"a"])).text


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"stdin": 3}, TypeError, "stdin=3: give text, bytes"),
        ({"stdin": ["text"]}, TypeError, "open files with 'rb'"),
        ({"stdin": "x", "tty": True}, InvalidOption, "leave tty out"),
        ({"stdin": "x", "detach": True}, InvalidOption, "wait for the end"),
    ],
)
def test_input_that_nobody_could_read(engine, options, error, words):
    with pytest.raises(error, match=words):
        engine.exec("web", "cat", **options)
    with pytest.raises(error, match=words):
        engine.run(IMAGE, "cat", **options, remove=True)


def test_a_program_that_closes_its_output_before_it_ends(engine):
    done = engine.exec("web", ["sh", "-c", "echo a; exec >&- 2>&-; sleep 0.5; exit 3"])
    assert (done.exit_code, done.text) == (3, "a\n")


def test_what_was_fed_replays(secure, tmp_path):
    def feed(engine):
        return engine.exec("web", "tr a-z A-Z", stdin="hello").text

    with opskit.record(tmp_path / "fed.yaml", upstream=secure.url) as engine:
        assert feed(engine) == "HELLO"
    with opskit.replay(tmp_path / "fed.yaml") as engine:
        assert feed(engine) == "HELLO"
