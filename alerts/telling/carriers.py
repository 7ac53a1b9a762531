"""The condition of carriers: recorded with every hand-over, and checked in between where a carrier can be asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.telling.notifier import Attended, Gone, NeedsPerson, UndeliverableError
from quantrac.config.notifications import Medium
from quantrac.database.outage import persist
from quantrac.database.pool import Connection, connect
from quantrac.observe import logs

OK_IS_NEWS_AFTER: Final = timedelta(minutes=1)
ATTEND_EVERY_S: Final = 1.0
ATTEND_AFTER_FAILURE_S: Final = 5.0

log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class CarrierReport:
    """How a hand-over to a carrier, or a look at it, ended."""

    carrier: str
    error: UndeliverableError | None
    """None: it took the message."""


OK: Final = """
insert into carrier (carrier, medium, ok_at) values (%(carrier)s, %(medium)s, %(now)s)
on conflict (carrier) do update set ok_at = excluded.ok_at, failing_since = null, needs_person = false, error = null
where carrier.failing_since is not null or carrier.ok_at is null or carrier.ok_at < %(now)s - %(old)s
"""
FAILED: Final = """
insert into carrier (carrier, medium, failing_since, needs_person, error)
values (%(carrier)s, %(medium)s, %(now)s, %(person)s, %(error)s)
on conflict (carrier) do update set failing_since = coalesce(carrier.failing_since, excluded.failing_since),
  needs_person = excluded.needs_person, error = excluded.error
"""


def note_reports(conn: Connection, medium: Medium, reports: Iterable[CarrierReport], now: datetime) -> None:
    """Put down how the carriers did; one that knows an address not to exist works."""
    for report in sorted(reports, key=lambda report: report.carrier):  # one order, or two senders wait for each other
        values = {"carrier": report.carrier, "medium": medium.value, "now": now, "old": OK_IS_NEWS_AFTER}
        if report.error is None or isinstance(report.error, Gone):
            conn.execute(OK, values)
        else:
            person = isinstance(report.error, NeedsPerson)
            conn.execute(FAILED, {**values, "person": person, "error": str(report.error)[:400]})


def start_attending(
    url: str, medium: Medium, carrier: Attended, clock: Callable[[], datetime], stop: threading.Event
) -> threading.Thread:
    """Start the thread that looks after a carrier and return it; it ends after `stop` is set."""
    thread = threading.Thread(target=attend, args=(url, medium, carrier, clock, stop), name=f"attend-{carrier.name}")
    thread.start()
    return thread


def attend(url: str, medium: Medium, carrier: Attended, clock: Callable[[], datetime], stop: threading.Event) -> None:
    """Look after a carrier until stopped: what comes back, and whether it lives. Runs in its own thread."""
    while not stop.is_set():
        error = persist(lambda: _attended(url, medium, carrier, clock), "carriers", stop=stop)
        stop.wait(ATTEND_EVERY_S if error is None else ATTEND_AFTER_FAILURE_S)


def _attended(url: str, medium: Medium, carrier: Attended, clock: Callable[[], datetime]) -> UndeliverableError | None:
    """Look after a carrier once, note how it did, and return what is wrong with it."""
    wrong: UndeliverableError | None = None
    try:
        carrier.attend()
    except UndeliverableError as error:
        wrong = error
    except Exception as error:  # the boundary of the task: the carrier is looked after again
        log.exception("carrier_attendance_failed")
        wrong = NeedsPerson(f"defect: {error}")
    with connect(url, f"quantrac alerts {carrier.name}") as conn:
        note_reports(conn, medium, [CarrierReport(carrier.name, wrong)], clock())
    return wrong
