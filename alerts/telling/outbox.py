"""The outbox: messages to people as rows, queued in the transaction that decides them, handed over afterwards.

A row is locked while it is handed over, so two senders never take the same; whatever dies in between leaves it queued
and it is handed over again with the same idempotency key. Messages about one alarm to one person by one medium go in
order, and an all-clear goes only to whom the alarm reached. What calls people to an alarm waits while the alarm is
withheld from them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from alerts.alarm.change import CALLS, ENDS, OPENINGS, Purpose
from alerts.alarm.conditions import IS_OUT, IS_SHELVED
from alerts.alarm.life import AlarmState
from alerts.telling.notification import HANDED_OVER, LOST, NOT_YET_OR_NEVER, REACHED, UNSETTLED, MessageStatus, in_sql
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection

OUTBOX_CHANNEL: Final = "quantrac_outbox"


@dataclass(frozen=True, slots=True)
class Queued:
    """One text, for everybody who gets it by a medium."""

    to: Sequence[int]
    """Numbers of the contacts."""
    medium: Medium
    purpose: Purpose
    subject: str | None
    body: str
    not_before: datetime
    alarm_id: int | None = None
    """None: a test message or a bulletin. A summary stands at the worst of its alarms."""
    alarm_event_id: int | None = None
    """What it tells of; None: a summary of several."""
    held_for: str | None = None
    """Why it waits to be told in one message with others; None: it does not."""
    held_until: datetime | None = None
    facts: Mapping[str, Any] | None = None
    """The message as data, for media and templates that take it."""
    bulletin_id: int | None = None
    """The bulletin that it carries: a person gets it once by a medium."""


ENQUEUE: Final = f"""
insert into notification
  (alarm_id, alarm_event_id, contact_id, medium, purpose, subject, body, facts, queued_at, due_at, next_attempt_at,
   status, held_for, held_until, bulletin_id)
select m.alarm_id, m.alarm_event_id, p.contact_id, m.medium, m.purpose, m.subject, m.body, m.facts, %(now)s,
  m.not_before, m.not_before,
  case when m.held_for is null then '{MessageStatus.QUEUED}' else '{MessageStatus.HELD}' end, m.held_for, m.held_until,
  m.bulletin_id
from unnest(%(contacts)s::int4[], %(places)s::int4[]) with ordinality as p (contact_id, message, place)
join unnest(%(alarms)s::int8[], %(events)s::int8[], %(media)s::text[], %(purposes)s::text[], %(subjects)s::text[],
  %(bodies)s::text[], %(facts)s::jsonb[], %(not_before)s::timestamptz[], %(held_for)s::text[],
  %(held_until)s::timestamptz[], %(bulletins)s::int8[]) with ordinality
  as m (alarm_id, alarm_event_id, medium, purpose, subject, body, facts, not_before, held_for, held_until, bulletin_id,
        message)
  using (message)
order by p.place
on conflict do nothing
"""  # noqa: S608 (words of ours)


def enqueue(conn: Connection, messages: Sequence[Queued], now: datetime) -> None:
    """Queue messages inside the caller's transaction; its commit wakes the senders."""
    if not messages:
        return
    values = {
        "now": now,
        "contacts": [contact_id for m in messages for contact_id in m.to],
        "places": [place for place, m in enumerate(messages, start=1) for _ in m.to],
        "alarms": [m.alarm_id for m in messages],
        "events": [m.alarm_event_id for m in messages],
        "media": [m.medium.value for m in messages],
        "purposes": [m.purpose.value for m in messages],
        "subjects": [m.subject for m in messages],
        "bodies": [m.body for m in messages],
        "facts": [None if m.facts is None else Jsonb(m.facts) for m in messages],
        "not_before": [m.not_before for m in messages],
        "held_for": [m.held_for for m in messages],
        "held_until": [m.held_until for m in messages],
        "bulletins": [m.bulletin_id for m in messages],
    }
    conn.execute(ENQUEUE, values)
    wake_senders(conn)


