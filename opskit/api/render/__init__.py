"""One call in four languages: curl, opskit, the Docker SDK for Python, the docker CLI.

Each function takes a method and a path, as a request has them or as the API describes them: with
or without a version in front, with the query in the path or beside it. A call that a language has
no word for comes out as a comment that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opskit.api.render.call import Call
from opskit.api.render.to_cli import cli_command
from opskit.api.render.to_curl import curl_command
from opskit.api.render.to_opskit import opskit_code
from opskit.api.render.to_sdk import sdk_code

__all__ = ["cli", "curl", "opskit", "sdk"]


def curl(
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    address: Any = None,
    api_version: str | None = None,
) -> str:
    """The call as a curl command that runs as it stands in a POSIX shell.

    Parameters
    ----------
    method, path : str
        ``"POST"``, ``"/containers/web/stop?t=5"``.
    query : mapping, optional
        Query parameters as Python values: booleans, numbers, lists, mappings for filters.
    json : object, optional
        The body. Where an archive is due instead, the command sends the file ``archive.tar``.
    headers : mapping, optional
        Further headers.
    address : str or Address, optional
        The engine's: ``unix://``, ``tcp://``, ``ssh://`` or a socket's path; an `Address` brings
        its certificates along (``engine.where`` is one). The local socket by default.
    api_version : str, optional
        Put in front of a path that has none.

    Returns
    -------
    str
        Archives go to a file and not to the terminal; where the answer has no body, the command
        prints the status.

    Examples
    --------
    >>> print(curl("GET", "/containers/json", query={"all": True}, api_version="1.45"))
    curl -sS --unix-socket /var/run/docker.sock 'http://localhost/v1.45/containers/json?all=true'
    """
    call = Call.of(method, path, query, json)
    return curl_command(call, address, api_version, headers or {})


def opskit(
    method: str, path: str, *, query: Mapping[str, Any] | None = None, json: Any = None
) -> str:
    """The call as opskit code, on a variable ``engine``. Parameters as for `curl`.

    Calls whose answer has no end, and archives, come out as a ``with`` block.

    Examples
    --------
    >>> opskit("GET", "/containers/json", query={"all": True})
    "engine.get('/containers/json', all=True)"
    """
    return opskit_code(Call.of(method, path, query, json))


def sdk(method: str, path: str, *, query: Mapping[str, Any] | None = None, json: Any = None) -> str:
    """The call as code for the Docker SDK, on a variable ``client``. Parameters as for `curl`.

    What the SDK cannot say stands in a comment behind the code.

    Examples
    --------
    >>> sdk("POST", "/containers/web/stop", query={"t": 5})
    "client.containers.get('web').stop(timeout=5)"
    """
    return sdk_code(Call.of(method, path, query, json))


def cli(
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    json: Any = None,
    address: Any = None,
) -> str:
    """The call as a docker command. Parameters as for `curl`; without an address none is named.

    What the docker CLI cannot say stands in a comment above the command.

    Examples
    --------
    >>> cli("POST", "/containers/web/stop", query={"t": 5})
    'docker stop -t 5 web'
    """
    return cli_command(Call.of(method, path, query, json), address)
