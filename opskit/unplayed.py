"""What a run of tests left of its cassettes: exchanges never played, cassettes never used."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Unplayed"]

_KEY = "opskit-unplayed"


class Unplayed:
    """A plugin that counts over all tests of a run, in all its processes, and tells at its end."""

    def __init__(self) -> None:
        self.left: dict[str, Counter[str]] = {}
        self.used: set[str] = set()
        self.folders: set[str] = set()
        self._partial = False

    def uses(self, path: Path, folder: Path) -> None:
        """A test has this cassette, in a folder of cassettes."""
        self.used.add(os.path.abspath(path))
        self.folders.add(os.path.abspath(folder))

    def add(self, path: Path, unplayed: list[str], *, complete: bool) -> None:
        """A test has played a cassette; one that failed may have left out anything."""
        found = Counter(unplayed) if complete else Counter()
        known = self.left.setdefault(str(path), found)
        self.left[str(path)] = known & found

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Some tests are not run: nobody knows what they would use."""
        self._partial |= bool(items)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Of another process than the first: hand over what was counted."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_KEY] = {
                "left": {path: dict(left) for path, left in self.left.items()},
                "used": sorted(self.used),
                "folders": sorted(self.folders),
                "partial": self._partial,
            }

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add up what another process counted."""
        output = getattr(node, "workeroutput", {}).get(_KEY)
        if output is None:
            self._partial = True
            return
        for path, left in output["left"].items():
            known = self.left.setdefault(path, Counter(left))
            self.left[path] = known & Counter(left)
        self.used.update(output["used"])
        self.folders.update(output["folders"])
        self._partial |= output["partial"]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell it."""
        left = {path: counter for path, counter in self.left.items() if counter}
        if left:
            terminalreporter.section("cassettes with exchanges that no test played")
        for path, counter in sorted(left.items()):
            terminalreporter.line(f"{os.path.relpath(path)}: {counter.total()}")
            for request, times in list(counter.items())[:10]:
                terminalreporter.line(f"    {request}" + (f" ({times} times)" if times > 1 else ""))
            if len(counter) > 10:
                terminalreporter.line(f"    and {len(counter) - 10} more")
        if unused := self._unused(terminalreporter.config):
            terminalreporter.section("cassettes that no test used")
        for path in unused:
            terminalreporter.line(os.path.relpath(path))

    def _unused(self, config: pytest.Config) -> list[str]:
        """Cassettes beside those that were used; nothing when only some of the tests were run."""
        if self._partial or not all(os.path.isdir(argument) for argument in config.args):
            return []
        found = {
            str(path)
            for folder in self.folders
            for ending in ("yaml", "yml", "jsonl", "jsonl.gz")
            for path in Path(folder).rglob(f"*.{ending}")
        }
        return sorted(found - self.used)
