"""An instrument on a bus, as acquisition uses it, whatever protocol it speaks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from edge_agent.readings.misses import RequestRefused
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


class Instrument(ABC):
    """One instrument on one bus."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        """Taken and emptied by acquisition."""
        self.refusals: list[RequestRefused] = []
        """Requests that it refused in reads that brought something all the same; taken and emptied likewise."""

    @property
    @abstractmethod
    def try_ms(self) -> int:
        """Time of its line that a try needs at least, ms."""

    @property
    def owed_ms(self) -> int:
        """For how long it is better not asked, ms, because a late answer could be taken for the next one."""
        return 0

    @abstractmethod
    def parts(self) -> Sequence[Part]:
        """Return what one sample reads, in order."""

    @abstractmethod
    def requests(self) -> list[PlannedRequest]:
        """Return the requests that one sample sends."""

    @abstractmethod
    async def read(self, part: Part) -> list[Sample]:
        """Read one part; raises Miss."""

    async def begin(self, part: Part) -> int:  # noqa: ARG002
        """Have a part measured, and return in how many ms `read` can fetch it: 0, at once; raises Miss.

        For instruments that measure by themselves, so that their neighbours can be asked meanwhile. Called again
        it returns what is left of that time. `read` without it waits by itself.
        """
        return 0

    async def wake(self) -> int:
        """Wake an instrument that sleeps between requests; return how many ms it needs then, 0 if it never sleeps."""
        return 0

    async def probe(self) -> None:  # noqa: B027
        """Find out cheaply whether an instrument that was silent is there; raises Miss. Nothing: a read is as cheap."""

    def forget(self) -> None:  # noqa: B027
        """Forget what was learnt of the instrument: another may stand in its place."""

    async def act(self, name: str, value: float | None) -> None:  # noqa: ARG002
        """Carry out an action of its profile, with one transaction; raises Miss, Unsuitable (no profile says how)."""
        raise Unsuitable("it can be ordered to do nothing")
