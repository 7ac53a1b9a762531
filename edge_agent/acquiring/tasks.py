"""Tasks of the event loop: they pause until they are stopped, and restart after unexpected errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from quantrac.observe.metrics import counter

RESTART_TASK_S: Final = 1.0

CRASHES = counter("quantrac_edge_crashes_total", "Unexpected errors, by task.", ["task"])

log = structlog.get_logger()


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


async def attempt(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do something once; an unexpected error stops only this."""
    try:
        await work()
    except Exception:
        CRASHES.labels(name).inc()
        log.exception("task_crashed", task=name)


async def supervised(name: str, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run a task until `stop`; an unexpected error stops only this task, and for a second."""
    while not stop.is_set():
        try:
            await run(stop)
        except Exception:
            CRASHES.labels(name).inc()
            log.exception("task_crashed", task=name)
            await pause(RESTART_TASK_S, stop)
