"""Reading certificates: for whom, from whom, until when, how strong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from opskit.errors import AddressError

__all__ = ["SOON", "Certificate", "decode", "read"]

SOON = 30.0
"""Certificates that expire within so many days are renewed, and warned of."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says.

    Attributes
    ----------
    file : str
        Where it was read; empty if an engine showed it.
    role : str
        ``ca``, ``server``, ``client``, ``server+client``, or ``any`` where it does not say.
    subject, issuer : str
        Common names, or the whole names where there is none.
    names : tuple of str
        Host names and addresses that it is valid for.
    not_before, not_after : datetime
        When it is valid, UTC.
    key : str
        ``EC P-256``, ``RSA 2048``.
    weakness : str
        What is weak about it by today's measure; empty if nothing is.
    fingerprint : str
        SHA-256 of the certificate, in hex.
    """

    file: str
    role: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str
    weakness: str
    fingerprint: str

    def days_left(self, now: datetime | None = None) -> float:
        """Days until it expires; negative if it has."""
        return (self.not_after - (now or datetime.now(UTC))).total_seconds() / 86400


def read(path: str | Path) -> Certificate:
    """Read the first certificate of a PEM file.

    Raises
    ------
    AddressError
        The file cannot be read, or holds no certificate.
    """
    try:
        pem = Path(path).read_bytes()
    except OSError as error:
        raise AddressError(
            f"{path} cannot be read: {error.strerror}", "check DOCKER_CERT_PATH or the context"
        ) from None
    try:
        return _describe(x509.load_pem_x509_certificate(pem), str(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AddressError(
            f"{path} holds no certificate that can be read: {error}",
            "it must be a PEM file that begins -----BEGIN CERTIFICATE-----",
        ) from None


def decode(der: bytes) -> Certificate:
    """Read a certificate as it came in a TLS handshake."""
    return _describe(x509.load_der_x509_certificate(der), "")


def _describe(certificate: x509.Certificate, file: str) -> Certificate:
    key, weakness = _key(certificate)
    return Certificate(
        file=file,
        role=_role(certificate),
        subject=_common(certificate.subject),
        issuer=_common(certificate.issuer),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=key,
        weakness=weakness,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _common(name: x509.Name) -> str:
    named = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(named[0].value) if named else name.rfc4514_string()


def _role(certificate: x509.Certificate) -> str:
    extensions = certificate.extensions
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return "ca"
    except x509.ExtensionNotFound:
        if certificate.version is x509.Version.v1 and certificate.subject == certificate.issuer:
            return "ca"
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return "any"
    roles = (
        ("server", ExtendedKeyUsageOID.SERVER_AUTH),
        ("client", ExtendedKeyUsageOID.CLIENT_AUTH),
    )
    return "+".join(role for role, usage in roles if usage in usages) or "other"


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    return (*hosts, *(str(ip) for ip in names.get_values_for_type(x509.IPAddress)))


def _key(certificate: x509.Certificate) -> tuple[str, str]:
    public = certificate.public_key()
    weak = []
    if isinstance(public, rsa.RSAPublicKey):
        named = f"RSA {public.key_size}"
        if public.key_size < 2048:
            weak.append(f"a key of {public.key_size} bits")
    elif isinstance(public, ec.EllipticCurvePublicKey):
        named = "EC " + public.curve.name.replace("secp256r1", "P-256").replace(
            "secp384r1", "P-384"
        )
        if public.key_size < 256:
            weak.append(f"a key of {public.key_size} bits")
    elif isinstance(public, ed25519.Ed25519PublicKey):
        named = "Ed25519"
    else:
        named = type(public).__name__.strip("_").removesuffix("PublicKey")
        weak.append(f"a {named} key")
    try:
        signed = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        signed = None
    if signed is not None and signed.name in ("md5", "sha1"):
        weak.append(f"signed with {signed.name.upper()}")
    return named, " and ".join(weak)
