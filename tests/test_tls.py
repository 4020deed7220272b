"""Certificates for an engine on TCP: made, renewed, shown, and used against a real one."""

from __future__ import annotations

import json
import os
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding

import opskit
from opskit import tls
from opskit.address import TLS, Address
from opskit.api import render
from opskit.errors import AddressError, TLSError
from opskit.tls import signing
from opskit.tls.commands import tls as command
from opskit.tls.folder import _load_authority
from opskit.tls.keys import KEY_TYPES, key_file
from opskit.tls.signing import alternative_names, sign_client, sign_server

HOST, IP = "docker-host.example.com", "192.168.1.10"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("certificates")
    tls.init(place, hosts=[HOST], ips=[IP])
    return place


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=True)


def test_the_command_makes_all_files_and_says_what_to_do_with_them(tmp_path):
    place = tmp_path / "new"
    done = run("init", "--host", HOST, "--ip", IP, "-o", str(place), "--client", "alice")
    assert done.exit_code == 0, done.output
    keys = {place / n for n in ("ca-key.pem", "server-key.pem", "client-key.pem")}
    keys.add(place / "clients/alice/key.pem")
    for path in place.rglob("*key.pem"):
        assert mode(path) == 0o400
        assert path in keys or path == place / "key.pem"
    for name in ("ca.pem", "server-cert.pem", "client-cert.pem"):
        assert mode(place / name) == 0o444
    assert (place / "cert.pem").read_bytes() == (place / "client-cert.pem").read_bytes()
    assert mode(place) == 0o700
    assert sorted(p.name for p in (place / "clients/alice").iterdir()) == (
        ["ca.pem", "cert.pem", "key.pem"]
    )
    settings = json.loads((place / "daemon.json").read_text())
    assert settings["tlsverify"] is True
    assert settings["tlscert"] == str(place / "server-cert.pem")
    assert "ExecStart=\nExecStart=/usr/bin/dockerd" in (place / "override.conf").read_text()
    assert f"DOCKER_HOST=tcp://{HOST}:2376" in done.output
    assert "systemctl restart docker" in done.output


