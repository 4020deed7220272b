"""Images and their registries: pull and push."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opskit.actions.credentials import auth_header, split_name
from opskit.actions.progress import post_following
from opskit.actions.rows import image_rows
from opskit.actions.targets import one, path_of
from opskit.actions.transfer import Transfer, transfer
from opskit.engine.base import RawEngine
from opskit.frames.images import images

__all__ = ["RegistryCalls"]


class RegistryCalls(RawEngine):
    """Calls that bring images from a registry to an engine, and back.

    They show a progress bar for each layer (``progress=False`` shows none), stop cleanly on an
    interrupt, on the engine's side too, and raise the errors that the engine reports inside a
    stream that began well.
    """

    def pull(
        self,
        repository: str,
        tag: str | None = None,
        *,
        all_tags: bool = False,
        platform: str | None = None,
        auth_config: Mapping[str, str] | None = None,
        progress: bool = True,
        timeout: float | None = None,
    ) -> Transfer:
        """Pull an image from its registry (endpoint ``POST /images/create``).

        Parameters
        ----------
        repository : str
            ``"alpine"``, ``"registry.example.com/team/app:1.2"`` or with ``@sha256:…``.
        tag : str, optional
            The tag, where ``repository`` has none; ``latest`` by default.
        all_tags : bool
            Pull all of the repository's tags.
        platform : str, optional
            ``os/arch/variant`` to pull instead of the engine's own.
        auth_config : mapping, optional
            ``username`` and ``password``. Without it docker's config file and its credential
            helpers are asked, as the docker CLI does.
        timeout : float, optional
            Seconds of silence to bear; without it, any.

        Returns
        -------
        Transfer
            ``image``, ``digest``, ``log``.

        Raises
        ------
        NotFound
            The registry has no such image.
        OperationFailed
            The engine reported an error on the way: no space left, connection lost.
        APIError
            The registry cannot be reached, or refuses the credentials.
        CredentialsError
            Docker's config file or credential helper cannot be used.
        """
        repository, tag = split_name(repository, tag)
        tag = None if all_tags else tag or "latest"
        log = post_following(
            self,
            "/images/create",
            headers=auth_header(repository, auth_config),
            show=progress,
            timeout=timeout,
            fromImage=repository,
            tag=tag,
            platform=platform,
        )
        if all_tags:
            frame = images(self.get("/images/json", filters={"reference": [repository]}))
        else:
            separator = "@" if ":" in str(tag) else ":"
            frame = image_rows(self, [f"{repository}{separator}{tag}"])
        return transfer(frame, log)

    def push(
        self,
        image: Any,
        tag: str | None = None,
        *,
        auth_config: Mapping[str, str] | None = None,
        progress: bool = True,
        timeout: float | None = None,
    ) -> Transfer:
        """Push an image to the registry in its name (endpoint ``POST /images/NAME/push``).

        Parameters
        ----------
        image : str, row of ``engine.images()``, or SDK object
            By name, since the name says where it goes to.
        tag, auth_config, timeout
            As for `pull`.

        Returns
        -------
        Transfer
            ``image``, ``digest`` as the registry has it now, ``log``.

        Raises
        ------
        NotFound
            No image of that name is on the engine.
        OperationFailed
            The registry refused it or cannot be reached.
        """
        target = one(self, image)
        repository, tag = split_name(target.name or target.ref, tag)
        tag = tag or "latest"
        log = post_following(
            self,
            f"/images/{path_of(repository, slashes=True)}/push",
            headers=auth_header(repository, auth_config),
            show=progress,
            timeout=timeout,
            tag=tag,
        )
        return transfer(image_rows(self, [f"{repository}:{tag}"]), log)
