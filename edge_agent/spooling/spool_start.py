"""The spool at the start of the agent: opened even if the disk must first have room again, and asked what it knows."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge_agent.clocks.clock import Now
from edge_agent.slots.continuity import Continuity, SlotSeries, last_slots
from edge_agent.spooling.spool import Spool
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolUnwritable
from quantrac.config.stations import SpoolPlan
from quantrac.observe.logs import logger
from quantrac.telemetry.wire import STRICT_ERRORS

log = logger(__name__)

LOOKED_BACK: Final = 20_000
"""Newest messages among which the last slot of each device is looked for."""
TRY_AGAIN_S: Final = 2.0


def open_spool(folder: Path, plan: SpoolPlan, now: Now) -> Spool:
    """Open the spool of a station's folder. Raises SpoolLocked, SpoolUnwritable."""
    spool = Spool(folder, size_bytes=plan.size_bytes, keep_ms=plan.keep_ms, now_ms=now().ms)
    try:
        _prove(spool, now)
    except SpoolUnwritable:
        spool.close()
        raise
    return spool


def open_when_there_is_room(folder: Path, plan: SpoolPlan, now: Now, stop: threading.Event) -> Spool | None:
    """Open the spool as soon as its disk can be written; None when `stop` is set before. Raises SpoolLocked."""
    while not stop.wait(TRY_AGAIN_S):
        with suppress(SpoolUnwritable):
            return open_spool(folder, plan, now)
    return None


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
        log.warning("last_slots_unknown", error=str(damage))
        return Continuity(series)


def restart_text(spool: Spool, boot_id: str) -> str:
    """Count this start of the agent and return how its `restart` event names it."""
    try:
        boots, starts = spool.number_of_starts(boot_id)
    except (SpoolUnwritable, SpoolDamaged) as trouble:  # the agent runs all the same, and keeps in memory what it can
        log.warning("spool_unwritable", error=str(trouble))
        return "agent start; the disk cannot be written"
    return f"boot {boots}, agent start {starts}"
