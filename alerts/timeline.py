"""The time line of an alarm: what happened to it, who was told of each step, by whom, and whether it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.telling.notification import LOST
from quantrac.database.pool import Connection

MOST_MESSAGES: Final = 200


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message about an alarm to one person."""

    alarm_event_id: int | None
    """What it tells of; None: a summary of several alarms."""
    contact: str
    """The person's name."""
    address: str | None
    """Masked."""
    medium: str
    carrier: str | None
    """Who took it, or failed last."""
    status: str
    purpose: str
    queued_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    next_attempt_at: datetime | None
    """When it is tried next, or until when it is held."""
    held_for: str | None
    """storm, grouping, cap or quiet hours."""
    error: str | None


@dataclass(frozen=True, slots=True)
class MessageCount:
    """How many messages about one step have come how far."""

    alarm_event_id: int | None
    medium: str
    status: str
    held_for: str | None
    messages: int


MESSAGES: Final = f"""
select n.alarm_event_id, c.name, n.contact_masked, n.medium, n.carrier, n.status, n.purpose, n.queued_at, n.sent_at,
       n.delivered_at, n.next_attempt_at, n.held_for, n.error
from v_notification n join contact c using (contact_id) where n.alarm_id = %s
order by n.status in {LOST} desc, n.notification_id limit %s
"""  # noqa: S608 (words of ours)
COUNTS: Final = """
select alarm_event_id, medium, status, case when status in ('held', 'summarised') then held_for end, count(*)
from v_notification where alarm_id = %s group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


def messages(conn: Connection, alarm_id: int) -> list[MessageRow]:
    """Return at most 200 messages about an alarm, those that reached nobody first, then by the order of queueing."""
    return [MessageRow(*row) for row in conn.execute(MESSAGES, [alarm_id, MOST_MESSAGES])]


def message_counts(conn: Connection, alarm_id: int) -> list[MessageCount]:
    """Return how many messages about an alarm have come how far, all of them, by step and medium."""
    return [MessageCount(*row) for row in conn.execute(COUNTS, [alarm_id])]
