"""Under pytest the notebooks run from their cassettes, whatever engine this machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """The kernel starts in here, before a notebook's first cell, and inherits this."""
    ours = {
        "OPSKIT_NOTEBOOK": str(item.path),
        "OPSKIT_NOTEBOOK_CASSETTES": str(HERE.parent / "cassettes"),
        "DOCKER_HOST": "unix:///nonexistent/opskit-notebooks-have-no-engine.sock",
        "DOCKER_CONFIG": "/nonexistent/opskit-notebooks",
    }
    with mock.patch.dict(os.environ, ours):
        for name in ("JPY_SESSION_NAME", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY"):
            os.environ.pop(name, None)
        return (yield)
