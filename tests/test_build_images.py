"""Build images from Dockerfiles on a real engine."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time

import pytest

import opskit
from opskit.actions.context import context_entries
from opskit.errors import APIError, InvalidOption, OperationFailed

from .engines import IMAGE

pytestmark = pytest.mark.live

DOCKERFILE = f"""\
FROM {IMAGE}
ARG VERSION=0
COPY . /app
RUN echo "version $VERSION" && ls /app && sleep 0.2
CMD ["cat", "/app/hello.txt"]
"""


@pytest.fixture
def engine(emptied_engine):
    with opskit.connect(emptied_engine.url) as engine:
        yield engine
        engine.remove_image(["myapp:latest", "myapp:2", "myapp:slow"], force=True)
        engine.prune("images", dry_run=False)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "app"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "hello.txt").write_text("hello\n")
    (folder / "deep" / "er" / "file").write_text("x")
    (folder / "link").symlink_to("hello.txt")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "secret.key").write_text("do not send")
    (folder / ".dockerignore").write_text("# comment\n*.key\n\n.dockerignore\n")
    return folder


def test_build_from_a_folder(engine, folder):
    built = engine.build(folder, tag="myapp:latest", buildargs={"VERSION": "2.1.0"})
    assert built.name == "myapp:latest"
    assert built.image["id"] == engine.inspect("myapp:latest")["Id"]
    steps = built.steps
    assert list(steps["step"]) == [1, 2, 3, 4, 5]
    assert steps["instruction"].str.split().str[0].tolist() == ["FROM", "ARG", "COPY", "RUN", "CMD"]
    assert not steps["cached"].any()
    output = steps.loc[3, "output"].split("\n")
    assert output == ["version 2.1.0", "Dockerfile", "deep", "hello.txt", "link", "run.sh", ""]
    assert steps.loc[3, "seconds"] > 0.2
    assert engine.run(built, remove=True).text == "hello\n"
    again = engine.build(str(folder), tag=["myapp:latest", "myapp:2"],
                         buildargs={"VERSION": "2.1.0"})  # fmt: skip
    assert again.steps["cached"].tolist() == [False, True, True, True, True]
    assert again.id == built.id
    assert list(again.images["name"]) == ["myapp:latest", "myapp:2"]
    assert not engine.build(folder, nocache=True, tag="myapp:2").steps["cached"].any()
    assert engine.containers(all=True).empty  # nothing of the builds is left


def test_files_keep_their_modes_and_links(engine, folder):
    engine.build(folder, tag="myapp:latest")
    listed = engine.run("myapp:latest", "ls -ln /app", remove=True).text
    modes = {line.split()[8]: line.split()[0] for line in listed.splitlines()[1:]}
    assert modes["run.sh"] == "-rwxr-xr-x"
    assert modes["link"].startswith("l")
    assert {line.split()[2] for line in listed.splitlines()[1:]} == {"0"}


def test_the_dockerfile_may_lie_elsewhere(engine, folder, tmp_path):
    (tmp_path / "Other").write_text(f"FROM {IMAGE}\nCOPY hello.txt /\n")
    built = engine.build(folder, dockerfile="../Other", tag="myapp:latest")
    assert len(built.steps) == 2
    (folder / "deep" / "Dockerfile").write_text(f"FROM {IMAGE} AS one\nFROM one\nLABEL a=b\n")
    built = engine.build(folder, dockerfile="deep/Dockerfile", tag="myapp:latest", target="one")
    assert len(built.steps) == 1


@pytest.mark.docker_only("Podman adds labels of its own")
def test_a_dockerfile_alone_or_a_whole_archive(engine, tmp_path):
    text = f"FROM {IMAGE}\nLABEL from=memory\n".encode()
    built = engine.build(fileobj=io.BytesIO(text), tag="myapp:latest", labels={"more": "1"})
    assert built.image["labels"] == {"from": "memory", "more": "1"}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("D")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    packed.seek(0)
    built = engine.build(fileobj=packed, custom_context=True, encoding="gzip", dockerfile="D",
                         tag="myapp:latest")  # fmt: skip
    assert built.image["labels"] == {"from": "memory"}


def test_a_step_that_fails(engine):
    text = f"FROM {IMAGE}\nRUN echo working; exit 7\nRUN echo never\n"
    with pytest.raises(OperationFailed, match=r"non-zero code: 7|exit status 7") as raised:
        engine.build(fileobj=io.BytesIO(text.encode()), tag="myapp:latest")
    assert raised.value.steps["output"].tolist() == ["", "working\n"]
    assert "the command in the Dockerfile failed" in str(raised.value)
    assert "myapp:latest" not in engine.images()["name"].tolist()
    assert engine.containers(all=True).empty


@pytest.mark.docker_only("Podman builds with Buildah")
def test_what_cannot_be_built(engine, folder):
    with pytest.raises(InvalidOption, match="no Dockerfile at"):
        engine.build(folder, dockerfile="nowhere")
    with pytest.raises(InvalidOption, match="is no folder"):
        engine.build(folder / "nowhere")
    with pytest.raises(InvalidOption, match="a path or a fileobj"):
        engine.build()
    with pytest.raises(APIError, match="unknown instruction"):
        engine.build(fileobj=io.BytesIO(b"FORM busybox\n"))
    with pytest.raises(OperationFailed, match=r"127\.0\.0\.1:9"):
        engine.build(fileobj=io.BytesIO(b"FROM 127.0.0.1:9/nosuch\n"))
    with pytest.raises(OperationFailed, match=r"nothing\.txt"):
        engine.build(fileobj=io.BytesIO(f"FROM {IMAGE}\nCOPY nothing.txt /\n".encode()))


def test_dockerignore_decides_as_docker_does(folder):
    (folder / ".dockerignore").write_text("**\n!hello.txt\n!deep/er\n")
    name, entries = context_entries(folder, None)
    assert name == "Dockerfile"
    files = {entry for entry, content in entries if content.is_file()} - {".dockerignore"}
    assert sorted(files) == ["Dockerfile", "deep/er/file", "hello.txt"]


def test_a_file_that_shrinks_while_it_is_sent_is_told(engine, folder, monkeypatch):
    (folder / "hello.txt").write_bytes(bytes(3 << 20))
    real = tarfile.TarFile.gettarinfo

    def longer(self, path, arcname):
        info = real(self, path, arcname)
        info.size += info.isreg() * 10
        return info

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", longer)
    with pytest.raises(OSError, match="became shorter"):
        engine.build(folder, tag="myapp:latest")


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=cache,target=/cache true",
        "COPY --chmod=755 hello.txt /",
        "COPY --parents hello.txt /",
        "FROM --platform=$BUILDPLATFORM busybox:local",
    ],
)
@pytest.mark.docker_only("Podman builds with Buildah")
def test_a_dockerfile_that_needs_buildkit_says_where_to_build_it(engine, folder, line):
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\n{line}\n")
    with pytest.raises(APIError, match="DOCKER_BUILDKIT=1 docker build"):
        engine.build(folder)


@pytest.mark.docker_only("Podman builds to the end")
def test_an_interrupted_build_ends_on_the_engine_too(engine, private_engine):
    text = f"FROM {IMAGE}\nRUN sleep 1000\n"
    script = (
        f"import io, opskit\nengine = opskit.connect({private_engine.url!r})\n"
        f"print('begin', flush=True)\n"
        f"engine.build(fileobj=io.BytesIO({text.encode()!r}), tag='myapp:slow')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as builder:
        assert builder.stdout.readline() == "begin\n"
        try:
            until(lambda: len(engine.containers()) == 1)
            builder.send_signal(signal.SIGINT)
            assert "KeyboardInterrupt" in builder.communicate(timeout=20)[1]
        finally:
            builder.kill()
    until(lambda: engine.containers(all=True).empty)
    assert "myapp:slow" not in engine.images()["name"].tolist()


def until(condition, timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
