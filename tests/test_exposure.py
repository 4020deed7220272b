"""Is the engine exposed, are its containers: what is found, what is not, and how it is written."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

import opskit
from opskit import tls
from opskit.address import TLS, Address
from opskit.checks.commands import doctor as command
from opskit.checks.engine_rules import EngineFacts, api_any_client, api_plain, socket_group
from opskit.checks.exposure import _containers, examine_exposure
from opskit.checks.probe import candidates, knock
from opskit.checks.rules import CONTAINER_RULES, ENGINE_RULES, SEVERITIES, Container

from .engines import IMAGE

RULES = {rule.name: check for rule, check in (*CONTAINER_RULES.items(), *ENGINE_RULES.items())}
CIS = {rule.cis for rule in (*CONTAINER_RULES, *ENGINE_RULES) if rule.cis}
OUTDATED = "engine-outdated"  # the release that the tests run on may well be

BAD: dict[str, dict[str, Any]] = {
    "container-privileged": {"Privileged": True},
    "container-host-capabilities": {"CapAdd": ["SYS_ADMIN", "CHOWN"]},
    "container-capabilities": {"CapAdd": ["CAP_IPC_LOCK"]},
    "container-host-network": {"NetworkMode": "host"},
    "container-host-pid": {"PidMode": "host"},
    "container-host-ipc": {"IpcMode": "host"},
    "container-host-uts": {"UTSMode": "host"},
    "container-no-seccomp": {"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]},
    "container-devices": {"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x",
                                       "CgroupPermissions": "rwm"}]},
    "container-socket": {"Binds": ["/var/run/docker.sock:/var/run/docker.sock:ro"]},
    "container-host-folder": {"Binds": ["/etc:/host-etc"]},
    "container-host-folder-read": {"Binds": ["/root:/host-root:ro"]},
    "container-root-writes-host": {"Binds": ["/srv/data:/data"]},
    "container-shared-propagation": {"Binds": ["/srv/data:/data:ro,shared"]},
    "container-published-everywhere": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
    "container-privileged-port": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1",
                                                               "HostPort": "80"}]}},
    "container-no-memory-limit": {"Memory": 0},
    "container-no-cpu-limit": {"NanoCpus": 0},
    "container-no-process-limit": {"PidsLimit": 0},
    "container-restarts-for-ever": {"RestartPolicy": {"Name": "always"}},
    "container-writable-root": {"ReadonlyRootfs": False},
    "container-new-privileges": {"SecurityOpt": []},
}  # fmt: skip

GOOD: dict[str, Any] = {
    "Memory": 64 << 20,
    "NanoCpus": 10**9,
    "PidsLimit": 50,
    "ReadonlyRootfs": True,
    "SecurityOpt": ["no-new-privileges"],
    "NetworkMode": "none",
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
    "Binds": ["exposure-data:/data", "/etc/hostname:/name:ro"],
}
HEALTH = {"Test": ["CMD", "true"], "Interval": 3600 * 10**9}


@pytest.fixture(scope="module")
def zoo(private_engine):
    """Containers that are never started: one that is all right, and one for each rule."""
    private_engine.remove_all()
    Path("/srv/data").mkdir(parents=True, exist_ok=True)

    def create(name: str, host: dict[str, Any]) -> None:
        body = {"Image": IMAGE, "Cmd": ["sleep", "1"], "Healthcheck": HEALTH, "HostConfig": host}
        body["ExposedPorts"] = {"80/tcp": {}}
        private_engine.api("POST", "/containers/create", body, name=name)

    create("good", GOOD)
    for rule, change in BAD.items():
        create(rule.removeprefix("container-"), GOOD | change)
    yield private_engine
    private_engine.remove_all()


@pytest.mark.live
def test_each_fault_is_found_and_nothing_else(zoo, live_engine):
    found = live_engine.exposure(all=True, least="info")
    by_subject = found.groupby("subject").rule.agg(set).to_dict()
    by_subject.pop("engine", None)
    assert "good" not in by_subject, by_subject["good"]
    wanted = {rule.removeprefix("container-"): {rule} for rule in BAD}
    if zoo.kind == "podman":  # it keeps no ports without a network, and no IPC mode
        for left in ("host-ipc", "privileged-port", "published-everywhere"):
            del wanted[left]
    assert by_subject == wanted
    assert found.severity.map(SEVERITIES.index).is_monotonic_increasing
    assert (found.remedy.str.len() > 0).all()
    assert found.set_index("rule").loc["container-socket", "cis"] == "5.32"
    assert (
        found.set_index("subject").loc["host-pid", "id"]
        == zoo.api("GET", "/containers/host-pid/json")["Id"]
    )


@pytest.mark.live
def test_nothing_is_wrong_with_a_plain_local_engine(zoo, live_engine):
    found = live_engine.exposure()
    assert set(found.rule) <= {OUTDATED}
    assert list(found.columns) == (
        ["severity", "subject", "rule", "title", "evidence", "remedy", "cis", "id"]
    )
    assert list(found.dtypes) == list(live_engine.exposure(all=True, least="info").dtypes)
    assert found.attrs["engine"] == zoo.url


@pytest.mark.live
def test_a_volume_that_is_a_folder_of_the_host_is_a_mount_of_it(private_engine, live_engine):
    options = {"type": "none", "o": "bind", "device": "/run"}
    private_engine.api("POST", "/volumes/create", {"Name": "disguised", "DriverOpts": options})
    body = {"Image": IMAGE, "HostConfig": {"Binds": ["disguised:/x", "plain:/y"]}}
    made = private_engine.api("POST", "/containers/create", body, name="holder")["Id"]
    try:
        found = live_engine.exposure(all=True).query("subject == 'holder'").set_index("rule")
        assert found.loc["container-socket", "evidence"] == "/run at /x, writable"
        assert "container-root-writes-host" not in found.index
    finally:
        private_engine.api("DELETE", f"/containers/{made}")
        private_engine.api("DELETE", "/volumes/disguised")
        private_engine.api("DELETE", "/volumes/plain")


@pytest.fixture
def door(private_engine):
    """A running container with no limits, and a command of root's in it."""
    made = private_engine.run("sleep 1000", "door")
    body = {"Cmd": ["sleep", "100"], "User": "root"}
    task = private_engine.api("POST", f"/containers/{made}/exec", body)
    private_engine.api("POST", f"/exec/{task['Id']}/start", {"Detach": True})
    yield made
    private_engine.api("DELETE", f"/containers/{made}", force="1")


