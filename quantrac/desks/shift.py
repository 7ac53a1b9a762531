"""The desk of the shift book: what the open shift has to hand over, notes, handing over and taking over.

One shift is open at any time. Whoever leaves signs its page, which never changes again, and the next shift begins at
that moment; whoever comes signs that they took over, then or later. The page is kept as it was signed, with a digest
that covers the digest of the page before. Two who sign at once: the second one reads who was first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from quantrac.database import audit
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.database.time_zone import time_zone
from quantrac.desks.shift_content import (
    Causes,
    Mark,
    ShiftContent,
    ShiftNote,
    contacts_in,
    read,
    stations_of,
    with_names,
    written,
)
from quantrac.desks.shift_rows import EXPLAINED, EXPLAINED_AT_SIGNING, GRACE, TURNS, LastMinute, read_causes, read_items
from quantrac.desks.stages import Signer
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.local_time import INSTANT, Calendar

SHIFT_LOCK: Final = 0x5154_0019
LONGEST: Final = timedelta(days=7)
"""What happened is listed so far back in a shift that nobody ended."""
MOST_NOTES: Final = 200


class ShiftRefused(TranslatableError):
    """What was asked of the shift book cannot be done; the text says why."""


class NoSuchShift(ShiftRefused):
    """No shift of this number was handed over."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """A shift without its page."""

    shift_id: int
    since: datetime
    until: datetime | None
    """When it was handed over; None: it is open."""
    person: str | None
    """Who handed it over."""
    account: str | None
    alone: bool
    """Whoever handed it over said that nobody was there to take over."""
    taken_by: str | None
    taken_account: str | None
    taken_at: datetime | None
    digest: str | None

    @property
    def waits(self) -> bool:
        """Whether somebody has still to take over."""
        return self.until is not None and self.taken_at is None and not self.alone


_ROW: Final = f"select {columns_of(ShiftRow)} from shift"  # noqa: S608  # our own field names
OPEN: Final = f"{_ROW} where until is null"
LAST: Final = f"{_ROW} where until is not null order by shift_id desc limit 1"
ONE: Final = f"{_ROW} where shift_id = %s and until is not null"
CONTENT: Final = "select content from shift where shift_id = %s"
TOLD: Final = "select told_audit, told_events from shift where shift_id = %s"
LISTED: Final = f"""
{_ROW} where until is not null and (%(before)s::int4 is null or shift_id < %(before)s)
  and (%(low)s::timestamptz is null or since < %(high)s and until > %(low)s)
order by shift_id desc limit %(most)s
"""
NOTES: Final = f"""
select {columns_of(ShiftNote)} from (
  select * from shift_note where shift_id = %s order by shift_note_id desc limit %s) n order by shift_note_id
"""  # noqa: S608  # our own field names
WATCHED: Final = f"""
select {columns_of(ShiftNote)} from shift_note n
where n.mark = 'watch' and not exists (
  select from shift_note d where d.item = coalesce(n.item, 'note ' || n.shift_note_id) and d.mark is not null
    and d.shift_note_id > n.shift_note_id)
order by n.shift_note_id desc limit %s
"""  # noqa: S608
CONTACTS: Final = "select contact_id, name from contact where contact_id = any(%s) and name <> ''"
NAMES: Final = "select station, name_vi, name_en from station where station = any(%s)"
NOTE: Final = """
insert into shift_note (shift_id, at, person, account, text, mark, station, item, about)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
LAST_MINUTE: Final = f"""
select (select coalesce(array_agg(a.audit_id), '{{}}') from audit a where a.at >= %(grace)s and a.at < %(now)s),
       (select coalesce(array_agg(e.alarm_event_id), '{{}}') from alarm_event e
        where e.at >= %(grace)s and e.at < %(now)s and e.event in {TURNS})
"""  # noqa: S608  # words of ours
HAND_OVER: Final = """
update shift set until = %(now)s, person = %(person)s, account = %(account)s, remark = %(remark)s, alone = %(alone)s,
  content = %(content)s, digest = %(digest)s, told_audit = %(told_audit)s, told_events = %(told_events)s
where shift_id = %(shift)s
"""
BEGIN: Final = "insert into shift (since) values (%s) returning shift_id"
TAKE_OVER: Final = "update shift set taken_by = %s, taken_account = %s, taken_at = %s where shift_id = %s"


