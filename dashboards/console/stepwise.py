"""Long works for a page: done in a thread, told step by step, ended when the page goes away or after a bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import psycopg

from quantrac.observe import logs, metrics
from quantrac.telemetry.errors import QuantracError, TranslatableError

LONGEST_S: Final = 120.0
"""Whoever needs more asks for less at a time, or by the command."""
FAILED: Final = metrics.counter(
    "quantrac_console_long_works_failed_total", "Long works of pages that ended by a mistake."
)

log = logs.logger(__name__)

Progress = Callable[[float], None]
Event = bytes


class WorkTooLong(TranslatableError):
    """It took longer than it may."""


class _PageGone(Exception):
    """Nobody waits for it any more."""


def event(kind: str, data: object) -> Event:
    """Return an event of a stream: `progress` with a share, `done`, `refused` with the reason."""
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


async def told_stepwise(
    work: Callable[[Progress], object],
    refusal: Callable[[QuantracError | psycopg.OperationalError], str],
    longest_s: float = LONGEST_S,
) -> AsyncIterator[Event]:
    """Do something long in a thread and yield how far it is, then what came of it; it ends when nobody listens."""
    loop, gone = asyncio.get_running_loop(), threading.Event()
    said: asyncio.Queue[Event | None] = asyncio.Queue()
    until, last = time.monotonic() + longest_s, 0.0

    def tell(news: Event | None) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(said.put_nowait, news)

    def progress(share: float) -> None:
        nonlocal last
        if gone.is_set():
            raise _PageGone
        if time.monotonic() > until and share < 1:
            raise WorkTooLong(
                "stopped after {seconds} s at {share} %: try one station, or fewer days",
                seconds=round(longest_s), share=round(100 * share),
            )  # fmt: skip
        if share != last:
            tell(event("progress", share))
            last = share

    def run() -> None:
        try:
            tell(event("done", work(progress)))
        except _PageGone:
            log.info("long_work_given_up")
        except (QuantracError, psycopg.OperationalError) as error:
            tell(event("refused", refusal(error)))
        except Exception:
            FAILED.inc()
            log.exception("long_work_failed")
        finally:
            tell(None)

    running = loop.run_in_executor(None, run)
    try:
        yield event("progress", 0.0)
        while (news := await said.get()) is not None:
            yield news
        await running
    finally:
        gone.set()
