"""Keys and certificates as files: keys 0400 and never overwritten, the rest replaced whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Literal, get_args

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from opskit.errors import AddressError

__all__ = ["KEY_TYPES", "KeyType", "PrivateKey", "key_file", "load_certificate", "write_file"]

KeyType = Literal["ec", "ec-384", "rsa", "rsa-2048", "rsa-3072", "rsa-4096"]
KEY_TYPES: tuple[KeyType, ...] = get_args(KeyType)
"""Kinds of keys: ``ec`` is P-256, ``rsa`` has 4096 bits."""

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def key_file(path: Path, kind: KeyType) -> PrivateKey:
    """The private key in a file; made and written there if there is none yet.

    Raises
    ------
    AddressError
        The file holds no key that can be used, or cannot be written.
    """
    if path.exists():
        return _load(path)
    key = _generate(kind)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with open(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(handle)
    except OSError as error:
        raise AddressError(
            f"{path} cannot be written: {error.strerror}", "name another folder with -o"
        ) from None
    return key


def _generate(kind: KeyType) -> PrivateKey:
    if kind in ("ec", "ec-384"):
        return ec.generate_private_key(ec.SECP384R1() if kind == "ec-384" else ec.SECP256R1())
    bits = int(kind.partition("-")[2] or 4096)
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _load(path: Path) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise AddressError(f"{path} cannot be read: {error.strerror}", "use sudo?") from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AddressError(
            f"{path} holds no private key that can be used: {error}",
            "move it away, and a new one is made",
        ) from None
    if not isinstance(key, PrivateKey):
        raise AddressError(f"{path} is neither an EC nor an RSA key", "move it away")
    return key


def load_certificate(path: Path) -> x509.Certificate | None:
    """The certificate in a file; None where there is no file."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise AddressError(f"{path} cannot be read: {error}", "move it away") from None


def write_file(path: Path, content: bytes, mode: int = 0o444) -> None:
    """Write a file as a whole: readers see the old one or the new one."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(temporary, path)
    except OSError as error:
        raise AddressError(
            f"{path} cannot be written: {error.strerror}", "name another folder with -o"
        ) from None
