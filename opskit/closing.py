"""What is closed by ``close()`` is closed by leaving a ``with`` block too."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

__all__ = ["Closing"]


class Closing:
    """A context manager of itself, for a class with a ``close``."""

    @abstractmethod
    def close(self) -> None:
        """End what is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
