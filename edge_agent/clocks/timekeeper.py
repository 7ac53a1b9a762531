"""The timekeeper watches the machine's clock, in a thread of its own: an answer may take seconds."""

from __future__ import annotations

import threading
from typing import Final

from edge_agent.clocks.system_clock import SystemClock
from edge_agent.clocks.trust import ClockLook, ClockStamp, is_trusted
from edge_agent.readings.samples import Measured
from quantrac.config.stations import ClockPlan
from quantrac.observe.logs import logger
from quantrac.telemetry.states import State

log = logger(__name__)

LOOK_EVERY_S: Final = 30.0
LOOK_AT_FIRST_EVERY_S: Final = 1.0


class Timekeeper:
    """The state of the agent's clock; any thread may read it."""

    def __init__(self, source: SystemClock, plan: ClockPlan, *, was_synchronised: bool = False) -> None:
        """`was_synchronised`: an earlier run of the agent has seen it synchronised since the machine started."""
        self._source, self._plan = source, plan
        self.boot_id = source.boot_id()
        self.was_synchronised = was_synchronised
        """Whether the clock has been synchronised since the machine started."""
        self._look = ClockLook(None, None)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="clock", daemon=True)

    def remember(self, boot_id: str) -> None:
        """An earlier run of the agent has seen the clock synchronised in this start of the machine; "": in none."""
        if self.boot_id and boot_id == self.boot_id:
            self.was_synchronised = True

    def start(self) -> None:
        """Look once, and then again and again."""
        self.refresh()
        if not self.stamp().trusted:
            first = self._plan.not_before_ms  # in_service, or the end of what cannot be
            wall = self._source.wall_ms()
            log.warning("clock_distrusted", wall_ms=wall, not_before_ms=first, synchronised=self._look.synchronised)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def refresh(self) -> None:
        """Ask who sets the clock."""
        self._look = self._source.look()
        self.was_synchronised = self.was_synchronised or self._look.synchronised is True

    def stamp(self) -> ClockStamp:
        """Return the clocks now."""
        wall_ms = self._source.wall_ms()
        trusted = is_trusted(self._plan, wall_ms, self._look, self.was_synchronised)
        return ClockStamp(wall_ms - self._source.boot_ms(), trusted)

    def offset(self) -> Measured:
        """Return the clock's known error in ms.

        Null, `warmup`: nothing synchronises the clock. Null, `fault`: no source can be asked.
        """
        look = self._look
        if look.offset_ms is not None:
            return Measured(look.offset_ms, State.OK)
        return Measured(None, State.FAULT if look.synchronised is None else State.WARMUP)

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S if self.stamp().trusted else LOOK_AT_FIRST_EVERY_S):
            self.refresh()