def test_openssl_finds_nothing_wrong(folder):
    files = [str(folder / name) for name in ("server-cert.pem", "client-cert.pem")]
    for purpose, file in zip(("sslserver", "sslclient"), files, strict=True):
        strict = ["openssl", "verify", "-x509_strict", "-purpose", purpose]
        done = subprocess.run(
            [*strict, "-CAfile", str(folder / "ca.pem"), file], check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        other = "sslclient" if purpose == "sslserver" else "sslserver"
        strict[-1] = other
        done = subprocess.run(
            [*strict, "-CAfile", str(folder / "ca.pem"), file], check=False, capture_output=True
        )
        assert done.returncode != 0, f"{file} may also be used as {other}"


@pytest.mark.parametrize("kind", [k for k in KEY_TYPES if k not in ("rsa", "rsa-4096")])
def test_kinds_of_keys(tmp_path, kind):
    tls.init(tmp_path, hosts=["a"], key=kind, days=7)
    shown = tls.show(tmp_path)
    expected = {"ec": "EC P-256", "ec-384": "EC P-384"}.get(kind, kind.upper().replace("-", " "))
    assert set(shown.key) == {expected}
    assert list(shown.status) == ["ok", "expires soon", "expires soon"]
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")


def test_showing_a_folder(folder):
    shown = tls.show(folder)
    assert list(shown.file) == ["ca.pem", "server-cert.pem", "client-cert.pem"]
    assert list(shown.role) == ["ca", "server", "client"]
    assert shown.names[1] == f"{HOST} localhost {IP} 127.0.0.1 ::1"
    assert set(shown.issuer) == {f"opskit CA {HOST}"}
    assert str(shown.not_after.dtype) == "datetime64[ns, UTC]"
    assert shown.days_left.round().tolist() == [3650, 365, 365]
    done = run("show", str(folder))
    assert done.exit_code == 0
    assert f"server-cert.pem: server {HOST}" in done.output


def test_what_is_there_is_never_overwritten(folder, tmp_path):
    before = {path: path.read_bytes() for path in folder.rglob("*.pem")}
    made = tls.init(folder, hosts=[HOST], clients=["bob"], key="rsa-2048")
    assert {path: path.read_bytes() for path in before} == before
    assert [(m.file.parent.name, m.what) for m in made if m.what == "made"] == [("bob", "made")]
    with pytest.raises(AddressError, match="for other names"):
        tls.init(folder, hosts=["elsewhere.example.com"])


def test_making_goes_on_where_it_was_interrupted(tmp_path):
    tls.init(tmp_path, hosts=["a"])
    key = (tmp_path / "server-key.pem").read_bytes()
    (tmp_path / "server-cert.pem").unlink()
    (tmp_path / "client-key.pem").unlink()
    (tmp_path / "client-cert.pem").unlink()
    tls.init(tmp_path, hosts=["a"])
    assert (tmp_path / "server-key.pem").read_bytes() == key
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    context.load_cert_chain(tmp_path / "server-cert.pem", tmp_path / "server-key.pem")


def test_renewing_what_expires_soon(tmp_path):
    tls.init(tmp_path, hosts=["a"], clients=["eve"], days=20)
    assert run("show", str(tmp_path)).exit_code == 1
    keys = {path: path.read_bytes() for path in tmp_path.rglob("*key.pem")}
    made = {str(m.file.relative_to(tmp_path)): m.what for m in tls.renew(tmp_path, days=100)}
    assert made == {
        "ca.pem": "kept",
        "server-cert.pem": "renewed",
        "client-cert.pem": "renewed",
        "clients/eve/cert.pem": "renewed",
    }
    assert {path: path.read_bytes() for path in keys} == keys
    shown = tls.show(tmp_path)
    assert shown.days_left.round().tolist() == [3650, 100, 100, 100]
    assert shown.subject.tolist() == ["opskit CA a", "a", "client", "eve"]
    assert {m.what for m in tls.renew(tmp_path)} == {"kept"}
    done = run("renew", str(tmp_path), "--host", "b.example.com")
    assert "systemctl restart docker" in done.output
    assert tls.show(tmp_path).names[1] == "a localhost b.example.com 127.0.0.1 ::1"


def test_a_renewed_authority_is_still_the_one_that_others_trust(tmp_path):
    tls.init(tmp_path, hosts=["a"])
    old = (tmp_path / "ca.pem").read_bytes()
    assert {m.what for m in tls.renew(tmp_path, all=True)} == {"renewed"}
    assert (tmp_path / "ca.pem").read_bytes() != old
    (tmp_path / "old-ca.pem").write_bytes(old)
    done = subprocess.run(
        ["openssl", "verify", "-CAfile", tmp_path / "old-ca.pem", tmp_path / "server-cert.pem"],
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hosts": ["tcp://engine:2376"]}, "neither a host name nor an IP"),
        ({"hosts": ["two words"]}, "neither a host name nor an IP"),
        ({"hosts": ["192.168.1.300"]}, "neither a host name nor an IP"),
        ({"ips": ["300.1.1.1:1"]}, "no IP address"),
        ({"ips": ["docker-host"]}, "no IP address"),
        ({"clients": ["../etc"]}, "no name for a client"),
        ({"days": 0}, "no time for a certificate"),
        ({"key": "dsa"}, "no kind of key"),
    ],
)
def test_bad_wishes_make_nothing(tmp_path, options, message):
    with pytest.raises(AddressError, match=message):
        tls.init(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_without_the_authoritys_key_nothing_is_signed(tmp_path):
    tls.init(tmp_path, hosts=["a"])
    (tmp_path / "ca-key.pem").unlink()
    with pytest.raises(AddressError, match=r"ca-key\.pem is not there"):
        tls.init(tmp_path, clients=["bob"])
    with pytest.raises(AddressError, match=r"ca-key\.pem is not there"):
        tls.renew(tmp_path)
    key_file(tmp_path / "ca-key.pem", "ec")
    with pytest.raises(AddressError, match="is not the key of"):
        tls.renew(tmp_path, all=False, hosts=["b"])


def test_an_authority_of_others_is_told_and_never_replaced(tmp_path):
    tls.init(tmp_path / "ours", hosts=["a"])
    tls.init(tmp_path / "others", hosts=["a"])
    foreign = (tmp_path / "others/ca.pem").read_bytes()
    (tmp_path / "ours/ca.pem").unlink()
    (tmp_path / "ours/ca.pem").write_bytes(foreign)
    shown = tls.show(tmp_path / "ours")
    assert list(shown.status) == ["ok", "not signed by ca.pem", "not signed by ca.pem"]
    assert run("show", str(tmp_path / "ours")).exit_code == 1
    for options in ({}, {"all": True}):
        with pytest.raises(AddressError, match="is not the key of"):
            tls.renew(tmp_path / "ours", **options)
    assert (tmp_path / "ours/ca.pem").read_bytes() == foreign
    # Where several authorities are trusted, each may have signed
    own = (tmp_path / "others/ca.pem").read_bytes()
    (tmp_path / "others/ca.pem").unlink()
    (tmp_path / "others/ca.pem").write_bytes((tmp_path / "ours/server-cert.pem").read_bytes() + own)
    assert "not signed by ca.pem" not in list(tls.show(tmp_path / "others").status)[1:]


def test_an_expired_authority_signs_nothing_until_it_is_renewed(tmp_path, monkeypatch):
    tls.init(tmp_path, hosts=["a"])
    key = key_file(tmp_path / "ca-key.pem", "ec")
    real = signing._begin

    def long_ago(subject, issuer, key, until):
        begun = real(subject, issuer, key, until)
        begun._not_valid_before, begun._not_valid_after = datetime(2020, 1, 1), datetime(2021, 1, 1)
        return begun

    with monkeypatch.context() as past:
        past.setattr(signing, "_begin", long_ago)
        old = signing.sign_authority(key, "opskit CA a", 1).public_bytes(Encoding.PEM)
    (tmp_path / "ca.pem").unlink()
    (tmp_path / "ca.pem").write_bytes(old)
    done = run("init", "-o", str(tmp_path), "--client", "bob")
    assert isinstance(done.exception, AddressError)
    assert "has expired on 2021-01-01" in str(done.exception)
    assert "opskit tls renew" in str(done.exception)
    assert {m.file.name: m.what for m in tls.renew(tmp_path)}["ca.pem"] == "renewed"
    tls.init(tmp_path, clients=["bob"])
    assert set(tls.show(tmp_path).status) == {"ok"}


def test_nothing_to_show(tmp_path):
    with pytest.raises(AddressError, match="holds no certificates"):
        tls.show(tmp_path)
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(AddressError, match=r"ca\.pem holds no certificate"):
        tls.show(tmp_path)


# ---- against a real engine


@pytest.fixture(scope="module")
def tls_engine(make_engine, tmp_path_factory):
    place = tmp_path_factory.mktemp("tls-engine")
    tls.init(place, hosts=["localhost"], clients=["alice"])
    with make_engine("tls", tls=place, image=False) as engine:
        yield engine


@pytest.fixture(autouse=True)
def bundles_of_another_world(monkeypatch, tmp_path):
    """What curl and requests would verify by, if they were not told better."""
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(bundle))


