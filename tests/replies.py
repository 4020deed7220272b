"""What real engines answered, from the samples beside the tests."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["ENGINES", "reply"]

_FOLDER = Path(__file__).parent / "samples" / "objects"

ENGINES = sorted(path.stem for path in _FOLDER.glob("*.json"))


def reply(engine: str, call: str) -> Any:
    """The body that `engine` answered to `call`, the caller's own to change."""
    return copy.deepcopy(_replies(engine)[call])


@cache
def _replies(engine: str) -> dict[str, Any]:
    return json.loads((_FOLDER / f"{engine}.json").read_text())
