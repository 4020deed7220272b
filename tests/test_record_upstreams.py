"""Plain local clients, recorded against engines that are reached by other ways."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

import pytest

import opskit
from opskit.address import TLS, parse
from opskit.errors import TLSError
from opskit.wire.session import open_cassette, open_recording

from .engines import IMAGE, make_certificates
from .wires import client_of

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("docker"), reason="needs the docker CLI"),
]


def docker(address, *words, stdin=b""):
    done = subprocess.run(
        ["docker", *words],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "DOCKER_HOST": address},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
def tls_address(engines, certificates):
    engine = engines("tls", tls=certificates)
    tls = TLS(*(f"{certificates}/{name}.pem" for name in ("ca", "cert", "key")))
    return parse(engine.tls_url, tls=tls)


def test_a_docker_cli_without_certificates_reaches_an_engine_behind_tls(tls_address, tmp_path):
    cassette = tmp_path / "tls.jsonl"
    session = open_recording(cassette, upstream=tls_address)
    words = ["run", "--rm", "-i", IMAGE, "sh", "-c", "cat; echo the end"]
    recorded = docker(session.address, *words, stdin=b"through stdin, and its end\n")
    session.close()
    assert recorded == (0, b"through stdin, and its end\nthe end\n", b"")
    replay = open_cassette(cassette)
    with contextlib.closing(replay):
        assert docker(replay.address, *words, stdin=b"through stdin, and its end\n") == recorded


def test_a_wrong_authority_is_told_to_the_client(tls_address, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    make_certificates(other)
    wrong = parse(tls_address.url, tls=TLS(*(f"{other}/{n}.pem" for n in ("ca", "cert", "key"))))
    recording = opskit.record(tmp_path / "wrong.yaml", upstream=wrong)
    with recording as engine, client_of(engine.address) as client:
        told = client.send(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n").rest()
    assert b"502 Bad Gateway" in told
    assert TLSError.__name__.encode() in told
