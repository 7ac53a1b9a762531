"""What acts make of alarms in the database is what the table of their life says, and the history tells every step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Rollback

from alerts import desk
from alerts.alarm.change import EndCause, Mark, Subject
from alerts.alarm.life import OVER, Life, step
from alerts.alarm.life import AlarmAct as Act
from alerts.alarm.life import AlarmState as State
from alerts.alarm.records import act_on, clear_alarm, reach_level, record_late
from alerts.alarm.suppression import end_withholding
from alerts.rules.rule import RuleTexts
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words
from tests.integration.alerts.centre import START, STATION, add_network, rows

TEXTS = RuleTexts(Words("Oxy thấp", "Low oxygen"), sms=Words("", ""))
LEVELS = [Mark("watch", Severity.LOW, 4.5, 5.0), Mark("act", Severity.HIGH, 2.5, 3.0), Mark("kind", Severity.HIGH)]
MINUTE = timedelta(minutes=1)
PERSONS = [act for act in Act if act not in (Act.RAISE_AGAIN, Act.WORSEN, Act.EASE, Act.RETURN, Act.LATCH)]


class Centre:
    """One subject, its alarms, and a clock that goes a minute with each thing that happens."""

    def __init__(self, conn: Connection, channel_id: int, *, latched: bool) -> None:
        self.conn = conn
        self.subject = Subject("low-oxygen", STATION, channel_id)
        self.texts = replace(TEXTS, latched=latched)
        self.now = START

    @property
    def newest(self) -> int | None:
        """The alarm that rose last."""
        row: tuple[int | None] | None = self.conn.execute("select max(alarm_id) from alarm").fetchone()
        return None if row is None else row[0]

    def reach(self, level: int, *, is_kind: bool = False, has_parent: bool = False) -> None:
        parent = None
        if has_parent:
            silent = Subject("station-silent", STATION, None)
            reach_level(self.conn, silent, Mark("silent", Severity.HIGH), self.now, TEXTS, self.now)
            found = self.conn.execute("select alarm_id from alarm where rule = 'station-silent'").fetchone()
            parent = None if found is None else found[0]
        reach_level(
            self.conn, self.subject, LEVELS[level], self.now, self.texts, self.now, is_kind=is_kind, parent=parent
        )

    def end(self, cause: EndCause | None) -> None:
        clear_alarm(self.conn, self.subject, 4.0, self.now, self.now, cause)

    def late(self, minutes: int) -> None:
        period = self.now - minutes * MINUTE, self.now
        record_late(self.conn, self.subject, LEVELS[minutes % 2], period, self.texts, ["operators"], self.now)

    def act(self, act: Act) -> None:
        """Do it to the newest alarm, which takes it exactly where the table has a step."""
        if (alarm_id := self.newest) is None:
            return
        before = life_of(self.conn, alarm_id)
        event = act_on(self.conn, alarm_id, act, self.now, person="lan", reason="because")
        assert (event is None) == (step(before, act) is None)
        assert life_of(self.conn, alarm_id) == (step(before, act) or before)

    def ask(self, do: Callable[[Connection, int], None]) -> None:
        """Ask the desk about the newest alarm; it may refuse."""
        if (alarm_id := self.newest) is not None:
            with suppress(desk.DeskRefused):
                do(self.conn, alarm_id)

    def shelve(self) -> None:
        self.ask(lambda conn, id_: desk.shelve(conn, id_, "lan", "cleaning", self.now + 3 * MINUTE, self.now))

    def unshelve(self) -> None:
        self.ask(lambda conn, id_: desk.unshelve(conn, id_, "lan", None, self.now))

    def take_out(self) -> None:
        desk.take_out_of_service(self.conn, STATION, None, "lan", "probe", self.now + 4 * MINUTE, self.now)

    def put_in(self) -> None:
        with suppress(desk.DeskRefused):
            desk.put_in_service(self.conn, STATION, None, "lan", None, self.now)


HAPPENINGS = st.one_of(
    st.builds(
        lambda *a: lambda c: c.reach(a[0], is_kind=a[1], has_parent=a[2]), st.integers(0, 2), *[st.booleans()] * 2
    ),
    st.sampled_from([None, *EndCause]).map(lambda cause: lambda c: c.end(cause)),
    st.integers(1, 5).map(lambda minutes: lambda c: c.late(minutes)),
    st.sampled_from(PERSONS).map(lambda act: lambda c: c.act(act)),
    st.sampled_from([Centre.shelve, Centre.unshelve, Centre.take_out, Centre.put_in]),
)


def life_of(conn: Connection, alarm_id: int) -> Life:
    (row,) = rows(conn, "select state, acknowledged_at is not null from alarm where alarm_id = %s", alarm_id)
    return Life(State(row[0]), row[1])


def told_by_history(conn: Connection, alarm_id: int) -> Life:
    """Return the life that the history of an alarm tells: each line is a step of the table, or changes nothing."""
    query = "select event, state, acknowledged from v_alarm_event where alarm_id = %s order by alarm_event_id"
    (first, born, _), *later = rows(conn, query, alarm_id)
    assert (first, born) in [
        ("late", "cleared"),
        *(("raised", s) for s in ("unacknowledged", "shelved", "out of service")),
    ]
    life = Life(State(born))
    for event, state, acknowledged in later:
        after = Life(State(state), acknowledged)
        steps = {one for act in Act if act.event == event and (one := step(life, act)) is not None}
        assert after in (steps or {life}), f"{event}: from {life} to {after}"
        life = after
    return life


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(latched=st.booleans(), happenings=st.lists(HAPPENINGS, min_size=1, max_size=25))
def test_whatever_happens_the_row_is_what_the_history_tells(
    conn: Connection, latched: bool, happenings: list[Callable[[Centre], None]]
) -> None:
    with conn.transaction():
        centre = Centre(conn, add_network(conn), latched=latched)
        for happen in happenings:
            happen(centre)
            end_withholding(conn, centre.now)
            centre.now += MINUTE
            for alarm_id, state, cleared, parent in rows(
                conn, "select alarm_id, state, cleared_at, parent from v_alarm"
            ):
                assert told_by_history(conn, alarm_id) == life_of(conn, alarm_id)
                assert (cleared is not None) == (State(state) in OVER)
                assert parent is None or state in (State.SUPPRESSED, *OVER)
        raise Rollback


@pytest.mark.parametrize(
    ("told_until", "begins"), [(None, 60), (20, 20), (90, 60)], ids=["stands", "ended before", "ended behind"]
)
def test_an_alarm_of_the_past_begins_where_what_was_told_does_not_cover_it(
    conn: Connection, told_until: int | None, begins: int
) -> None:
    """Minutes: a lesser alarm was told from 0 on; readings that came late show it from 10 on, the worse level at 60."""
    subject = Subject("do-low", STATION, add_network(conn))
    watch, act, _ = LEVELS
    reach_level(conn, subject, watch, START, TEXTS, START)
    if told_until is not None:
        end = START + told_until * MINUTE
        clear_alarm(conn, subject, 6.0, end, end)
    period, worst_at = (START + 10 * MINUTE, START + 120 * MINUTE), START + 60 * MINUTE
    record_late(conn, subject, act, period, TEXTS, [], START + 300 * MINUTE, worst_at=worst_at)
    assert rows(conn, "select raised_at, cleared_at from alarm where late") == [(START + begins * MINUTE, period[1])]
