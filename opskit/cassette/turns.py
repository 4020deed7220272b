"""When the things that one replayed exchange sends may be sent: its turns."""

from __future__ import annotations

from typing import Protocol

__all__ = ["AtOnce", "Turns"]


class Turns(Protocol):
    """When the things that one replayed exchange sends may be sent."""

    stuck: bool
    """Set while the client does not read."""

    def ready(self, order: int) -> bool:
        """Whether what has this place in the recording may be sent now."""

    async def wait(self, order: int, at: float) -> None:
        """Wait until it may be sent."""

    def sent(self) -> None:
        """It was sent."""

    def received(self, count: int) -> None:
        """The client has sent bytes on a hijacked connection."""

    def half_closed(self) -> None:
        """The client sends no more on a hijacked connection."""

    def over(self) -> None:
        """The exchange is over, however it ended."""


class AtOnce:
    """Turns that have come: of an answer that was given before, say."""

    stuck = False

    def ready(self, order: int) -> bool:
        return True

    async def wait(self, order: int, at: float) -> None:
        pass

    def sent(self) -> None:
        pass

    def received(self, count: int) -> None:
        pass

    def half_closed(self) -> None:
        pass

    def over(self) -> None:
        pass