@pytest.mark.live
def test_what_only_a_running_container_shows(door, private_engine, live_engine):
    found = live_engine.exposure(least="info")
    found = found[found.id == door].set_index("rule")
    assert "sleep" in found.loc["container-root-exec", "evidence"]
    assert found.loc["container-default-bridge", "cis"] == "5.30"
    assert found.loc["container-no-healthcheck", "subject"] == "door"
    low = live_engine.exposure(least="low")
    limits = {"container-no-memory-limit", "container-no-cpu-limit"}
    if private_engine.kind != "podman":  # which limits processes by itself
        limits.add("container-no-process-limit")
    assert set(low.rule) - {OUTDATED} == limits


def container(host: dict[str, Any] | None = None, *, security: str = "", **more: Any) -> Container:
    inspected = {"Id": "1" * 64, "Name": "/x", "HostConfig": host or {}, **more}
    return Container(inspected, security=frozenset(security.split()))


@pytest.mark.parametrize(
    ("rule", "guilty", "innocent"),
    [
        (
            "container-no-apparmor",
            container(security="apparmor", AppArmorProfile="unconfined"),
            container(security="apparmor", AppArmorProfile="docker-default"),
        ),
        (
            "container-no-selinux",
            container({"SecurityOpt": ["label:disable"]}, security="selinux"),
            container({"SecurityOpt": ["label:disable"]}, security="seccomp"),
        ),
        (
            "container-host-users",
            container({"UsernsMode": "host"}),
            container({"UsernsMode": ""}),
        ),
        (
            "container-root-writes-host",
            container(Mounts=[{"Type": "bind", "Source": "/data", "RW": True}]),
            container(
                Mounts=[{"Type": "bind", "Source": "/data", "RW": True}],
                Config={"User": "1000:1000"},
            ),
        ),
        (
            "container-root-writes-host",
            container(Mounts=[{"Type": "bind", "Source": "/data", "RW": True}]),
            container(Mounts=[{"Type": "bind", "Source": "/data", "RW": True}], security="userns"),
        ),
        (
            "container-socket",
            container(Mounts=[{"Type": "bind", "Source": "/run", "Destination": "/host-run"}]),
            container(Mounts=[{"Type": "bind", "Source": "/run/app.sock"}]),
        ),
        (
            "container-host-folder",  # the engine's data is inside
            container(Mounts=[{"Type": "bind", "Source": "/var/lib/", "RW": True}]),
            container(Mounts=[{"Type": "bind", "Source": "/var/log", "RW": True}]),
        ),
        (
            "container-new-privileges",
            container({"SecurityOpt": None}),
            container({"SecurityOpt": None}, security="no-new-privileges"),
        ),
        (
            "container-restarts-for-ever",
            container({"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 0}}),
            container({"RestartPolicy": {"Name": "no"}}),
        ),
        (
            "container-privileged-exec",
            Container({}, execs=({"ProcessConfig": {"privileged": True, "entrypoint": "sh"}},)),
            Container({}, execs=({"ProcessConfig": {"privileged": False}},)),
        ),
        (
            "container-sshd",
            Container({}, processes=("tini", "sshd: /usr/sbin/sshd -D [listener]")),
            Container({}, processes=("/usr/bin/app --sshd", "")),
        ),
        (
            "container-cgroup-parent",
            container({"CgroupParent": "/mine"}),
            container({"CgroupParent": ""}),
        ),
    ],
)
def test_rules_that_need_another_host(rule, guilty, innocent):
    assert list(RULES[rule](guilty))
    assert not list(RULES[rule](innocent))


def test_every_rule_takes_whatever_an_engine_leaves_out(samples):
    replies = [json.loads(path.read_text()) for path in samples.glob("objects/*.json")]
    kinds = ("inspect", "inspect_stopped", "inspect_unhealthy")
    bodies = [reply[kind] for reply in replies for kind in kinds if reply.get(kind)]
    assert len(bodies) >= 10
    for body in [{}, {"HostConfig": None, "Mounts": None, "Config": None}, *bodies]:
        for check in CONTAINER_RULES.values():
            assert all(isinstance(evidence, str) for evidence in check(Container(body)))
    for info in [{}, *(reply["info"] for reply in replies)]:
        for check in ENGINE_RULES.values():
            assert all(isinstance(evidence, str) for evidence in check(facts(info=info)))
    podman = [reply["info"] for reply in replies if "BuildahVersion" in reply["info"]]
    assert not any(list(RULES[OUTDATED](facts(info=info))) for info in podman)


def test_the_benchmarks_section_5():
    """All but what only people can judge (5.9, 5.19, 5.28) has a rule."""
    manual = {"5.9", "5.19", "5.28"}
    assert {f"5.{number}" for number in range(1, 33)} - manual == CIS


# ---- the engine itself


def facts(address: Address | None = None, **more: Any) -> EngineFacts:
    return EngineFacts(address or Address("unix", path="/x"), more.pop("info", {}), **more)


@pytest.mark.live
def test_the_engines_own_warning_of_plain_tcp(request, engines):
    settings = {"hosts": ["tcp://127.0.0.1:2375"], "tls": False}
    if request.config.getoption("--docker") == "podman":
        pytest.skip("Podman's service warns of nothing")
    exposed = engines("plain", image=False, settings=settings)
    with opskit.connect(exposed.url) as engine:
        found = engine.exposure()
    assert found.loc[0, "rule"] == "api-plain"
    assert found.loc[0, "severity"] == "critical"
    assert "127.0.0.1:2375" in found.loc[0, "evidence"]
    done = CliRunner().invoke(command, ["--security", exposed.url])
    assert done.exit_code == 1
    assert "tls init" in done.output


@pytest.mark.live
@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({}, None),
        ({"tlsverify": False, "tlscacert": ""}, "api-any-client"),
        (
            {"tls": False} | dict.fromkeys(["tlsverify", "tlscacert", "tlscert", "tlskey"]),
            "api-plain",
        ),
    ],
)
def test_an_engine_on_tcp_is_asked_what_it_asks_of_clients(engines, tmp_path, settings, rule):
    tls.init(tmp_path, hosts=["localhost"])
    engine = engines("tcp", tls=tmp_path, image=False, settings=settings)
    port = int(engine.tls_url.rpartition(":")[2])
    files = TLS(*(str(tmp_path / name) for name in ("ca.pem", "cert.pem", "key.pem")))
    plain = rule == "api-plain"
    where = Address("tcp", host="127.0.0.1", port=port, tls=None if plain else files)
    with opskit.connect(where) as connected:
        found = set(connected.exposure().rule) - {OUTDATED}
    assert found == ({rule} if rule else set())