ANEW: Final = f"""
update notification n set status = '{MessageStatus.QUEUED}', attempts = 0, error = null, failed_at = null,
  sent_at = null, delivered_at = null, provider_ref = null, queued_at = %(now)s, due_at = m.not_before,
  next_attempt_at = m.not_before,
  key = case n.status when '{MessageStatus.FAILED}' then gen_random_uuid() else n.key end
from unnest(%(bulletins)s::int8[], %(contacts)s::int4[], %(media)s::text[], %(not_before)s::timestamptz[])
  as m (bulletin_id, contact_id, medium, not_before)
where (n.bulletin_id, n.contact_id, n.medium) = (m.bulletin_id, m.contact_id, m.medium) and n.status in {LOST}
"""  # noqa: S608 (words of ours)


def queue_lost_again(conn: Connection, messages: Sequence[Queued], now: datetime) -> None:
    """Queue those bulletins again that reached nobody, as they were written, inside the caller's transaction.

    A carrier that refused one would know its key and refuse it again: it gets another key.
    """
    pairs = [(contact, one) for one in messages for contact in one.to]
    values = {
        "now": now,
        "contacts": [contact for contact, _ in pairs],
        "bulletins": [one.bulletin_id for _, one in pairs],
        "media": [one.medium.value for _, one in pairs],
        "not_before": [one.not_before for _, one in pairs],
    }
    conn.execute(ANEW, values)


SUPERSEDE: Final = f"""
update notification set status = '{MessageStatus.SUMMARISED}'
where alarm_id = %s and status = '{MessageStatus.HELD}'
  and (contact_id, medium) in (select * from unnest(%s::int4[], %s::text[]))
"""  # noqa: S608 (words of ours)


def supersede(conn: Connection, alarm_id: int, people: Collection[tuple[int, Medium]]) -> None:
    """Drop held messages about an alarm, by people's numbers and media: a message that goes at once replaces them."""
    if people:
        conn.execute(SUPERSEDE, [alarm_id, *map(list, zip(*people, strict=True))])


def wake_senders(conn: Connection) -> None:
    """Let the senders look for what is due, once the caller's transaction is committed."""
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
    due_at: datetime
    """Since when its hand-over is due."""
    stands: bool
    """Its alarm stands, or one of those that it sums up."""
    facts: dict[str, Any] | None
    needless: str | None
    """Why nobody needs it any more."""


