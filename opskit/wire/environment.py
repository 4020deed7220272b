"""What leads clients to an engine: the environment that they look at."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

__all__ = ["DOCKER_VARIABLES", "docker_host"]

DOCKER_VARIABLES = (
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
)
"""What in the environment leads clients to an engine."""


@contextlib.contextmanager
def docker_host(address: str) -> Iterator[None]:
    """Point ``DOCKER_HOST`` at an address; what else would lead clients elsewhere is set aside."""
    before = {name: os.environ.pop(name) for name in DOCKER_VARIABLES if name in os.environ}
    os.environ["DOCKER_HOST"] = address
    try:
        yield
    finally:
        for name in DOCKER_VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(before)
