"""Clients as they are: each says the same to an engine, through the recorder and to a replay."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import subprocess
import sys

import pytest
import requests_unixsocket

from opskit.cassette.format import load
from opskit.wire.environment import docker_host
from opskit.wire.session import open_cassette, open_recording

from .engines import IMAGE

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not shutil.which("docker"), reason="needs the docker CLI"),
]

SCRIPT = r"""
step() { echo "== $*"; "$@" </dev/null 2>&1; echo "-> $?"; }
step docker ps --all
step docker run --rm $IMAGE echo once
step docker run --rm -e A=1 -e B=2 -e C=3 -e D=4 -v one:/1 -v two:/2 -v three:/3 $IMAGE env | sort
step docker create --name limits --ulimit core=0 --ulimit nofile=64 --ulimit cpu=9 \
    --add-host a:1.1.1.1 --add-host b:1.1.1.2 --tmpfs /a --tmpfs /b $IMAGE
step docker rm limits
step docker network create --subnet 10.91.1.0/24 --subnet fd00:91::/64 --ipv6 nets
step docker network rm nets
printf 'in\nstdin\n' | docker run --rm -i $IMAGE sh -c 'cat; echo all; exit 5'; echo "-> $?"
docker run -d --name srv $IMAGE sh -c 'echo out; echo err >&2; exec sleep 100' >/dev/null
step docker logs srv
timeout 1 docker logs -f srv 2>&1 | sort
step docker exec srv sh -c 'echo in exec; exit 9'
echo piped | docker exec -i srv cat
step docker stats --no-stream --format '{{.Name}}' srv
step docker top srv -o comm
echo content >file
step docker cp file srv:/tmp/file
step docker cp srv:/tmp/file back
step cat back
step docker inspect -f '{{.State.Running}} {{.Config.Cmd}}' srv
step docker system df
printf 'FROM %s\nCOPY file /file\nRUN cat /file\n' $IMAGE >Dockerfile
DOCKER_BUILDKIT=0 step docker build -t built . | grep -v 'build context'
step docker save -o saved.tar built
step docker load -i saved.tar
step docker kill srv
step docker wait srv
step docker rm srv
step docker rmi built
step docker events --since 0 --until 1
step docker volume create cl-volume
step docker volume rm cl-volume
step docker run no-such-image:here
step docker inspect no-such-thing
"""


def same_thrice(engine, cassette, act, *, live=True):
    """What ``act`` sees live, while recording, and replayed."""
    seen = []
    if live:
        with docker_host(engine.url):
            seen.append(act())
    for session in (
        lambda: open_recording(cassette, upstream=engine.url),
        lambda: open_cassette(cassette),
    ):
        with contextlib.closing(session()) as running, docker_host(running.address):
            seen.append(act())
    return seen


def shell(script, folder):
    done = subprocess.run(
        ["bash", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        timeout=120,
        check=False,
        env={**os.environ, "IMAGE": IMAGE},
    )
    return done.stdout.decode()


def test_the_docker_cli(emptied_engine, tmp_path):
    recorded, replayed = same_thrice(
        emptied_engine, tmp_path / "cli.jsonl", lambda: shell(SCRIPT, tmp_path), live=False
    )
    assert replayed == recorded
    for expected in ("stdin\nall\n-> 5", "in exec\n-> 9", "piped", "Loaded image", "137", "-> 125"):
        assert expected in recorded


def on_a_terminal(*command, answers):
    """What a command shows on a terminal where each prompt gets its answer."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    shown, answers = b"", list(answers)
    while select.select([terminal], [], [], 20)[0]:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        shown += data.replace(b"\x1b[6n", b"")
        if answers and answers[0][0] in shown:
            os.write(terminal, answers.pop(0)[1])
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_interactive_shells_on_a_terminal(emptied_engine, tmp_path):
    def act():
        docker = ("docker", "run", "-d", "--name", "tt", IMAGE, "sleep", "100")
        subprocess.run(docker, check=True, capture_output=True)
        hello = [(b"# ", b"echo he''llo\n"), (b"hello\r\n/ # ", b"exit 6\n")]
        tty = [(b"# ", b"tty; ex''it 3\n")]
        seen = (
            on_a_terminal("docker", "run", "--rm", "-it", IMAGE, "sh", answers=hello),
            on_a_terminal("docker", "exec", "-it", "tt", "sh", answers=tty),
        )
        subprocess.run(("docker", "rm", "-f", "tt"), check=True, capture_output=True)
        return seen

    live, recorded, replayed = same_thrice(emptied_engine, tmp_path / "tty.jsonl", act)
    assert live == recorded == replayed
    assert [code for _, code in replayed] == [6, 3]


