"""A flag or a correction that arrives after an alarm rose marks it as questioned and says so to whoever was told."""

from __future__ import annotations

from datetime import timedelta

from alerts.evaluating.evaluator import Evaluator
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import (
    CHANNEL,
    ROUTING,
    START,
    START_MS,
    STATION,
    flag,
    rows,
    run_all,
    store,
)
from tests.integration.alerts.test_composites import POND
from tests.unit.alerts.rules import ACT, MINUTE, oxygen_rule
from tests.unit.alerts.series import read_series


def evaluate(other: Connection, after: timedelta = timedelta(hours=1)) -> None:
    worker = Evaluator(other, {CHANNEL: [oxygen_rule(ACT)]}, ROUTING, lambda: START + after, (POND,))
    run_all(worker)


def questioned(conn: Connection) -> list[tuple[str, str | None]]:
    return rows(
        conn,
        "select a.rule, e.reason from v_alarm a join v_alarm_event e using (alarm_id) where e.event = 'questioned'",
    )


def test_a_rise_that_rested_on_flagged_readings_is_questioned_once_and_told_to_whoever_was_told(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("5x5 2.5x12", MINUTE, start_ms=START_MS))
    evaluate(other)
    flag(conn, channel_id, 5, 16, 4)
    evaluate(other)
    assert questioned(conn) == [("do-low", "readings that raised it were flagged by lan")]
    assert rows(conn, "select state from v_alarm") == [("unacknowledged",)]  # it is not ended by that
    told = rows(conn, "select medium, purpose from notification order by notification_id")
    assert sorted(told) == [("email", "questioned"), ("email", "raised"), ("sms", "questioned"), ("sms", "raised")]
    (body,) = rows(conn, "select body from notification where medium = 'sms' and purpose = 'questioned'")[0]
    assert body == (
        "Song My Thanh: canh bao Oxy thap luc 08:14 24/11 DANG DUOC XEM LAI: so lieu gay canh bao co dau hieu sai."
    )
    flag(conn, channel_id, 5, 16, 3)
    evaluate(other)
    assert len(questioned(conn)) == 1


def test_nobody_is_told_of_the_doubt_about_an_alarm_that_was_over_long_ago(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("5x5 2.5x12 5x60", MINUTE, start_ms=START_MS))
    evaluate(other, timedelta(hours=2))
    assert rows(conn, "select cleared_at is not null from v_alarm") == [(True,)]
    flag(conn, channel_id, 5, 16, 4)  # as when a year is judged again
    evaluate(other, timedelta(days=60))
    assert len(questioned(conn)) == 1
    assert rows(conn, "select count(*) from notification where purpose = 'questioned'") == [(0,)]


def test_flags_on_readings_that_had_no_part_in_it_question_nothing(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    store(conn, channel_id, read_series("2.5x5 _x20 2.5x25", MINUTE, start_ms=START_MS))
    evaluate(other)
    assert rows(conn, "select count(*) from v_alarm") == [(1,)]
    flag(conn, channel_id, 31, 45, 4)  # after the rise at minute 29
    flag(conn, channel_id, 0, 4, 1)
    evaluate(other)
    assert questioned(conn) == []


def test_a_correction_above_the_limit_questions_it(conn: Connection, other: Connection, channel_id: int) -> None:
    store(conn, channel_id, read_series("5x5 2.5x12", MINUTE, start_ms=START_MS))
    evaluate(other)
    flag(conn, channel_id, 8, 9, 6, "correction")
    evaluate(other)
    assert questioned(conn) == [("do-low", "readings that raised it were corrected")]


def test_an_alarm_that_late_readings_brought_to_light_is_questioned_when_they_are_taken_back(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    """As of an import that is undone; a flag questions no late alarm, and nobody is told."""
    night = read_series("5x5 2.5x12 5x60", MINUTE, start_ms=START_MS)
    store(conn, channel_id, [one._replace(received_ms=START_MS + 600 * MINUTE) for one in night])
    clock = [START + timedelta(hours=10)]
    worker = Evaluator(other, {CHANNEL: [oxygen_rule(ACT)]}, ROUTING, lambda: clock[0])
    run_all(worker)
    clock[0] += timedelta(minutes=1)
    worker.tell_summaries()
    assert rows(conn, "select late from v_alarm") == [(True,)]
    told = rows(conn, "select count(*) from notification")
    flag(conn, channel_id, 5, 16, 4)
    run_all(worker)
    assert questioned(conn) == []
    with conn.transaction():
        conn.execute("delete from reading where channel_id = %s", [channel_id])
        ends = START, START + timedelta(minutes=76)
        append_changes(conn, [NewChange(STATION, channel_id, *ends, 77, Cause.WITHDRAWN)])
    run_all(worker)
    assert questioned(conn) == [("do-low", "readings that raised it were taken back: their import was undone")]
    assert rows(conn, "select count(*) from notification") == told


def test_a_composite_alarm_is_questioned_by_a_flag_on_a_member(
    conn: Connection, other: Connection, channel_id: int
) -> None:
    row = conn.execute(
        "insert into channel (station, name, parameter, unit, kind, interval_s) "
        "values (%s, 'water_temp', 'water_temp', 'Cel', 'mean', 60) returning channel_id",
        [STATION],
    ).fetchone()
    assert row is not None
    store(conn, channel_id, read_series("3.5x12", MINUTE, start_ms=START_MS))
    store(conn, row[0], read_series("32x12", MINUTE, start_ms=START_MS))
    evaluate(other)
    flag(conn, row[0], 0, 11, 4)
    evaluate(other)
    assert questioned(conn) == [("pond", "readings that raised it were flagged by lan")]
