"""Acquisition as the agent's service calls it: blocking, with an event loop and clocks of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.acquisition import acquire
from edge_agent.housekeeping import Housekeeping
from edge_agent.records import RecordSink
from quantrac.config.stations import Station


def sample(
    station: Station,
    *,
    sink: RecordSink,
    restart: str,
    disk: Path,
    spool_depth: Callable[[], int],
    stop: threading.Event,
) -> None:
    """Read a station until `stop` is set, then return when the reads under way are finished.

    Args:
        station: resolved, with its buses at their places (`Wiring.wire`).
        sink: takes each record and returns at once.
        restart: text of the `restart` event that the first record carries, such as ``boot 17``.
        disk: a directory on the disk that holds the spool, for `disk_free`.
        spool_depth: messages that wait for their acknowledgement.
        stop: may be set from any thread.

    Raises:
        Unsuitable: a device's profile, bus and address do not go together.
    """
    asyncio.run(_sample(station, sink, restart, Housekeeping(disk, spool_depth), stop))


async def _sample(
    station: Station, sink: RecordSink, restart: str, keeping: Housekeeping, stop: threading.Event
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def carry_stop() -> None:
        stop.wait()
        loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=carry_stop, name="stop acquisition", daemon=True).start()
    await acquire(station, sink=sink, clock=_now_ms, stop=stopping, restart=restart, keeping=keeping)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251 (where the loop of acquisition starts)