SDK = r"""
import docker, sys
image = sys.argv[1]
client = docker.from_env()
events = client.events(decode=True, filters={"type": "container"})
container = client.containers.run(
    image, ["sh", "-c", "read x; echo got $x"], stdin_open=True, detach=True, name="sdk"
)
stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
stream._sock.sendall(b"word\n")
print(stream.read(8), stream.read(9), container.wait()["StatusCode"])
print([next(events)["Action"] for _ in range(4)])
print(container.logs(), container.diff())
container.remove()
container = client.containers.run(image, "sleep 100", detach=True)
print(container.exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True))
print(sorted(container.stats(stream=False)), len(container.top()["Processes"]))
bits, stat = container.get_archive("/bin/busybox")
print(sum(map(len, bits)), stat["name"], container.put_archive("/tmp", bytes(1024)))
container.remove(force=True)
print(sum(map(len, client.images.get(image).save())))
"""


def test_the_docker_sdk(emptied_engine, tmp_path):
    def act():
        return subprocess.run(
            [sys.executable, "-c", SDK, IMAGE], capture_output=True, text=True, check=True
        ).stdout

    live, recorded, replayed = same_thrice(emptied_engine, tmp_path / "sdk.jsonl", act)
    assert live == recorded == replayed
    assert "b'got word\\n' 0\n['create', " in live


@pytest.mark.parametrize("listen", ["unix", "tcp"])
def test_curl_and_requests_by_a_server_that_stays(private_engine, tmp_path, listen):
    """``--listen`` serves any client until it is told to stop."""
    address = f"unix://{tmp_path}/r.sock" if listen == "unix" else "tcp://127.0.0.1:0"
    seen = []
    for words in (
        ("record", "-o", f"{tmp_path}/c.yaml", "--upstream", private_engine.url),
        ("replay", f"{tmp_path}/c.yaml"),
    ):
        server = subprocess.Popen(
            [sys.executable, "-m", "opskit", *words, "--listen", address],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.stderr is not None
        server.stderr.readline()
        export = server.stderr.readline().strip()
        where = export.removeprefix("export DOCKER_HOST=")
        if listen == "unix":
            url = "http+unix://" + where.removeprefix("unix://").replace("/", "%2F")
            curl = ["curl", "-s", "--unix-socket", where.removeprefix("unix://"), "http://d/info"]
        else:
            url = where.replace("tcp", "http")
            curl = ["curl", "-s", f"{url}/info"]
        with requests_unixsocket.Session() as session:
            answer = session.get(f"{url}/images/json?all=1", timeout=20).json()
        seen.append((answer, subprocess.run(curl, capture_output=True, check=True).stdout))
        server.terminate()
        assert server.wait(20) == 0, server.stderr.read()
        server.stderr.close()
    assert seen[0] == seen[1]


def test_a_signal_reaches_the_command(private_engine, tmp_path):
    script = "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    command = ["record", "-o", f"{tmp_path}/s.yaml", "--upstream", private_engine.url]
    with subprocess.Popen(
        [sys.executable, "-m", "opskit", *command, "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.terminate()
        assert running.stdout.read() == "told\n"
    assert running.returncode == 3
    assert load(tmp_path / "s.yaml").exchanges is not None
