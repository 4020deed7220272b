"""Name and remove images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opskit.actions.batch import act
from opskit.actions.credentials import split_name
from opskit.actions.rows import image_row
from opskit.actions.targets import Target, one, path_of
from opskit.engine.base import RawEngine

if TYPE_CHECKING:
    import pandas as pd

    Rows = pd.Series[Any] | pd.DataFrame

__all__ = ["ImageCalls"]


class ImageCalls(RawEngine):
    """Calls on images that are on the engine."""

    def tag(self, image: Any, repository: str, tag: str | None = None) -> pd.Series[Any]:
        """Give an image another name (endpoint ``POST /images/NAME/tag``).

        Returns
        -------
        pandas.Series
            The image's row, with that name.
        """
        target = one(self, image)
        repository, tag = split_name(repository, tag)
        path = f"/images/{path_of(target.id or target.ref, slashes=True)}/tag"
        self.post(path, repo=repository, tag=tag or "latest")
        return image_row(self, f"{repository}:{tag or 'latest'}")

    def remove_image(self, what: Any, *, force: bool = False, noprune: bool = False) -> Rows:
        """Remove images (endpoint ``DELETE /images/NAME``).

        Parameters
        ----------
        what : str, row, frame, SDK object, or many of them
            A name takes that name away, and the image with its last one. A row or an id means
            the image itself.
        force : bool
            Also when it has several names, or stopped containers use it.
        noprune : bool
            Keep its untagged parents.

        Returns
        -------
        pandas.Series or pandas.DataFrame
            What was done: a row each, with ``untagged`` and ``deleted``.
        """

        def call(target: Target) -> dict[str, Any]:
            path = f"/images/{path_of(target, slashes=True)}"
            answer = self.delete(path, force=force or None, noprune=noprune or None) or []
            return {
                "untagged": [item["Untagged"] for item in answer if item.get("Untagged")],
                "deleted": [item["Deleted"] for item in answer if item.get("Deleted")],
            }

        extras = ["untagged", "deleted"]
        done: Rows = act(self, what, "remove", call, extras=extras, containers=False)
        return done
