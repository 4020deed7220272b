"""The pytest plugin, in a test run of its own."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from opskit.cassette.format import Cassette, load, save

from .tapes import Tape

pytest_plugins = ["pytester"]


@pytest.fixture
def tests(pytester, monkeypatch):
    """A folder of tests with a cassette ``small``; gives a function that runs them."""
    tape = Tape()
    tape.asks("HEAD", "/_ping").answers()
    tape.exchanges[0].response.headers.append(("Api-Version", "1.45"))
    tape.asks("GET", "/info").answers(b'{"Name": "recorded"}')
    tape.asks("GET", "/version").answers(b"{}")
    (pytester.path / "cassettes").mkdir()
    save(Cassette(tape.exchanges), pytester.path / "cassettes/small.yaml")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source, *options):
        pytester.makepyfile(test_it=source)
        return pytester.runpytest_subprocess("-p", "opskit.testing", *options)

    return run


def test_pytest_finds_the_plugin_by_itself():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["pytest11"] == {"opskit": "opskit.testing"}


def test_a_marked_test_is_answered_from_its_cassette(tests):
    ran = tests(
        """
        import os, pytest

        @pytest.mark.cassette("small")
        def test_with_fixtures(engine, docker_host):
            assert os.environ["DOCKER_HOST"] == docker_host == engine.address
            assert engine.get("/info")["Name"] == "recorded"

        @pytest.mark.cassette("small.yaml", match=["version"])
        def test_with_any_client():
            from requests_unixsocket import get
            path = os.environ["DOCKER_HOST"].removeprefix("unix://").replace("/", "%2F")
            assert get(f"http+unix://{path}/info").json()["Name"] == "recorded"
        """
    )
    ran.assert_outcomes(passed=2)
    ran.stdout.fnmatch_lines(["*no test played*", "cassettes/small.yaml: 1", "*GET /version"])


def test_without_a_cassette_the_test_says_how_to_record_one(tests):
    ran = tests("def test_new(engine): engine.get('/info')")
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines(["*no cassette */cassettes/test_it/test_new.yaml*--record-mode=once*"])


def test_the_engine_can_be_blocked(tests):
    ran = tests(
        """
        import opskit, pytest

        def test_live():
            with pytest.raises(opskit.errors.EngineNotFound):
                opskit.connect()
            with pytest.raises(RuntimeError, match="--block-engine"):
                opskit.connect("unix:///var/run/docker.sock")

        @pytest.mark.cassette("small")
        def test_recorded(engine):
            assert engine.get("/info")
        """,
        "--block-engine",
    )
    ran.assert_outcomes(passed=2)
    assert tests("", "--block-engine", "--record-mode=all").ret == pytest.ExitCode.USAGE_ERROR


def test_nothing_is_loaded_before_it_is_used(tests):
    ran = tests(
        """
        import sys

        def test_light():
            assert not {"pandas", "docker", "opskit.wire", "matplotlib"} & set(sys.modules)
        """
    )
    ran.assert_outcomes(passed=1)


def test_parallel_runs_count_together(tests, pytester):
    gone = pytester.path / "cassettes/old/gone.jsonl"
    gone.parent.mkdir()
    save(Cassette(), gone)
    ran = tests(
        """
        import pytest

        @pytest.mark.cassette("small")
        @pytest.mark.parametrize("path", ["/info", "/version"])
        def test_each(engine, path):
            assert engine.get(path) is not None
        """,
        "-n2",
        "-p",
        "xdist",
    )
    ran.assert_outcomes(passed=2)
    ran.stdout.no_fnmatch_line("*no test played*")
    ran.stdout.fnmatch_lines(["*cassettes that no test used*", "cassettes/old/gone.jsonl"])
    ran.stdout.no_fnmatch_line("cassettes/small.yaml")

    some = pytester.runpytest_subprocess("-p", "opskit.testing", "-k", "info")
    some.assert_outcomes(passed=1, deselected=1)
    some.stdout.no_fnmatch_line("*that no test used*")


@pytest.mark.live
def test_recording_by_an_option(tests, pytester, private_engine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", private_engine.url)
    source = """
        import pytest

        def test_mine(engine):
            assert engine.get("/version")["ApiVersion"]

        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.cassette("shared")
        def test_shared(engine, number):
            assert engine.get("/info")["ID"]
        """
    tests(source, "--record-mode=once", "-n2", "-p", "xdist").assert_outcomes(passed=5)
    mine = pytester.path / "cassettes/test_it/test_mine.yaml"
    recorded = mine.read_bytes()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    tests(source).assert_outcomes(passed=5)
    assert mine.read_bytes() == recorded
    assert load(pytester.path / "cassettes/shared.yaml").exchanges


@pytest.mark.live
def test_a_failing_test_does_not_replace_its_cassette(tests, pytester, private_engine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", private_engine.url)
    before = (pytester.path / "cassettes/small.yaml").read_bytes()
    source = """
        import pytest

        @pytest.mark.cassette("small")
        def test_wrong(engine):
            assert engine.get("/info")["ID"] == "another"
        """
    tests(source, "--record-mode=all").assert_outcomes(failed=1)
    assert (pytester.path / "cassettes/small.yaml").read_bytes() == before
    assert (pytester.path / "cassettes/small.failed.yaml").exists()
