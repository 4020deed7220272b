"""What tests of panels share: finding a widget, clicking it, waiting for what follows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any


def until(true: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def everything(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def find(widget: Any, css: str) -> Any:
    found = [w for w in everything(widget) if css in getattr(w, "_dom_classes", ())]
    assert found, f"no widget {css}"
    return found[0]


def threads(name: str) -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == name]
