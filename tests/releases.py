"""Other Docker releases, and Podman, to run the live tests on."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .engines import IMAGE, IMAGE_CHANGES, EngineMissing, PrivateEngine, busybox_tar

__all__ = ["RELEASES", "PodmanEngine", "engine_of", "unpack"]

# Debian's suites that carry them; sid moves on, so its version is only the newest 28 or later
RELEASES = {"20.10": "bookworm", "26.1": "trixie", "28.5": "sid", "podman": ""}
LOOPBACK_REGISTRIES = range(5000, 5010)  # which a Docker Engine trusts without TLS, not Podman
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def engine_of(release: str | None, name: str, **options: Any) -> PrivateEngine:
    """A private engine of the release; of the installed Docker when None."""
    if release == "podman" and options.get("tls"):
        raise EngineMissing("Podman's service speaks no TLS")
    if release == "podman":
        return PodmanEngine(name, **options)
    if release is None or os.environ.get("OPSKIT_DOCKER_ROOT"):
        return PrivateEngine(name, **options)
    return PrivateEngine(name, root=unpack(release), **options)


def unpack(release: str) -> Path:
    """Unpack a release's Debian packages beside the system, once; the folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "opskit"
    done = cache / f"docker-{release}"
    if done.exists():
        return done
    if not Path(KEYRING).exists() or not shutil.which("apt-get"):
        raise EngineMissing(
            f"Docker {release} is unpacked from Debian's packages; this is no Debian"
        )
    work = cache / f"unpacking-{release}-{os.getpid()}"
    for folder in ("lists/partial", "archives/partial", "debs", "root"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    source = f"deb [signed-by={KEYRING}] {_mirror()} {RELEASES[release]} main\n"
    (work / "sources").write_text(source)
    (work / "conf").write_text(
        f'Dir::State::lists "{work}/lists";\nDir::Cache::archives "{work}/archives";\n'
        f'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
        f'Dir::Etc::sourcelist "{work}/sources";\nDir::Etc::sourceparts "/dev/null";\n'
        'APT::Sandbox::User "root";\n'
    )
    env = {**os.environ, "APT_CONFIG": str(work / "conf")}
    try:
        for command in (
            ["apt-get", "-qq", "update"],
            ["apt-get", "-qq", "download", "docker.io", "containerd"],
        ):
            subprocess.run(
                command, env=env, cwd=work / "debs", check=True, capture_output=True, text=True
            )
        for package in (work / "debs").glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, work / "root"], check=True)
    except subprocess.CalledProcessError as error:
        raise EngineMissing(f"unpacking Docker {release}: {error.stderr or error}") from error
    (work / "root").rename(done)
    shutil.rmtree(work)
    return done


def _mirror() -> str:
    """The Debian mirror that this machine uses already."""
    command = ("apt-get", "indextargets", "--format", "$(REPO_URI)")
    chosen = ("Created-By: Packages", "Origin: Debian", "Label: Debian")
    listed = subprocess.run([*command, *chosen], capture_output=True, text=True, check=False).stdout
    if not listed:
        raise EngineMissing("apt knows no Debian mirror here (run apt-get update)")
    return listed.split()[0]


class PodmanEngine(PrivateEngine):
    """Podman's Docker API in place of a dockerd, in the same kind of private surroundings."""

    kind = "podman"

    def daemon_path(self) -> str | None:
        return shutil.which("podman")

    def load_image(self, tag: str = IMAGE) -> None:
        """Import an image made of Debian's busybox-static, under the name Docker would give it."""
        changes = "&".join(f"changes={quote(change)}" for change in IMAGE_CHANGES)
        path = f"/v4.0.0/libpod/images/import?reference=docker.io/library/{tag}&{changes}"
        self.api("POST", path, busybox_tar())

    def _command(self) -> list[str]:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        settings = {
            "containers": {"default_ulimits": [f"nofile={files}:{files}", "nproc=32768:32768"]},
            "engine": {"cgroup_manager": "cgroupfs", "events_logger": "file", "runtime": "runc"},
            "network": {
                "firewall_driver": "iptables",
                "network_config_dir": f"{self.folder}/networks",
            },
        }
        written = [
            f"[{table}]\n" + "".join(f"{key} = {json.dumps(v)}\n" for key, v in values.items())
            for table, values in settings.items()
        ]
        (self.folder / "containers.conf").write_text("\n".join(written))
        insecure = [
            f'[[registry]]\nlocation = "127.0.0.1:{port}"\ninsecure = true\n'
            for port in LOOPBACK_REGISTRIES
        ]
        (self.folder / "registries.conf").write_text("\n".join(insecure))
        storage = ("--root", f"{self.folder}/data", "--runroot", f"{self.folder}/run")
        storage += ("--tmpdir", f"{self.folder}/tmp")
        serve = ("system", "service", "--time", "0", self.url)
        conf = (
            f"CONTAINERS_CONF={self.folder}/containers.conf",
            f"CONTAINERS_REGISTRIES_CONF={self.folder}/registries.conf",
        )
        return ["env", *conf, "podman", *storage, "--cgroup-manager", "cgroupfs", *serve]
