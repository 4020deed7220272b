"""What certificates a folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from opskit.errors import AddressError
from opskit.tls.reading import SOON, Certificate, read

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOREIGN", "certificates", "client_files", "show", "status"]

FOREIGN = "not signed by ca.pem"
"""The status of a certificate that clients of this authority will refuse."""


def show(folder: str | Path) -> pd.DataFrame:
    """The certificates of a folder: whose, for what, until when.

    Returns
    -------
    pandas.DataFrame
        One row a file, the authority first. ``file`` (str): below the folder. ``role`` (str):
        ``ca``, ``server``, ``client``. ``subject``, ``issuer``, ``names`` (str): who it is, who
        signed it, and the names and addresses it is valid for. ``key`` (str). ``not_before``,
        ``not_after`` (datetime64[ns, UTC]). ``days_left`` (float64, days): negative once expired.
        ``status`` (str): ``ok``, ``expires soon`` (within 30 days), ``expired``, ``not yet valid``,
        ``not signed by ca.pem``, or what is weak about it. ``fingerprint`` (str): SHA-256 in hex.
    """
    import pandas as pd

    found = certificates(folder)
    texts = {
        "file": [str(Path(c.file).relative_to(folder)) for c in found],
        "role": [c.role for c in found],
        "subject": [c.subject for c in found],
        "issuer": [c.issuer for c in found],
        "names": [" ".join(c.names) for c in found],
        "key": [c.key for c in found],
    }
    frame = pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in texts.items()})
    for name in ("not_before", "not_after"):
        times = pd.to_datetime([getattr(c, name) for c in found], utc=True)
        frame[name] = times.astype("datetime64[ns, UTC]")
    frame["days_left"] = [round(c.days_left(), 1) for c in found]
    frame["status"] = pd.Series([status(c) for c in found], dtype="str")
    frame["fingerprint"] = pd.Series([c.fingerprint for c in found], dtype="str")
    return frame


def certificates(folder: str | Path) -> list[Certificate]:
    """The certificates of a folder: the authority, the engine, the clients.

    Raises
    ------
    AddressError
        There is none, or one that cannot be read.
    """
    place = Path(folder)
    known = [place / "ca.pem", place / "server-cert.pem", *client_files(place)]
    found = [_told(path, place / "ca.pem") for path in known if path.exists()]
    if not found:
        raise AddressError(
            f"{place} holds no certificates", "name the folder; 'opskit tls init' makes one"
        )
    return found


def _told(path: Path, ca: Path) -> Certificate:
    certificate = read(path)
    if not ca.exists():
        return certificate
    authorities = x509.load_pem_x509_certificates(ca.read_bytes())
    own, *chain = x509.load_pem_x509_certificates(path.read_bytes())
    if chain or any(_signed(own, authority) for authority in authorities):
        return certificate
    return replace(certificate, weakness=FOREIGN)


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def client_files(place: Path) -> Iterator[Path]:
    """The clients' certificates: the folder's own, then those made to hand over."""
    own = place / "client-cert.pem"
    if not own.exists() and (place / "cert.pem").exists():
        own = place / "cert.pem"
    if own.exists():
        yield own
    yield from sorted((place / "clients").glob("*/cert.pem"))


def status(certificate: Certificate) -> str:
    """In a word or two, whether a certificate is good."""
    left = certificate.days_left()
    if left < 0:
        return "expired"
    if certificate.days_left(certificate.not_before) < left:
        return "not yet valid"
    if certificate.weakness == FOREIGN:
        return FOREIGN
    return "expires soon" if left < SOON else certificate.weakness or "ok"