def where(engine: Any, folder: Path, **files: str) -> Address:
    host, _, port = engine.tls_url.removeprefix("tcp://").rpartition(":")
    names = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"} | files
    paths = {kind: str(folder / name) if name else "" for kind, name in names.items()}
    return Address("tcp", host=host, port=int(port), tls=TLS(**paths))


@pytest.mark.live
def test_opskit_the_sdk_docker_and_curl_get_in_by_the_same_files(tls_engine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", tls_engine.tls_url)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    for place in (tls_engine.tls, tls_engine.tls / "clients/alice"):
        monkeypatch.setenv("DOCKER_CERT_PATH", str(place))
        with opskit.connect() as engine:
            version = engine.get("/version")["Version"]
            assert engine.sdk.version()["Version"] == version
            for line in (
                "docker version --format '{{.Server.Version}}'",
                render.cli("GET", "/version", address=engine.where),
                render.curl("GET", "/version", address=engine.where),
            ):
                done = subprocess.run(
                    ["bash", "-c", line],
                    check=False,
                    capture_output=True,
                    text=True,
                    env=os.environ,
                )
                assert version in done.stdout, (line, done.stderr)


@pytest.mark.live
def test_who_may_not_get_in(tls_engine, tmp_path):
    place = tls_engine.tls
    stranger = tmp_path / "stranger"
    tls.init(stranger, hosts=["localhost"])
    authority = _load_authority(place)
    late = sign_client(key_file(tmp_path / "late-key.pem", "ec"), "late", -0.001, *authority)
    (tmp_path / "late-cert.pem").write_bytes(late.public_bytes(Encoding.PEM))
    cases = {
        "no client certificate": (where(tls_engine, place, cert="", key=""), "client certificate"),
        "a stranger's certificate": (
            where(tls_engine, stranger, ca=str(place / "ca.pem")),
            "another authority|refused the client certificate",
        ),
        "an expired certificate": (
            where(
                tls_engine,
                tmp_path,
                ca=str(place / "ca.pem"),
                cert="late-cert.pem",
                key="late-key.pem",
            ),
            "refused the client certificate|renew the client certificate",
        ),
        "a server's certificate": (
            where(tls_engine, place, cert="server-cert.pem", key="server-key.pem"),
            "refused the client certificate",
        ),
        "the wrong authority": (where(tls_engine, place, ca=str(stranger / "ca.pem")), "authority"),
    }
    log = tls_engine.folder / "log"
    for case, (address, message) in cases.items():
        before = len(log.read_text())
        with pytest.raises(TLSError, match=message) as caught:
            opskit.connect(address)
        assert caught.value.remedy, case
        line = render.curl("GET", "/version", address=address)
        done = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True)
        assert done.returncode in (35, 55, 56, 58, 60), (case, done.stderr)
        assert '"Version"' not in done.stdout
        assert "TLS handshake error" in log.read_text()[before:], (
            f"the engine did not notice {case}"
        )


