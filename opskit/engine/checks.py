"""Checking an engine's exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.engine.base import RawEngine

if TYPE_CHECKING:
    import pandas as pd

    from opskit.checks.rules import Severity

__all__ = ["CheckCalls"]


class CheckCalls(RawEngine):
    """Is it exposed to more than it should be?"""

    def exposure(
        self, *, all: bool = False, least: Severity = "low", probe: bool = True
    ) -> pd.DataFrame:
        """Where the engine and its containers are exposed, the most serious first.

        The engine: API on TCP without TLS or without client certificates (also on other addresses
        of its host), its socket open to all, certificates weak or about to expire, a release out
        of date. Containers: those that hold the socket, run privileged, share the host's
        namespaces, publish on all addresses, write to the host's files as root, have no limits,
        and what else section 5 of the CIS Docker Benchmark 1.6.0 names and the API can answer
        (the rest as severity ``info``). Asks ``GET /info``, ``/containers/json``, and for each
        container ``/json``, ``/top``, its volumes and the commands started in it; changes nothing.

        Parameters
        ----------
        all : bool
            Look at stopped containers too.
        least : {"critical", "high", "medium", "low", "info"}
            Leave out what is less serious.
        probe : bool
            Ask other addresses of the engine's host whether the API answers there.

        Returns
        -------
        pandas.DataFrame
            One row a finding; none where all is well. ``severity``, ``subject``, ``rule``,
            ``title``, ``evidence``, ``remedy`` (str), ``cis`` (str): number in the benchmark,
            missing where it has none; ``id`` (str): the container's, missing for the engine.

        Raises
        ------
        EngineError
            The engine could not be asked, or a proxy in between refuses a call.
        """
        from opskit.checks.exposure import examine_exposure
        from opskit.checks.tables import exposure_frame

        found = examine_exposure(self, all=all, least=least, probe=probe)
        return self.stamp(exposure_frame(found), "GET /info")
