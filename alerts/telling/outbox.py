"""The outbox: messages to people as rows, queued in the transaction that decides them, sent afterwards.

A row is locked while it is handed over, so two senders never take the same; whatever dies in between leaves it queued
and it is handed over again with the same idempotency key; a carrier without one keeps a journal (`parts`).
Messages about one alarm to one person by one medium go in order, and an all-clear goes only to whom the alarm reached.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from alerts.telling.attachments import Dress, undressed
from alerts.telling.carriers import CarrierReport, note_reports
from alerts.telling.contact import Medium
from alerts.telling.holding import Hold
from alerts.telling.notifier import Notifier, OutcomeUnknown, Outgoing, TryAgain, UndeliverableError
from alerts.telling.relay import Relay
from quantrac.database.pool import Connection, DatabaseUnreachable, connect
from quantrac.observe import logs, metrics

OUTBOX_CHANNEL: Final = "quantrac_outbox"
GIVE_UP_AFTER: Final = timedelta(hours=6)
"""A warning older than this helps nobody."""
FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)
THREADS: Final = {Medium.SMS: 4, Medium.EMAIL: 4, Medium.WEBHOOK: 2, Medium.APPRISE: 1}
"""Senders of each medium: a message that a carrier is slow to take holds up few others. Each holds a connection."""
LOOK_EVERY_S: Final = 1.0
"""How long the sender sleeps at most before it looks for retries that are due, and whether to stop."""

HANDED_OVER = metrics.counter(
    "quantrac_alerts_messages_total", "Attempts to hand a message over, by how they ended.", ["medium", "outcome"]
)
WAITED = metrics.histogram(
    "quantrac_alerts_handover_seconds", "From the queued row to the first hand-over.", ["medium"]
)

Clock = Callable[[], datetime]
log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Queued:
    """A message to put into the outbox."""

    alarm_id: int | None
    """None: a test message."""
    alarm_event_id: int | None
    """What it tells of; None: a summary of several."""
    contact_id: int
    medium: Medium
    purpose: str
    subject: str | None
    body: str
    not_before: datetime
    """Later than now in quiet hours."""
    hold: Hold | None = None
    """It waits for others, to be told in one message with them."""
    facts: Mapping[str, Any] | None = None
    """The message as data, for media and templates that take it."""


# Thousands of people get the same few messages: each goes to the server once, and its number with every person.
ENQUEUE = """
insert into notification
  (alarm_id, alarm_event_id, contact_id, medium, purpose, subject, body, facts, queued_at, next_attempt_at, status,
   held_for, held_until)
select m.alarm_id, m.alarm_event_id, p.contact_id, m.medium, m.purpose, m.subject, m.body, m.facts, %(now)s,
  m.not_before, case when m.held_for is null then 'queued' else 'held' end, m.held_for, m.held_until
from unnest(%(contacts)s::int4[], %(messages)s::int4[]) with ordinality as p (contact_id, message, place)
join unnest(%(alarms)s::int8[], %(events)s::int8[], %(media)s::text[], %(purposes)s::text[], %(subjects)s::text[],
  %(bodies)s::text[], %(facts)s::jsonb[], %(not_before)s::timestamptz[], %(held_for)s::text[],
  %(held_until)s::timestamptz[]) with ordinality
  as m (alarm_id, alarm_event_id, medium, purpose, subject, body, facts, not_before, held_for, held_until, message)
  using (message)
