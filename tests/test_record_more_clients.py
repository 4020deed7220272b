"""Clients of other making, each live, through the recorder, and replayed with the engine away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from opskit.cassette.format import load
from opskit.wire.environment import docker_host

from .engines import IMAGE
from .registry import Registry
from .test_record_clients import same_thrice, shell

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("docker"), reason="needs the docker CLI"),
]


ID = re.compile("[0-9a-f]{12,64}")


def same_to(engine, cassette, act):
    """What ``act`` saw: replayed what was recorded, and recorded what is so without a recorder."""
    live, recorded, replayed = same_thrice(engine, cassette, act)
    assert replayed == recorded
    assert ID.sub("an id", recorded) == ID.sub("an id", live)
    return replayed


def program(command, folder):
    """A client's program as an act; what it prints is what it saw."""

    def act():
        done = subprocess.run(
            [*command, IMAGE],
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=100,
            check=False,
            env={**os.environ, "DOCKER_CONFIG": str(folder)},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return act


AIODOCKER = r"""
import asyncio, io, sys, tarfile
import aiodocker

def context(image):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        text = f"FROM {image}\nRUN echo built\n".encode()
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    file.seek(0)
    return file

async def main(image):
    docker = aiodocker.Docker()
    events = docker.events.subscribe()
    words = ["sh", "-c", "echo one; read word; echo got $word >&2"]
    config = {"Image": image, "Cmd": words, "OpenStdin": True, "AttachStdin": True}
    made = await docker.containers.create(config, name="aio")
    async with made.attach(stdin=True, stdout=True, stderr=True) as stream:
        await made.start()
        print(await stream.read_out())
        await stream.write_in(b"word\n")
        print(await stream.read_out())
    print(await made.wait())
    print([line async for line in made.log(stdout=True, stderr=True, follow=True)])
    print([(await events.get())["Action"] for _ in range(3)])
    await made.delete()

    running = await docker.containers.run({"Image": image, "Cmd": ["sleep", "100"]}, name="busy")
    print([c["Names"] for c in await docker.containers.list()])
    done = await running.exec(["sh", "-c", "echo in exec; exit 4"])
    async with done.start() as stream:
        print(await stream.read_out(), await stream.read_out())
    print((await done.inspect())["ExitCode"])
    print(sorted((await running.stats(stream=False))[0]))
    await running.put_archive("/tmp", context(image).read())
    print((await running.get_archive("/tmp/Dockerfile")).getnames())
    await running.delete(force=True)

    speaking = {"Image": image, "Cmd": ["cat"], "OpenStdin": True, "StdinOnce": True}
    echo = await docker.containers.run(speaking, name="echo")
    socket = await echo.websocket(stdin=True, stdout=True, stream=True)
    await socket.send_str("through a websocket\n")
    print((await socket.receive()).data)
    await socket.close()
    await echo.delete(force=True)

    said = await docker.images.build(fileobj=context(image), tag="aio:built", encoding="identity")
    print([line.get("stream") for line in said])
    print([one["RepoTags"] for one in await docker.images.list(filters='{"reference": ["aio"]}')])
    await docker.images.delete("aio:built")
    await docker.close()

asyncio.run(main(sys.argv[1]))
"""


def test_aiodocker(emptied_engine, tmp_path):
    pytest.importorskip("aiodocker")
    act = program([sys.executable, "-c", AIODOCKER], tmp_path)
    seen = same_to(emptied_engine, tmp_path / "aio.jsonl", act)
    assert "b'got word\\n'" in seen
    assert "through a websocket" in seen


WHALES = r"""
import pathlib, sys
from python_on_whales import DockerException, docker

image = sys.argv[1]
with docker.run(image, ["sh", "-c", "echo out; exec sleep 100"], detach=True, name="whale") as c:
    print([one.name for one in docker.ps()], c.state.running, c.config.cmd)
    print(docker.execute(c, ["sh", "-c", "echo in exec"]))
    for stream, line in docker.logs(c, follow=True, stream=True):
        print(stream, line)
        break
    print([one.container_name for one in docker.stats(c)])
    pathlib.Path("file").write_text("content")
    docker.copy("file", (c, "/tmp/file"))
    docker.copy((c, "/tmp/file"), "back")
    print(pathlib.Path("back").read_text())
    c.kill()
    docker.wait(c)
print(docker.run(image, ["echo", "once"], remove=True, envs={"A": "1", "B": "2", "C": "3"}))
pathlib.Path("Dockerfile").write_text(f"FROM {image}\nCOPY file /file\nLABEL a=b\n")
built = docker.legacy_build(".", tags="whale:built", build_args={"X": "1", "Y": "2", "Z": "3"})
print(built.repo_tags, built.config.labels)
built.remove(force=True)
try:
    docker.container.inspect("no-such")
except DockerException as error:
    print(error.return_code, error.stderr.splitlines()[-1])
"""


def test_python_on_whales(emptied_engine, tmp_path):
    pytest.importorskip("python_on_whales")
    act = program([sys.executable, "-c", WHALES], tmp_path)
    seen = same_to(emptied_engine, tmp_path / "whales.jsonl", act)
    assert "in exec" in seen


DOCKERODE = r"""
const Docker = require('dockerode'), {PassThrough} = require('stream'), fs = require('fs');
const docker = new Docker(), image = process.argv[2], say = (...words) => console.log(...words);
const read = (stream) => new Promise((done, fail) => {
  let text = '';
  stream.on('data', (data) => { text += data; });
  stream.on('end', () => done(text));
  stream.on('close', () => done(text));
  stream.on('error', fail);
});
const apart = (stream) => {
  const out = new PassThrough(), err = new PassThrough();
  docker.modem.demuxStream(stream, out, err);
  const both = Promise.all([read(out), read(err)]);
  stream.on('end', () => { out.end(); err.end(); });
  return both;
};
const firstEvents = (stream, count) => new Promise((done) => {
  const seen = [];
  let text = '';
  stream.on('data', (data) => {
    text += data;
    const lines = text.split('\n');
    text = lines.pop();
    for (const line of lines) if (line.trim()) seen.push(JSON.parse(line).Action);
    if (seen.length >= count) { stream.destroy(); done(seen.slice(0, count)); }
  });
});
const progress = (stream) => new Promise((done, fail) =>
  docker.modem.followProgress(stream, (error, lines) => error ? fail(error) : done(lines)));

(async () => {
  say((await docker.ping()).toString(), (await docker.version()).Version);
  const events = firstEvents(await docker.getEvents({filters: {type: ['container']}}), 3);
  const spoken = await docker.createContainer({
    Image: image, name: 'ode', Cmd: ['sh', '-c', 'read word; echo got $word; echo err >&2'],
    OpenStdin: true, StdinOnce: true, AttachStdin: true,
  });
  const attached = await spoken.attach(
    {stream: true, stdin: true, stdout: true, stderr: true, hijack: true});
  const said = apart(attached);
  await spoken.start();
  attached.write('word\n');
  attached.end();
  say(await said, await spoken.wait(), await events);
  say(await apart(await spoken.logs({follow: true, stdout: true, stderr: true})));
  await spoken.remove();

  const running = await docker.createContainer({Image: image, name: 'busy', Cmd: ['sleep', '100']});
  await running.start();
  say((await docker.listContainers()).map((one) => one.Names));
  const exec = await running.exec(
    {Cmd: ['sh', '-c', 'cat; echo in exec; exit 4'], AttachStdin: true, AttachStdout: true});
  const stream = await exec.start({hijack: true, stdin: true});
  const heard = apart(stream);
  stream.write('to its stdin\n');
  stream.end();
  say(await heard, (await exec.inspect()).ExitCode);
  say(Object.keys(await running.stats({stream: false})).sort());
  fs.writeFileSync('Dockerfile', `FROM ${image}\nARG X Y\nRUN echo built\n`);
  const built = await docker.buildImage(
    {context: process.cwd(), src: ['Dockerfile']}, {t: 'ode:built', buildargs: {X: '1', Y: '2'}});
  say((await progress(built)).map((line) => line.stream));
  say((await docker.listImages({filters: {reference: ['ode']}})).map((one) => one.RepoTags));
  await docker.getImage('ode:built').remove();
  await running.remove({force: true});
  try { await docker.getContainer('no-such').inspect(); } catch (error) { say(error.statusCode); }
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture(scope="module")
def node():
    """What runs a program of dockerode; node finds packages where ``npm install -g`` puts them."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    shared = subprocess.run(("npm", "root", "-g"), capture_output=True, text=True, check=True)
    paths = os.environ.get("NODE_PATH", ""), shared.stdout.strip()
    found = {**os.environ, "NODE_PATH": os.pathsep.join(filter(None, paths))}
    known = ("node", "-e", "require('dockerode')")
    if subprocess.run(known, env=found, capture_output=True, check=False).returncode:
        pytest.skip("needs dockerode: npm install -g dockerode")
    return found["NODE_PATH"]


def test_dockerode(emptied_engine, tmp_path, node, monkeypatch):
    monkeypatch.setenv("NODE_PATH", node)
    (tmp_path / "program.js").write_text(DOCKERODE)
    act = program(["node", "program.js"], tmp_path)
    seen = same_to(emptied_engine, tmp_path / "ode.jsonl", act)
    assert "got word" in seen
    assert "to its stdin" in seen


PULL_AND_PUSH = r"""
step() { echo "== $*"; "$@" </dev/null 2>&1; echo "-> $?"; }
step docker tag $IMAGE $REGISTRY/team/box:1
step docker push -q $REGISTRY/team/box:1
step docker rmi $REGISTRY/team/box:1
step docker pull $REGISTRY/team/box:1
step docker inspect -f '{{.RepoTags}}' $REGISTRY/team/box:1
step docker run --rm $REGISTRY/team/box:1 echo pulled
step docker push $REGISTRY/team/box:1 | tail -1
step docker pull $REGISTRY/team/none:1
step docker rmi $REGISTRY/team/box:1
"""


def test_the_docker_cli_pulls_and_pushes(emptied_engine, tmp_path, monkeypatch):
    registry = Registry(emptied_engine, tmp_path / "registry", 5055)
    monkeypatch.setenv("REGISTRY", registry.address)
    seen = []

    def act():
        if len(seen) == 2:
            registry.close()
        seen.append(shell(PULL_AND_PUSH, tmp_path))
        return seen[-1]

    recorded, replayed = same_thrice(emptied_engine, tmp_path / "registry.jsonl", act, live=False)
    registry.close()
    assert recorded == replayed
    assert "pulled\n-> 0" in recorded
    assert "Status: Downloaded newer image" in recorded or "Status: Image is up" in recorded


SWARM = r"""
step() { echo "== $*"; "$@" </dev/null 2>&1; echo "-> $?"; }
docker swarm init --advertise-addr 127.0.0.1 >/dev/null
for x in a b c; do echo $x | docker secret create s$x -; echo $x | docker config create c$x -; done
step docker service create --detach --replicas 0 --name svc -e A=1 -e B=2 -e C=3 \
    --secret sa --secret sb --secret sc --config ca --config cb --config cc $IMAGE sleep 100
step docker service update --detach --env-add D=4 --env-add E=5 \
    --mount-add type=volume,source=one,target=/1 --mount-add type=volume,target=/2 svc
step docker service ls
cat >stack.yml <<END
version: "3.8"
services:
  web:
    image: $IMAGE
    environment: {A: "1", B: "2", C: "3"}
    deploy: {replicas: 0}
    networks: [one, two]
  db: {image: $IMAGE, deploy: {replicas: 0}}
networks: {one: {}, two: {}}
END
docker stack deploy -c stack.yml st 2>&1 | sort
step docker stack services st
docker swarm leave --force
"""


def test_the_docker_cli_in_a_swarm(emptied_engine, tmp_path):
    recorded, replayed = same_thrice(
        emptied_engine, tmp_path / "swarm.jsonl", lambda: shell(SWARM, tmp_path), live=False
    )
    assert replayed == recorded
    assert "Creating service st_web" in recorded
    assert recorded.count("-> 0") == 4


def test_a_build_with_buildkit_is_noted_as_not_replayable(emptied_engine, tmp_path):
    """The CLI 20.10 has BuildKit within itself; newer ones need a plugin for it."""
    old = shutil.which("docker", path="/usr/bin")
    if old is None or " 20.10" not in subprocess.check_output((old, "--version"), text=True):
        pytest.skip("needs the docker CLI 20.10")
    cassette = tmp_path / "kit.jsonl"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    build = f"DOCKER_BUILDKIT=1 {old} build --no-cache -t kit . 2>&1"
    with docker_host(emptied_engine.url):
        words = ("-m", "opskit", "record", "-o", str(cassette), "--", "sh", "-c", build)
        subprocess.run((sys.executable, *words), cwd=tmp_path, capture_output=True, check=True)
    noted = [e for e in load(cassette).exchanges if not e.replayable]
    assert [e.request.target.split("?")[0].rpartition("/")[2] for e in noted] == ["session"]
    assert "not replayable" in list(load(cassette).frame()["kind"])
    words = ("-m", "opskit", "replay", str(cassette), "--", "sh", "-c", build)
    replayed = subprocess.run(
        (sys.executable, *words), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "was recorded but cannot be replayed: BuildKit" in replayed.stderr
