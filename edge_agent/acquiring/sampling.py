"""Acquisition as the agent's service calls it: blocking, with an event loop and clocks of its own."""

from __future__ import annotations

import asyncio
import threading

from edge_agent.acquiring.acquisition import acquire
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.readings.records import RecordSink
from quantrac.config.stations import Station


def sample(
    station: Station,
    *,
    sink: RecordSink,
    restart: str,
    around: Surroundings,
    stop: threading.Event,
    link: FieldLink | None = None,
) -> None:
    """Read a station until `stop` is set, then return when the reads under way are finished.

    Args:
        station: resolved, with its buses at their places (`Wiring.wire`).
        sink: takes each record and returns at once.
        restart: text of the `restart` event that the first record carries, such as ``boot 17``.
        around: clock, sources of the agent's own channels, orders, watchdog.
        stop: may be set from any thread.
        link: lets other threads ask something of the instruments while they are read.

    Raises:
        Unsuitable: a device's profile, bus and address do not go together.
    """
    asyncio.run(_sample(station, sink, restart, around, stop, link))


async def _sample(
    station: Station,
    sink: RecordSink,
    restart: str,
    around: Surroundings,
    stop: threading.Event,
    link: FieldLink | None,
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def carry_stop() -> None:
        stop.wait()
        loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=carry_stop, name="stop acquisition", daemon=True).start()
    await acquire(station, sink=sink, stop=stopping, restart=restart, around=around, link=link)