order by p.place
on conflict (alarm_id, alarm_event_id, contact_id, medium) do nothing
"""


def enqueue(conn: Connection, messages: Sequence[Queued], now: datetime) -> None:
    """Queue messages inside the caller's transaction; its commit wakes the senders."""
    if not messages:
        return
    keys = [
        (m.alarm_id, m.alarm_event_id, m.medium, m.purpose, m.subject, m.body, id(m.facts), m.not_before, m.hold)
        for m in messages
    ]
    distinct = dict(zip(keys, messages, strict=True))
    numbers = {key: number for number, key in enumerate(distinct, start=1)}
    different = distinct.values()
    values = {
        "now": now,
        "contacts": [m.contact_id for m in messages],
        "messages": [numbers[key] for key in keys],
        "alarms": [m.alarm_id for m in different],
        "events": [m.alarm_event_id for m in different],
        "media": [m.medium.value for m in different],
        "purposes": [m.purpose for m in different],
        "subjects": [m.subject for m in different],
        "bodies": [m.body for m in different],
        "facts": [None if m.facts is None else Jsonb(m.facts) for m in different],
        "not_before": [m.not_before for m in different],
        "held_for": [None if m.hold is None else m.hold.reason for m in different],
        "held_until": [None if m.hold is None else m.hold.until for m in different],
    }
    conn.execute(ENQUEUE, values)
    conn.execute("select pg_notify(%s, '')", [OUTBOX_CHANNEL])


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that this sender holds."""

    notification_id: int
    alarm_id: int | None
    contact_id: int
    key: UUID
    to: str | None
    subject: str | None
    body: str
    thread: str
    answer: str
    attempts: int
    queued_at: datetime
    not_before: datetime
    is_orphan: bool
    """An all-clear whose alarm did not reach this person."""
    facts: dict[str, Any] | None
    is_answered: bool
    """A call for somebody to acknowledge, and somebody has, or the alarm is over."""


CLAIM = """
select n.notification_id, n.alarm_id, n.contact_id, n.key,
       case n.medium when 'email' then c.email when 'webhook' then c.webhook when 'apprise' then c.apprise
         else case when c.stopped_at is null then c.phone_e164 end end,
       n.subject, n.body, coalesce('alarm-' || n.alarm_id || '-' || extract(epoch from a.raised_at)::bigint, 'test'),
       case when n.purpose in ('raised', 'level', 'escalated', 'repeated') then 'OK ' || n.alarm_id else '' end,
       n.attempts, n.queued_at, n.next_attempt_at,
       n.purpose in ('cleared', 'withdrawn') and not exists (
         select from notification e where e.alarm_id = n.alarm_id and e.contact_id = n.contact_id
         and e.medium = n.medium and e.purpose not in ('cleared', 'withdrawn')
         and e.status in ('sent', 'delivered', 'unknown', 'summarised')),
       n.facts,
       n.purpose in ('escalated', 'repeated') and (a.acknowledged_at is not null or a.cleared_at is not null)
from notification n join contact c using (contact_id) left join alarm a using (alarm_id)
where n.status = 'queued' and n.medium = %(medium)s and n.next_attempt_at <= %(now)s and not exists (
  select from notification e where e.alarm_id = n.alarm_id and e.contact_id = n.contact_id and e.medium = n.medium
  and e.notification_id < n.notification_id and e.status = 'queued')
order by n.next_attempt_at, n.notification_id limit 1 for update of n skip locked
"""
SENT = """
update notification set status = 'sent', sent_at = %s, attempts = attempts + 1, carrier = %s, provider_ref = %s,
  error = null
