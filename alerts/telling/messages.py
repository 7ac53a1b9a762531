"""From a recorded change of an alarm to its messages: load, decide, write, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerts.alarm.change import AFTERWARDS, CALLS, ENDS, OnRecord, Purpose, Recorded
from alerts.alarm.suppression import end_withholding, withheld_by, withhold
from alerts.rules.rule import RuleTexts
from alerts.rules.trend import Trend
from alerts.telling.address_book import AddressBook
from alerts.telling.change_rate import begin_flapping, begins_flapping, end_flapping
from alerts.telling.contact import Recipient
from alerts.telling.escalation import await_answer, due_calls
from alerts.telling.letter import letter
from alerts.telling.notice import Notice, facts_of
from alerts.telling.notification import LOST, MessageStatus, in_sql
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.recent_messages import Story, story_of
from alerts.telling.routes import Routing
from alerts.telling.short_message import short_message
from alerts.telling.stages import Case, Effect, Matter, Person, Ruling, candidates, followers, held_back, outcome
from quantrac.config.notifications import Medium
from quantrac.config.rules import Side
from quantrac.database.pool import Connection


@dataclass(frozen=True, slots=True)
class Figures:
    """What a message says beside the rule's own words."""

    channel: str = ""
    unit: str = ""
    decimals: int = 2
    value: float | None = None
    limit: float | None = None
    side: Side | None = None
    trend: Callable[[], Trend | None] = lambda: None
    """Asked only when a message about a standing alarm goes at once."""
    parameter: str | None = None
    """What the channel measures; None: the station as a whole."""

    @classmethod
    def on_record(cls, texts: RuleTexts, about: OnRecord) -> Figures:
        """Return what a message says of an alarm that rose a while ago."""
        if about.value is None or not texts.has_value:
            return cls(about.channel, parameter=about.parameter)
        return cls(
            channel=about.channel,
            unit=texts.unit,
            decimals=texts.decimals,
            value=about.value,
            limit=about.limit,
            side=None if about.limit is None else Side.BELOW if about.value < about.limit else Side.ABOVE,
            parameter=about.parameter,
        )


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a change concerns."""

    station: str | None
    """None: the centre itself."""
    groups: tuple[str, ...]
    routing: Routing
    breaks_quiet_hours: bool = False
    without: Medium | None = None
    """A medium that cannot be used now."""
    by: tuple[str, ...] | None = None
    """These media, in place of what the routes say."""


def tell(
    conn: Connection, change: Recorded, to: Audience, figures: Figures, now: datetime, book: AddressBook | None = None
) -> int:
    """Queue the messages about a change and return how many; `alerts.telling.stages` says what becomes of each.

    A rise and worse levels go to the groups of the level, the end goes to whoever was told of the alarm; a milder level
    is history and no message. `book`: as loaded for the round.
    """
    book = book or AddressBook(conn)
    known = _known(conn, change, to.routing, now)
    matter = _matter(change, to, figures, known, now)
    if (ruling := held_back(matter)) is not None:
        if ruling.effect is Effect.HOLD:
            withhold(conn, change, ruling.reason, to.groups, now, breaks=to.breaks_quiet_hours)
        return 0
    if not change.is_news and matter.purpose not in AFTERWARDS:
        return 0
    rulings = [(case, outcome(case)) for case in _cases(matter, to.routing, known, book, now)]
    going = [(case, ruling) for case, ruling in rulings if ruling.effect is not Effect.DROP]
    queued = _texts(_notice(change, matter, figures, going, book, to.routing.zone), change.alarm_event_id, going, now)
    sent = {(case.contact.contact_id, case.medium) for case, ruling in going if ruling.effect is Effect.SEND}
    _write(conn, change, matter, to.routing, sorted(sent & known.waiting.keys()), queued, now)
    book.recent(to.routing).note(known.story, queued, now)
    return len(going)


def call_again(conn: Connection, routing: Routing, now: datetime) -> int:
    """Tell the next ones of alarms that nobody acknowledges; return how many calls. In a transaction of its own."""
    with conn.transaction():
        book, count = AddressBook(conn), 0
        for due in due_calls(conn, routing, now):
            groups, by = ((), None) if due.step is None else (due.step.to, due.step.by)
            to = Audience(due.station, groups, routing, breaks_quiet_hours=True, by=by)
            tell(conn, due.change, to, Figures.on_record(due.change.texts, due.about), now, book)
            count += 1
    return count


def tell_withheld(conn: Connection, routing: Routing, now: datetime) -> int:
    """End what has withheld alarms, tell what still stands or flapped and is over, and return how many alarms."""
    with conn.transaction():
        book = AddressBook(conn)
        quiet = end_flapping(conn, routing.flapping, now)
        for change, station in quiet:
            tell(conn, change, Audience(station, (), routing), Figures(), now, book)
        found = end_withholding(conn, now)
        for untold in found:
            to = Audience(untold.station, untold.to, routing, breaks_quiet_hours=untold.breaks_quiet_hours)
            tell(conn, untold.change, to, Figures.on_record(untold.change.texts, untold.about), now, book)
    return len(quiet) + len(found)


class _Known(NamedTuple):
    """What the database knows of an alarm."""

    story: Story
    withheld: str | None
    flaps: bool
    """With this rise it begins to come and go."""
    told: list[Person]
    waiting: Mapping[Person, Ruling]
    """Messages about it that are held."""


ALARM: Final = "select rule, station, channel_id from alarm where alarm_id = %s"
MESSAGES: Final = f"""
select contact_id, medium,
  bool_or(purpose not in {in_sql(ENDS)} and status not in {LOST}),
  (array_agg(held_for order by held_until) filter (where status = '{MessageStatus.HELD}'))[1],
  min(held_until) filter (where status = '{MessageStatus.HELD}')
