"""The journal of hand-overs to carriers without an idempotency key: begun, sent or refused, part by part.

"Begun" is committed before the last byte goes out, on a connection of its own. A part that was begun and has no end may
have been sent or not; a status report of the network can still settle it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

import psycopg

from alerts.telling.notifier import TryAgain
from alerts.telling.outbox import settle
from quantrac.database.pool import Connection, DatabaseUnreachable, connect

T = TypeVar("T")


class PartState(StrEnum):
    """What is known of one part."""

    REFUSED = "refused"
    SENT = "sent"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True, slots=True)
class PartReport:
    """What a status report says of a message that was sent."""

    to: str
    reference: int
    status: int
    has_arrived: bool
    is_final: bool
    sent_at: datetime


STATES: Final = "select part, sent_at is not null, refused is not null from sms_part where key = %s"
BEGUN: Final = """
insert into sms_part (key, part, parts, carrier, to_number, begun_at) values (%s, %s, %s, %s, %s, %s)
on conflict (key, part) do update set carrier = excluded.carrier, begun_at = excluded.begun_at, refused = null
"""
SENT: Final = "update sms_part set sent_at = %s, reference = %s where key = %s and part = %s"
REFUSED: Final = "update sms_part set refused = %s where key = %s and part = %s"
REPORTED: Final = """
update sms_part set report = %(status)s, reported_at = %(now)s, sent_at = coalesce(sent_at, %(sent_at)s),
  reference = %(reference)s
where (key, part) = (
  select key, part from sms_part
  where to_number = %(to)s and refused is null and begun_at > %(now)s - %(window)s
    and (reference = %(reference)s or (reference is null and sent_at is null and begun_at <= %(sent_at)s + %(skew)s))
    and (report is null or report between 32 and 63)
  order by reference is null, begun_at desc limit 1)
returning key
"""
SO_FAR: Final = """
select count(*) = max(parts) and bool_and(report < 32), bool_or(report >= 64), max(report), min(carrier)
from sms_part where key = %s
"""
REPORT_WINDOW: Final = timedelta(days=1)
CLOCK_SKEW: Final = timedelta(minutes=10)
"""Between the service centre's clock and ours."""


class PartJournal:
    """Hand-overs of one carrier. Several threads may use it; each call is committed when it returns.

    Every method raises TryAgain where the database is away: then nothing may be sent.
    """

    def __init__(self, url: str, carrier: str, clock: Callable[[], datetime]) -> None:
        self._url, self._carrier, self._clock = url, carrier, clock
        self._lock = threading.Lock()
        self._conn: Connection | None = None

    def states(self, key: str) -> dict[int, PartState]:
        """Return what is known of the parts of a message."""
        found = self._do(lambda conn: conn.execute(STATES, [key]).fetchall())
        return {
            part: PartState.SENT if sent else PartState.REFUSED if refused else PartState.IN_DOUBT
            for part, sent, refused in found
        }

    def begun(self, key: str, part: int, parts: int, to: str) -> None:
        """Commit that this part is about to go out."""
        self._do(lambda conn: conn.execute(BEGUN, [key, part, parts, self._carrier, to, self._clock()]))

    def sent(self, key: str, part: int, reference: int | None) -> None:
        """Commit that the network has taken it."""
        self._do(lambda conn: conn.execute(SENT, [self._clock(), reference, key, part]))

    def refused(self, key: str, part: int, why: str) -> None:
        """Commit that it certainly was not taken."""
        self._do(lambda conn: conn.execute(REFUSED, [why, key, part]))

    def reported(self, fate: PartReport) -> bool:
        """Commit what the network says of a part, and with it of the message; False: of none that is known here."""
        return bool(self._do(lambda conn: _report(conn, fate, self._clock())))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _do(self, work: Callable[[Connection], T]) -> T:
        with self._lock:
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = connect(self._url, f"quantrac alerts {self._carrier}")
                return work(self._conn)
            except (DatabaseUnreachable, psycopg.OperationalError) as error:
                self._drop()
                raise TryAgain(f"the journal of {self._carrier} has no database: {error}") from error

    def _drop(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


def _report(conn: Connection, fate: PartReport, now: datetime) -> bool:
    values = {
        "to": fate.to, "reference": fate.reference, "status": fate.status, "sent_at": fate.sent_at, "now": now,
        "window": REPORT_WINDOW, "skew": CLOCK_SKEW,
    }  # fmt: skip
    with conn.transaction():
        row = conn.execute(REPORTED, values).fetchone()
        if row is not None and fate.is_final:
            _settle(conn, row[0], now)
    return row is not None


def _settle(conn: Connection, key: str, now: datetime) -> None:
    """Settle the message once all its parts have arrived, or the network gave one up."""
    row = conn.execute(SO_FAR, [key]).fetchone()
    assert row is not None
    has_arrived, given_up, worst, carrier = row
    if has_arrived or given_up:
        settle(conn, key, f"the network gave up, status {worst}" if given_up else None, now, carrier)
