"""Which engine is meant: the same one the docker CLI would take."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from opskit.address import Address, contexts, parse, resolve
from opskit.errors import AddressError

DOCKER = shutil.which("docker")
needs_cli = pytest.mark.skipif(DOCKER is None, reason="no docker CLI here to compare with")


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home and two docker contexts."""
    folder = tmp_path / "docker"
    for name, host in (("one", "tcp://127.0.0.1:1111"), ("two", f"unix://{tmp_path}/two.sock")):
        write_context(folder, name, host)
    return {
        "HOME": str(tmp_path),
        "DOCKER_CONFIG": str(folder),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "PATH": os.environ["PATH"],
    }


def write_context(folder: Path, name: str, host: str) -> str:
    """Lay out a context as the docker CLI does; gives the digest that names its folders."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": False}
    content = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (meta / "meta.json").write_text(json.dumps(content))
    return digest


def ask_cli(env: dict[str, str]) -> str:
    """The address that the docker CLI tries in this environment; all of them are dead."""
    assert DOCKER
    result = subprocess.run(
        [DOCKER, "ps"], env=env, capture_output=True, text=True, timeout=30, check=False
    )
    found = re.search(r"daemon at (\S+)\. Is the", result.stderr)
    return found[1] if found else f"error: {result.stderr}"


HOSTS = (None, "tcp://127.0.0.1:2222", "unix:///nowhere/host.sock", "127.0.0.1:3333", "tcp://")
CONTEXTS = (None, "one", "two", "default")
CURRENT = (None, "two")


@needs_cli
@pytest.mark.parametrize(
    ("host", "context", "current"), list(itertools.product(HOSTS, CONTEXTS, CURRENT))
)
def test_the_choice_is_the_docker_clis(
    config: dict[str, str], host: str | None, context: str | None, current: str | None
) -> None:
    if os.path.exists("/var/run/docker.sock") and not host and context in (None, "default"):
        pytest.skip("an engine of this machine's own would be asked")
    if host:
        config["DOCKER_HOST"] = host
    if context:
        config["DOCKER_CONTEXT"] = context
    if current:
        chosen = json.dumps({"currentContext": current})
        (Path(config["DOCKER_CONFIG"]) / "config.json").write_text(chosen)
    assert resolve(env=config).url == ask_cli(config)


@needs_cli
def test_a_missing_context_is_an_error_for_both(config: dict[str, str]) -> None:
    config["DOCKER_CONTEXT"] = "gone"
    assert ask_cli(config).startswith("error")
    with pytest.raises(AddressError, match="'gone' does not exist"):
        resolve(env=config)


def test_tls_files_come_from_the_cert_path(config: dict[str, str], tmp_path: Path) -> None:
    config |= {"DOCKER_HOST": "tcp://engine.example", "DOCKER_TLS_VERIFY": "1"}
    config["DOCKER_CERT_PATH"] = str(tmp_path)
    with pytest.raises(AddressError, match=r"ca\.pem does not exist \(DOCKER_CERT_PATH\)"):
        resolve(env=config)
    (tmp_path / "ca.pem").touch()
    (tmp_path / "cert.pem").touch()
    with pytest.raises(AddressError, match=r"key\.pem does not exist"):
        resolve(env=config)
    (tmp_path / "key.pem").touch()
    address = resolve(env=config)
    assert (address.port, address.source) == (2376, "DOCKER_HOST")
    assert address.tls is not None
    assert address.tls.verify
    assert address.tls.key == str(tmp_path / "key.pem")


def test_a_context_brings_its_own_certificates(config: dict[str, str]) -> None:
    folder = Path(config["DOCKER_CONFIG"])
    digest = write_context(folder, "far", "tcp://far.example:2376")
    files = folder / "contexts" / "tls" / digest / "docker"
    files.mkdir(parents=True)
    for name in ("ca.pem", "cert.pem"):
        (files / name).touch()
    with pytest.raises(AddressError, match=r"key\.pem does not exist \(docker context 'far'\)"):
        resolve("far", env=config)
    (files / "key.pem").touch()
    address = resolve("far", env=config)
    assert address.tls is not None
    assert address.tls.ca == str(files / "ca.pem")
    assert address.source == "docker context 'far'"


def test_a_rootless_socket_is_found_without_a_context(
    config: dict[str, str], tmp_path: Path
) -> None:
    if os.path.exists("/var/run/docker.sock"):
        pytest.skip("this machine has a system socket, which comes first")
    runtime = tmp_path / "run"
    runtime.mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(runtime / "docker.sock"))
        assert resolve(env=config).path == str(runtime / "docker.sock")


def test_all_contexts_are_listed_the_broken_ones_too(config: dict[str, str]) -> None:
    broken = Path(config["DOCKER_CONFIG"]) / "contexts" / "meta" / ("0" * 64)
    broken.mkdir()
    (broken / "meta.json").write_text("{")
    found = contexts(env=config)
    assert {"default", "one", "two"} <= set(found)
    assert isinstance(found["one"], Address)
    assert isinstance(found["0" * 12], AddressError)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/run/a.sock", "unix:///run/a.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("http+unix://%2Frun%2Fa.sock", "unix:///run/a.sock"),
        ("tcp://[::1]:99/base/", "tcp://[::1]:99/base"),
        ("http://h:1", "tcp://h:1"),
        ("https://h", "tcp://h:2376"),
        ("ssh://me@h:22", "ssh://me@h:22"),
        ("ssh://h", "ssh://h"),
    ],
)
def test_the_forms_an_address_may_take(text: str, url: str) -> None:
    assert parse(text).url == url


@pytest.mark.parametrize("text", ["ftp://h", "tcp://h:port", "ssh://", "ssh://me:pw@h"])
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(AddressError, match=re.escape(text)):
        parse(text)


def test_a_config_that_cannot_be_read_is_not_taken_for_none(config: dict[str, str]) -> None:
    path = Path(config["DOCKER_CONFIG"]) / "config.json"
    path.write_text('{"currentContext": ')
    with pytest.raises(AddressError, match=re.escape(str(path))):
        resolve(env=config)
