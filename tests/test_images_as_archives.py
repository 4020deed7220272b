"""Save, load, import and remove images; files into and out of containers. None goes into memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import tarfile

import psutil
import pytest

import opskit
from opskit.errors import APIError, Conflict, InvalidOption, NotFound, OperationFailed

from .engines import IMAGE, busybox_tar

pytestmark = pytest.mark.live

LARGE = 160 << 20
FLAT = 64 << 20


@pytest.fixture
def engine(emptied_engine):
    with opskit.connect(emptied_engine.url) as engine:
        yield engine


@pytest.fixture
def container(engine):
    return engine.run(IMAGE, "sleep 1000", name="web", detach=True, stop_signal="SIGKILL")


@pytest.fixture
def flat_memory():
    """Fails where this process grows by more than 64 MiB."""
    process = psutil.Process()
    before = process.memory_info().rss
    yield
    assert process.memory_info().rss - before < FLAT


@pytest.mark.docker_only("Podman writes docker.io/library out in names")
def test_save_and_load(engine, tmp_path):
    engine.tag(IMAGE, "kept:1")
    engine.tag(IMAGE, "kept:2")
    path = engine.save(["kept:1", "kept:2"], tmp_path / "kept.tar")
    assert sorted(os.listdir(tmp_path)) == ["kept.tar"]
    with tarfile.open(path) as tar:
        assert "manifest.json" in tar.getnames()
    identity = engine.inspect(IMAGE)["Id"]
    gone = engine.remove_image(["kept:1", "kept:2"])
    assert gone["done"].all()
    (tmp_path / "kept.tar.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    for source in (path, str(tmp_path / "kept.tar.gz"), io.BytesIO(path.read_bytes())):
        loaded = engine.load(source)
        assert sorted(loaded.images["name"]) == ["kept:1", "kept:2"]
        assert set(loaded.images["id"]) == {identity}
    engine.remove_image(["kept:1", "kept:2"])


def test_a_containers_files_become_an_image(engine, container, tmp_path):
    engine.exec("web", "tee /greeting", stdin="hello\n")
    path = engine.export(container, tmp_path / "web.tar")
    assert os.listdir(tmp_path) == ["web.tar"]
    made = engine.import_(path, "flat", "1", changes='CMD ["/bin/cat", "/greeting"]')
    assert engine.run(made.image, remove=True).text == "hello\n"
    with pytest.raises(NotFound):
        engine.export("nobody", tmp_path / "nobody.tar")
    assert os.listdir(tmp_path) == ["web.tar"]


def test_a_save_that_fails_leaves_no_file(engine, tmp_path):
    goal = tmp_path / "kept.tar"
    goal.write_text("what was there before")
    with pytest.raises(NotFound, match="nosuch"):
        engine.save(["nosuch:1"], goal)
    stream = engine.open_stream

    def breaking(*arguments, **options):
        found = stream(*arguments, **options)
        found.__class__ = type("Breaking", (found.__class__,), {"__iter__": half})
        return found

    def half(self):
        yield b"half of it"
        raise KeyboardInterrupt

    engine.open_stream = breaking
    with pytest.raises(KeyboardInterrupt):
        engine.save(IMAGE, goal)
    assert goal.read_text() == "what was there before"
    assert os.listdir(tmp_path) == ["kept.tar"]


@pytest.mark.docker_only("Podman tells with a status, not in the stream")
def test_what_cannot_be_loaded(engine, tmp_path):
    (tmp_path / "text").write_text("this is no archive at all" * 100)
    with pytest.raises(OperationFailed):
        engine.load(tmp_path / "text")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("file"))
    with pytest.raises(OperationFailed) as raised:
        engine.load(tmp_path / "other.tar")
    assert "no archive of images" in raised.value.remedy
    with pytest.raises(FileNotFoundError):
        engine.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="at least one image"):
        engine.save([], tmp_path / "none.tar")


@pytest.mark.docker_only("Podman ignores the tag")
def test_import_a_root_file_system(engine, tmp_path):
    path = tmp_path / "root.tar"
    path.write_bytes(busybox_tar())
    made = engine.import_(path, "imported", "1", message="from a tar",
                          changes=['CMD ["echo", "imported"]', "ENV PATH=/bin"])  # fmt: skip
    assert made.name == "imported:1"
    assert engine.run("imported:1", remove=True).text == "imported\n"
    assert engine.history("imported:1").loc[0, "comment"].startswith("from a tar")
    assert engine.import_(io.BytesIO(path.read_bytes())).name is None
    engine.remove_image("imported:1")
    with pytest.raises(APIError, match=r"EOF|tar"):
        engine.import_(io.BytesIO(b"no archive"), "imported", "2")


@pytest.mark.docker_only("Podman writes docker.io/library out in names")
def test_removing_images_tells_what_went(engine, container):
    engine.tag(IMAGE, "more:1")
    gone = engine.remove_image("more:1")
    assert (gone["untagged"], gone["deleted"]) == (["more:1"], [])
    with pytest.raises(Conflict, match="container"):
        engine.remove_image(IMAGE)
    with pytest.raises(NotFound):
        engine.remove_image("nosuch:1")
    results = engine.remove_image([IMAGE, "nosuch:1"])
    assert list(results["done"]) == [False, False]
    assert engine.images()["name"].dropna().tolist() == [IMAGE]


def test_files_go_in_and_come_out(engine, container, tmp_path):
    engine.put_files("web", {"a.txt": "text", "sub/b.bin": b"\0\1"}, "/tmp")
    assert engine.exec("web", "cat /tmp/a.txt").text == "text"
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>Hello")
    (site / "again").symlink_to("index.html")
    engine.put_files(container, site, "/tmp")
    engine.put_files(container, str(site / "index.html"), "/root")
    assert engine.exec("web", "cat /tmp/site/again /root/index.html").text == "<h1>Hello" * 2
    back = engine.get_files("web", "/tmp/site", tmp_path / "back")
    assert back == tmp_path / "back" / "site"
    assert (back / "again").read_text() == "<h1>Hello"
    assert os.readlink(back / "again") == "index.html"
    engine.get_files("web", "/tmp/site", tmp_path / "back")  # again, over what is there
    packed = io.BytesIO()
    assert engine.get_files("web", "/tmp/a.txt", packed) is None
    packed.seek(0)
    with tarfile.open(fileobj=packed) as tar:
        assert tar.getnames() == ["a.txt"]
    packed.seek(0)
    engine.put_files("web", packed, "/root")
    assert engine.exec("web", "cat /root/a.txt").text == "text"


@pytest.mark.docker_only("Podman makes folders that are missing")
def test_files_that_cannot_be_copied(engine, container, tmp_path):
    for call in (
        lambda: engine.put_files("web", {"a": "b"}, "/nowhere"),
        lambda: engine.get_files("web", "/nowhere", tmp_path),
        lambda: engine.put_files("nobody", {"a": "b"}),
    ):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(FileNotFoundError):
        engine.put_files("web", tmp_path / "nowhere", "/tmp")
    with pytest.raises(APIError, match=r"not a directory|Not a directory|404|400"):
        engine.put_files("web", {"a": "b"}, "/bin/busybox")


def test_an_upload_that_is_refused_ends_at_once(engine, tmp_path, monkeypatch):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGE)
    sent = []

    def counted(pieces, *arguments, **options):
        for piece in pieces:
            sent.append(len(piece))
            yield piece

    monkeypatch.setattr("opskit.actions.files.measured", counted)
    with pytest.raises(NotFound, match=r"(?i)no such container"):
        engine.put_files("nobody", tmp_path / "large", "/tmp")
    assert sum(sent) < LARGE / 2


def test_an_archive_cannot_write_outside_its_folder(engine, container, tmp_path):
    engine.exec("web", ["sh", "-c", "mkdir /tmp/d; ln -s /../../../../outside /tmp/d/way"])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        link = tarfile.TarInfo("d/out")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside")
        tar.addfile(link)
        info = tarfile.TarInfo("d/out/file")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"evil"))
    from opskit.actions.tar import unpack

    (tmp_path / "outside").mkdir()
    with pytest.raises(tarfile.TarError):
        unpack([packed.getvalue()], tmp_path / "in")
    assert os.listdir(tmp_path / "outside") == []


def test_large_archives_are_never_held_in_memory(engine, container, tmp_path, flat_memory):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(LARGE)
    engine.put_files("web", large, "/tmp")
    digest = engine.exec("web", "md5sum /tmp/large").text.split()[0]
    engine.exec("web", "mkdir /out")
    there = engine.get_files("web", "/tmp/large", tmp_path / "out")
    with there.open("rb") as file:
        assert hashlib.file_digest(file, "md5").hexdigest() == digest
    image = engine.commit("web", "large:1")
    engine.remove("web", force=True)
    path = engine.save("large:1", tmp_path / "image.tar")
    assert path.stat().st_size > LARGE
    engine.remove_image(image, force=True)
    engine.load(path)
    engine.remove_image("large:1")


@pytest.mark.docker_only("Podman keeps its layers elsewhere")
def test_no_space_left(make_engine, tmp_path):
    server = make_engine("full")
    data = server.folder / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", data], check=True)
    with server, opskit.connect(server.url) as engine:
        noise = tmp_path / "noise"
        noise.write_bytes(os.urandom(40 << 20))
        (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY noise /\n")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(noise, "noise")
        web = engine.run(IMAGE, "sleep 1000", name="web", detach=True, stop_signal="SIGKILL")
        for call in (
            lambda: engine.import_(io.BytesIO(packed.getvalue()), "full", "1"),
            lambda: engine.build(tmp_path, tag="full:1"),
            lambda: engine.put_files(web, noise, "/tmp"),
        ):
            with pytest.raises(APIError, match="no space left") as raised:
                call()
            assert "engine.prune()" in raised.value.remedy
        assert engine.images()["name"].dropna().tolist() == [IMAGE]


def test_names_of_images_that_are_none(engine, tmp_path):
    for wrong in ("../../etc", "a//b"):
        with pytest.raises(InvalidOption):
            engine.tag(wrong, "x")
