"""Opening a connection to an engine's address, and the errors of doing so."""

from __future__ import annotations

import grp
import os
import socket
import ssl
import stat
from pathlib import Path

from opskit.address import TLS, Address
from opskit.duplextls import DuplexTLS
from opskit.errors import (
    AddressError,
    EngineError,
    EngineLost,
    EngineNotFound,
    EngineUnresponsive,
    PermissionDenied,
    TLSError,
)

__all__ = ["connection_error", "dial", "ssl_context"]


def dial(address: Address, timeout: float | None = 60.0, *, hijack: bool = False) -> socket.socket:
    """Connect to ``address``; the socket speaks HTTP from here on, TLS and ssh being done.

    With ``hijack``, sending can end before receiving does; see `DuplexTLS`.

    Raises
    ------
    EngineNotFound, PermissionDenied, EngineUnresponsive, TLSError, AddressError
        Each names the address and what to do.
    """
    if address.scheme == "ssh":
        from opskit.ssh import dial_stdio

        return dial_stdio(address, timeout)
    try:
        if address.scheme == "unix":
            return _dial_unix(address.path, timeout)
        sock = socket.create_connection((address.host, address.port), timeout)
    except OSError as error:
        raise connection_error(address, error, timeout) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a silent stream may be a dead one
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    if address.tls is None:
        return sock
    try:
        context = ssl_context(address.tls)
        if hijack:
            return DuplexTLS(sock, context, address.host)
        return context.wrap_socket(sock, server_hostname=address.host)
    except OSError as error:
        sock.close()
        raise connection_error(address, error, timeout) from error
    except BaseException:
        sock.close()
        raise


def _dial_unix(path: str, timeout: float | None) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def ssl_context(tls: TLS) -> ssl.SSLContext:
    """A client's TLS context from these files alone, whatever bundle the environment names."""
    for file in (tls.ca, tls.cert, tls.key):
        if file and not os.path.isfile(file):
            raise AddressError(f"{file} does not exist", "check DOCKER_CERT_PATH or the context")
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key or None)
    except (ssl.SSLError, OSError) as error:
        raise TLSError(
            f"the certificates {tls.ca}, {tls.cert} and {tls.key} cannot be used: {error}",
            "they must be PEM files, and key.pem the key of cert.pem",
        ) from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def connection_error(
    address: Address, error: BaseException, timeout: float | None = None
) -> EngineError:
    """Turn what the socket layer raised into opskit's own words."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, ssl.SSLError):
        return _tls_error(address, error)
    if isinstance(error, (TimeoutError, BlockingIOError)):
        return EngineUnresponsive(
            f"the engine at {address} did not answer within {timeout:g} s"
            if timeout is not None
            else f"the engine at {address} did not answer",
            "is it hung or stopped? 'opskit doctor' looks closer; timeout=… waits longer",
        )
    if isinstance(error, PermissionError) and address.scheme == "unix":
        return PermissionDenied(
            f"this user may not open {address.path}", _permission_remedy(address.path)
        )
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)):
        return EngineLost(
            f"the engine at {address} closed the connection: {error}",
            "did it stop or restart? the next call connects again",
        )
    return EngineNotFound(f"no engine at {address}: {_why(address, error)}", _start_remedy(address))


def _why(address: Address, error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "the socket does not exist"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if address.scheme == "unix" and os.path.exists(address.path):
        mode = os.stat(address.path).st_mode
        if not stat.S_ISSOCK(mode):
            return "it is not a socket"
    return str(error)


def _start_remedy(address: Address) -> str:
    chosen = f"(chosen by: {address.source}) "
    return chosen + (
        "start the engine (systemctl start docker), or name another one with "
        "opskit.connect('unix:///…' or a context), DOCKER_HOST or 'docker context use'; "
        "'opskit doctor' tells more"
    )


def _permission_remedy(path: str) -> str:
    try:
        group = grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        folder = Path(path).parent
        return f"ask for access to {folder}, or use a rootless engine or ssh://"
    return (
        f"join the group {group!r} (sudo usermod -aG {group} $USER, then log in again), or use sudo"
    )


_TLS_REMEDIES = (
    ("CERTIFICATE_REQUIRED", "the engine wants a client certificate: set DOCKER_CERT_PATH to it"),
    ("BAD_CERTIFICATE", "the engine refused the client certificate, or there was none: check it"),
    ("UNKNOWN_CA", "the client certificate comes from another authority than the engine trusts"),
    ("CERTIFICATE_EXPIRED", "renew the client certificate ('opskit tls renew')"),
    ("EXPIRED", "the certificate has expired: renew it ('opskit tls renew')"),
    ("HOSTNAME", "the engine's certificate is for another name: connect by a name it lists"),
    ("IP ADDRESS", "the engine's certificate is for another name: connect by a name it lists"),
    ("WRONG_VERSION", "the port does not speak TLS: unset DOCKER_TLS_VERIFY, or use the TLS port"),
    ("RECORD_LAYER", "the port does not speak TLS: unset DOCKER_TLS_VERIFY, or use the TLS port"),
    ("EOF OCCURRED", "the engine hung up: does it accept the client certificate? its log says"),
    ("VERIFY_FAILED", "the engine's certificate is not from the given authority (ca.pem)"),
)


def _tls_error(address: Address, error: ssl.SSLError) -> TLSError:
    text = f"{error.reason} {error.strerror} {getattr(error, 'verify_message', '')}".upper()
    remedy = next((r for word, r in _TLS_REMEDIES if word in text), "check the certificates")
    detail = getattr(error, "verify_message", "") or error.reason or str(error)
    return TLSError(f"TLS with {address} failed: {detail}", remedy)
