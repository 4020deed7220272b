"""A script talks to an engine, is recorded, and runs again with the engine switched off."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import docker
import pytest
import vcr
from docker.models.containers import Container

import opskit
from opskit.cassette.model import RecordMode
from opskit.errors import NoRecordedMatch, NotFound

from .engines import PrivateEngine

IMAGE = "busybox:local"


def use_the_sdk(engine: opskit.Engine) -> list[object]:
    """What a user's script might do, with all it saw."""
    with contextlib.closing(docker.from_env()) as client:
        seen: list[object] = [client.version()["ApiVersion"], engine.get("/info")["OSType"]]
        with pytest.raises(NotFound) as missing:
            engine.get("/containers/no-such-container/json")
        seen += [missing.value.message, client.containers.run(IMAGE, "echo once", remove=True)]
        container = client.containers.run(
            IMAGE, ["sh", "-c", "echo out; echo err >&2; sleep 0.1; exit 3"], detach=True
        )
        assert isinstance(container, Container)
        seen += sorted(container.logs(stream=True, follow=True))
        seen += [container.wait(), container.attrs["Config"]["Cmd"]]
        container.remove()
        return seen


@pytest.mark.live
def test_a_script_sees_the_same_again_without_the_engine(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    cassette = tmp_path / "script.yaml"
    with opskit.record(cassette, upstream=private_engine.url) as engine:
        recorded = use_the_sdk(engine)
    with opskit.replay(cassette) as engine:
        replayed = use_the_sdk(engine)
    assert replayed == recorded
    assert recorded[3] == b"once\n"


@pytest.mark.live
def test_a_request_that_was_not_recorded_is_refused_with_its_name(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    cassette = tmp_path / "small.jsonl"
    with opskit.record(cassette, upstream=private_engine.url) as engine:
        engine.get("/version")
    with opskit.replay(cassette) as engine, pytest.raises(NoRecordedMatch, match="/networks"):
        engine.get("/networks")


def test_record_modes_are_those_of_vcrpy() -> None:
    theirs = {mode.value for mode in vcr.mode}
    assert set(RecordMode) == theirs - {"any"}


@pytest.mark.live
def test_record_mode_once_replays_what_is_there(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    cassette = tmp_path / "once.yaml"
    answers = []
    for upstream in (private_engine.url, "unix:///nonexistent/engine.sock"):
        with opskit.record(cassette, upstream=upstream) as engine:
            answers.append(engine.get("/info"))
    assert answers[0] == answers[1]


@pytest.mark.live
def test_the_command_line_says_when_it_replays_instead(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    words = ["record", "-o", "c.yaml", "--upstream", private_engine.url, "--"]
    told = [
        subprocess.run(
            [sys.executable, "-m", "opskit", *words, "docker", "version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            cwd=tmp_path,
        ).stderr
        for _ in range(2)
    ]
    assert "exchanges recorded to c.yaml" in told[0]
    assert "c.yaml was replayed, and nothing was recorded (mode once): --mode all" in told[1]


@pytest.mark.live
def test_the_environment_leads_every_client_to_the_recorder_and_is_put_back(
    private_engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", private_engine.url)
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    monkeypatch.setenv("DOCKER_CERT_PATH", "/nonexistent")
    before = dict(os.environ)
    with opskit.record(tmp_path / "env.yaml", upstream=private_engine.url) as engine:
        assert os.environ["DOCKER_HOST"] == engine.address
        assert "DOCKER_CONTEXT" not in os.environ
        assert "DOCKER_CERT_PATH" not in os.environ
        socket = Path(engine.address.removeprefix("unix://"))
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert dict(os.environ) == before
    assert not socket.parent.exists()


@pytest.mark.live
def test_the_command_line_records_a_command_and_replays_it(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    cassette = tmp_path / "cli.yaml"
    script = "curl -s --unix-socket ${DOCKER_HOST#unix://} http://docker/version; exit 7"
    outputs = []
    for words in (
        ["record", "-o", cassette, "--upstream", private_engine.url],
        ["replay", cassette],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "opskit", *map(str, words), "--", "sh", "-c", script],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 7, done.stderr
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert b'"ApiVersion"' in outputs[0]


def record_and_fail(cassette: Path, upstream: str) -> None:
    with opskit.record(cassette, mode="all", upstream=upstream) as engine:
        engine.get("/info")
        raise ZeroDivisionError


@pytest.mark.live
def test_a_script_that_fails_leaves_the_cassette_as_it_was(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    cassette = tmp_path / "good.yaml"
    with opskit.record(cassette, upstream=private_engine.url) as engine:
        engine.get("/version")
    before = cassette.read_bytes()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as raised:
            record_and_fail(cassette, private_engine.url)
    assert cassette.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.failed.yaml", "good.yaml"]
    assert "good.failed.yaml" in raised.value.__notes__[0]


@pytest.mark.live
def test_new_episodes_are_added_to_what_is_known(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    cassette = tmp_path / "growing.jsonl"
    with opskit.record(cassette, upstream=private_engine.url) as engine:
        known = engine.get("/info")
    upload = bytes(2_000_000)
    with opskit.record(cassette, mode="new_episodes", upstream=private_engine.url) as engine:
        assert engine.get("/info")["SystemTime"] == known["SystemTime"], "from the cassette"
        engine.request("POST", "/images/load", data=upload)
        images = engine.get("/images/json")
    with opskit.replay(cassette) as engine:
        assert engine.get("/images/json") == images
        assert engine.get("/info") == known


def test_a_script_that_closes_nothing_leaves_no_socket_behind(tmp_path):
    cassette = Path(__file__).parents[1] / "cassettes/shop.yaml"
    script = f"import opskit; print(opskit.connect(cassette={str(cassette)!r}).address)"
    command = (sys.executable, "-c", script)
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
    assert said.startswith(f"unix://{tmp_path}/")
    assert list(tmp_path.iterdir()) == []