def test_what_the_engine_says_of_itself_is_read_in_any_release():
    said = [
        "WARNING: API is accessible on http://0.0.0.0:2375 without encryption.\n  Access to the …",
        "[DEPRECATION NOTICE]: API is accessible on https://[::]:2376 without TLS client "
        "verification.",
        "WARNING: No swap limit support",
    ]
    engine = facts(info={"Warnings": said})
    assert list(api_plain(engine)) == ["the engine warns that it listens on http://0.0.0.0:2375"]
    assert list(api_any_client(engine)) == ["the engine warns that it listens on https://[::]:2376"]


def test_a_socket_that_everybody_may_open(tmp_path):
    path = tmp_path / "docker.sock"
    path.touch()
    path.chmod(0o666)
    engine = facts(Address("unix", path=str(path)), socket=os.stat(path))
    assert "rw-rw-rw-" in next(iter(RULES["socket-open"](engine)))
    path.chmod(0o660)
    engine = facts(Address("unix", path=str(path)), socket=os.stat(path))
    assert not list(RULES["socket-open"](engine))


def test_who_is_as_good_as_root(monkeypatch):
    import grp

    group = grp.struct_group(("docker", "x", 4711, ["ada", "root"]))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: group)
    entry = os.stat_result((stat.S_IFSOCK | 0o660, 0, 0, 0, 0, 4711, 0, 0, 0, 0))
    assert list(socket_group(facts(socket=entry))) == ["docker: ada"]