where notification_id = %s
"""
WAITS = """
update notification set attempts = attempts + 1, error = %s, next_attempt_at = %s where notification_id = %s
"""
ENDED = "update notification set status = %s, attempts = attempts + %s, error = %s where notification_id = %s"


class Sender:
    """Hands the queued messages of one medium over, one after the other. Runs in a thread of its own."""

    def __init__(self, url: str, medium: Medium, notifier: Notifier, clock: Clock, dress: Dress = undressed) -> None:
        self._url = url
        self.medium = medium
        self._relay = notifier if isinstance(notifier, Relay) else Relay([notifier])
        self._clock = clock
        self._dress = dress

    def run(self, stop: threading.Event) -> None:
        """Send until stopped; a lost database is waited for."""
        while not stop.is_set():
            try:
                with connect(self._url, f"quantrac alerts {self.medium}") as conn:
                    self._send_from(conn, stop)
            except (DatabaseUnreachable, psycopg.OperationalError) as error:
                log.warning("the outbox has no database", medium=self.medium.value, error=str(error))
                stop.wait(1.0)

    def _send_from(self, conn: Connection, stop: threading.Event) -> None:
        conn.execute(f"listen {OUTBOX_CHANNEL}")
        while not stop.is_set():
            if not self.send_one(conn):
                for _ in conn.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                    break

    def send_one(self, conn: Connection) -> bool:
        """Hand the next due message over and record how it ended; return False if none is due."""
        with conn.transaction():
            row = conn.execute(CLAIM, {"medium": self.medium.value, "now": self._clock()}).fetchone()
            if row is None:
                return False
            outcome = self._hand_over(conn, Claim(*row))
        HANDED_OVER.labels(self.medium.value, outcome).inc()
        return True

    def _hand_over(self, conn: Connection, claim: Claim) -> str:
        if claim.is_orphan:
            return self._end(conn, claim, "dead", "the alarm itself did not reach this person", attempted=False)
        if claim.is_answered:
            return self._end(conn, claim, "dead", "somebody has acknowledged the alarm, or it is over", attempted=False)
        if claim.to is None:
            return self._end(
                conn, claim, "failed", "the contact has no such address any more, or said STOP", attempted=False
            )
        if claim.attempts == 0:
            WAITED.labels(self.medium.value).observe((self._clock() - claim.not_before).total_seconds())
        reports: list[CarrierReport] = []
        try:
            taken = self._relay.hand_over(_outgoing(claim, self._dress(conn, claim)), reports.append)
        except TryAgain as error:
            outcome = self._wait(conn, claim, error)
        except OutcomeUnknown as error:
            outcome = self._end(conn, claim, "unknown", str(error), attempted=True)
        except UndeliverableError as error:
            outcome = self._end(conn, claim, "failed", str(error), attempted=True)
        else:
            conn.execute(SENT, [self._clock(), taken.carrier, taken.reference, claim.notification_id])
            log.info("message handed over", notification=claim.notification_id, carrier=taken.carrier)
            outcome = "sent"
        note_reports(conn, self.medium, reports, self._clock())
        return outcome

    def _wait(self, conn: Connection, claim: Claim, error: TryAgain) -> str:
        now = self._clock()
        if now - claim.queued_at >= GIVE_UP_AFTER:
            return self._end(conn, claim, "dead", str(error), attempted=True)
        conn.execute(WAITS, [str(error), now + wait_after(claim.attempts), claim.notification_id])
        log.warning("message waits", notification=claim.notification_id, attempt=claim.attempts + 1, error=str(error))
        return "waits"

    def _end(self, conn: Connection, claim: Claim, status: str, error: str, *, attempted: bool) -> str:
        conn.execute(ENDED, [status, int(attempted), error, claim.notification_id])
        log.error("message not delivered", notification=claim.notification_id, status=status, error=error)
        return status


def _outgoing(claim: Claim, facts: Mapping[str, Any]) -> Outgoing:
    return Outgoing(
        key=claim.key.hex,
        to=claim.to or "",
        body=claim.body,
        subject=claim.subject or "",
        thread=claim.thread,
        answer=claim.answer,
        attempts=claim.attempts,
        facts=facts,
    )


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after the given number of earlier attempts: 2 s, 4 s, 8 s, … at most 5 min."""
    return min(FIRST_WAIT * (1 << min(attempts, 16)), LONGEST_WAIT)


def start_senders(
    url: str,
    notifiers: Mapping[Medium, Notifier],
    clock: Clock,
    stop: threading.Event,
    dress: Dress = undressed,
) -> list[threading.Thread]:
    """Start the senders of each medium and return their threads; they end after `stop` is set, carriers stay open."""
    relays = {
        medium: Relay([notifier]) if not isinstance(notifier, Relay) else notifier
        for medium, notifier in notifiers.items()
    }
    threads = [
        threading.Thread(
            target=_guarded, args=(Sender(url, medium, relay, clock, dress), stop), name=f"outbox-{medium}-{place}"
        )
        for medium, relay in relays.items()
        for place in range(THREADS[medium])
    ]
    for thread in threads:
        thread.start()
    return threads


def _guarded(sender: Sender, stop: threading.Event) -> None:
    """Keep one medium's defect from stopping the others: log it and begin again after a while."""
    while not stop.is_set():
        try:
            sender.run(stop)
        except Exception:
            log.exception("a sender failed")
            HANDED_OVER.labels(sender.medium.value, "defect").inc()
            stop.wait(5.0)
