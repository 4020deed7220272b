"""Where a recorder or a replay may listen, and what is left when it stops."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

import opskit
from opskit.errors import AddressError, CassetteBusy, CassetteError
from opskit.wire.listen import listen
from opskit.wire.session import open_recording

from .wires import WireEngine, client_of, tells_its_version


def test_a_socket_is_only_for_its_user_and_goes_with_its_listener(tmp_path):
    path = tmp_path / "engine.sock"
    listener = listen(f"unix://{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    listener.close()
    assert not path.exists()


def test_a_socket_of_our_own_that_nobody_listens_on_is_replaced(tmp_path):
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    listen(f"unix://{path}").close()


def test_a_socket_that_took_the_place_meanwhile_stays(tmp_path):
    path = tmp_path / "engine.sock"
    listener = listen(f"unix://{path}")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        listener.close()
        assert path.exists()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("unix://{folder}/taken.sock", "somebody listens at"),
        ("unix://{folder}/file", "exists and is not a socket"),
        ("unix://{folder}/" + "long" * 30, "longer than 107 bytes"),
        ("unix://{folder}/missing/engine.sock", "mkdir -p"),
        ("tcp://0.0.0.0:0", "other machines"),
        ("tcp://192.0.2.1:0", "other machines"),
        ("tcp://127.0.0.1:{taken}", "Address already in use"),
        ("tcp://127.0.0.1", "not an address"),
        ("tcp://127.0.0.1:99999", "not an address"),
        ("http://127.0.0.1:80", "not an address"),
        ("relative.sock", "not an address"),
    ],
)
def test_what_cannot_be_listened_at_is_told(tmp_path, url, told):
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as unix, socket.create_server(("127.0.0.1", 0)) as tcp:
        unix.bind(str(tmp_path / "taken.sock"))
        unix.listen()
        address = url.format(folder=tmp_path, taken=tcp.getsockname()[1])
        with pytest.raises(AddressError, match=told):
            listen(address)
    assert (tmp_path / "file").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a socket of someone else's")
def test_someone_elses_socket_is_left_alone(tmp_path):
    path = tmp_path / "theirs.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    os.chown(path, 12345, 12345)
    with pytest.raises(AddressError, match="someone else's"):
        listen(f"unix://{path}")
    assert path.exists()


def test_other_machines_are_let_in_only_when_asked():
    listener = listen("tcp://0.0.0.0:0", anywhere=True)
    assert listener.address.startswith("tcp://0.0.0.0:")
    listener.close()


def test_a_long_temporary_folder_does_no_harm(tmp_path, monkeypatch):
    deep = tmp_path / ("deep" * 25)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    listener = listen()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(listener.address.removeprefix("unix://"))
    listener.close()
    assert list(deep.iterdir()) == []


def test_a_second_recorder_of_the_same_cassette_is_refused(tmp_path):
    with WireEngine(tmp_path, tells_its_version) as engine:
        upstream = f"unix://{engine.path}"
        first = open_recording(tmp_path / "it.yaml", upstream=upstream)
        with pytest.raises(CassetteBusy):
            open_recording(tmp_path / "it.yaml", upstream=upstream)
        again = subprocess.run(
            [
                *(sys.executable, "-m", "opskit", "record", "-o", tmp_path / "it.yaml"),
                *("--upstream", upstream, "--", "true"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 1
        assert again.stderr.startswith("opskit: ")
        first.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_does_not_stop_the_client_and_is_told_once(tmp_path, small_disk, caplog):
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000

    def engine(client):
        for _ in range(20):
            client.until(b"\r\n\r\n")
            client.send(body)

    def ask_twenty_times(upstream):
        with (
            opskit.record(small_disk / "it.jsonl", upstream=upstream) as lent,
            client_of(lent.address) as client,
        ):
            for number in range(20):
                client.send(b"GET /%d HTTP/1.1\r\nHost: d\r\n\r\n" % number)
                assert client.take(len(body)) == body

    with (
        WireEngine(tmp_path, tells_its_version, engine) as upstream,
        pytest.raises(CassetteError, match="No space left") as told,
    ):
        ask_twenty_times(f"unix://{upstream.path}")
    assert "recover" in str(told.value)
    assert len([r for r in caplog.records if "No space left" in r.getMessage()]) == 1
    assert [path.name for path in small_disk.iterdir()] != []
