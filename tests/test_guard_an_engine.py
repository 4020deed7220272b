"""An allow-list in front of an engine: what passes, for whom, and how it is written down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import opskit
from opskit.errors import APIError, Conflict, Forbidden, NotFound, PolicyError
from opskit.guard.policyfile import parse_policy, write_policy
from opskit.guard.session import guarding

from .engines import IMAGE, PrivateEngine

SHOP = """
allow = ["containers", "exec", "commit", "networks", "start"]
post = true
containers = ["shop-*"]
labels = ["team=shop"]
"""
LABELS = {"team": "shop"}


def opskit_command(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "opskit", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


@pytest.mark.live
def test_the_docker_cli_and_sdk_work_through_it(private_engine: PrivateEngine) -> None:
    name = "guarded-cli"
    private_engine.run(name=name)
    policy = parse_policy('allow = ["containers", "images", "events", "info", "restarts"]')
    with guarding(policy, upstream=private_engine.url) as guard:
        env = {**private_engine.env, "DOCKER_HOST": guard.address}

        def docker(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                ["docker", *words], env=env, check=False, capture_output=True, text=True, timeout=60
            )

        assert name in docker("ps", "--format", "{{.Names}}").stdout
        assert docker("logs", name).returncode == 0
        assert docker("restart", "-t", "0", name).returncode == 0, "restarts are allowed"
        refused = docker("rm", "-f", name)
        assert refused.returncode == 1
        assert "only reading is allowed" in refused.stderr
        refused = docker("exec", name, "id")
        assert "only reading is allowed" in refused.stderr
        refused = docker("volume", "ls")
        assert "the section 'volumes' is not allowed" in refused.stderr
        with opskit.connect(guard.address) as engine:
            assert name in set(engine.containers()["name"])
            with pytest.raises(Forbidden, match="'networks' is not allowed"):
                engine.networks()
            assert engine.sdk.containers.get(name).status == "running"
        assert guard.denied == 4
    assert private_engine.api("GET", f"/containers/{name}/json")["State"]["Running"]


@pytest.mark.live
def test_a_policy_about_some_containers_leaves_the_others_alone(
    private_engine: PrivateEngine,
) -> None:
    mine = private_engine.run(name="shop-one", labels=LABELS)
    other = private_engine.run(name="else-one", labels=LABELS)
    unlabelled = private_engine.run(name="shop-two")
    # An id may be cut short, and a link gives a container a second name, within another's
    links = {} if private_engine.kind == "podman" else {"Links": ["else-one:db"]}
    private_engine.run(name="shop-links", labels=LABELS, **links)
    with (
        guarding(parse_policy(SHOP), upstream=private_engine.url) as guard,
        opskit.connect(guard.address) as engine,
    ):
        for name in ("shop-one", mine, mine[:12]):
            assert engine.get(f"/containers/{name}/json")["Id"] == mine
            engine.post(f"/containers/{name}/pause")
            engine.post(f"/containers/{name}/unpause")
        for name in ("else-one", other, other[:12], "shop-two", unlabelled, "shop-links/db"):
            why = "link's alias" if "/" in name else "is not one of the rule's"
            with pytest.raises(Forbidden, match=why):
                engine.get(f"/containers/{name}/json")
            with pytest.raises(Forbidden, match=why):
                engine.post(f"/containers/{name}/pause")
        with pytest.raises(Forbidden, match="there is no container"):
            engine.get("/containers/shop-none/json")
        # Exec sessions, and what names a container elsewhere than in the path
        command = {"Cmd": ["true"]}
        session = private_engine.api("POST", "/containers/else-one/exec", command)["Id"]
        with pytest.raises(Forbidden, match="is not one of the rule's"):
            engine.get(f"/exec/{session}/json")
        own = engine.post("/containers/shop-one/exec", command)["Id"]
        assert engine.get(f"/exec/{own}/json")["ContainerID"] == mine
        with pytest.raises(Forbidden):
            engine.post("/commit", container="else-one")
        with pytest.raises(Forbidden):
            engine.post("/networks/bridge/disconnect", {"Container": "else-one", "Force": True})
        with pytest.raises(Forbidden, match="about all containers"):
            engine.post("/containers/prune")
        # What is made must be of the same kind, and cannot join others
        make = {"Image": IMAGE, "Cmd": ["true"], "Labels": LABELS}
        assert engine.post("/containers/create", make, name="shop-new")["Id"]
        for name, body in {
            "else-new": make,
            "shop-plain": {**make, "Labels": {}},
            "shop-joined": {**make, "HostConfig": {"PidMode": "container:else-one"}},
            "shop-volumes": {**make, "HostConfig": {"VolumesFrom": ["else-one:ro"]}},
        }.items():
            with pytest.raises(Forbidden):
                engine.post("/containers/create", body, name=name)
        with pytest.raises(Forbidden):
            engine.post("/containers/create", make)
        with pytest.raises(Forbidden, match="new name"):
            engine.post("/containers/shop-new/rename", name="else-new")
        engine.post("/containers/shop-new/rename", name="shop-newer")
        with pytest.raises(Conflict):
            engine.post("/containers/shop-newer/rename", name="shop-one")
        engine.delete("/containers/shop-newer")
    with pytest.raises(RuntimeError, match=r"(?i)no such container"):
        private_engine.api("GET", "/containers/shop-newer/json")


@pytest.mark.live
def test_a_build_in_anothers_network_is_about_that_container(
    private_engine: PrivateEngine,
) -> None:
    private_engine.run(name="shop-net")
    private_engine.run(name="else-net")
    policy = parse_policy('allow = ["build"]\npost = true\ncontainers = ["shop-*"]')
    with (
        guarding(policy, upstream=private_engine.url) as guard,
        opskit.connect(guard.address) as engine,
    ):
        with pytest.raises(Forbidden, match="'else-net' is not one of the rule's"):
            engine.post("/build", networkmode="container:else-net", remote="x")
        with pytest.raises(APIError) as told:
            engine.post("/build", networkmode="container:shop-net", remote="x")
        assert not isinstance(told.value, Forbidden)


def test_a_rule_about_some_containers_beside_a_section(private_engine: PrivateEngine) -> None:
    private_engine.run(name="web-a")
    private_engine.run(name="store-a")
    policy = parse_policy(
        'allow = ["containers"]\n'
        '[[rule]]\nallow = "POST /containers/*/restart"\ncontainers = ["web-*"]\n'
        '[[rule]]\ndeny = "/containers/*/json"\ncontainers = ["store-*"]\n'
        '[[rule]]\ndeny = "GET /containers/*/archive"\n'
    )
    with (
        guarding(policy, upstream=private_engine.url) as guard,
        opskit.connect(guard.address) as engine,
    ):
        engine.post("/containers/web-a/restart", t=0)
        with pytest.raises(Forbidden, match="'store-a' is not one of the rule's"):
            engine.post("/containers/store-a/restart", t=0)
        assert engine.get("/containers/web-a/json")["Name"] == "/web-a"
        with pytest.raises(Forbidden, match="denies it"):
            engine.get("/containers/store-a/json")
        with pytest.raises(Forbidden, match="deny GET /containers/\\*/archive"):
            engine.get("/containers/web-a/archive", path="/etc")
        with pytest.raises(NotFound):
            engine.get("/containers/web-a/unheard-of")


@pytest.mark.live
def test_creating_is_allowed_but_not_with_the_hosts_rights(private_engine: PrivateEngine) -> None:
    policy = parse_policy(
        'allow = ["containers", "images"]\npost = true\nmounts = ["/srv/shop"]\n'
        'forbid = ["privileged", "host-mounts", "socket-mounts", "host-namespaces", "devices"]'
    )
    with guarding(policy, upstream=private_engine.url) as guard:
        env = {**private_engine.env, "DOCKER_HOST": guard.address}

        def run(*words: str) -> tuple[int, str]:
            done = subprocess.run(
                ["docker", "run", "--rm", *words],
                env=env,
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
            )
            return done.returncode, done.stdout + done.stderr

        assert run("-v", "named:/data", "--tmpfs", "/x", IMAGE, "echo", "made") == (0, "made\n")
        assert run("-v", "/srv/shop/a:/data", IMAGE, "echo", "made") == (0, "made\n")
        for words, why in {
            ("--privileged",): "a privileged container",
            ("-v", "/etc:/x"): "a mount of /etc from the host",
            ("-v", "/srv/shopping:/x"): "a mount of /srv/shopping from the host",
            ("-v", "/srv/shop/../../etc:/x"): "from the host",
            ("-v", "/var/run/docker.sock:/x"): "docker.sock",
            ("--net", "host"): "the host's namespace (networkmode)",
            ("--pid", "host"): "the host's namespace (pidmode)",
            ("--device", "/dev/null"): "a device of the host",
        }.items():
            if words[0] == "--device" and private_engine.kind == "podman":
                continue  # the CLI asks for the engine's OS, which Podman does not tell
            status, said = run(*words, IMAGE, "true")
            assert status == 125
            assert why in said
    assert not os.path.exists("/srv/shop/a") or os.listdir("/srv/shop/a") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("allow = [", "is not TOML"),
        ('allow = "containers"', "line 1: 'allow': a list of texts"),
        ('\nallow = ["contaners"]', "line 2: 'allow': no section 'contaners': did you mean cont"),
        ("post = 1", "line 1: 'post': true or false"),
        ('allow = []\nforbid = ["root"]', "line 2: 'forbid': 'root' cannot be forbidden"),
        ('forbid = ["host-mounts"]\nmounts = ["srv"]', "line 2: 'mounts': 'srv' is no absolute"),
        ('mounts = ["/srv"]', "forbid 'host-mounts'"),
        ("\n\nalow = []", "line 3: 'alow': no such key: did you mean 'allow'"),
        ('[[rule]]\nallow = "GET /x"\n[[rule]]\nalow = "GET /x"', "line 4: 'alow' of rule 2"),
        ('[[rule]]\ndeny = "/x"\nallow = "/x"', "either 'allow' or 'deny'"),
        ('[[rule]]\ncontainers = ["x"]', "line 2: 'containers' of rule 1: a rule has either"),
        ('[[rule]]\nallow = "FETCH /x"', "no method FETCH"),
        ('[[rule]]\nallow = "GET x"', "'x' is no path"),
        ('[[rule]]\nallow = "GET /v1.41/info"', "leave the version out"),
        ('rule = "x"', "written as [[rule]]"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse_policy(text, "guard.toml")
    assert said in str(error.value)
    assert str(error.value).startswith("guard.toml")


def test_words_may_be_written_as_docker_socket_proxy_does() -> None:
    policy = parse_policy('allow = ["CONTAINERS", "_ping", "ALLOW_START"]')
    assert policy.sections == {"containers", "ping", "version"}
    assert policy.switches == {"start"}
    assert parse_policy(write_policy(policy)) == policy


def test_check_shows_what_a_file_allows(tmp_path: Path) -> None:
    file = tmp_path / "guard.toml"
    file.write_text(
        'allow = ["containers"]\n[[rule]]\nallow = "POST /containers/*/stop"\nlabels = ["x"]\n'
    )
    shown = opskit_command("guard", "check", str(file))
    assert shown.returncode == 0
    assert "GET    /containers/{id}/json\n" in shown.stdout
    assert "POST   /containers/{id}/stop   some containers\n" in shown.stdout
    assert "/networks" not in shown.stdout
    assert "reading 'containers' includes every file in them" in shown.stderr
    asked = opskit_command(
        *("guard", "check", str(file), "GET /containers/json"),
        *("POST /v1.41/containers/a/kill", "GET /containers/../info"),
    )
    assert asked.returncode == 1
    assert [line.split()[0] for line in asked.stdout.splitlines()] == [
        "allowed",
        "denied",
        "denied",
    ]
    file.write_text("post = 3")
    wrong = opskit_command("guard", "check", str(file))
    assert wrong.returncode == 1
    assert "line 1: 'post': true or false" in wrong.stderr


@pytest.mark.live
def test_the_command_guards_until_it_is_told_to_end(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    socket = tmp_path / "guard.sock"
    command = [
        *(sys.executable, "-m", "opskit", "guard", "--allow", "containers,INFO", "--read-only"),
        *("--listen", f"unix://{socket}", "--upstream", private_engine.url),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        assert "endpoints allowed" in running.stderr.readline()
        assert json.loads(curl(socket, "/info"))["ID"]
        assert json.loads(curl(socket, "/networks"))["message"].endswith("is not allowed")
        running.send_signal(signal.SIGTERM)
        assert "1 calls let through, 1 denied" in running.stderr.read()
    assert running.returncode == 0
    assert not socket.exists()


def curl(socket: Path, path: str) -> str:
    return subprocess.run(
        ["curl", "-s", "--unix-socket", str(socket), f"http://docker{path}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout


def test_the_command_says_what_it_lacks(tmp_path: Path) -> None:
    lacking = opskit_command("guard", "--allow", "info")
    assert lacking.returncode == 2
    assert "--listen" in lacking.stderr
    wrong = opskit_command("guard", "--allow", "everything", "--listen", f"unix://{tmp_path}/x")
    assert "no section 'everything'" in wrong.stderr
    wrong = opskit_command("guard", "--forbid", "root", "--listen", f"unix://{tmp_path}/x")
    assert "'root'" in wrong.stderr or "root cannot be forbidden" in wrong.stderr


@pytest.mark.live
def test_a_socket_mounted_read_only_takes_changes_all_the_same(
    private_engine: PrivateEngine, tmp_path: Path
) -> None:
    """The mount's flag is about files, and a socket is not written to as one."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    script = (
        'mount --bind "$1" "$2" && mount -o remount,bind,ro "$2" && '
        'if touch "$2/file" 2>/dev/null; then echo writable; else echo read-only; fi && '
        'curl -s --unix-socket "$2/docker.sock" -X POST -H "Content-Type: application/json" '
        """-d '{"Name": "made-read-only"}' http://docker/volumes/create"""
    )
    folder = os.path.dirname(private_engine.socket)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", folder, str(mounted)],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.startswith("read-only\n")
    assert private_engine.api("GET", "/volumes/made-read-only")["Name"] == "made-read-only"
    private_engine.api("DELETE", "/volumes/made-read-only")
