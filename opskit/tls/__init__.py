"""Certificates for an engine on TCP: an authority of one's own, for the engine and its clients."""

from __future__ import annotations

from opskit.tls.daemon import daemon_json, next_steps
from opskit.tls.folder import Made, init, renew
from opskit.tls.listing import show
from opskit.tls.reading import Certificate, read

__all__ = ["Certificate", "Made", "daemon_json", "init", "next_steps", "read", "renew", "show"]
