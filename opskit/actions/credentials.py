"""Registry credentials: docker's config file, its credential helpers, or given with the call.

Reading them is docker-py's work, which knows ``auths``, ``credsStore`` and ``credHelpers``; what it
passes over in silence, a file that cannot be read or a helper that is missing, is an error here.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opskit.errors import CredentialsError, InvalidOption

__all__ = ["auth_header", "registry_config_header", "registry_of", "split_name"]


def split_name(name: str, tag: str | None = None) -> tuple[str, str | None]:
    """``repository`` and ``tag`` (or digest) of an image's name."""
    from docker.utils import parse_repository_tag

    repository, found = parse_repository_tag(name)
    return repository, tag or found


def registry_of(repository: str) -> str:
    """The registry that an image's name belongs to: ``docker.io`` where it names none."""
    from docker import auth
    from docker.errors import DockerException

    try:
        return str(auth.resolve_repository_name(repository)[0])
    except (DockerException, IndexError) as error:
        raise InvalidOption(
            f"{repository!r} is not an image's name: {error}", "write registry/name:tag"
        ) from None


def auth_header(repository: str, auth_config: Mapping[str, str] | None = None) -> dict[str, str]:
    """``X-Registry-Auth`` for a pull or push; without credentials it says so in its way.

    Raises
    ------
    CredentialsError
        Docker's config file or credential helper cannot be used.
    """
    from docker import auth

    registry = registry_of(repository)
    found: Any = auth_config
    if found is None:
        found = _ask(lambda: _config().resolve_authconfig(registry))
    header = auth.encode_header(dict(found or {}))
    return {"X-Registry-Auth": header.decode("ascii")}


def registry_config_header() -> dict[str, str]:
    """``X-Registry-Config`` for a build: all credentials, since it may pull from anywhere."""
    from docker import auth

    found = _ask(lambda: _config().get_all_credentials())
    if not found:
        return {}
    return {"X-Registry-Config": auth.encode_header(found).decode("ascii")}


def _config() -> Any:
    """Docker's config file, where the docker CLI looks for it and nowhere else."""
    from docker import auth

    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    path = Path(folder) / "config.json"
    try:
        content = json.loads(path.read_text())
        wanted = {k: content[k] for k in ("auths", "credsStore", "credHelpers") if content.get(k)}
    except FileNotFoundError:
        return auth.AuthConfig({})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CredentialsError(
            f"{path} cannot be read: {error}", "mend it, or set DOCKER_CONFIG to another folder"
        ) from error
    if not wanted:
        return auth.AuthConfig({})
    return _ask(lambda: auth.load_config(config_dict=wanted))


def _ask(question: Any) -> Any:
    from docker.errors import DockerException

    try:
        with warnings.catch_warnings():  # of a helper that is missing: that is an error below
            warnings.simplefilter("ignore", UserWarning)
            return question()
    except (DockerException, ValueError, OSError) as error:
        raise CredentialsError(
            f"docker's credentials cannot be read: {error}",
            "'docker login' writes them again; is the credential helper that config.json names "
            "installed? auth_config={'username': …, 'password': …} does without",
        ) from error
