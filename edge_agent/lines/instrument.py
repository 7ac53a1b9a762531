"""The Protocol of every instrument, whatever it speaks, as acquisition uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from edge_agent.readings.samples import Sample
from quantrac.telemetry.errors import QuantracError


class Unsuitable(QuantracError):
    """A device's profile, bus and address do not go together."""

    exit_code = 2


class Part(Protocol):
    """A piece of a sample that is read, and read again, on its own."""

    @property
    def signals(self) -> Sequence[str]:
        """Names of the signals it brings."""
        ...


class Note(NamedTuple):
    """Something that an instrument noticed about itself."""

    kind: str
    detail: str


class PlannedRequest(NamedTuple):
    """A request that a sample sends, for people who want to see the plan."""

    text: str
    signals: Sequence[str]
    wire_bytes: int | None
    """Bytes of request and answer on the line; None if the answer's length is not known beforehand."""


class OwnedLine(Protocol):
    """A line or endpoint with one owner."""

    async def open(self) -> None:
        """Open it if it is not open; raises LineDown."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


@runtime_checkable
class SharedBus(OwnedLine, Protocol):
    """A bus whose turns are counted: for how long each may hold it, and who answered too late."""

    def begin(self, device: str, for_ms: int | None) -> None:
        """A turn of a device begins that may hold the bus for so long; None: as long as it takes."""
        ...

    def end(self) -> None:
        """The turn is over."""
        ...

    def heard_late(self) -> set[str]:
        """Return the devices whose answers came too late since this was asked last."""
        ...

    def late_ms(self, device: str) -> int:
        """Return after how long the newest of its late answers came."""
        ...

    def inherit(self, former: SharedBus) -> None:
        """Go on where another bus has ended: what was asked there may still be answered, and what it learnt holds."""
        ...


class Instrument(Protocol):
    """One instrument on one bus."""

    notes: list[Note]
    """Taken and emptied by acquisition."""

    @property
    def try_ms(self) -> int:
        """Time of its line that a try needs at least, ms."""
        ...

    def parts(self) -> Sequence[Part]:
        """Return what one sample reads, in order."""
        ...

    def requests(self) -> list[PlannedRequest]:
        """Return the requests that one sample sends."""
        ...

    async def read(self, part: Part) -> list[Sample]:
        """Read one part; raises Miss."""
        ...

    async def wake(self) -> int:
        """Wake an instrument that sleeps between requests; return how many ms it needs then, 0 if it never sleeps."""
        ...

    async def probe(self) -> None:
        """Find out cheaply whether an instrument that was silent is there; raises Miss."""
        ...


@runtime_checkable
class Unfenced(Protocol):
    """An instrument of whose answers nothing tells which request they belong to."""

    @property
    def owed_ms(self) -> int:
        """For how long it is better not asked, because an answer that is late may still come."""
        ...


@runtime_checkable
class Overlapping(Protocol):
    """An instrument that measures by itself once it was told to, so that its neighbours can be asked meanwhile."""

    async def begin(self, part: Part) -> int:
        """Have a part measured, and return in how many ms `read` can fetch it: 0, at once; raises Miss.

        Asked again meanwhile it returns what is left of that time. `read` without it waits by itself.
        """
        ...


@runtime_checkable
class Wiping(Protocol):
    """An instrument whose wiper can be started from outside."""

    async def wipe(self) -> None:
        """Start the wiper, with one transaction; raises Miss, Unsuitable: the profile does not say how."""
        ...
