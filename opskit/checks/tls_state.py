"""Is the way to the engine protected, and for how long?"""

from __future__ import annotations

import os
import ssl
import stat

from opskit.address import Address
from opskit.checks.finding import Line, Status
from opskit.dial import dial
from opskit.errors import OpskitError
from opskit.tls.reading import SOON, Certificate, decode, read

__all__ = ["check_tls", "expiry", "server_certificate"]

_LOOPBACK = ("127.", "::1", "localhost")


def check_tls(address: Address) -> list[Line]:
    """Look at a TCP address's certificate files, before anything is sent."""
    if address.tls is None:
        near = address.host.startswith(_LOOPBACK)
        who = "every user and container of this host" if near else "everybody on the network"
        return [
            Line(
                "tls",
                "warn",
                f"{address} has no TLS: {who} who reaches the port is root on the engine's host",
                "protect it: 'opskit tls init' makes certificates and says how; or use ssh://",
            )
        ]
    lines = []
    if not address.tls.verify:
        lines.append(
            Line(
                "tls",
                "warn",
                "the engine's certificate is not verified: somebody in between can read and change",
                "set DOCKER_TLS_VERIFY=1 with the engine's ca.pem, or the context without skip",
            )
        )
    elif not address.tls.cert:
        lines.append(
            Line("tls", "ok", "verified by ca.pem; no client certificate to show to the engine")
        )
    else:
        lines.append(Line("tls", "ok", "verified both ways, with a client certificate"))
    lines += [_file(file) for file in (address.tls.ca, address.tls.cert) if file]
    if address.tls.key:
        lines += _key_file(address.tls.key)
    return lines


def _file(path: str) -> Line:
    name = f"certificate {os.path.basename(path)}"
    try:
        certificate = read(path)
    except OpskitError as error:
        return Line(name, "fail", error.what, error.remedy)
    return expiry(name, certificate, f"{certificate.subject}, {certificate.key}, {path}")


def _key_file(path: str) -> list[Line]:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return [Line("key", "fail", f"{path}: {error.strerror}", "check DOCKER_CERT_PATH")]
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        seen = f"{path} is {stat.filemode(mode)}: others can read it or change it"
        return [Line("key", "warn", seen, f"chmod 400 {path}")]
    return []


def expiry(name: str, certificate: Certificate, detail: str) -> Line:
    """One line on how long a certificate is still good."""
    days = certificate.days_left()
    status: Status = "ok"
    remedy = ""
    if days < 0:
        status, remedy = "fail", "renew it: opskit tls renew"
        detail = f"expired {-days:.0f} days ago, on {certificate.not_after:%Y-%m-%d}; {detail}"
    else:
        if days < SOON:
            status, remedy = "warn", "renew it before: opskit tls renew"
        detail = f"expires in {days:.0f} days, on {certificate.not_after:%Y-%m-%d}; {detail}"
    if certificate.weakness:
        status = "fail" if status == "fail" else "warn"
        detail += f"; weak: {certificate.weakness}"
        remedy = remedy or "make a stronger one: opskit tls init"
    return Line(name, status, detail, remedy)


def server_certificate(address: Address, timeout: float) -> Certificate | None:
    """The certificate that the engine at a TLS address shows."""
    sock = dial(address, timeout)
    try:
        der = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
    finally:
        sock.close()
    return decode(der) if der else None
