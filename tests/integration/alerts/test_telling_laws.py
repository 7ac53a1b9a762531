"""Laws of telling in the database, on random networks and random days: nothing is lost, and explanations come true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts import desk
from alerts.alarm.change import Mark, Purpose, Subject
from alerts.alarm.records import clear_alarm, raise_alarm
from alerts.alarm.suppression import withheld_by
from alerts.rules.rule import RuleTexts
from alerts.telling.address_book import AddressBook
from alerts.telling.contact import Addressee
from alerts.telling.explanation import Explained, explain
from alerts.telling.messages import Audience, Figures, call_again, tell, tell_withheld
from alerts.telling.recent_messages import RecentMessages
from alerts.telling.routes import Routing
from alerts.telling.stages import Matter
from alerts.telling.summaries import tell_held
from quantrac.config.notifications import Medium, Route
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words
from tests.integration.alerts.centre import CHANNEL, START, STATION, add_network, rows
from tests.unit.alerts.test_stage_laws import GROUPS, networks, people, severities, some_groups

TEXTS = RuleTexts(Words("Oxy thấp", "Low oxygen"), sms=Words("", ""))
RULES = ("low-oxygen", "high-ph", "cold", "turbid", "salty")
EVERYBODY = tuple(
    Route(to=group, severity=("low", "medium", "high", "critical"), by=("sms", "email")) for group in GROUPS[:2]
)
HOUR = timedelta(hours=1)
FORGET = "update contact set active = false where contact_id = (select max(contact_id) from contact where active)"


@dataclass(frozen=True)
class Rise:
    """An alarm of a rule that does not stand rises."""

    severity: Severity
    to: frozenset[str]
    breaks: bool


groups = some_groups.map(lambda some: some | {"farmers", "operators"})
rises = st.builds(Rise, severities, groups, st.sampled_from([False, False, True]))
acts = st.one_of(
    rises,
    rises,
    st.tuples(st.sampled_from(["end", "acknowledge", "shelve"]), st.sampled_from(RULES)),
    st.just("forget a contact"),
)
waits = st.sampled_from([0, 0, 1, 2, 5, 10, 60, 240]).map(lambda minutes: timedelta(minutes=minutes))
days = st.lists(st.tuples(waits, acts), min_size=6, max_size=20)


@settings(max_examples=35, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(networks, people, days)
def test_what_is_held_is_sent_merged_or_dropped_with_its_reason_and_explanations_come_true(
    conn: Connection, routing: Routing, contacts: Sequence[Addressee], day: Sequence[tuple[timedelta, Any]]
) -> None:
    with conn.transaction(force_rollback=True):
        channel_id, routing = add_network(conn), replace(routing, routes=EVERYBODY + routing.routes)
        conn.execute("update contact set consent = 'given'")
        for place, contact in enumerate(contacts):
            add(conn, contact, place)
        now = START
        for wait, act in day:
            now += wait
            at_the_clock(conn, routing, now)
            if isinstance(act, Rise):
                rise(conn, channel_id, routing, act, now)
            elif isinstance(act, str):  # "forget a contact"
                conn.execute(FORGET)
            else:
                what, rule = act
                do(conn, channel_id, routing, what, rule, now)
        for hours in range(0, 73, 8):
            at_the_clock(conn, routing, now + hours * HOUR)
        everything_ended(conn)


def at_the_clock(conn: Connection, routing: Routing, now: datetime) -> None:
    """What the service does each second."""
    tell_held(conn, routing.zone, now)
    tell_withheld(conn, routing, now)
    call_again(conn, routing, now)


def rise(conn: Connection, channel_id: int, routing: Routing, act: Rise, now: datetime) -> None:
    """Raise an alarm, and hold what happens against what was foretold."""
    rule = next((rule for rule in RULES if standing(conn, rule) is None), None)
    if rule is None:
        return
    subject = Subject(rule, STATION, channel_id)
    change = raise_alarm(conn, subject, Mark("act", act.severity, 2.5, 3.0), now, TEXTS, now)
    matter = Matter(
        Purpose.RAISED, STATION, act.severity, act.to, "do", breaks=act.breaks,
        withheld=withheld_by(conn, change.alarm_id, now),
    )  # fmt: skip
    book = AddressBook(conn)
    ids = [one.contact_id for one in book.contacts]
    recent = RecentMessages(conn, routing, now, change.alarm_id).of_what_might_be(
        Subject(rule, STATION, None), CHANNEL, ids, now
    )
    foretold = [line for line in explain(book.contacts, routing, matter, now, recent) if line.occasion == "raised"]
    to = Audience(STATION, tuple(act.to), routing, breaks_quiet_hours=act.breaks)
    tell(conn, change, to, Figures(CHANNEL, "mg/L", value=2.5, limit=3.0, parameter="do"), now)
    flaps = rows(conn, "select 1 from alarm_event where alarm_id = %s and event = 'flapping'", change.alarm_id)
    written = rows(
        conn,
        "select contact_id, medium, coalesce(held_until, queued_at) from notification where alarm_event_id = %s",
        change.alarm_event_id,
    )
    if not flaps:
        assert sorted(written) == sorted(line_of(line) for line in foretold if line.told_at is not None)


def line_of(line: Explained) -> tuple[int, str, datetime | None]:
    return line.contact_id, Medium(line.medium).value, line.told_at


def do(conn: Connection, channel_id: int, routing: Routing, act: str, rule: str, now: datetime) -> None:
    """End, acknowledge or shelve the alarm of a rule that stands."""
    alarm_id = standing(conn, rule)
    if alarm_id is None:
        return
    if act == "end":
        change = clear_alarm(conn, Subject(rule, STATION, channel_id), 4.0, now, now)
        assert change is not None
        tell(conn, change, Audience(STATION, (), routing), Figures(), now)
    elif act == "shelve":
        desk.shelve(conn, alarm_id, "lan", "cleaning", now + HOUR, now)
    elif desk.alarm(conn, alarm_id).acknowledged_at is None:
        desk.acknowledge(conn, alarm_id, "lan", None, now)


def standing(conn: Connection, rule: str) -> int | None:
    found = rows(conn, "select alarm_id from alarm where rule = %s and cleared_at is null", rule)
    return found[0][0] if found else None


def everything_ended(conn: Connection) -> None:
    """Nothing is held any more; whoever should have got a message gets another one, or it says why not."""
    assert rows(conn, "select * from notification where status = 'held'") == []
    assert rows(conn, "select * from notification where status = 'dead' and error is null") == []
    merged_into_nothing = rows(
        conn,
        """
        select n.* from notification n where n.status = 'summarised' and not exists (
          select from notification m where m.contact_id = n.contact_id and m.medium = n.medium
          and m.notification_id > n.notification_id and m.status in ('queued', 'dead')
          and (m.purpose = 'summary' and m.facts->'alarms' @> to_jsonb(n.alarm_id) or m.alarm_id = n.alarm_id))
        """,
    )
    assert merged_into_nothing == []


def add(conn: Connection, one: Addressee, place: int) -> None:
    start, end = one.quiet or (None, None)
    conn.execute(
        """
        insert into contact (name, language, phone_e164, email, webhook, groups, stations, tags, parameters, media,
          severity, quiet_from, quiet_to, wake, cap, consent)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            one.name, one.language,
            one.phone and f"+8498765432{place}", f"x{place}@example.org", one.webhook and f"{one.webhook}/{place}",
            *(sorted(words) for words in (one.groups, one.stations, one.tags, one.parameters, one.media)),
            None if one.severity is None else one.severity.word, start, end,
            None if one.wake is None else one.wake.word, one.cap, one.consent,
        ],
    )  # fmt: skip
