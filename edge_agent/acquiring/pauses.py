"""Pauses that end early when the agent is to stop."""

from __future__ import annotations

import asyncio


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Sleep, or return as soon as `stop` is set."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
