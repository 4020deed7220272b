"""The columns reference: every frame's columns as markdown, made from the code.

``python -m opskit.reference`` prints it; ``python -m opskit.reference README.md`` puts it between
the file's ``<!-- columns:begin -->`` and ``<!-- columns:end -->``.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import opskit
from opskit.frames.columns import Column

__all__ = ["BEGIN", "END", "Table", "main", "markdown", "put", "tables"]

BEGIN, END = "<!-- columns:begin -->", "<!-- columns:end -->"

_PUBLIC = re.compile(r"([A-Z]+_)*COLUMNS")
# the order in which a reader meets them; the rest follows by name
_FIRST = (
    "opskit.frames.containers", "opskit.frames.details", "opskit.frames.images",
    "opskit.frames.networks", "opskit.frames.volumes", "opskit.frames.stats",
    "opskit.frames.events", "opskit.frames.logs", "opskit.frames.processes",
    "opskit.frames.disk", "opskit.frames.system",
)  # fmt: skip


class Table(NamedTuple):
    """The columns that one name in the code stands for."""

    module: str
    name: str
    about: str
    columns: tuple[Column, ...]


def tables() -> list[Table]:
    """Every tuple of columns in opskit, each once, in the reader's order."""
    root = Path(opskit.__file__).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for name, about in _declared(source):
            module = ".".join(path.relative_to(root.parent).with_suffix("").parts)
            value = getattr(importlib.import_module(module.removesuffix(".__init__")), name)
            if isinstance(value, tuple) and value and all(isinstance(c, Column) for c in value):
                found.append(Table(module, name, about or _first_line(source), value))
    rank = {name: i for i, name in enumerate(_FIRST)}
    return sorted(found, key=lambda t: (rank.get(t.module, len(rank)), t.module))


def _declared(source: str) -> Iterator[tuple[str, str]]:
    """Names that a module assigns and that end in COLUMNS, with the text that follows each."""
    body = ast.parse(source).body
    for statement, following in pairwise([*body, ast.Pass()]):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) if _PUBLIC.fullmatch(name):
                match following:
                    case ast.Expr(value=ast.Constant(value=str(about))):
                        yield name, " ".join(about.split())
                    case _:
                        yield name, ""


def _first_line(source: str) -> str:
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def markdown() -> str:
    """The whole reference: a folded table for each frame."""
    parts = [
        "Times are UTC with nanoseconds, sizes whole bytes, ids full, names without the leading "
        "slash.\nA frame of nothing has the same columns and dtypes; what the engine does not tell "
        "is missing."
    ]
    parts += [_folded(table) for table in tables()]
    return "\n\n".join(parts)


def _folded(table: Table) -> str:
    lines = [
        f"<details><summary>{_summary(table)}</summary>\n",
        "| column | dtype | unit | what it says |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| `{c.name}` | {c.dtype} | {c.unit} | {_cell(c.doc)} |" for c in table.columns]
    return "\n".join([*lines, "\n</details>"])


def _summary(table: Table) -> str:
    """The text that follows the columns in the code, its ``code`` as HTML: no markdown here."""
    about = table.about.removeprefix("Columns of ").removesuffix(".")
    pieces = about.replace("``", "`").split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def put(text: str) -> str:
    """`text` with the reference between its marks.

    Raises
    ------
    ValueError
        The marks are not there, or not in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"put {BEGIN} and {END} on lines of their own where the reference goes")
    return f"{before}{BEGIN}\n\n{markdown()}\n\n{END}{after}"


def main(arguments: list[str]) -> None:
    """Print the reference, or put it into the files that are named."""
    for name in arguments:
        path = Path(name)
        path.write_text(put(path.read_text(encoding="utf-8")), encoding="utf-8")
    if not arguments:
        print(markdown())


if __name__ == "__main__":
    main(sys.argv[1:])
