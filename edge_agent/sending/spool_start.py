"""The start of the spool with the agent. While the disk has no room, records stay in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge_agent.clocks.clock import Moment, Now
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.sending.forwarder import Forwarder
from edge_agent.sending.forwarding_loop import ForwardingLoop
from edge_agent.slots.continuity import Continuity, SlotSeries, last_slots
from edge_agent.spooling.fate import SpoolFate
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.report import SpoolReport, report
from edge_agent.spooling.spool import Spool
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolUnwritable
from quantrac.config.stations import SpoolPlan
from quantrac.observe.logs import logger
from quantrac.telemetry.wire import STRICT_ERRORS

log = logger(__name__)

NOT_OPENED: Final = "agent start; the disk cannot be written"
LOOKED_BACK: Final = 20_000
"""Newest messages among which the last slot of each device is looked for."""
TRY_AGAIN_S: Final = 2.0


class SpoolStart:
    """Opens the spool of a station and hands its forwarder to the loop; `close` comes last, when the loop has ended."""

    def __init__(
        self,
        folder: Path,
        plan: SpoolPlan,
        keeper: Timekeeper,
        intake: Intake,
        forwarder_of: Callable[[Spool], Forwarder],
        now: Now,
        connected: Callable[[], bool],
    ) -> None:
        self._folder, self._plan, self._keeper, self._intake = folder, plan, keeper, intake
        self._forwarder_of, self._now, self._connected = forwarder_of, now, connected
        self._spool: Spool | None = None
        self._ends = threading.Event()

    def begin(self, loop: ForwardingLoop) -> str:
        """Start the loop, now or as soon as the disk has room; returns how a `restart` event names this start.

        Raises SpoolLocked.
        """
        try:
            spool = open_spool(self._folder, self._plan, self._now)
        except SpoolUnwritable as full:
            why, since = str(full), self._now()
            log.warning("spool_unwritable", error=why, until_then="what is measured is kept in memory")
            loop.start_late(lambda: self._opened_late(why, since), lambda: self._unopened(why))
            return NOT_OPENED
        loop.start(self._made(spool))
        return restart_text(spool, self._keeper.boot_id)

    def give_up(self) -> None:
        """Wait no longer for the disk: the agent ends."""
        self._ends.set()

    def close(self) -> None:
        """Close the spool, if it was opened."""
        if self._spool is not None:
            self._spool.close()

    def _opened_late(self, why: str, since: Moment) -> Forwarder | None:
        """Open the spool as soon as its disk can be written; None when the agent ends before."""
        spool: Spool | None = None
        while spool is None:
            if self._ends.wait(TRY_AGAIN_S):
                return None
            with suppress(SpoolUnwritable):
                spool = open_spool(self._folder, self._plan, self._now)
        now, start = self._now(), restart_text(spool, self._keeper.boot_id)
        log.warning("spool_recovered", in_memory=len(self._intake))
        detail = f"{why}; {start}, {now.s - since.s:.0f} s in memory from the start"
        forwarder = self._made(spool)
        self._intake.tell("spool_unwritable", detail, now.ms)
        return forwarder

    def _unopened(self, why: str) -> SpoolReport:
        return report(
            self._folder.name,
            [],
            SpoolFate.unknown(),
            used_bytes=0,
            size_bytes=self._plan.size_bytes,
            running=True,
            connected=self._connected(),
            in_memory=len(self._intake),
            disk=why,
        )

    def _made(self, spool: Spool) -> Forwarder:
        self._spool = spool
        if spool.damage:  # met while it was opened
            self._intake.tell("spool_damaged", f"{spool.damage}; new epoch {spool.epoch}", self._now().ms)
        self._keeper.remember(spool.synchronised_boot())
        return self._forwarder_of(spool)


def open_spool(folder: Path, plan: SpoolPlan, now: Now) -> Spool:
    """Open the spool of a station's folder. Raises SpoolLocked, SpoolUnwritable."""
    spool = Spool(folder, size_bytes=plan.size_bytes, keep_ms=plan.keep_ms, now_ms=now().ms)
    try:
        _prove(spool, now)
    except SpoolUnwritable:
        spool.close()
        raise
    return spool


def _prove(spool: Spool, now: Now) -> None:
    """Read what an agent reads at its start, so that damage is met here, where a new spool can begin."""
    try:
        spool.spans()
        spool.synchronised_boot()
        spool.count_undated()
    except SpoolDamaged as damage:
        spool.renew(str(damage), now().ms)


def continuity_of(series: list[SlotSeries], spool: Spool, looked_back: int = LOOKED_BACK) -> Continuity:
    """Return the slots of these series, with the last of each that the spool holds."""
    try:
        return Continuity(series, last_slots(series, spool.newest_first(looked_back)))
    except (SpoolDamaged, *STRICT_ERRORS) as damage:  # the forwarder finds out, too, and renews the spool
        log.warning("last_slots_lost", error=str(damage))
        return Continuity(series)


def restart_text(spool: Spool, boot_id: str) -> str:
    """Count this start of the agent and return how its `restart` event names it."""
    try:
        boots, starts = spool.number_of_starts(boot_id)
    except (SpoolUnwritable, SpoolDamaged) as trouble:  # the agent runs all the same, and keeps in memory what it can
        log.warning("spool_unwritable", error=str(trouble))
        return NOT_OPENED
    return f"boot {boots}, agent start {starts}"
