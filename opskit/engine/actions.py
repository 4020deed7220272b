"""The calls that change an engine."""

from __future__ import annotations

from opskit.actions.containers import ContainerCalls
from opskit.actions.execs import ExecCalls

__all__ = ["ActionCalls"]


class ActionCalls(ContainerCalls, ExecCalls):
    """Run, stop, exec, copy, pull, push, build, prune: what changes an engine."""
