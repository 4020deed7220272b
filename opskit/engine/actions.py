"""The calls that change an engine."""

from __future__ import annotations

from opskit.actions.archives import ArchiveCalls
from opskit.actions.builds import BuildCalls
from opskit.actions.containers import ContainerCalls
from opskit.actions.execs import ExecCalls
from opskit.actions.files import FileCalls
from opskit.actions.images import ImageCalls
from opskit.actions.networks import NetworkCalls
from opskit.actions.prune import PruneCalls
from opskit.actions.swarm import SwarmCalls
from opskit.actions.volumes import VolumeCalls

__all__ = ["ActionCalls"]


class ActionCalls(
    ContainerCalls,
    ExecCalls,
    FileCalls,
    ImageCalls,
    ArchiveCalls,
    BuildCalls,
    NetworkCalls,
    VolumeCalls,
    PruneCalls,
    SwarmCalls,
):
    """Run, stop, exec, copy, pull, push, build, prune: what changes an engine."""
