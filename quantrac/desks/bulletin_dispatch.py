"""An approved bulletin goes to groups of people: each has it once by each medium."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from alerts.alarm.change import Purpose
from alerts.telling import gsm
from alerts.telling.address_book import load_contacts
from alerts.telling.contact import Addressee
from alerts.telling.duty_week import nights
from alerts.telling.notification import LOST
from alerts.telling.outbox import Queued, enqueue, queue_lost_again
from alerts.telling.routes import Routing
from quantrac.config.bulletins import BulletinKind, BulletinPlan
from quantrac.config.network import Network
from quantrac.config.notifications import Medium
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.desks.bulletins import BadBulletin, Bulletin, bulletin, documents, is_intact
from reports.bulletins.bulletin import Documents

LONGEST_NIGHT: Final = timedelta(days=1)
SEND: Final = (
    "update bulletin set sent_at = %(now)s, sent_by = %(person)s where bulletin_id = %(id)s and sent_at is null"
)
HAVE: Final = f"select contact_id, medium from v_notification where bulletin_id = %s and status not in {LOST}"  # noqa: S608


class Sent(NamedTuple):
    """How many messages were queued."""

    queued: int
    known: int
    """Recipients that have it already."""
    nowhere: int
    """Members of the groups that no medium reaches."""


def send(
    conn: Connection,
    network: Network,
    number: int,
    person: str,
    now: datetime,
    groups: Sequence[str] | None = None,
    by: Sequence[str] | None = None,
) -> Sent:
    """Queue an approved bulletin to the members of groups, each once by each medium, whatever was sent before. Audited.

    Groups or media that are None: those of its plan in network.yaml. Who has got none because the message failed gets
    it again. Short messages wait for the end of quiet hours. Raises BadBulletin.
    """
    found = bulletin(conn, number)
    if found.approved_at is None:
        raise BadBulletin("the bulletin {number} is a draft: approve it first", number=number)
    if not is_intact(conn, found):
        raise BadBulletin("the documents of the bulletin {number} are not those that were approved", number=number)
    plan = network.settings.bulletins.get(BulletinKind(found.kind))
    told, media = _where(network, plan, groups, by)
    kept = documents(conn, number)
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"bulletin {number}"])
        have = {(contact, medium) for contact, medium in conn.execute(HAVE, [number]).fetchall()}
        contacts = [one for one in load_contacts(conn) if one.groups & told and _consents(one, network)]
        chosen = _recipients(contacts, media, have)
        queued = [_message(found, kept, one, medium, network, now) for one, medium in chosen]
        queue_lost_again(conn, queued, now)
        enqueue(conn, queued, now)
        conn.execute(SEND, {"id": number, "now": now, "person": person})
        said = {"to": sorted(told), "by": [medium.value for medium in media], "messages": len(queued)}
        audit.record(conn, now, person, "send", f"bulletin {number}", detail=said)
    reached = {one.contact_id for one, _ in chosen} | {contact for contact, _ in have}
    known = len({contact for contact, _ in have} & {one.contact_id for one in contacts})
    return Sent(len(queued), known, sum(one.contact_id not in reached for one in contacts))


def _where(
    network: Network, plan: BulletinPlan | None, groups: Sequence[str] | None, by: Sequence[str] | None
) -> tuple[frozenset[str], list[Medium]]:
    planned = BulletinPlan(at="daily 00:00") if plan is None else plan
    chosen, media = planned.to if groups is None else groups, planned.by if by is None else by
    known = ", ".join(network.settings.groups)
    if not chosen:
        raise BadBulletin("nobody is named to whom it goes; groups: {known}", known=known)
    for name in chosen:
        if name not in network.settings.groups:
            raise BadBulletin("there is no group {group}; groups: {known}", group=name, known=known)
    if not media:
        raise BadBulletin("no way is named by which it goes, expected sms or email")
    if not set(media) <= {"sms", "email"}:
        raise BadBulletin("found {media}, expected sms or email", media=", ".join(media))
    return frozenset(chosen), [Medium(one) for one in dict.fromkeys(media)]


def _consents(contact: Addressee, network: Network) -> bool:
    return contact.consent != "refused" and (contact.consent == "given" or not network.settings.consent_required)


def _recipients(
    contacts: Sequence[Addressee], media: Sequence[Medium], have: set[tuple[int, str]]
) -> list[tuple[Addressee, Medium]]:
    """Return who gets it by which media: nobody twice."""
    return [
        (contact, medium)
        for contact in contacts
        for medium in media
        if contact.address(medium) and (not contact.media or medium in contact.media)
        and (contact.contact_id, medium.value) not in have
    ]  # fmt: skip


def _message(
    found: Bulletin, kept: Documents, contact: Addressee, medium: Medium, network: Network, now: datetime
) -> Queued:
    language = contact.language
    title = kept[language, "title"].decode()
    facts: dict[str, Any] = {"purpose": Purpose.BULLETIN.value, "language": language}
    if medium is Medium.EMAIL:
        facts["bulletin"] = {"number": found.bulletin_id, "name": f"{found.kind}-{found.period}-{language}.pdf"}
        body, subject, begins = kept[language, "mail"].decode() + "\n", title, now
    else:
        text = kept.get((language, "sms"), kept[language, "title"]).decode()
        facts["words"] = {"title": title, "response": kept.get((language, "zalo"), text.encode()).decode()}
        body, subject, begins = (
            short(text, accented=contact.accented),
            None,
            _awake(network, contact, now),
        )
    return Queued(
        [contact.contact_id],
        medium,
        Purpose.BULLETIN,
        subject,
        body,
        begins,
        facts=facts,
        bulletin_id=found.bulletin_id,
    )


def short(text: str, *, accented: bool) -> str:
    """Return a short message as it goes on the air; rather than be cut it loses its diacritics. Pure."""
    with_them = gsm.aired(text, accented=True)
    fits = gsm.capped(with_them) == with_them
    return with_them if accented and fits else gsm.capped(gsm.unaccented(text))


def _awake(network: Network, contact: Addressee, now: datetime) -> datetime:
    """Return when a contact may be woken by a short message: now, or at the end of quiet hours."""
    hours = contact.quiet or Routing.of(network).hours_of(contact)
    if hours is None:
        return now
    return next((one.until for one in nights(hours, now, now + LONGEST_NIGHT, network.zone) if one.since <= now), now)