def open_shift(conn: Connection) -> ShiftRow:
    """Return the shift that is open."""
    (found,) = rows_of(conn, ShiftRow, OPEN)
    return found


def last_shift(conn: Connection) -> ShiftRow | None:
    """Return the shift that was handed over last; None: none was yet."""
    return next(iter(rows_of(conn, ShiftRow, LAST)), None)


def shifts(conn: Connection, *, day: date | None = None, before: int | None = None, most: int = 50) -> list[ShiftRow]:
    """Return shifts that were handed over, the newest first: of a local day, or all; `before`: with smaller numbers."""
    low = high = None
    if day is not None:
        calendar = Calendar(time_zone(conn))
        low = calendar.midnight(day)
        high = calendar.day_end(low + INSTANT)
    return rows_of(conn, ShiftRow, LISTED, {"low": low, "high": high, "before": before, "most": most})


def open_page(conn: Connection, now: datetime, explained: int = EXPLAINED) -> ShiftContent:
    """Return the page of the open shift as things stand; with the causes of the gaps of so many stations."""
    with conn.transaction():
        return _named(conn, _compose(conn, open_shift(conn), now, None, explained))


def gap_causes(conn: Connection, content: ShiftContent, station: str) -> Causes:
    """Return the causes of a station's gaps for a page that was read without them."""
    return read_causes(conn, station, content.listed_since, content.until)


def signed_page(conn: Connection, shift_id: int) -> tuple[ShiftRow, ShiftContent]:
    """Return a shift that was handed over, and its page as it was signed. Raises NoSuchShift."""
    found = rows_of(conn, ShiftRow, ONE, [shift_id])
    text = conn.execute(CONTENT, [shift_id]).fetchone()
    if not found or text is None:
        raise NoSuchShift("no shift {number} was handed over: quantrac shift list", number=shift_id)
    return found[0], _named(conn, read(text[0]))


def _named(conn: Connection, content: ShiftContent) -> ShiftContent:
    """Return a page as people read it: contacts, of whom it keeps the number, by their names as long as these last."""
    numbers = contacts_in(content)
    return with_names(content, dict(conn.execute(CONTACTS, [numbers]).fetchall())) if numbers else content


def note(
    conn: Connection,
    text: str,
    person: str,
    now: datetime,
    *,
    mark: Mark | None = None,
    item: str | None = None,
    station: str | None = None,
) -> None:
    """Write a note into the open shift.

    Args:
        conn: a connection in autocommit.
        text: what the person says.
        person: who it is.
        now: the time.
        mark: `watch`, to hand what it is about on until somebody says `done`.
        item: key of an item of the page, or of a note to watch; None: the note stands for itself.
        station: of the item, or what the note is about; None: of no station.

    Raises ShiftRefused for a note without words, and for an item that the page does not have at the station.
    """
    if not text.strip():
        raise ShiftRefused("a note needs words")
    if mark == "done" and item is None:
        raise ShiftRefused("only what is on the page is done: name the item")
    with conn.transaction():
        _alone(conn)
        shift = open_shift(conn)
        about = None if item is None else _about(_compose(conn, shift, now, None, 0), item, station)
        if item is None and station is not None and not conn.execute(NAMES, [[station]]).fetchone():
            raise ShiftRefused("there is no station {station}", station=station)
        kept = None if about is None else Jsonb(about)
        conn.execute(NOTE, [shift.shift_id, now, person, audit.account(), text.strip(), mark, station, item, kept])
        said = {"mark": mark, "item": item, "station": station}
        audit.record(conn, now, person, "note", f"shift {shift.shift_id}", text.strip(), said)


