"""A build's steps, read from the engine's progress stream as it comes."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.actions.progress import bar
from opskit.frames.columns import Column, build

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STEP_COLUMNS", "Steps"]

STEP_COLUMNS = (
    Column("step", "int64", "", "Its number, from 1."),
    Column("instruction", "str", "", "The Dockerfile's instruction."),
    Column("cached", "bool", "", "Whether the engine took it from its cache."),
    Column("seconds", "float64", "seconds", "How long it took, as seen from here."),
    Column("image_id", "str", "", "The layer's short image id; missing where the step failed."),
    Column("output", "str", "", "What its command wrote."),
)
"""Columns of ``build.steps``."""

# as Docker writes them, and as Podman does
_STEP = re.compile(r"(?:\[\d+/\d+\] )?STEP (\d+)/(\d+) ?: (.*)", re.DOTALL | re.IGNORECASE)
_IMAGE = re.compile(r" ?--?-> ([0-9a-f]{11,12})\s*$")
_CACHED = re.compile(r" ?--?-> Using cache")
_ABOUT = re.compile(
    r" ?--?-> |Removing intermediate container|Successfully tagged|\[Warning\]|COMMIT |"
    r"[0-9a-f]{64}\s*$"
)


@dataclass(slots=True)
class _Step:
    number: int
    instruction: str
    began: float
    ended: float | None = None
    cached: bool = False
    image: str | None = None
    output: str = ""


class Steps:
    """The steps of one build; `take` gets each message of the stream."""

    def __init__(self, show: bool = True) -> None:
        self.show = show
        self.bar: Any = None
        self.steps: list[_Step] = []
        self.total: int | None = None
        self.built: str | None = None

    def take(self, message: Mapping[str, Any]) -> None:
        """Note what a message tells, and move the bar."""
        self._note(message)
        if self.bar is None and self.total:
            self.bar = bar("build", show=self.show, total=self.total, unit="step")
        if self.bar is not None:
            self.bar.update(max(0, len(self.steps) - 1 - self.bar.n))

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.close()

    def _note(self, message: Mapping[str, Any]) -> None:
        if identity := (message.get("aux") or {}).get("ID"):
            self.built = str(identity)
        text = str(message.get("stream") or "")
        if not text:
            return
        if (match := _STEP.match(text)) and self._follows(int(match[1]), int(match[2])):
            self._end()
            self.total = int(match[2])
            self.steps.append(_Step(int(match[1]), match[3].strip(), time.monotonic()))
        elif match := re.match(r"Successfully built ([0-9a-f]+)", text):
            self._end()
            self.built = self.built or match[1]
        elif self.steps:
            self._told(self.steps[-1], text)

    def _follows(self, number: int, total: int) -> bool:
        """Whether this is the next step, and not what a command wrote that looks like one."""
        if number == 1:
            return not self.steps or self.steps[-1].number == self.total
        return bool(self.steps) and (number, total) == (self.steps[-1].number + 1, self.total)

    def _told(self, step: _Step, text: str) -> None:
        if _CACHED.match(text):
            step.cached = True
        elif match := _IMAGE.match(text):
            step.image = match[1]
        elif not _ABOUT.match(text) and text.strip():
            step.output += text

    def _end(self) -> None:
        if self.steps and self.steps[-1].ended is None:
            self.steps[-1].ended = time.monotonic()

    def frame(self) -> pd.DataFrame:
        """As a frame of `STEP_COLUMNS`."""
        self._end()
        return build(
            STEP_COLUMNS,
            {
                "step": [step.number for step in self.steps],
                "instruction": [step.instruction for step in self.steps],
                "cached": [step.cached for step in self.steps],
                "seconds": [(step.ended or step.began) - step.began for step in self.steps],
                "image_id": [step.image for step in self.steps],
                "output": [step.output for step in self.steps],
            },
        )
