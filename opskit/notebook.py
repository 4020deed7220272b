"""What exists only inside IPython: the cell magics ``%%record`` and ``%%replay``.

``%load_ext opskit`` registers them.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import shlex
from collections.abc import Iterator
from typing import Any, NoReturn

from opskit.cassette.model import RecordMode
from opskit.cassette.pace import PACES
from opskit.wire.session import record, replay

__all__ = ["load_ipython_extension"]

_ABSENT = object()


def load_ipython_extension(shell: Any) -> None:
    """Register ``%%record`` and ``%%replay``; called by ``%load_ext opskit``."""
    shell.register_magic_function(_Recording(shell), "cell", "record")
    shell.register_magic_function(_Replaying(shell), "cell", "replay")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        from IPython.core.error import UsageError

        raise UsageError(f"{message}\n{self.format_usage().strip()}")


class _Magic:
    """A cell magic: options on its line, a session around its cell."""

    def __init__(self, shell: Any, name: str) -> None:
        self.shell = shell
        self.parser = _Parser(prog=f"%%{name}", add_help=False, allow_abbrev=False)
        self.parser.add_argument("cassette", help="a file: .yaml, .jsonl or .jsonl.gz")
        self.parser.add_argument(
            "--as", dest="name", default="engine", help="name of the engine inside the cell"
        )

    def options(self, line: str) -> argparse.Namespace:
        return self.parser.parse_args(shlex.split(line))

    def run(self, cell: str, name: str, engine: Any) -> Any:
        """Run the cell with the engine under a name; its last expression is the answer."""
        tree = self.shell.compile.ast_parse(self.shell.transform_cell(cell))
        tree = self.shell.transform_ast(tree)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        namespace = self.shell.user_ns
        source = self.shell.compile.cache(cell)
        with _named(namespace, name, engine):
            exec(compile(tree, source, "exec"), namespace)
            if last is not None:
                return eval(compile(ast.Expression(last.value), source, "eval"), namespace)
        return None


class _Recording(_Magic):
    """Record whatever the cell says to the engine.

    Inside, DOCKER_HOST leads to the recorder, and ``engine`` is connected through it.
    """

    def __init__(self, shell: Any) -> None:
        super().__init__(shell, "record")
        self.parser.add_argument("--mode", choices=[*map(str, RecordMode)], default="once")
        self.parser.add_argument("--redact", action="append", default=[], help="a secret")
        self.parser.add_argument("--upstream", help="the engine, if not the docker CLI's")

    def __call__(self, line: str, cell: str) -> Any:
        options = self.options(line)
        with record(
            options.cassette,
            mode=options.mode,
            redact=options.redact,
            upstream=options.upstream,
        ) as engine:
            return self.run(cell, options.name, engine)


class _Replaying(_Magic):
    """Answer whatever the cell says to the engine from a cassette.

    Inside, DOCKER_HOST leads to the replay, and ``engine`` is connected to it.
    """

    def __init__(self, shell: Any) -> None:
        super().__init__(shell, "replay")
        self.parser.add_argument("--pace", choices=PACES, default="causal")

    def __call__(self, line: str, cell: str) -> Any:
        options = self.options(line)
        with replay(options.cassette, pace=options.pace) as engine:
            return self.run(cell, options.name, engine)


@contextlib.contextmanager
def _named(namespace: dict[str, Any], name: str, value: Any) -> Iterator[None]:
    before = namespace.get(name, _ABSENT)
    namespace[name] = value
    try:
        yield
    finally:
        if namespace.get(name) is value:
            del namespace[name]
            if before is not _ABSENT:
                namespace[name] = before
