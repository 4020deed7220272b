"""Create and remove volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opskit.actions.batch import act
from opskit.actions.rows import volume_row
from opskit.actions.targets import Target, path_of
from opskit.engine.base import RawEngine

if TYPE_CHECKING:
    import pandas as pd

    Rows = pd.Series[Any] | pd.DataFrame

__all__ = ["VolumeCalls"]


class VolumeCalls(RawEngine):
    """Calls on volumes; each takes names, rows of ``engine.volumes()`` or SDK objects."""

    def create_volume(
        self,
        name: str | None = None,
        *,
        driver: str = "local",
        driver_opts: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> pd.Series[Any]:
        """Create a volume (endpoint ``POST /volumes/create``).

        The engine gives one that exists already as it is.

        Parameters
        ----------
        name : str, optional
            Without it the engine makes one up.
        driver, driver_opts, labels
            In the words of the Docker SDK.

        Returns
        -------
        pandas.Series
            Its row of ``engine.volumes()``.
        """
        body = {
            "Name": name or "",
            "Driver": driver,
            "DriverOpts": dict(driver_opts or {}),
            "Labels": dict(labels or {}),
        }
        return volume_row(self, self.post("/volumes/create", body)["Name"])

    def remove_volume(self, what: Any, *, force: bool = False) -> pd.Series[Any] | pd.DataFrame:
        """Remove volumes (endpoint ``DELETE /volumes/NAME``).

        Parameters
        ----------
        force : bool
            Forget it also where its driver cannot remove it. The engine then calls a volume that
            it never had removed.

        Returns
        -------
        pandas.Series or pandas.DataFrame
            What was done: a row each.

        Raises
        ------
        Conflict
            A container uses it.
        """

        def call(target: Target) -> dict[str, Any]:
            self.delete(f"/volumes/{path_of(target)}", force=force or None)
            return {}

        rows: Rows = act(self, what, "remove", call, containers=False)
        return rows
