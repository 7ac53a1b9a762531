"""The field link runs questions from other threads (desk, commands) inside the instruments' event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as TookTooLong
from typing import Any, TypeVar

from edge_agent.acquiring.sweeps import Sweeps
from quantrac.telemetry.errors import QuantracError

T = TypeVar("T")


class NothingIsRead(QuantracError):
    """The agent does not read instruments now: it starts, drains, or ends."""


class FieldLink:
    """Attached while instruments are read; `ask` may be called from any thread but the loop's own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeps: Sweeps | None = None

    def attach(self, loop: asyncio.AbstractEventLoop, sweeps: Sweeps) -> None:
        """Answer questions from now on."""
        with self._lock:
            self._loop, self._sweeps = loop, sweeps

    def detach(self) -> None:
        """Answer no more questions."""
        with self._lock:
            self._loop = self._sweeps = None

    def ask(self, question: Callable[[Sweeps], Coroutine[Any, Any, T]], timeout_s: float) -> T:
        """Have a question answered in the loop; raises NothingIsRead, TimeoutError, or what the question raises."""
        with self._lock:
            if self._loop is None or self._sweeps is None:
                raise NothingIsRead("the agent reads no instruments now; ask again when it runs")
            asked = asyncio.run_coroutine_threadsafe(question(self._sweeps), self._loop)
        try:
            return asked.result(timeout_s)
        except TookTooLong as error:
            asked.cancel()
            raise TimeoutError(f"the instruments took longer than {timeout_s:g} s") from error
