"""A folder of certificates: made once, filled up, renewed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from opskit.errors import AddressError
from opskit.tls.keys import KEY_TYPES, KeyType, PrivateKey, key_file, load_certificate, write_file
from opskit.tls.listing import client_files
from opskit.tls.reading import SOON, read
from opskit.tls.signing import alternative_names, sign_authority, sign_client, sign_server

__all__ = ["Made", "init", "renew"]

CA_DAYS = 3650
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Made:
    """One file and what became of it: ``made``, ``kept`` or ``renewed``."""

    file: Path
    what: str


def init(
    folder: str | Path,
    *,
    hosts: Sequence[str] = (),
    ips: Sequence[str] = (),
    clients: Sequence[str] = (),
    days: float = 365,
    key: KeyType = "ec",
) -> list[Made]:
    """Make an authority with certificates for an engine and its clients, or fill up a folder.

    What is in the folder already is kept, private keys in any case; called again with ``clients``
    it makes certificates for more of them from the same authority.

    Parameters
    ----------
    folder : path
        Gets ``ca.pem``, ``ca-key.pem``; for the engine ``server-cert.pem``, ``server-key.pem``; for
        the client ``client-cert.pem``, ``client-key.pem``, also as ``cert.pem`` and ``key.pem``,
        so that it serves as ``DOCKER_CERT_PATH``.
    hosts, ips : sequence of str
        Names and addresses that clients reach the engine by. localhost comes with them.
    clients : sequence of str
        More clients; each gets a folder ``clients/NAME`` of its own to hand over.
    days : float
        How long the certificates are valid (the authority's own: ten years at least).
    key : {"ec", "ec-384", "rsa", "rsa-2048", "rsa-3072", "rsa-4096"}
        Kind of the private keys that are made: EC P-256, or RSA (4096 bits).

    Returns
    -------
    list of Made
        The certificate files, and what became of each.

    Raises
    ------
    AddressError
        A name is none, a file cannot be read or written, or the engine's certificate that is
        there is for other names.
    """
    _check(days, key, clients)
    wanted = alternative_names(hosts, ips)
    place = Path(folder)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AddressError(f"{place} cannot be made: {error.strerror}", "name another") from None
    named = next(iter([*hosts, *ips]), "")
    made = [_authority(place, f"opskit CA {named}"[:64].strip(), max(days, CA_DAYS), key)]
    server = load_certificate(place / "server-cert.pem")
    if server is not None and not set(wanted) <= set(_names(server)):
        raise AddressError(
            f"{place}/server-cert.pem is for other names: {', '.join(_texts(_names(server)))}",
            f"opskit tls renew {place} with --host and --ip adds names to it",
        )
    if server is None:
        made.append(_server(place, wanted, days, key, "made"))
    else:
        made.append(Made(place / "server-cert.pem", "kept"))
    made.append(_client(place, "client", days, key))
    for short, long in (("cert.pem", "client-cert.pem"), ("key.pem", "client-key.pem")):
        if not os.path.lexists(place / short):
            (place / short).symlink_to(long)
    made += [_handed(place, name, days, key) for name in clients]
    return made


def renew(
    folder: str | Path,
    *,
    hosts: Sequence[str] = (),
    ips: Sequence[str] = (),
    days: float = 365,
    all: bool = False,
) -> list[Made]:
    """Sign certificates anew that expire within 30 days, with the same keys and names.

    Parameters
    ----------
    folder : path
        As `init` filled it; ``ca-key.pem`` has to be there.
    hosts, ips : sequence of str
        Names and addresses to add to the engine's certificate, which is then signed in any case.
    days : float
        How long they are valid from now.
    all : bool
        Also those that are valid for longer.

    Returns
    -------
    list of Made
        All certificates of the folder, and which of them were renewed. An engine reads its own
        when it starts: restart it.
    """
    _check(days, "ec", ())
    place = Path(folder)
    if not (place / "ca-key.pem").exists():
        raise AddressError(
            f"{place}/ca-key.pem is not there", "bring the authority's key back, or make new ones"
        )
    made = []
    ca = place / "ca.pem"
    if ca.exists():
        _authority_pair(place)
    if _due(ca, all):
        authority_key = key_file(place / "ca-key.pem", "ec")
        name = read(ca).subject if ca.exists() else "opskit CA"
        _write(ca, sign_authority(authority_key, name, max(days, CA_DAYS)))
        made.append(Made(ca, "renewed"))
    else:
        made.append(Made(ca, "kept"))
    server = load_certificate(place / "server-cert.pem")
    if server is not None:
        names = list(dict.fromkeys([*_names(server), *alternative_names(hosts, ips)]))
        added = set(names) > set(_names(server)) and bool(hosts or ips)
        if added or _due(place / "server-cert.pem", all):
            made.append(_server(place, names, days, "ec", "renewed"))
        else:
            made.append(Made(place / "server-cert.pem", "kept"))
    for path in client_files(place):
        if _due(path, all):
            key_path = path.with_name(path.name.replace("cert", "key"))
            authority, authority_key = _load_authority(place)
            own = key_file(key_path, "ec")
            _write(path, sign_client(own, read(path).subject, days, authority, authority_key))
            made.append(Made(path, "renewed"))
        else:
            made.append(Made(path, "kept"))
    for copy in (place / "clients").glob("*/ca.pem"):
        write_file(copy, ca.read_bytes())
    return made


def _check(days: float, key: str, clients: Iterable[str]) -> None:
    if key not in KEY_TYPES:
        raise AddressError(f"{key!r} is no kind of key", f"use one of {', '.join(KEY_TYPES)}")
    if not 0 < days <= 36500:
        raise AddressError(f"{days:g} days is no time for a certificate", "give 1 to 36500 days")
    for name in clients:
        if not _CLIENT.fullmatch(name):
            raise AddressError(
                f"{name!r} is no name for a client", "use letters, digits and . _ @ -, 64 at most"
            )


def _due(path: Path, everything: bool) -> bool:
    return everything or not path.exists() or read(path).days_left() < SOON


def _names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return list(found.value)


def _texts(names: Iterable[x509.GeneralName]) -> list[str]:
    return [str(name.value) for name in names]


def _authority(place: Path, name: str, days: float, kind: KeyType) -> Made:
    path = place / "ca.pem"
    if path.exists():
        return Made(path, "kept")
    _write(path, sign_authority(key_file(place / "ca-key.pem", kind), name, days))
    return Made(path, "made")


def _load_authority(place: Path) -> tuple[x509.Certificate, PrivateKey]:
    authority, key = _authority_pair(place)
    until = authority.not_valid_after_utc
    if until <= datetime.now(UTC):
        raise AddressError(
            f"{place}/ca.pem has expired on {until:%Y-%m-%d}: what it signs is not valid either",
            f"opskit tls renew {place} renews it, with the same key",
        )
    return authority, key


def _authority_pair(place: Path) -> tuple[x509.Certificate, PrivateKey]:
    path = place / "ca-key.pem"
    if not path.exists():
        raise AddressError(
            f"{path} is not there: nothing can be signed", "bring the authority's key back"
        )
    certificate = load_certificate(place / "ca.pem")
    key = key_file(path, "ec")
    if certificate is None or certificate.public_key() != key.public_key():
        raise AddressError(
            f"{path} is not the key of {place}/ca.pem", "these two belong together: mend that first"
        )
    return certificate, key


def _server(
    place: Path, names: list[x509.GeneralName], days: float, kind: KeyType, what: str
) -> Made:
    authority, authority_key = _load_authority(place)
    own = key_file(place / "server-key.pem", kind)
    path = place / "server-cert.pem"
    _write(path, sign_server(own, names, days, authority, authority_key))
    return Made(path, what)


def _client(place: Path, name: str, days: float, kind: KeyType) -> Made:
    if there := [path for path in client_files(place) if path.parent == place]:
        return Made(there[0], "kept")
    path = place / "client-cert.pem"
    authority, authority_key = _load_authority(place)
    own = key_file(place / "client-key.pem", kind)
    _write(path, sign_client(own, name, days, authority, authority_key))
    return Made(path, "made")


def _handed(place: Path, name: str, days: float, kind: KeyType) -> Made:
    """A folder to give away: what DOCKER_CERT_PATH needs and no more."""
    folder = place / "clients" / name
    path = folder / "cert.pem"
    if path.exists():
        return Made(path, "kept")
    authority, authority_key = _load_authority(place)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = key_file(folder / "key.pem", kind)
    _write(path, sign_client(own, name, days, authority, authority_key))
    write_file(folder / "ca.pem", (place / "ca.pem").read_bytes())
    return Made(path, "made")


def _write(path: Path, certificate: x509.Certificate) -> None:
    write_file(path, certificate.public_bytes(Encoding.PEM))
