"""From a recorded change of an alarm to its messages: load, decide, write, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.alarm.change import AFTERWARDS, CALLS, OnRecord, Purpose, Recorded, Untold
from alerts.alarm.suppression import end_withholding, withheld_by, withhold
from alerts.rules.rule import RuleTexts
from alerts.rules.trend import Trend
from alerts.telling.address_book import AddressBook
from alerts.telling.change_rate import begin_flapping, begins_flapping, end_flapping
from alerts.telling.escalation import await_answer, due_calls
from alerts.telling.letter import letter
from alerts.telling.notice import Notice, worded
from alerts.telling.outbox import Queued, enqueue, supersede
from alerts.telling.recent_messages import messages_so_far
from alerts.telling.routes import Routing
from alerts.telling.short_message import short_message
from alerts.telling.stages import Case, Effect, Matter, Ruling, TextForm, held_back, outcome, text
from quantrac.config.notifications import Medium
from quantrac.config.rules import Side
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words


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
    suspicion: Callable[[], Words | None] = lambda: None
    """What tests say against the value; asked as the trend is."""
    parameter: str | None = None
    """What the channel measures; None: the station as a whole."""
    at: datetime | None = None
    """When it had this value; None: as the change says."""

    @classmethod
    def on_record(cls, texts: RuleTexts, about: OnRecord) -> Figures:
        """Return what a message says of an alarm that rose a while ago."""
        if about.value is None or not texts.has_value:
            return cls(about.channel, parameter=about.parameter)
        is_present = about.present is not None and texts.measure is None
        return cls(
            channel=about.channel,
            unit=texts.unit,
            decimals=texts.decimals,
            value=about.present if is_present else about.value,
            at=about.present_at if is_present else None,
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
    matter = _matter(conn, change, to, figures, now)
    before = messages_so_far(conn, change.alarm_id)
    if (ruling := held_back(matter)) is not None:
        if ruling.effect is Effect.HOLD:
            withhold(conn, change, ruling.reason, to.groups, now, breaks=to.breaks_quiet_hours)
        return 0
    if change.is_again and not matter.by_day:
        await_answer(conn, change.alarm_id, change.severity, to.routing, now)
    if not change.is_news and matter.purpose not in AFTERWARDS:
        return 0
    rulings = [(case, outcome(case)) for case in book.cases(matter, before, to.routing, now)]
    going = [(case, ruling) for case, ruling in rulings if ruling.effect is not Effect.DROP]
    station = book.station_name(matter.station)
    notice = _notice(change, matter, figures, going, station, to.routing)
    queued = _texts(notice, change.alarm_event_id, going, now)
    if matter.purpose is Purpose.FLAPPING:
        begin_flapping(conn, change, to.routing.flapping, now)
    if matter.purpose not in AFTERWARDS | CALLS and not matter.by_day:
        await_answer(conn, change.alarm_id, change.severity, to.routing, now)
    sent = {case.recipient.key for case, ruling in going if ruling.effect is Effect.SEND}
    supersede(conn, change.alarm_id, sorted(sent & before.waiting.keys()))
    enqueue(conn, queued, now)
    book.recent(to.routing).note(before.story, queued, now)
    return len(going)


def call_again(conn: Connection, routing: Routing, now: datetime) -> int:
    """Queue the calls that are due about unacknowledged alarms; return how many. In a transaction of its own."""
    with conn.transaction():
        return _tell_all(conn, due_calls(conn, routing, now), routing, now)


def tell_withheld(conn: Connection, routing: Routing, now: datetime) -> int:
    """End withholding that is due, tell of alarms that still stand, or flapped and are over; return how many."""
    with conn.transaction():
        found = [*end_flapping(conn, routing.flapping, now), *end_withholding(conn, now)]
        return _tell_all(conn, found, routing, now)


def _tell_all(conn: Connection, untold: Iterable[Untold], routing: Routing, now: datetime) -> int:
    book, count = AddressBook(conn), 0
    for one in untold:
        to = Audience(one.station, one.to, routing, one.breaks_quiet_hours, by=one.by)
        tell(conn, one.change, to, Figures.on_record(one.change.texts, one.about), now, book)
        count += 1
    return count


def _matter(conn: Connection, change: Recorded, to: Audience, figures: Figures, now: datetime) -> Matter:
    withheld = withheld_by(conn, change.alarm_id, now)
    flaps = withheld is None and begins_flapping(conn, change, to.routing.flapping)
    return Matter(
        purpose=Purpose.FLAPPING if flaps else change.purpose,
        station=to.station,
        severity=change.severity,
        groups=frozenset(to.groups),
        parameter=figures.parameter,
        at=now,
        breaks=to.breaks_quiet_hours,
        by_day=change.texts.by_day,
        by=to.by,
        without=to.without,
        withheld=withheld,
    )


def _notice(
    change: Recorded,
    matter: Matter,
    figures: Figures,
    going: Sequence[tuple[Case, Ruling]],
    station: Words,
    routing: Routing,
) -> Notice:
    goes_at_once = any(ruling.effect is Effect.SEND for _, ruling in going)
    return Notice(
        purpose=matter.purpose,
        alarm_id=change.alarm_id,
        severity=change.severity,
        station=station,
        time=figures.at or (change.raised_at if matter.purpose in CALLS else change.time),
        raised_at=change.raised_at,
        cause=change.cause,
        zone=routing.zone,
        phone=routing.phone,
        texts=change.texts,
        channel=figures.channel,
        value=figures.value,
        limit=figures.limit,
        side=figures.side,
        unit=figures.unit,
        decimals=figures.decimals,
        trend=figures.trend() if goes_at_once and matter.purpose not in AFTERWARDS else None,
        suspicion=figures.suspicion() if goes_at_once and matter.purpose not in AFTERWARDS else None,
        is_worse=change.is_worse and matter.purpose is Purpose.LEVEL,
    )


def _texts(notice: Notice, event_id: int, going: Sequence[tuple[Case, Ruling]], now: datetime) -> list[Queued]:
    """Write each text once, however many people read it."""
    readers: dict[tuple[TextForm, Medium, str | None, datetime | None], list[int]] = {}
    for case, ruling in going:
        held = (None, None) if ruling.effect is Effect.SEND else (ruling.reason, ruling.until)
        readers.setdefault((text(case), case.medium, *held), []).append(case.contact.contact_id)
    said = {form: worded(notice, form.language) for form, *_ in readers}
    written: dict[TextForm, tuple[str | None, str]] = {
        form: (None, short_message(said[form], accented=form.accented))
        if form.is_short
        else letter(said[form], end_follows=form.end_follows)
        for form in said
    }
    return [
        Queued(
            to, medium, notice.purpose, *written[form], now, notice.alarm_id, event_id, held_for, held_until,
            said[form].facts,
        )
        for (form, medium, held_for, held_until), to in readers.items()
    ]  # fmt: skip
