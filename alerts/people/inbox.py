"""Short messages from people: stored, understood, and handed to the desk, in one transaction."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
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
insert into sms_inbound (carrier, from_number, body, sent_at, received_at, contact_id) values (%s, %s, %s, %s, %s, %s)
on conflict do nothing returning inbound_id
"""
WHO: Final = "select contact_id from contact where phone_e164 = %s and active for update"
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


YES: Final = (
    "ok", "oke", "okê", "okey", "okay", "okie", "oki", "ô kê", "yes", "ack", "vâng", "dạ vâng", "rồi", "dạ rồi",
    "nhận", "nhận rồi", "đã nhận", "biết rồi", "đã biết",
)  # fmt: skip
NO_MORE: Final = ("stop", "dừng", "dừng lại", "dừng nhắn", "ngừng", "ngưng", "hủy", "huỷ", "từ chối", "tc")
AGAIN: Final = ("start", "bắt đầu", "nhận lại")
NUMBERED: Final = ("số", "cảnh báo", "cảnh báo số", "cb", "no", "alarm")
"""What may stand before the number of an alarm."""


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern of words, each written with its diacritics or without: `dừng`, `dung`, never `đúng`."""
    return "|".join(
        "".join(sign if (plain := unaccented(sign)) == sign else f"[{sign}{plain}]" for sign in word).replace(
            " ", r"\s+"
        )
        for word in sorted(words, key=len, reverse=True)
    )


GAP: Final = r"[\s#:.,;()\-]*"
ACKNOWLEDGE: Final = re.compile(
    rf"(?:{_any_of(YES)})(?![^\W\d_]){GAP}(?:(?:(?:{_any_of(NUMBERED)}){GAP})?(?P<number>\d{{1,18}})(?!\w|[.,]\d))?"
    rf"{GAP}!*(?P<remark>.*)",
    re.DOTALL | re.IGNORECASE,
)
STOP: Final = re.compile(rf"(?:{_any_of(NO_MORE)})[\s.!]*", re.IGNORECASE)
START: Final = re.compile(rf"(?:{_any_of(AGAIN)})[\s.!]*", re.IGNORECASE)


def read_answer(text: str) -> SmsAnswer:
    """Read an answer, with or without diacritics, upper or lower case.

    A number in it is the alarm's or makes it nothing: whoever names an alarm never acknowledges another one.
    """
    said = unicodedata.normalize("NFKC", text).strip()
    if STOP.fullmatch(said):
        return SmsAnswer(Meaning.STOP)
    if START.fullmatch(said):
        return SmsAnswer(Meaning.START)
    found = ACKNOWLEDGE.fullmatch(said)
    if found is None:
        return SmsAnswer(Meaning.NOTHING)
    number, remark = found["number"], found["remark"].strip()
    if number is None:
        return SmsAnswer(Meaning.NOTHING) if re.search(r"\d", remark) else SmsAnswer(Meaning.ACKNOWLEDGE, None, remark)
    return SmsAnswer(Meaning.ACKNOWLEDGE, int(number), remark)


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
        (contact_id,) = conn.execute(WHO, [message.sender]).fetchone() or (None,)
        values = [carrier, message.sender, message.text, message.sent_at, now, contact_id]
        kept = conn.execute(KEEP, values).fetchone()
        if kept is None:
            return None
        meaning = "from nobody we know"
        if contact_id is not None:
            with audit.coming(audit.Origin("sms", account=audit.contact_account(contact_id))):
                meaning = _obey(conn, contact_id, read_answer(message.text), now)
        conn.execute("update sms_inbound set meaning = %s where inbound_id = %s", [meaning, kept[0]])
    log.info("short_message_received", inbound=kept[0], meaning=meaning)
    return meaning


def _obey(conn: Connection, contact_id: int, answer: SmsAnswer, now: datetime) -> str:
    if answer.meaning is Meaning.ACKNOWLEDGE:
        return _acknowledge(conn, contact_id, answer, now)
    if answer.meaning is Meaning.NOTHING:
        return "not understood"
    stopped = now if answer.meaning is Meaning.STOP else None
    conn.execute("update contact set stopped_at = %s where contact_id = %s", [stopped, contact_id])
    person = audit.contact_account(contact_id)
    audit.record(conn, now, person, answer.meaning.value, f"contact {contact_id}", "by SMS")
    return answer.meaning.value


def _acknowledge(conn: Connection, contact_id: int, answer: SmsAnswer, now: datetime) -> str:
    """Only an alarm that the person was told of."""
    found = conn.execute(TOLD_OF, {"contact": contact_id, "alarm": answer.alarm_id}).fetchone()
    if found is None:
        return "no alarm that this person was told of"
    try:
        desk.acknowledge(conn, found[0], audit.contact_account(contact_id), answer.remark or "SMS", now)
    except desk.DeskRefused:  # its text names who was before, which no erasure would find here
        return f"acknowledged before: {found[0]}"
    return f"acknowledged {found[0]}"