CLAIM: Final = f"""
select n.notification_id, n.alarm_id, n.contact_id, n.key,
       case n.medium when 'email' then c.email when 'webhook' then c.webhook when 'apprise' then c.apprise
         else case when c.stopped_at is null then c.phone_e164 end end,
       n.subject, n.body,
       coalesce('alarm-' || n.alarm_id || '-' || extract(epoch from a.raised_at)::bigint,
         '{Purpose.BULLETIN}-' || n.bulletin_id, '{Purpose.TEST}'),
       case when n.purpose in {in_sql(CALLS | OPENINGS)} then 'OK ' || n.alarm_id else '' end,
       n.attempts, n.due_at, exists (
         select from alarm s where s.cleared_at is null and s.returned_at is null and not s.late and s.alarm_id in (
         select n.alarm_id union select jsonb_array_elements_text(n.facts->'alarms')::int8)),
       n.facts,
       case when not c.active then 'the contact was removed'
       when c.consent = 'refused' or c.consent is null and %(consent_required)s
         then 'consent ' || coalesce(c.consent, 'not recorded')
       when n.purpose in {in_sql(CALLS)} and (a.acknowledged_at is not null or a.cleared_at is not null)
         then 'somebody has acknowledged the alarm, or it is over'
       when n.purpose in {in_sql(ENDS)} and not exists (
         select from notification e where e.alarm_id = n.alarm_id and e.contact_id = n.contact_id
         and e.medium = n.medium and e.purpose not in {in_sql(ENDS)} and e.status in {REACHED})
         then 'the alarm itself did not reach this person'
       when n.status = '{MessageStatus.FAILED}' and n.purpose in {in_sql(CALLS | OPENINGS)} and exists (
         select from notification e where e.alarm_id = n.alarm_id and e.contact_id = n.contact_id
         and e.medium = n.medium and e.notification_id > n.notification_id and e.status not in {NOT_YET_OR_NEVER})
         then 'a later message says it; ' || n.error
       when n.status = '{MessageStatus.FAILED}' and n.purpose in {in_sql(CALLS | OPENINGS)}
         and coalesce(a.cleared_at, a.returned_at) is not null
         then 'the alarm was over before anybody took the message; ' || n.error end
from notification n join contact c using (contact_id) left join alarm a using (alarm_id)
where n.status in {HANDED_OVER} and n.medium = %(medium)s and n.next_attempt_at <= %(now)s
  and (n.bulletin_id is not null) = %(bulletins)s and not exists (
  select from notification e where e.alarm_id = n.alarm_id and e.contact_id = n.contact_id and e.medium = n.medium
  and e.notification_id < n.notification_id and e.status = '{MessageStatus.QUEUED}')
  and not (n.purpose in {in_sql(CALLS | OPENINGS)} and (
    {IS_SHELVED} or {IS_OUT} or a.state = '{AlarmState.SUPPRESSED}'))
order by n.next_attempt_at, n.notification_id limit 1 for update of n skip locked
"""  # noqa: S608 (words of ours)
TAKE: Final = f"""
update notification set status = '{MessageStatus.SENT}', sent_at = %s, attempts = attempts + 1, carrier = %s,
  provider_ref = %s, error = null, failed_at = null
where notification_id = %s
"""  # noqa: S608 (words of ours)
POSTPONE: Final = """
update notification set attempts = attempts + 1, error = %s, next_attempt_at = %s where notification_id = %s
"""
REFUSE: Final = f"""
update notification set status = '{MessageStatus.FAILED}', attempts = attempts + 1, error = %s,
  failed_at = coalesce(failed_at, %s), next_attempt_at = %s, key = gen_random_uuid()
where notification_id = %s
"""  # noqa: S608 (a word of ours)
END: Final = f"""
update notification set status = %(status)s, attempts = attempts + %(attempts)s, error = %(error)s,
  next_attempt_at = null,
  failed_at = case when %(status)s = '{MessageStatus.FAILED}' then coalesce(failed_at, %(now)s) else failed_at end
where notification_id = %(notification)s
"""  # noqa: S608 (a word of ours)


def claim(conn: Connection, medium: Medium, now: datetime, *, consent_required: bool) -> Claim | None:
    """Return the next message that is due, locked until the transaction ends; None: none is.

    A bulletin goes to thousands of people, which takes hours: what tells of alarms goes first.
    """
    values = {"medium": medium.value, "now": now, "consent_required": consent_required}
    for bulletins in (False, True):
        row = conn.execute(CLAIM, {**values, "bulletins": bulletins}).fetchone()
        if row is not None:
            return Claim(*row)
    return None


CALL_OFF: Final = f"""
update notification set status = '{MessageStatus.DEAD}', error = %s where notification_id in (
  select notification_id from notification where alarm_id = %s and purpose in {in_sql(CALLS)}
  and status in {in_sql((MessageStatus.QUEUED, MessageStatus.HELD))} for update skip locked)
"""  # noqa: S608 (words of ours)


def call_off(conn: Connection, alarm_id: int, why: str) -> None:
    """End the calls for somebody to acknowledge an alarm that have not been handed over."""
    conn.execute(CALL_OFF, [why, alarm_id])


SETTLE: Final = f"""
update notification set status = %(status)s, sent_at = coalesce(sent_at, %(now)s), error = %(error)s,
  next_attempt_at = null,
  delivered_at = case when %(status)s = '{MessageStatus.DELIVERED}' then %(now)s end,
  failed_at = case when %(status)s = '{MessageStatus.FAILED}' then %(now)s end,
  carrier = coalesce(%(carrier)s, carrier)
where key = %(key)s and status in {UNSETTLED}
"""  # noqa: S608 (words of ours)


def settle(conn: Connection, key: UUID | str, error: str | None, now: datetime, carrier: str | None = None) -> bool:
    """Record what a receipt says of a message: delivered, or why not; False: there is none that waits for one."""
    status = MessageStatus.DELIVERED if error is None else MessageStatus.FAILED
    values = {"key": key, "status": status.value, "error": error, "now": now, "carrier": carrier}
    return conn.execute(SETTLE, values).rowcount == 1
