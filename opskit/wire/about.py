"""What a recording says about itself: its cassette's metadata."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import Any

import orjson

import opskit
from opskit.address import Address
from opskit.errors import EngineError
from opskit.transport import Transport

__all__ = ["about"]


def about(address: Address) -> dict[str, Any]:
    """What recorded, when, and as far as it tells, which engine."""
    known: dict[str, Any] = {
        "recorded_by": f"opskit {opskit.__version__}",
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "recorded_on": f"{platform.system()} {platform.machine()}".lower(),
    }
    transport = Transport(address, timeout=10.0)
    base = address.path if address.scheme == "tcp" else ""
    try:
        version = orjson.loads(transport.exchange("GET", base + "/version").body)
    except (EngineError, ValueError):
        return known
    finally:
        transport.close()
    names = {"engine_version": "Version", "api_version": "ApiVersion", "platform": "Os"}
    known.update({name: str(version.get(key, "")) for name, key in names.items()})
    return known
