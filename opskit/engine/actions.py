"""The calls that change an engine."""

from __future__ import annotations

from opskit.actions.archives import ArchiveCalls
from opskit.actions.containers import ContainerCalls
from opskit.actions.execs import ExecCalls
from opskit.actions.files import FileCalls
from opskit.actions.images import ImageCalls

__all__ = ["ActionCalls"]


class ActionCalls(ContainerCalls, ExecCalls, FileCalls, ImageCalls, ArchiveCalls):
    """Run, stop, exec, copy, pull, push, build, prune: what changes an engine."""
