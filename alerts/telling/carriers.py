"""How the carriers did: noted with every hand-over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.telling.contact import Medium
from alerts.telling.notifier import Gone, NeedsPerson, UndeliverableError
from quantrac.database.pool import Connection

OK_IS_NEWS_AFTER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CarrierReport:
    """How one carrier did."""

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
