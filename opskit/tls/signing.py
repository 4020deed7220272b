"""Certificates themselves: an authority's, an engine's, a client's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from opskit.errors import AddressError
from opskit.tls.keys import PrivateKey

__all__ = ["alternative_names", "sign_authority", "sign_client", "sign_server"]

_SKEW = timedelta(minutes=5)  # an engine's clock may be behind ours
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?")

_NUMBERS = re.compile(r"[0-9.]+")  # an address with a slip in it


def alternative_names(hosts: Iterable[str], ips: Iterable[str]) -> list[x509.GeneralName]:
    """Names and addresses for a server's certificate; this host's own come with them.

    Raises
    ------
    AddressError
        One of them is neither a host name nor an address.
    """
    names: list[str] = []
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    given = [(text, True) for text in ips] + [(text, False) for text in hosts]
    for text, is_address in given:
        try:
            addresses.append(ipaddress.ip_address(text))
        except ValueError:
            if is_address:
                raise AddressError(
                    f"{text!r} is no IP address", "give names of hosts with --host (hosts=)"
                ) from None
            names.append(text)
    for name in names:
        if not _HOST.fullmatch(name) or len(name) > 253 or _NUMBERS.fullmatch(name):
            raise AddressError(
                f"{name!r} is neither a host name nor an IP address",
                "give names as DNS has them (docker-host.example.com), without scheme or port",
            )
    local = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    return [
        *(x509.DNSName(name) for name in dict.fromkeys([*names, "localhost"])),
        *(x509.IPAddress(address) for address in dict.fromkeys([*addresses, *local])),
    ]


def sign_authority(key: PrivateKey, name: str, days: float) -> x509.Certificate:
    """An authority's certificate, signed by its own key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = _begin(subject, subject, key, datetime.now(UTC) + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256())


def sign_server(
    key: PrivateKey,
    names: Iterable[x509.GeneralName],
    days: float,
    authority: x509.Certificate,
    authority_key: PrivateKey,
) -> x509.Certificate:
    """An engine's certificate for these names."""
    listed = list(names)
    subject = _common_name(listed)
    builder = _leaf(key, subject, days, authority, ExtendedKeyUsageOID.SERVER_AUTH)
    builder = builder.add_extension(x509.SubjectAlternativeName(listed), critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def sign_client(
    key: PrivateKey,
    name: str,
    days: float,
    authority: x509.Certificate,
    authority_key: PrivateKey,
) -> x509.Certificate:
    """A client's certificate in this name."""
    builder = _leaf(key, name, days, authority, ExtendedKeyUsageOID.CLIENT_AUTH)
    return builder.sign(authority_key, hashes.SHA256())


def _common_name(names: list[x509.GeneralName]) -> str:
    text = str(names[0].value)
    return text if len(text) <= 64 else "docker engine"  # the most a common name may have


def _leaf(
    key: PrivateKey,
    name: str,
    days: float,
    authority: x509.Certificate,
    purpose: x509.ObjectIdentifier,
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    until = min(datetime.now(UTC) + timedelta(days=days), authority.not_valid_after_utc)
    builder = _begin(subject, authority.subject, key, until)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    ciphered = isinstance(key, rsa.RSAPrivateKey)
    usage = _usage(digital_signature=True, key_encipherment=ciphered)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    signer = authority.public_key()
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer)  # type: ignore[arg-type]
    builder = builder.add_extension(identifier, critical=False)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(own, critical=False)


def _begin(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _SKEW)
        .not_valid_after(until)
    )


def _usage(**wanted: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**dict.fromkeys(_USAGES, False) | wanted)