@pytest.mark.live
def test_an_engine_under_a_wrong_name_or_expired_is_refused(make_engine, tmp_path):
    place = tls.init(tmp_path / "c", hosts=["elsewhere.example.com"])[0].file.parent
    authority = _load_authority(place)
    names = alternative_names(["elsewhere.example.com"], [])[:1]  # without this host's own names
    own = key_file(place / "server-key.pem", "ec")

    def serve(days: float, names: Any) -> None:
        signed = sign_server(own, names, days, *authority)
        (place / "server-cert.pem").unlink()
        (place / "server-cert.pem").write_bytes(signed.public_bytes(Encoding.PEM))

    serve(30.5, names)
    with make_engine("names", tls=place, image=False) as engine:
        with pytest.raises(TLSError, match="for another name"):
            opskit.connect(where(engine, place))
        serve(-0.001, alternative_names([], []))
        engine.restart()
        with pytest.raises(TLSError, match="expired: renew it"):
            opskit.connect(where(engine, place))
        found = opskit.doctor(where(engine, place))
        assert list(found.status)[-1] == "fail"
        serve(12, alternative_names([], []))
        engine.restart()
        found = opskit.doctor(where(engine, place)).set_index("check")
        row = found.loc["engine's certificate"]
        assert (row.status, row.remedy) == ("warn", "renew it before: opskit tls renew")
        assert "expires in 12 days" in row.detail
        assert found.loc["certificate ca.pem", "status"] == "ok"
        assert found.loc["ca bundle", "status"] == "warn"
        assert found.loc["answer", "status"] == "ok"


@pytest.mark.live
def test_a_key_that_others_can_read_is_warned_of(tls_engine, tmp_path):
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_bytes((tls_engine.tls / name).read_bytes())
    (tmp_path / "key.pem").chmod(0o644)
    found = opskit.doctor(where(tls_engine, tmp_path)).set_index("check")
    assert found.loc["key", "remedy"] == f"chmod 400 {tmp_path}/key.pem"


@pytest.mark.live
def test_the_daemon_json_is_what_a_daemon_takes(tls_engine):
    """The engine of these tests runs on the very settings that are printed, hosts apart."""
    printed = json.loads(tls.daemon_json(tls_engine.tls))
    running = json.loads((tls_engine.folder / "daemon.json").read_text())
    del printed["hosts"], running["hosts"]
    assert printed == running


def test_times_of_a_certificate(folder):
    one = tls.read(folder / "server-cert.pem")
    now = datetime.now(UTC)
    assert one.not_before < now < one.not_after
    assert one.days_left(one.not_after + timedelta(days=2)) == -2
