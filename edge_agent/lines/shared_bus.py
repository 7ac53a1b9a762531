"""A bus that devices share: it limits each turn, and knows who answered too late."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import NamedTuple

from edge_agent.clocks.clock import NowMs
from edge_agent.lines.instrument import Note
from edge_agent.lines.patience import LONGEST_MS, Allowance, Patience
from quantrac.config.devices import BusKind
from quantrac.config.stations import Bus


class RecordedExchange(NamedTuple):
    """A request and its answer as they were on the line; of a talker only what it said."""

    ask: bytes
    reply: bytes


class SharedBus(ABC):
    """Base of the buses. All methods belong to the one task that owns the bus."""

    def __init__(self, bus: Bus, clock: NowMs) -> None:
        self._bus, self._clock = bus, clock
        self.patience = Patience()
        self._allowance = Allowance()
        self._free_at = 0.0
        """Loop time from which on the line may be used."""
        self.notes: list[Note] = []
        """What was noticed of the line; taken and emptied by its owner."""
        self.record: list[RecordedExchange] | None = None
        """Takes each exchange that brought an answer; None: nothing is recorded."""
        self._late: set[str] = set()
        """Devices heard too late since `heard_late` was called."""
        self._late_ms: dict[str, int] = {}

    @property
    def kind(self) -> BusKind:
        """The protocol of the bus."""
        return self._bus.kind

    @abstractmethod
    async def open(self) -> None:
        """Open the port or connect; raises LineDown with the reason. Does nothing if it is open."""

    @abstractmethod
    def close(self) -> None:
        """Close the port or connection."""

    @abstractmethod
    def inherit(self, former: SharedBus) -> None:
        """Go on where another bus has ended: what was asked there may still be answered, and what it learnt holds."""

    def now_ms(self) -> int:
        """Return the wall clock."""
        return self._clock()

    def begin(self, device: str, for_ms: int | None) -> None:
        """Begin a turn of a device that may hold the bus for so long; None: as long as it takes."""
        self._allowance.begin(device, for_ms, asyncio.get_running_loop().time())

    def end(self) -> None:
        """End the turn; what follows has no limit of time."""
        self._allowance.end()

    def heard_late(self) -> set[str]:
        """Return the devices whose answers came too late since this was asked last."""
        late, self._late = self._late, set()
        return late - {""}

    def late_ms(self, device: str) -> int:
        """Return after how long the newest of its late answers came."""
        return self._late_ms.get(device, 0)

    def _note_late(self, device: str, took_ms: float) -> None:
        self._late.add(device)
        self._late_ms[device] = round(took_ms)

    def _wait_ms(self, unit: int, timeout_ms: int, behind_ms: int, most_ms: int = LONGEST_MS) -> int:
        """Return how long to wait for a unit in this turn; `behind_ms`: the silence after a miss."""
        needed_ms = self.patience.needed_ms(unit, timeout_ms, most_ms)
        now = asyncio.get_running_loop().time()
        return self._allowance.cut(self.patience.wait_ms(unit, timeout_ms), needed_ms, behind_ms, now)

    async def _wait_until_free(self) -> None:
        if (wait_s := self._free_at - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(wait_s)