@pytest.mark.parametrize(
    ("days", "rule"), [(-0.001, "certificate-expired"), (5, "certificate-expiring"), (90, None)]
)
def test_certificates_of_this_client(tmp_path, days, rule):
    tls.init(tmp_path, hosts=["a"])
    from cryptography.hazmat.primitives.serialization import Encoding

    from opskit.tls.folder import _load_authority
    from opskit.tls.keys import key_file
    from opskit.tls.signing import sign_client

    own = sign_client(key_file(tmp_path / "k.pem", "ec"), "x", days, *_load_authority(tmp_path))
    (tmp_path / "c.pem").write_bytes(own.public_bytes(Encoding.PEM))
    where = Address("tcp", host="a", port=1, tls=TLS(key=str(tmp_path / "k.pem"), verify=days > 9))
    engine = facts(where, certificates=(tls.read(tmp_path / "c.pem"),))
    found = {name for name, check in RULES.items() if name in
             {r.name for r in ENGINE_RULES} and list(check(engine))}  # fmt: skip
    assert found - {"engine-not-verified"} == ({rule} if rule else set())
    assert ("engine-not-verified" in found) == (days <= 9)
    (tmp_path / "k.pem").chmod(0o644)
    assert list(RULES["key-readable"](engine))


@pytest.mark.parametrize(
    ("release", "old"), [("20.10.24+dfsg1", True), ("26.1.5", True), ("28.5.2", False),
                         ("29.6.1", False), ("40.0", False), ("dev", False)],
)  # fmt: skip
def test_an_engine_out_of_date(release, old):
    assert bool(list(RULES[OUTDATED](facts(info={"ServerVersion": release})))) == old


def test_podman_is_not_an_old_docker():
    info = {"ServerVersion": "4.3.1", "BuildahVersion": "1.28.0"}
    assert not list(RULES[OUTDATED](facts(info=info)))


