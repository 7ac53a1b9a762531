"""The poll window: minutes of the hour in which an instrument may be asked (it moves its tape in the others)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from edge_agent.lines.instrument import Instrument, Part, PlannedRequest
from edge_agent.readings.samples import Sample

MINUTE_MS: Final = 60_000
MINUTES: Final = 60


def is_open(minutes: tuple[int, int], now_ms: int) -> bool:
    """Return whether the minute of the hour lies in a window, both ends inclusive. Time zones differ by whole hours."""
    return minutes[0] <= now_ms // MINUTE_MS % MINUTES <= minutes[1]


class WindowedInstrument(Instrument):
    """An instrument that outside its minutes is not asked and not missed."""

    def __init__(self, instrument: Instrument, minutes: tuple[int, int], now_ms: Callable[[], int]) -> None:
        super().__init__()
        self.notes = instrument.notes
        self._instrument = instrument
        self._minutes = minutes
        self._now_ms = now_ms

    @property
    def try_ms(self) -> int:
        """Time of its line that a try needs at least, ms."""
        return self._instrument.try_ms

    @property
    def owed_ms(self) -> int:
        """For how long it is better not asked, because an answer that is late may still come."""
        return self._instrument.owed_ms

    def parts(self) -> Sequence[Part]:
        """Return what one sample reads: nothing outside the window."""
        return self._instrument.parts() if self._is_open else ()

    def requests(self) -> list[PlannedRequest]:
        """Return the requests that one sample sends inside the window."""
        first, last = self._minutes
        return [
            request._replace(text=f"{request.text} (minutes {first}-{last})") for request in self._instrument.requests()
        ]

    async def read(self, part: Part) -> list[Sample]:
        """Read one part; raises Miss."""
        return await self._instrument.read(part) if self._is_open else []

    async def begin(self, part: Part) -> int:
        """Have a part measured, inside the window."""
        return await self._instrument.begin(part) if self._is_open else 0

    async def wake(self) -> int:
        """Wake it, inside the window."""
        return await self._instrument.wake() if self._is_open else 0

    async def probe(self) -> None:
        """Find out whether it is there, inside the window; raises Miss."""
        if self._is_open:
            await self._instrument.probe()

    @property
    def _is_open(self) -> bool:
        return is_open(self._minutes, self._now_ms())
