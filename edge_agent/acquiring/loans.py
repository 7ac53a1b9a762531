"""Loans of a line: others read between two turns of its owner, or share the lines of text that it hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Final

from edge_agent.acquiring.bus_owner import BusOwner
from edge_agent.acquiring.spot_read import Lend, SpotReading, look_at
from edge_agent.acquiring.talker_reader import TalkerReader
from edge_agent.clocks.clock import NowMs, WallClock
from edge_agent.instruments.text_instrument import Talker
from edge_agent.lines.endings import Ending
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.readings.misses import NoAnswer
from quantrac.config.stations import Device

LOOK_S: Final = 0.02
LONGEST_WAIT_S: Final = 3.0
"""It is lent all the same when nothing was due for long enough at no moment of this time."""
NEARLY: Final = 0.8
"""Share of the longest idle time seen that is good enough in the second half of the waiting."""


async def wait_for_room(owner: BusOwner, wall: WallClock, room_ms: int) -> None:
    """Return when nothing is due on a bus for `room_ms`, or for nearly as long as there ever is, or after 3 s.

    At once for an owner that only listens.
    """
    if owner.idle_until_ms is None:
        return
    loop = asyncio.get_running_loop()
    began, longest_ms = loop.time(), 0
    while (waited_s := loop.time() - began) < LONGEST_WAIT_S:
        idle_ms = 0 if owner.turn.locked() else owner.idle_until_ms - wall.now_ms()
        longest_ms = max(longest_ms, idle_ms)
        enough_ms = room_ms if waited_s < LONGEST_WAIT_S / 2 else min(room_ms, round(NEARLY * longest_ms))
        if idle_ms > 0 and idle_ms >= enough_ms:
            return
        await asyncio.sleep(LOOK_S)


def loan(owner: BusOwner, bus: SharedBus, wall: WallClock, device: str) -> Lend:
    """Return the loan of the owner's own bus: open, and limited to what its instruments leave."""

    @asynccontextmanager
    async def lent(room_ms: int) -> AsyncIterator[None]:
        await wait_for_room(owner, wall, room_ms)
        async with owner.turn:
            idle_ms = owner.idle_until_ms
            left_ms = None if idle_ms is None else max(0, idle_ms - wall.now_ms())
            await bus.open()
            bus.begin(device, left_ms)
            try:
                yield
            finally:
                bus.end()

    return lent


def loan_of_place(owner: BusOwner, own: SharedBus, other: SharedBus, wall: WallClock) -> Lend:
    """Return the loan of a bus's place to a bus of other line settings; the owner opens its own again."""

    @asynccontextmanager
    async def lent(room_ms: int) -> AsyncIterator[None]:
        await wait_for_room(owner, wall, room_ms)
        async with owner.turn:
            own.close()
            try:
                await other.open()
                yield
            finally:
                other.close()

    return lent


class Overheard:
    """A bus that repeats the lines that another one hears."""

    def __init__(self, clock: NowMs) -> None:
        self._clock = clock
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    def put(self, raw: bytes) -> None:
        """Take a line that its owner has heard."""
        self._lines.put_nowait(raw)

    def now_ms(self) -> int:
        """Return the wall clock."""
        return self._clock()

    def try_ms(self, timeout_ms: int) -> int:
        """Return the longest time that listening can take."""
        return timeout_ms

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:  # noqa: ARG002 (the lines are whole)
        """Return the next line; raises NoAnswer."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await self._lines.get()
        except TimeoutError as error:
            raise NoAnswer(f"nothing heard within {timeout_ms / 1000:.1f} s") from error


async def overhear(owner: TalkerReader, device: Device, talker: Talker, clock: NowMs, tries: int) -> list[SpotReading]:
    """Return what a device's channels are by the lines that the owner of its line hears now."""
    overheard = Overheard(clock)
    owner.taps.append(overheard.put)
    try:
        return await look_at(device, talker.listening_to(overheard), lambda _: nullcontext(), tries)
    finally:
        owner.taps.remove(overheard.put)