from notification where alarm_id = %s group by 1, 2 order by 1, 2
"""  # noqa: S608 (words of ours)


def _known(conn: Connection, change: Recorded, routing: Routing, now: datetime) -> _Known:
    row = conn.execute(ALARM, [change.alarm_id]).fetchone()
    assert row is not None
    withheld = withheld_by(conn, change.alarm_id, now)
    flaps = withheld is None and begins_flapping(conn, change, routing.flapping)
    told, waiting = [], {}
    for contact_id, word, was_told, held_for, held_until in conn.execute(MESSAGES, [change.alarm_id]):
        person = contact_id, Medium(word)
        if was_told:
            told.append(person)
        if held_for is not None:
            waiting[person] = Ruling(Effect.MERGE, "waiting", held_for, held_until)
    return _Known(story_of(*row), withheld, flaps, told, waiting)


def _matter(change: Recorded, to: Audience, figures: Figures, known: _Known, now: datetime) -> Matter:
    return Matter(
        purpose=Purpose.FLAPPING if known.flaps else change.purpose,
        station=to.station,
        severity=change.severity,
        groups=frozenset(to.groups),
        parameter=figures.parameter,
        at=now,
        breaks=to.breaks_quiet_hours,
        by_day=change.texts.by_day,
        by=to.by,
        without=to.without,
        withheld=known.withheld,
    )


def _cases(matter: Matter, routing: Routing, known: _Known, book: AddressBook, now: datetime) -> Iterator[Case]:
    recent = book.recent(routing)
    if matter.purpose in AFTERWARDS or matter.purpose is Purpose.REPEATED:
        told = [Recipient(book.by_id[id_], medium) for id_, medium in known.told if id_ in book.by_id]
        late = recent.of(known.story, {one.contact.contact_id for one in told}, now)
        return followers(routing, told, matter, late, known.waiting)
    people = book.concerned(matter.station, matter.groups)
    return candidates(routing, people, matter, recent.of(known.story, {one.contact_id for one in people}, now))


def _notice(
    change: Recorded,
    matter: Matter,
    figures: Figures,
    going: Sequence[tuple[Case, Ruling]],
    book: AddressBook,
    zone: ZoneInfo,
) -> Notice:
    goes_at_once = any(ruling.effect is Effect.SEND for _, ruling in going)
    return Notice(
        purpose=matter.purpose,
        alarm_id=change.alarm_id,
        severity=change.severity,
        station=book.station_name(matter.station),
        time=change.raised_at if matter.purpose in CALLS else change.time,
        raised_at=change.raised_at,
        zone=zone,
        texts=change.texts,
        channel=figures.channel,
        value=figures.value,
        limit=figures.limit,
        side=figures.side,
        unit=figures.unit,
        decimals=figures.decimals,
        trend=figures.trend() if goes_at_once and matter.purpose not in AFTERWARDS else None,
    )


class _Form(NamedTuple):
    """What distinguishes the texts about one change."""

    language: str
    is_short: bool
    end_follows: bool
    accented: bool


def _texts(notice: Notice, event_id: int, going: Sequence[tuple[Case, Ruling]], now: datetime) -> list[Queued]:
    """Write each text once, however many people read it."""
    readers: dict[tuple[_Form, Medium, str | None, datetime | None], list[int]] = {}
    for case, ruling in going:
        contact, is_short = case.contact, case.medium is Medium.SMS
        end_follows = is_short or case.routing.wants_the_end(contact, case.medium, notice.severity)
        form = _Form(contact.language, is_short, end_follows, contact.wishes.accented)
        held = (None, None) if ruling.effect is Effect.SEND else (ruling.reason, ruling.until)
        readers.setdefault((form, case.medium, *held), []).append(contact.contact_id)
    written = {form: _written(notice, form) for form, *_ in readers}
    return [
        Queued(
            to, medium, notice.purpose, *written[form], now, notice.alarm_id, event_id, held_for, held_until,
            facts_of(notice, form.language),
        )
        for (form, medium, held_for, held_until), to in readers.items()
    ]  # fmt: skip


def _written(notice: Notice, form: _Form) -> tuple[str | None, str]:
    """Return subject and body."""
    if form.is_short:
        return None, short_message(notice, form.language, accented=form.accented)
    written = letter(replace(notice, end_follows=form.end_follows), form.language)
    return written.subject, written.body


SUPERSEDE: Final = f"""
update notification set status = '{MessageStatus.SUMMARISED}'
where alarm_id = %s and status = '{MessageStatus.HELD}'
  and (contact_id, medium) in (select * from unnest(%s::int4[], %s::text[]))
"""  # noqa: S608 (words of ours)


def _write(
    conn: Connection,
    change: Recorded,
    matter: Matter,
    routing: Routing,
    superseded: Sequence[Person],
    queued: Sequence[Queued],
    now: datetime,
) -> None:
    if matter.purpose is Purpose.FLAPPING:
        begin_flapping(conn, change, routing.flapping, now)
    if matter.purpose not in AFTERWARDS | CALLS and not matter.by_day:
        await_answer(conn, change.alarm_id, change.severity, routing, now)
    if superseded:
        conn.execute(SUPERSEDE, [change.alarm_id, *map(list, zip(*superseded, strict=True))])
    enqueue(conn, queued, now)
