"""Short messages from people: stored, understood, and handed to the desk, in one transaction."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import psycopg

from alerts import desk
from alerts.channels.pdu import Deliver
from alerts.telling.gsm import unaccented
from alerts.telling.notification import TAKEN
from alerts.telling.notifier import TryAgain
from quantrac.database import audit
from quantrac.database.pool import Connection, DatabaseUnreachable, connect
from quantrac.observe import logs

KEEP: Final = """
insert into sms_inbound (carrier, from_number, body, sent_at, received_at) values (%s, %s, %s, %s, %s)
on conflict do nothing returning inbound_id
"""
WHO: Final = "select contact_id, name from contact where phone_e164 = %s and active for update"
TOLD_OF: Final = f"""
select a.alarm_id from alarm a join notification n using (alarm_id)
where n.contact_id = %(contact)s and n.status in {TAKEN} and not a.late
  and (a.alarm_id = %(alarm)s or %(alarm)s::bigint is null and a.cleared_at is null and a.acknowledged_at is null)
order by a.raised_at desc, a.alarm_id desc limit 1
"""  # noqa: S608 (words of ours)

log = logs.logger(__name__)


class Meaning(StrEnum):
    """What the answer asks for."""

    ACKNOWLEDGE = "acknowledge"
    STOP = "stop"
    START = "start"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class SmsAnswer:
    """A wish and, for an acknowledgement, the alarm it names (None: the newest that the person was told of)."""

    meaning: Meaning
    alarm_id: int | None = None
    remark: str = ""


ACKNOWLEDGE: Final = re.compile(r"(?:OK|DA NHAN|NHAN|ACK)\b[\s#:]*(\d{1,12})?\b[\s.,:]*(.*)", re.DOTALL)
STOP: Final = re.compile(r"(?:STOP|HUY|TU CHOI|TC)[\s.!]*")
START: Final = re.compile(r"(?:START|BAT DAU|NHAN LAI)[\s.!]*")


def read_answer(text: str) -> SmsAnswer:
    """Read an answer, with or without diacritics, upper or lower case."""
    plain = unaccented(text).strip()
    upper = plain.upper()
    if STOP.fullmatch(upper):
        return SmsAnswer(Meaning.STOP)
    if START.fullmatch(upper):
        return SmsAnswer(Meaning.START)
    found = ACKNOWLEDGE.fullmatch(upper)
    if found is None:
        return SmsAnswer(Meaning.NOTHING)
    return SmsAnswer(Meaning.ACKNOWLEDGE, int(found[1]) if found[1] else None, plain[found.start(2) :].strip())


class SmsInbox:
    """Takes what one carrier brings. A message that was taken before changes nothing."""

    def __init__(self, url: str, carrier: str, clock: Callable[[], datetime]) -> None:
        self._url, self._carrier, self._clock = url, carrier, clock

    def take(self, message: Deliver) -> None:
        """Keep a message and do what it asks. Raises TryAgain where the database is away."""
        try:
            with connect(self._url, f"quantrac alerts inbox {self._carrier}") as conn:
                take(conn, self._carrier, message, self._clock())
        except (DatabaseUnreachable, psycopg.OperationalError) as error:
            raise TryAgain(f"the inbox has no database: {error}") from error


def take(conn: Connection, carrier: str, message: Deliver, now: datetime) -> str | None:
    """Keep a message, do what it asks, and return what was made of it; None: it was taken before."""
    with conn.transaction():
        kept = conn.execute(KEEP, [carrier, message.sender, message.text, message.sent_at, now]).fetchone()
        if kept is None:
            return None
        meaning = _obey(conn, message, read_answer(message.text), now)
        conn.execute("update sms_inbound set meaning = %s where inbound_id = %s", [meaning, kept[0]])
    log.info("short_message_received", inbound=kept[0], meaning=meaning)
    return meaning


def _obey(conn: Connection, message: Deliver, answer: SmsAnswer, now: datetime) -> str:
    person = conn.execute(WHO, [message.sender]).fetchone()
    if person is None:
        return "from nobody we know"
    contact_id, name = person
    if answer.meaning is Meaning.ACKNOWLEDGE:
        return _acknowledge(conn, contact_id, name, answer, now)
    if answer.meaning is Meaning.NOTHING:
        return "not understood"
    stopped = now if answer.meaning is Meaning.STOP else None
    conn.execute("update contact set stopped_at = %s where contact_id = %s", [stopped, contact_id])
    audit.record(conn, now, name, answer.meaning.value, f"contact {contact_id}", "by SMS")
    return answer.meaning.value


def _acknowledge(conn: Connection, contact_id: int, name: str, answer: SmsAnswer, now: datetime) -> str:
    """Only an alarm that the person was told of."""
    found = conn.execute(TOLD_OF, {"contact": contact_id, "alarm": answer.alarm_id}).fetchone()
    if found is None:
        return "no alarm that this person was told of"
    try:
        desk.acknowledge(conn, found[0], name, answer.remark or "SMS", now)
    except desk.DeskRefused as error:
        return str(error)
    return f"acknowledged {found[0]}"
