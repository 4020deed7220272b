"""Pull from and push to a real registry, with and without a password, over good and bad links."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import opskit
from opskit.errors import APIError, CredentialsError, InvalidOption, NotFound, OperationFailed

from .engines import IMAGE
from .registry import PASSWORD, USER, Registry

pytestmark = pytest.mark.live

OPEN, LOCKED, SLOW, CUT = 5000, 5001, 5002, 5003
LOGIN = {"username": USER, "password": PASSWORD}


@pytest.fixture(scope="module")
def server(make_engine):
    # one attempt for a layer: a broken link shows at once, not after half a minute of retries
    with make_engine("registry", flags=("--max-download-attempts", "1")) as server:
        yield server


@pytest.fixture(scope="module")
def registry(server, tmp_path_factory):
    registry = Registry(server, tmp_path_factory.mktemp("open"), OPEN)
    yield registry
    registry.close()


@pytest.fixture(scope="module")
def locked(server, tmp_path_factory):
    registry = Registry(server, tmp_path_factory.mktemp("locked"), LOCKED, login=True)
    yield registry
    registry.close()


@pytest.fixture
def engine(server):
    with opskit.connect(server.url) as engine:
        yield engine


@pytest.fixture(scope="module")
def heavy(server, registry, tmp_path_factory):
    """The name of an image with 4 MB that no compression makes smaller, in the open registry."""
    folder = tmp_path_factory.mktemp("heavy")
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY noise /noise\n")
    (folder / "noise").write_bytes(os.urandom(4 << 20))
    with opskit.connect(server.url) as engine:
        built = engine.build(folder, tag=f"{registry.address}/heavy:1")
        engine.push(built)
        engine.remove_image(built, force=True)
    return "heavy:1"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write docker's config.json; credential helpers may be put beside it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def write(content):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "config.json").write_text(text)
        return tmp_path

    return write


def helper(folder: Path, name: str, answer: str, code: int = 0) -> None:
    """A credential helper that always gives the same answer."""
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\ncat > {folder}/asked\necho '{answer}'\nexit {code}\n")
    path.chmod(0o755)


@pytest.mark.docker_only("Podman tells no layers")
def test_there_and_back(engine, registry):
    name = f"{registry.address}/team/box:1"
    tagged = engine.tag(IMAGE, name)
    assert (tagged["name"], tagged["id"]) == (name, engine.inspect(IMAGE)["Id"])
    pushed = engine.push(name)
    assert pushed.digest.startswith("sha256:")
    assert list(pushed.log.loc[pushed.log["status"] == "Pushed", "id"].str.len()) == [12]
    engine.remove_image([name, IMAGE])
    assert len(engine.images()) == 0
    pulled = engine.pull(f"{registry.address}/team/box", tag="1")
    assert (pulled.id, pulled.name, pulled.digest) == (tagged["id"], name, pushed.digest)
    assert pulled.status.startswith("Status: Downloaded newer image")
    layers = pulled.log.dropna(subset=["total_bytes"])
    assert set(layers["status"]) <= {"Downloading", "Extracting"}
    assert (layers["current_bytes"] <= layers["total_bytes"]).all()
    by_digest = engine.pull(f"{registry.address}/team/box@{pushed.digest}")
    assert by_digest.id == pulled.id
    engine.tag(pulled, IMAGE)


@pytest.mark.docker_only("Podman pulls one tag at a time")
def test_all_tags_at_once(engine, registry):
    for tag in ("a", "b"):
        engine.push(engine.tag(IMAGE, f"{registry.address}/tags", tag))
    engine.remove_image([f"{registry.address}/tags:{tag}" for tag in ("a", "b")])
    pulled = engine.pull(f"{registry.address}/tags", all_tags=True)
    found = {tag for tags in pulled.images["tags"] for tag in tags}
    assert {f"{registry.address}/tags:a", f"{registry.address}/tags:b"} <= found


def test_run_pulls_what_is_missing(engine, registry):
    name = f"{registry.address}/missing:1"
    engine.push(engine.tag(IMAGE, name))
    engine.remove_image(name)
    assert engine.run(name, "echo here", remove=True).text == "here\n"
    assert engine.run(name, "echo again", pull="always", remove=True).text == "again\n"


@pytest.mark.parametrize("given", [None, {"username": USER, "password": "wrong"}])
def test_without_the_password(engine, locked, given):
    name = f"{locked.address}/private:1"
    engine.tag(IMAGE, name)
    with pytest.raises(OperationFailed, match=r"no basic auth|unauthorized") as pushing:
        engine.push(name, auth_config=given)
    assert pushing.value.status == 200  # the engine had begun well
    assert len(pushing.value.log) > 0
    with pytest.raises(APIError, match=r"no basic auth|unauthorized") as pulling:
        engine.pull(name, auth_config=given)
    for raised in (pushing, pulling):
        assert "docker login" in raised.value.remedy


def test_with_the_password_given(engine, locked):
    name = f"{locked.address}/private:1"
    engine.push(engine.tag(IMAGE, name), auth_config=LOGIN)
    engine.remove_image(name)
    assert engine.pull(name, auth_config=LOGIN).name == name


def test_the_password_never_reaches_a_cassette(server, locked, tmp_path):
    name = f"{locked.address}/recorded:1"
    cassette = tmp_path / "login.yaml"
    with opskit.record(cassette, upstream=server.url) as recorded:
        recorded.push(recorded.tag(IMAGE, name), auth_config=LOGIN)
    text = cassette.read_text()
    assert name in text
    for form in (PASSWORD, "YW5u", "eyJ1c2VybmFtZSI6"):  # as it is, and in base64
        assert form not in text
    with opskit.replay(cassette) as replayed:
        replayed.tag(IMAGE, name)
        assert replayed.push(name, auth_config={"username": "other", "password": "x"}).digest


@pytest.mark.parametrize("kind", ["auths", "credHelpers", "credsStore"])
def test_with_what_docker_login_wrote(engine, locked, config, kind):
    answer = json.dumps({"ServerURL": "", "Username": USER, "Secret": PASSWORD})
    contents = {
        "auths": {"auths": {locked.address: {"auth": "YW5uOnNlc2FtZQ=="}}},
        "credHelpers": {"credHelpers": {locked.address: "vault"}},
        "credsStore": {"auths": {locked.address: {}}, "credsStore": "vault"},
    }
    folder = config(contents[kind])
    helper(folder, "vault", answer)
    name = f"{locked.address}/known:{kind}".lower()
    assert engine.push(engine.tag(IMAGE, name)).digest
    if kind != "auths":
        assert (folder / "asked").read_text() == locked.address


def test_a_helper_that_knows_nothing_is_no_error(engine, registry, config):
    folder = config({"credsStore": "empty"})
    helper(folder, "empty", "credentials not found in native keychain", 1)
    assert engine.push(engine.tag(IMAGE, f"{registry.address}/anonymous:1")).digest


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{ not json", "config.json cannot be read"),
        ("[]", "config.json cannot be read"),
        ({"credsStore": "not-installed"}, "docker-credential-not-installed not installed"),
        ({"auths": {f"127.0.0.1:{OPEN}": {"auth": "!"}}}, "credentials cannot be read"),
        ({"auths": {f"127.0.0.1:{OPEN}": "text"}}, "credentials cannot be read"),
    ],
)
def test_credentials_that_cannot_be_read_are_told(engine, registry, config, content, words):
    config(content)
    with pytest.raises(CredentialsError, match=words):
        engine.pull(f"{registry.address}/team/box:1")


@pytest.mark.docker_only("Podman tells in the stream, with status 200")
def test_what_no_registry_has(engine, registry):
    with pytest.raises(NotFound, match="manifest unknown") as missing:
        engine.pull(f"{registry.address}/nothing:1")
    assert "name and tag" in missing.value.remedy
    with pytest.raises(OperationFailed, match="not exist"):
        engine.push(f"{registry.address}/never-built:1")
    with pytest.raises(APIError, match="refused") as down:
        engine.pull("127.0.0.1:9/nothing:1")
    assert "does not reach the registry" in down.value.remedy
    for wrong in ("http://127.0.0.1/box", "UPPER", "a b"):
        with pytest.raises((InvalidOption, APIError)):
            engine.pull(wrong)


@pytest.mark.docker_only("Podman tells no progress")
def test_a_pull_that_is_cut_in_the_middle(engine, server, registry, heavy):
    link = registry.slow_link(CUT, cut=1 << 20)
    with pytest.raises(OperationFailed, match=r"EOF|reset|closed") as raised:
        engine.pull(f"{link}/{heavy}")
    assert raised.value.log["status"].str.contains("Downloading").any()
    assert link not in str(list(engine.images()["tags"]))
    assert not half_pulled(server)


@pytest.mark.docker_only("Podman pulls to the end")
def test_an_interrupted_pull_ends_on_the_engine_too(engine, server, registry, heavy):
    link = registry.slow_link(SLOW, rate=200_000)
    script = (
        f"import opskit\nengine = opskit.connect({server.url!r})\n"
        f"print('begin', flush=True)\nengine.pull('{link}/{heavy}')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DOCKER_CONFIG": "/nonexistent"},
    ) as puller:
        assert puller.stdout.readline() == "begin\n"
        try:
            until(lambda: half_pulled(server))
            puller.send_signal(signal.SIGINT)
            assert "KeyboardInterrupt" in puller.communicate(timeout=20)[1]
        finally:
            puller.kill()
    until(lambda: not half_pulled(server))
    assert link not in str(list(engine.images()["tags"]))
    assert engine.pull(f"{registry.address}/{heavy}").digest


def half_pulled(server) -> list[Path]:
    """Layers that the engine is downloading right now."""
    return list((server.folder / "data/tmp").glob("GetImageBlob*"))


def until(condition, timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
