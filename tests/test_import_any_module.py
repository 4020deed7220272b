"""Import any module of the package first: none needs another one to have been there before it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import opskit

ROOT = Path(opskit.__file__).parent

FRESH = """
import importlib, sys, warnings
import ipywidgets, matplotlib.pyplot, pandas
warnings.simplefilter("ignore")  # an accessor of pandas is registered again and again
for name in sys.argv[1:]:
    for loaded in [m for m in sys.modules if m.partition(".")[0] == "opskit"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(f"{name}: {error}")
"""


def modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported_at_once(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that a module imports when it is imported, not later and not for type checkers."""
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" not in ast.unparse(statement.test):
            yield from imported_at_once(statement.body)


def graph() -> dict[str, set[str]]:
    known = modules()
    drawn: dict[str, set[str]] = {}
    for module, path in known.items():
        needs = {module, *imported_at_once(ast.parse(path.read_text("utf-8")).body)}
        while parents := {name.rpartition(".")[0] for name in needs} - needs:
            needs |= parents
        drawn[module] = needs & known.keys() - {module}
    return drawn


def leads_to(start: str, drawn: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        new = drawn[ahead.pop()] - reached
        reached |= new
        ahead += new
    return reached


def test_each_module_can_be_imported_first():
    drawn = graph()
    # what leads back to itself by no way has all it needs, whatever came before it
    circular = sorted(module for module in drawn if module in leads_to(module, drawn))
    assert len(drawn) > 200
    command = [sys.executable, "-c", FRESH, *circular]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == ""


def test_arrows_point_one_way():
    drawn = graph()
    for package, more in {
        "frames": set(),
        "api": set(),
        "cassette": {"opskit.frames", "opskit.frames.columns"},
    }.items():
        inside = {module for module in drawn if module.startswith(f"opskit.{package}.")}
        needed = set().union(*(drawn[module] for module in inside)) - inside
        allowed = {"opskit", f"opskit.{package}", "opskit.errors", "opskit.times"}
        assert needed <= allowed | more, package
