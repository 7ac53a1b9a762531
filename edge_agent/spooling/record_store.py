"""The record store dates records when the clock can be believed, adds missing slots, and appends them to the spool."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from edge_agent.clocks.clock import Moment
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.clocks.trust import ClockStamp, Offered, dated
from edge_agent.slots.continuity import Continuity, SlotSeries
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.spool import Spool, Spooled
from edge_agent.spooling.spool_file import SpoolUnwritable
from quantrac.observe.logs import logger
from quantrac.observe.metrics import counter

log = logger(__name__)

DATED_AT_ONCE: Final = 500
"""Undated records that become messages in one transaction."""
APPENDED = counter("quantrac_edge_appended_total", "Messages written to the spool.")


class RecordStore:
    """Takes records from the intake into the spool; one thread calls everything here."""

    def __init__(self, spool: Spool, intake: Intake, continuity: Continuity, clock: Timekeeper) -> None:
        self._spool, self._intake, self._continuity, self._clock = spool, intake, continuity, clock
        self._undated = spool.count_undated(clock.boot_id)
        self._noted_boot = spool.synchronised_boot()
        self._looked_at_earlier_boots = False
        self._lost = 0

    def become(self, series: Iterable[SlotSeries]) -> None:
        """Go on with the slots of another configuration."""
        self._continuity.become(series)

    @property
    def has_work(self) -> bool:
        """Whether something can be stored now."""
        return bool(len(self._intake)) or (self._undated > 0 and self._clock.stamp().trusted)

    def spool_is_new(self) -> None:
        """Note that the spool was replaced: undated records are gone with the damaged one."""
        self._undated, self._noted_boot = self._spool.count_undated(self._clock.boot_id), ""

    def take_lost(self) -> int:
        """Return how many undated records had to go for newer ones since the last time this was asked."""
        lost, self._lost = self._lost, 0
        return lost

    def store(self, now: Moment) -> list[Spooled]:
        """Store what waits; return the messages that are new and were measured.

        Raises SpoolUnwritable, SpoolDamaged: what was not written waits in the intake again.
        """
        offered = self._intake.take()
        stamp = self._clock.stamp()
        try:
            if not stamp.trusted:
                timed = [each for each in offered if each.stamp.trusted]
                untimed = [each for each in offered if not each.stamp.trusted]
                made = self._append(timed, stamp, now)
                offered = untimed
                self._keep(untimed)
                return made
            self._note_synchronised()
            self._date_those_that_wait(stamp, now)
            return self._append(offered, stamp, now)
        except Exception:
            self._intake.give_back(offered)
            raise

    def _append(
        self, offered: Sequence[Offered], stamp: ClockStamp, now: Moment, ids: Sequence[int] = ()
    ) -> list[Spooled]:
        if not offered:
            return []
        records = [dated(each, stamp.offset_ms) for each in offered]
        placed = self._continuity.completed(records)
        made = self._spool.append([each.record for each in placed], now.ms, ids)
        self._continuity.note(records)
        APPENDED.inc(len(made))
        return [spooled for spooled, each in zip(made, placed, strict=True) if each.measured]

    def _keep(self, offered: Sequence[Offered]) -> None:
        if offered:
            self._lost += self._spool.keep_undated(self._clock.boot_id, offered)
            self._undated = self._spool.count_undated(self._clock.boot_id)

    def _date_those_that_wait(self, stamp: ClockStamp, now: Moment) -> None:
        """Give the undated records of this start of the machine their time; they go by the backfill lane."""
        count = self._undated
        while self._undated:
            waiting = self._spool.read_undated(self._clock.boot_id, DATED_AT_ONCE)
            self._append([each.offered for each in waiting], stamp, now, [each.id for each in waiting])
            self._undated = self._spool.count_undated(self._clock.boot_id)
        if count:
            log.info("clock_believed", dated=count)
            self._intake.tell("clock", f"believed now; {count} records measured before have got their time", now.ms)
        if not self._looked_at_earlier_boots:
            self._looked_at_earlier_boots = True
            if stranded := self._spool.count_undated():
                log.error("records_stranded", count=stranded, why="the machine went down before its clock was set")
                detail = f"{stranded} records of an earlier start of the machine never got a time"
                self._intake.tell("undated", detail, now.ms)

    def _note_synchronised(self) -> None:
        """Remember over a restart of the agent that this machine's clock is right."""
        if self._clock.was_synchronised and self._noted_boot != self._clock.boot_id:
            try:
                self._noted_boot = self._spool.synchronised_boot(self._clock.boot_id)
            except SpoolUnwritable as full:
                log.debug("spool_unwritable", error=str(full))