def hand_over(
    conn: Connection, shift_id: int, person: str, remark: str, now: datetime, *, alone: bool = False
) -> ShiftRow:
    """Sign the page of the open shift and begin the next one.

    Args:
        conn: a connection in autocommit.
        shift_id: the shift that the person means; refused where another one is open by now.
        person: who leaves.
        remark: what they add for whoever comes.
        now: the time: end of the shift and beginning of the next one.
        alone: nobody is there to take over.

    Returns the shift that was handed over. Raises ShiftRefused where somebody else was faster.
    """
    with conn.transaction():
        _alone(conn)
        shift = open_shift(conn)
        if shift.shift_id != shift_id:
            first, _ = signed_page(conn, shift_id)
            raise ShiftRefused(
                "shift {number} was handed over by {by} at {at}: look at the one that is open now",
                number=shift_id, by=first.person, at=first.until,
            )  # fmt: skip
        now = max(now, shift.since)
        (tells,) = conn.execute(LAST_MINUTE, {"grace": now - GRACE, "now": now}).fetchall()
        content = _compose(conn, shift, now, LastMinute(*tells), EXPLAINED_AT_SIGNING)
        content = replace(content, person=person, alone=alone, remark=remark.strip() or None)
        text, digest = written(content)
        signed = {
            "shift": shift_id, "now": now, "person": person, "account": audit.account(), "remark": content.remark,
            "alone": alone, "content": text, "digest": digest, "told_audit": tells[0], "told_events": tells[1],
        }  # fmt: skip
        conn.execute(HAND_OVER, signed)
        conn.execute(BEGIN, [now])
        said = {"alone": alone, "digest": digest}
        audit.record(conn, now, person, "hand over", f"shift {shift_id}", content.remark, said)
        return signed_page(conn, shift_id)[0]


def take_over(conn: Connection, shift_id: int, person: str, now: datetime) -> ShiftRow:
    """Sign that one has taken over the shift that was handed over last; that may be later, while the next one is open.

    Raises NoSuchShift, and ShiftRefused where somebody has, for whoever handed it over, and where a later shift was
    handed over since.
    """
    by = Signer(person, audit.account())
    with conn.transaction():
        _alone(conn)
        shift, _ = signed_page(conn, shift_id)
        last = last_shift(conn)
        if shift.taken_at is not None:
            raise ShiftRefused(
                "shift {number} was taken over by {by} at {at}", number=shift_id, by=shift.taken_by, at=shift.taken_at
            )
        if last is None or last.shift_id != shift_id:
            raise ShiftRefused("a later shift was handed over since: nobody took over shift {number}", number=shift_id)
        if by.is_also(Signer(str(shift.person), shift.account)):
            raise ShiftRefused("{by} handed shift {number} over: another person takes over", by=person, number=shift_id)
        conn.execute(TAKE_OVER, [person, by.account, max(now, shift.until or now), shift_id])
        audit.record(conn, now, person, "take over", f"shift {shift_id}")
        return signed_page(conn, shift_id)[0]


def _alone(conn: Connection) -> None:
    """Lock the book for one writer, so that a note is on the page that is signed or on the next one."""
    conn.execute("select pg_advisory_xact_lock(%s)", [SHIFT_LOCK])


def _compose(
    conn: Connection, shift: ShiftRow, now: datetime, tells: LastMinute | None, explained: int
) -> ShiftContent:
    last = last_shift(conn)
    told = ([], []) if last is None else conn.execute(TOLD, [last.shift_id]).fetchall()[0]
    listed_since = max(shift.since, now - LONGEST)
    items, counts = read_items(conn, listed_since, now, LastMinute(*told), tells, explained)
    notes = rows_of(conn, ShiftNote, NOTES, [shift.shift_id, MOST_NOTES])
    watched = rows_of(conn, ShiftNote, WATCHED, [MOST_NOTES])
    occurring = sorted(stations_of(items, counts, [*notes, *watched]))
    names = {station: [vi, en] for station, vi, en in conn.execute(NAMES, [occurring])}
    return ShiftContent(
        shift.shift_id, shift.since, now, listed_since, names, items, counts, notes, watched,
        None if last is None else last.digest,
    )  # fmt: skip


def _about(content: ShiftContent, key: str, station: str | None) -> dict[str, Any]:
    """Return what a note is about, as the page shows it. Raises ShiftRefused."""
    for item in content.items:
        if item.key == key and item.station == station:
            shown = {"key": key, "kind": item.kind.value, "station": station, "at": item.at, "facts": item.facts}
            return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in shown.items()}
    for watched in content.watched:
        if watched.key == key and watched.station == station:
            return watched.about or {"key": key, "kind": "note", "station": station, "text": watched.text}
    raise ShiftRefused("the open shift has no item {item}: quantrac shift show", item=key)
