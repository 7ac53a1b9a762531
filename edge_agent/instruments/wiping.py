"""An instrument whose wiper can be started from outside."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Wiping(Protocol):
    """See the module."""

    async def wipe(self) -> None:
        """Start the wiper, with one transaction; raises Miss, Unsuitable: the profile does not say how."""
        ...
