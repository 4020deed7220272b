"""Which engine release speaks which API version, and what two sides agree on.

The table follows moby's release tags; patch releases keep their minor release's API version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.errors import VersionMismatch

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "NEWEST",
    "OLDEST",
    "RELEASES",
    "Release",
    "api_of_engine",
    "engine_release",
    "negotiate",
    "version_key",
    "versions",
]


@dataclass(frozen=True, slots=True)
class Release:
    """One row of the table: an engine release line and the API versions it serves.

    Attributes
    ----------
    engine : str
        First engine release of the line, as ``docker version`` prints it without the patch.
    api : str
        Newest API version that these engines speak.
    minimum : str
        Oldest API version that they still accept by default.
    """

    engine: str
    api: str
    minimum: str


RELEASES: tuple[Release, ...] = (
    Release("20.10", "1.41", "1.12"),
    Release("23.0", "1.42", "1.12"),
    Release("24.0", "1.43", "1.12"),
    Release("25.0", "1.44", "1.24"),
    Release("26.0", "1.45", "1.24"),
    Release("27.0", "1.46", "1.24"),
    Release("27.2", "1.47", "1.24"),
    Release("28.0", "1.48", "1.24"),
    Release("28.1", "1.49", "1.24"),
    Release("28.2", "1.50", "1.24"),
    Release("28.3", "1.51", "1.24"),
    Release("29.0", "1.52", "1.44"),
    Release("29.2", "1.53", "1.44"),
    Release("29.3", "1.54", "1.40"),
    Release("29.6", "1.55", "1.40"),
)

OLDEST = RELEASES[0].api
"""The oldest API version that opskit speaks."""

NEWEST = RELEASES[-1].api
"""The newest API version that opskit knows."""


def version_key(version: str) -> tuple[int, ...]:
    """``"1.45"`` as ``(1, 45)``, so that versions compare as numbers and not as text.

    A leading ``v`` and whatever follows the numbers (``-ce``, ``+dfsg1``) are ignored.

    Raises
    ------
    ValueError
        The text does not begin with a number.
    """
    numbers: list[int] = []
    for part in version.strip().removeprefix("v").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    if not numbers:
        raise ValueError(f"{version!r} is not a version: expected numbers and dots, as in 1.45")
    return tuple(numbers)


def engine_release(api: str) -> str | None:
    """The first engine release that speaks an API version, ``"26.0"`` for ``"1.45"``.

    ``None`` for a version newer than the table; the oldest row answers for all older ones.
    """
    wanted = version_key(api)
    for release in RELEASES:
        if version_key(release.api) >= wanted:
            return release.engine
    return None


def api_of_engine(engine: str) -> str | None:
    """The newest API version of an engine release, ``"1.45"`` for ``"26.1.5"``.

    ``None`` for engines older than the table. Releases after its last row get that row's version:
    they speak at least as much.
    """
    wanted = version_key(engine)
    known = [r.api for r in RELEASES if version_key(r.engine) <= wanted]
    return known[-1] if known else None


def negotiate(engine_api: str, engine_minimum: str = "") -> str:
    """The API version that opskit and an engine have in common: the lower of both newest ones.

    Parameters
    ----------
    engine_api : str
        The newest version the engine speaks: header ``Api-Version`` of ``HEAD /_ping``.
    engine_minimum : str
        The oldest version it accepts (``MinAPIVersion`` of ``GET /version``), if known.

    Raises
    ------
    VersionMismatch
        The engine is older than `OLDEST`, or takes only versions newer than `NEWEST`.
    """
    theirs = version_key(engine_api)
    if theirs < version_key(OLDEST):
        raise VersionMismatch(
            f"the engine speaks API {engine_api} at most, opskit needs {OLDEST} or newer",
            f"upgrade the engine to Docker {engine_release(OLDEST)} or newer",
            status=400,
            message=f"maximum supported API version is {engine_api}",
            request="HEAD /_ping",
        )
    if engine_minimum and version_key(engine_minimum) > version_key(NEWEST):
        raise VersionMismatch(
            f"the engine accepts API {engine_minimum} and newer, opskit knows up to {NEWEST}",
            "upgrade opskit: pip install --upgrade opskit",
            status=400,
            message=f"minimum supported API version is {engine_minimum}",
            request="HEAD /_ping",
        )
    return min(engine_api.strip().removeprefix("v"), NEWEST, key=version_key)


def versions() -> pd.DataFrame:
    """The table of engine releases and API versions, oldest first.

    Returns
    -------
    pandas.DataFrame
        ``engine`` (str): first release of the line. ``api_version`` (str): newest API version it
        speaks. ``min_api_version`` (str): oldest one it accepts. ``new_endpoints`` (Int64): how
        many endpoints of the catalogue came with it; missing in the first row, where the
        catalogue begins.
    """
    import pandas as pd

    from opskit.api.endpoints import ENDPOINTS

    added: list[int | None] = [sum(e.since == r.api for e in ENDPOINTS) for r in RELEASES]
    added[0] = None
    return pd.DataFrame(
        {
            "engine": pd.Series([r.engine for r in RELEASES], dtype="str"),
            "api_version": pd.Series([r.api for r in RELEASES], dtype="str"),
            "min_api_version": pd.Series([r.minimum for r in RELEASES], dtype="str"),
            "new_endpoints": pd.Series(added, dtype="Int64"),
        }
    )