def test_knocking_on_doors_that_are_no_engines_finds_nothing():
    import socket
    import threading

    silent = socket.create_server(("127.0.0.1", 0))
    rude = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with rude.accept()[0] as sock:
            sock.sendall(b"220 smtp\r\n")

    threading.Thread(target=answer, daemon=True).start()
    places = [server.getsockname()[:2] for server in (silent, rude)]
    with silent, rude:
        assert not list(knock([*places, ("127.0.0.1", 1)], timeout=0.2))
    assert candidates(Address("ssh", host="far"), None) == set()
    assert ("far.invalid", 2375) in candidates(Address("tcp", host="far.invalid", port=2376), None)


# ---- how it is written


@pytest.mark.live
def test_sarif_for_code_scanning(zoo, tmp_path):
    out = tmp_path / "exposure.sarif"
    words = ["--security", zoo.url, "--all", "--least", "info", "--format", "sarif", "-o", str(out)]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 1
    assert done.output == ""
    run = json.loads(out.read_text())["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    found = {result["ruleId"]: result for result in run["results"]}
    socket = found["container-socket"]
    assert rules[socket["ruleIndex"]]["id"] == "container-socket"
    assert socket["level"] == "error"
    assert socket["message"]["text"].startswith("container socket holds an engine's socket")
    assert (
        socket["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "containers/socket"
    )
    assert "CIS-Docker-1.6.0-5.32" in rules[socket["ruleIndex"]]["properties"]["tags"]
    prints = [result["partialFingerprints"]["exposure/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    again = CliRunner().invoke(command, [*words[:-2]])
    assert json.loads(again.output)["runs"][0]["results"] == run["results"]


@pytest.mark.live
def test_junit_for_test_reports(zoo):
    words = ["--security", zoo.url, "--all", "--format", "junit", "--least", "medium"]
    done = CliRunner().invoke(command, words)
    suite = ElementTree.fromstring(done.output)[0]
    cases = {case.get("name"): case for case in suite}
    assert int(suite.get("tests", 0)) == len(cases)
    failed = {name for name, case in cases.items() if case.find("failure") is not None}
    assert int(suite.get("failures", 0)) == len(failed)
    assert "container-socket (CIS 5.32)" in failed
    assert "socket-open" in cases.keys() - failed
    text = cases["container-privileged (CIS 5.5)"].find("failure").text
    assert text.startswith("privileged: HostConfig.Privileged is true")


@pytest.mark.live
def test_processes_are_looked_at(door, live_engine):
    looked = _containers(live_engine, frozenset(), all=False)
    (processes,) = (c.processes for c in looked if c.id == door)
    assert processes[0] == "sleep 1000"


@pytest.mark.live
def test_json_and_the_frame_say_the_same(zoo, live_engine):
    done = CliRunner().invoke(command, ["--security", zoo.url, "--all", "--format", "json"])
    rows = json.loads(done.output)["findings"]
    frame = live_engine.exposure(all=True)
    assert [row["rule"] for row in rows] == frame.rule.tolist()
    assert [row["evidence"] for row in rows] == frame.evidence.tolist()


@pytest.mark.live
@pytest.mark.parametrize(("threshold", "status"), [("critical", 1), ("high", 1), ("info", 1)])
def test_the_exit_status_follows_the_worst(zoo, threshold, status):
    done = CliRunner().invoke(command, ["--security", zoo.url, "--all", "--fail-on", threshold])
    assert done.exit_code == status


@pytest.mark.live
def test_what_makes_it_fail_is_shown(door, private_engine):
    done = CliRunner().invoke(command, ["--security", private_engine.url, "--fail-on", "info"])
    assert done.exit_code == 1
    assert "door: nobody notices when it does not work any more [CIS 5.27]" in done.output


@pytest.mark.live
def test_the_exit_status_of_an_engine_with_nothing_serious(zoo):
    assert CliRunner().invoke(command, ["--security", zoo.url]).exit_code == 0


@pytest.mark.live
def test_a_severity_that_there_is_not(live_engine):
    with pytest.raises(ValueError, match="use one of critical, high"):
        examine_exposure(live_engine, least="bad")
