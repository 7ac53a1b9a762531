"""Carriers in trouble: noted with every hand-over, raised as an alarm that is told by the other media."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.evaluating.records import Mark, Recorded, Subject, clear_alarm, raise_alarm
from alerts.rules.rule import RuleTexts, Severity, Words
from alerts.telling.notifier import Gone, NeedsPerson, UndeliverableError
from alerts.telling.routing import Medium
from quantrac.database.pool import Connection

NAMES: Final = ("smtp", "zns", "esms", "speedsms", "modem", "webhook", "apprise", "none")
RULES: Final = {f"carrier-{name}": name for name in NAMES}
"""Rule of the alarm of each carrier."""
LEVEL: Final = "failed"
PATIENCE: Final = timedelta(minutes=1)
"""A carrier that is only blocked is in trouble after so long."""
OK_IS_NEWS_AFTER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Report:
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


def note_reports(conn: Connection, medium: Medium, reports: Iterable[Report], now: datetime) -> None:
    """Put down how the carriers did; one that knows an address not to exist works."""
    for report in sorted(reports, key=lambda report: report.carrier):  # one order, or two senders wait for each other
        values = {"carrier": report.carrier, "medium": medium.value, "now": now, "old": OK_IS_NEWS_AFTER}
        if report.error is None or isinstance(report.error, Gone):
            conn.execute(OK, values)
        else:
            person = isinstance(report.error, NeedsPerson)
            conn.execute(FAILED, {**values, "person": person, "error": str(report.error)[:400]})


@dataclass(frozen=True, slots=True)
class Trouble:
    """A change of a carrier's alarm."""

    carrier: str
    medium: Medium
    change: Recorded


TROUBLED: Final = """
select c.carrier, c.medium, c.failing_since is not null and (c.needs_person or c.failing_since <= %(since)s), c.error,
       exists (select from alarm a where a.rule = 'carrier-' || c.carrier and a.cleared_at is null)
from carrier c order by c.carrier
"""


def record_trouble(conn: Connection, severity: Severity, now: datetime) -> list[Trouble]:
    """Raise and clear the alarms of carriers, inside the caller's transaction, and return what changed."""
    found = []
    for carrier, medium, failing, error, stands in conn.execute(TROUBLED, {"since": now - PATIENCE}).fetchall():
        subject = Subject(f"carrier-{carrier}", None, None)
        change: Recorded | None = None
        if failing and not stands:
            change = raise_alarm(conn, subject, Mark(LEVEL, severity), now, _texts(carrier, error or ""), now)
        elif stands and not failing:
            change = clear_alarm(conn, subject, None, now, now)
        if change is not None:
            found.append(Trouble(carrier, Medium(medium), change))
    return found


def _texts(carrier: str, error: str) -> RuleTexts:
    return RuleTexts(
        title=Words(f"Không gửi được tin qua {carrier}", f"Messages cannot be sent by {carrier}"),
        cause=Words(error, error),
        consequence=Words("Người nhận có thể không được báo bằng đường này", "People may not be told by this way"),
        response=Words(
            "Kiểm tra tài khoản, số dư, mạng, thiết bị gửi tin", "Check account, balance, network and modem"
        ),
        sms=Words(f"Khong gui duoc tin qua {carrier} tu {{time}}. Kiem tra ngay.", ""),
    )
