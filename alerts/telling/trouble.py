"""What is done between messages: carriers are looked after; what was withheld or not acknowledged is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

import psycopg

from alerts.alarm.withholding import end_withholding
from alerts.telling.carriers import CarrierReport, note_reports
from alerts.telling.change_rate import end_flapping
from alerts.telling.contact import Medium
from alerts.telling.messages import Audience, Figures, call_again, tell
from alerts.telling.notifier import Attended, NeedsPerson, Notifier, UndeliverableError
from alerts.telling.routes import Routing
from quantrac.database.pool import Connection, DatabaseUnreachable, connect
from quantrac.observe import logs

ATTEND_EVERY_S: Final = 1.0
ATTEND_AFTER_FAILURE_S: Final = 5.0

log = logs.logger(__name__)


def tell_withheld(conn: Connection, routing: Routing, now: datetime) -> int:
    """End what has withheld alarms, tell what still stands or flapped and is over, and return how many alarms."""
    with conn.transaction():
        quiet = end_flapping(conn, routing.flapping, now)
        for one in quiet:
            tell(conn, one.change, Audience(one.station, (), routing), Figures(), now)
        found = end_withholding(conn, now)
        for untold in found:
            to = Audience(untold.station, untold.to, routing, breaks_quiet_hours=untold.breaks_quiet_hours)
            tell(conn, untold.change, to, Figures.on_record(untold.change.texts, untold.about), now)
    return len(quiet) + len(found)


def tell_again(conn: Connection, routing: Routing, now: datetime) -> int:
    """Escalate and repeat what nobody has acknowledged; return how many calls."""
    with conn.transaction():
        return call_again(conn, routing, now)


def start_attending(
    url: str, medium: Medium, carrier: Notifier, clock: Callable[[], datetime], stop: threading.Event
) -> threading.Thread:
    """Start the thread that looks after a carrier and return it; it ends after `stop` is set."""
    thread = threading.Thread(target=attend, args=(url, medium, carrier, clock, stop), name=f"attend-{carrier.name}")
    thread.start()
    return thread


def attend(url: str, medium: Medium, carrier: Notifier, clock: Callable[[], datetime], stop: threading.Event) -> None:
    """Look after a carrier until stopped: what comes back, and whether it lives. Runs in its own thread."""
    if not isinstance(carrier, Attended):
        return
    while not stop.is_set():
        error = _attended(carrier)
        try:
            with connect(url, f"quantrac alerts {carrier.name}") as conn:
                note_reports(conn, medium, [CarrierReport(carrier.name, error)], clock())
        except (DatabaseUnreachable, psycopg.OperationalError) as failure:
            log.warning("a carrier cannot be put down", carrier=carrier.name, error=str(failure))
        stop.wait(ATTEND_EVERY_S if error is None else ATTEND_AFTER_FAILURE_S)


def _attended(carrier: Attended) -> UndeliverableError | None:
    try:
        carrier.attend()
    except UndeliverableError as error:
        return error
    except Exception as error:  # the boundary of the task: the carrier is looked after again
        log.exception("looking after a carrier failed")
        return NeedsPerson(f"defect: {error}")
    return None
