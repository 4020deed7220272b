"""What private engines are made with: an image of busybox, certificates."""

from __future__ import annotations

import io
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path

__all__ = ["EngineMissing", "busybox_tar", "make_certificates", "must_run"]


class EngineMissing(RuntimeError):
    """This machine cannot run a private engine; the message says what it lacks."""


def busybox_tar() -> bytes:
    """Root filesystem of a small image: busybox and a link for each of its commands."""
    program = shutil.which("busybox") or ""
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:

        def add(name: str, kind: bytes, *, mode: int = 0o755, link: str = "", data: bytes = b""):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.linkname = kind, mode, link
            member.size, member.mtime = len(data), 1_700_000_000
            tar.addfile(member, io.BytesIO(data))

        for folder in [
            "bin",
            "dev",
            "etc",
            "home",
            "proc",
            "root",
            "sbin",
            "sys",
            "usr",
            "usr/bin",
            "usr/sbin",
            "var",
            "var/www",
        ]:
            add(folder, tarfile.DIRTYPE)
        add("tmp", tarfile.DIRTYPE, mode=0o1777)
        add("bin/busybox", tarfile.REGTYPE, data=Path(program).read_bytes())
        for command in listed.split():
            if command != "busybox":
                add(f"bin/{command}", tarfile.SYMTYPE, mode=0o777, link="busybox")
        add("usr/bin/env", tarfile.SYMTYPE, mode=0o777, link="/bin/env")
        users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
        add("etc/passwd", tarfile.REGTYPE, mode=0o644, data=users)
        add("etc/group", tarfile.REGTYPE, mode=0o644, data=b"root:x:0:\nnogroup:x:65534:\n")
    return buffer.getvalue()


def make_certificates(folder: Path, *names: str) -> Path:
    """A fresh authority with certificates for an engine and its client, in ``folder``.

    Files are named as DOCKER_CERT_PATH wants them (ca.pem, cert.pem, key.pem), the engine's
    server-cert.pem and server-key.pem. ``names`` are subjectAltName entries; default localhost.
    """
    folder.mkdir(parents=True, exist_ok=True)
    allowed = ",".join(names or ("DNS:localhost", "IP:127.0.0.1"))

    def openssl(*words: str) -> None:
        must_run("openssl", *words, cwd=folder)

    key = ("-newkey", "rsa:2048", "-nodes")
    ca = ("-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "30", "-subj", "/CN=opskit tests")
    openssl("req", "-x509", *key, *ca)
    for prefix, subject, extension in (
        ("server-", "engine", f"subjectAltName={allowed}\nextendedKeyUsage=serverAuth"),
        ("", "client", "extendedKeyUsage=clientAuth"),
    ):
        (folder / "extension").write_text(extension)
        files = ("-keyout", f"{prefix}key.pem", "-out", "request", "-subj", f"/CN={subject}")
        openssl("req", "-new", *key, *files)
        sign = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "30")
        out = ("-out", f"{prefix}cert.pem", "-extfile", "extension")
        openssl("x509", "-req", "-in", "request", *sign, *out)
    for left in ("extension", "request", "ca.srl"):
        (folder / left).unlink(missing_ok=True)
    return folder


def must_run(*command: str, cwd: Path | None = None) -> None:
    """Run a command to its end, or raise `EngineMissing` with what it said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise EngineMissing(f"{shlex.join(command)}: {done.stderr.strip()}")
