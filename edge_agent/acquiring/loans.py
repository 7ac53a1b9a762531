"""A line lent between two turns of its owner, one transaction at a time, when that makes nobody late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.probe import Lend
from edge_agent.acquiring.talker_reader import TalkerReader
from edge_agent.clocks.clock import WallClock
from edge_agent.lines.instrument import OwnedLine, SharedBus

LOOK_S: Final = 0.02
LONGEST_WAIT_S: Final = 3.0
"""It is lent all the same when nothing was due for long enough at no moment of this time."""
NEARLY: Final = 0.8
"""Share of the longest idle time seen that is good enough in the second half of the waiting."""


async def wait_for_room(reader: BusReader, wall: WallClock, room_ms: int) -> None:
    """Return when nothing is due on a bus for `room_ms`, or for nearly as long as there ever is, or after 3 s."""
    loop = asyncio.get_running_loop()
    began, longest_ms = loop.time(), 0
    while (waited_s := loop.time() - began) < LONGEST_WAIT_S:
        idle_ms = 0 if reader.turn.locked() else reader.idle_until_ms - wall.now_ms()
        longest_ms = max(longest_ms, idle_ms)
        enough_ms = room_ms if waited_s < LONGEST_WAIT_S / 2 else min(room_ms, round(NEARLY * longest_ms))
        if idle_ms > 0 and idle_ms >= enough_ms:
            return
        await asyncio.sleep(LOOK_S)


def lending(reader: BusReader | TalkerReader, bus: SharedBus, wall: WallClock, device: str) -> Lend:
    """Return who lends the owner's own bus: open, and cut to what its instruments leave."""

    @asynccontextmanager
    async def lent(room_ms: int) -> AsyncIterator[None]:
        if isinstance(reader, BusReader):
            await wait_for_room(reader, wall, room_ms)
        async with reader.turn:
            left_ms = max(0, reader.idle_until_ms - wall.now_ms()) if isinstance(reader, BusReader) else None
            await bus.open()
            bus.begin(device, left_ms)
            try:
                yield
            finally:
                bus.end()

    return lent


def lending_place(reader: BusReader | TalkerReader, own: OwnedLine, other: OwnedLine, wall: WallClock) -> Lend:
    """Return who lends the place of a bus to another one, of other line settings; the owner opens his again."""

    @asynccontextmanager
    async def lent(room_ms: int) -> AsyncIterator[None]:
        if isinstance(reader, BusReader):
            await wait_for_room(reader, wall, room_ms)
        async with reader.turn:
            own.close()
            try:
                await other.open()
                yield
            finally:
                other.close()

    return lent
