"""Create, connect, disconnect and remove networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opskit.actions.batch import act
from opskit.actions.lifecycle import warn
from opskit.actions.rows import network_row
from opskit.actions.targets import Target, one, path_of
from opskit.engine.base import RawEngine

if TYPE_CHECKING:
    import pandas as pd

    Rows = pd.Series[Any] | pd.DataFrame

__all__ = ["NetworkCalls"]


class NetworkCalls(RawEngine):
    """Calls on networks; each takes names, ids, rows of ``engine.networks()`` or SDK objects."""

    def create_network(
        self,
        name: str,
        *,
        driver: str = "bridge",
        subnet: str | None = None,
        gateway: str | None = None,
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        internal: bool = False,
        attachable: bool = False,
        enable_ipv6: bool = False,
        ipam: Mapping[str, Any] | None = None,
        scope: str | None = None,
        ingress: bool = False,
    ) -> pd.Series[Any]:
        """Create a network (endpoint ``POST /networks/create``).

        Parameters
        ----------
        subnet, gateway : str, optional
            Address range and gateway; ``ipam`` takes docker-py's ``IPAMConfig`` for more.
        driver, options, labels, internal, attachable, enable_ipv6, scope, ingress
            In the words of the Docker SDK.

        Returns
        -------
        pandas.Series
            Its row of ``engine.networks()``.

        Raises
        ------
        Conflict
            A network has that name.
        """
        if subnet or gateway:
            if ipam:
                raise TypeError("create_network() takes subnet and gateway, or ipam, not both")
            pool = {k: v for k, v in {"Subnet": subnet, "Gateway": gateway}.items() if v}
            ipam = {"Driver": "default", "Config": [pool]}
        body = {
            "Name": name,
            "CheckDuplicate": True,
            "Driver": driver,
            "Options": dict(options or {}),
            "Labels": dict(labels or {}),
            "Internal": internal,
            "Attachable": attachable,
            "EnableIPv6": enable_ipv6,
            **({"IPAM": dict(ipam)} if ipam else {}),
            **({"Scope": scope} if scope else {}),
            **({"Ingress": True} if ingress else {}),
        }
        answer = self.post("/networks/create", body)
        if warning := answer.get("Warning"):
            warn({"Warnings": [warning]}, f"network {name}")
        return network_row(self, answer["Id"])

    def connect_network(
        self,
        network: Any,
        what: Any,
        *,
        aliases: Sequence[str] | None = None,
        ipv4_address: str | None = None,
        ipv6_address: str | None = None,
        links: Sequence[str] | None = None,
        driver_opt: Mapping[str, str] | None = None,
        link_local_ips: Sequence[str] | None = None,
        mac_address: str | None = None,
    ) -> pd.Series[Any] | pd.DataFrame:
        """Connect containers to a network (endpoint ``POST /networks/ID/connect``).

        Parameters
        ----------
        network : str, row or SDK object
            One network.
        what : str, row, frame, SDK object, or many of them
            Containers.
        aliases, ipv4_address, ipv6_address, links, driver_opt, link_local_ips, mac_address
            In the words of the Docker SDK.

        Returns
        -------
        pandas.Series or pandas.DataFrame
            What was done: a row each.
        """
        path = f"/networks/{path_of(one(self, network))}/connect"
        given = {
            "Aliases": list(aliases) if aliases else None,
            "Links": list(links) if links else None,
            "DriverOpts": dict(driver_opt) if driver_opt else None,
            "MacAddress": mac_address,
            "IPAMConfig": {
                key: value
                for key, value in {
                    "IPv4Address": ipv4_address,
                    "IPv6Address": ipv6_address,
                    "LinkLocalIPs": list(link_local_ips or ()),
                }.items()
                if value
            },
        }
        end = {key: value for key, value in given.items() if value}

        def call(target: Target) -> dict[str, Any]:
            self.post(path, {"Container": target.id or target.ref, "EndpointConfig": end})
            return {}

        rows: Rows = act(self, what, "connect", call)
        return rows

    def disconnect_network(
        self, network: Any, what: Any, *, force: bool = False
    ) -> pd.Series[Any] | pd.DataFrame:
        """Disconnect containers from a network (endpoint ``POST /networks/ID/disconnect``)."""
        path = f"/networks/{path_of(one(self, network))}/disconnect"

        def call(target: Target) -> dict[str, Any]:
            self.post(path, {"Container": target.id or target.ref, "Force": force})
            return {}

        rows: Rows = act(self, what, "disconnect", call)
        return rows

    def remove_network(self, what: Any) -> pd.Series[Any] | pd.DataFrame:
        """Remove networks (endpoint ``DELETE /networks/ID``).

        Returns
        -------
        pandas.Series or pandas.DataFrame
            What was done: a row each.

        Raises
        ------
        Forbidden, Conflict
            It is one of the engine's own, or containers are in it.
        """

        def call(target: Target) -> dict[str, Any]:
            self.delete(f"/networks/{path_of(target)}")
            return {}

        rows: Rows = act(self, what, "remove", call, containers=False)
        return rows
