"""The public views: merging raw values, findings, corrections; freshness; rights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from quantrac.database import audit
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from quantrac.database.migration import migrate
from quantrac.database.pool import Connection
from quantrac.telemetry.states import State
from tests.integration.database.conftest import NOON, World, add_channel

# The promised columns (docs/database.md): views may add more and never rename one.
PROMISED = {
    "v_station": "station, name, latitude, longitude, online, last_message_at, config_applied, config_reported",
    "v_channel": "station, channel, parameter, unit, interval_s, derived, span_low, span_high, expect_low, expect_high",
    "v_reading": "time, station, channel, parameter, value, raw_value, unit, state, quality, tests, received_at, late",
    "v_latest": "time, station, channel, parameter, value, raw_value, unit, state, quality, tests, received_at, late, "
    "age_s",
    "v_alarm": "alarm_id, rule, level, station, channel, severity, state, raised_at, cleared_at, acknowledged_at, "
    "acknowledged_by, late, parent",
    "v_alarm_event": "alarm_id, time, event, person, reason",
    "v_notification": "notification_id, alarm_id, contact_id, contact_masked, medium, status, queued_at, sent_at, "
    "delivered_at, attempts, error",
    "v_ledger": "station, epoch, highest_seq, stored, dead, lost, missing, received, new, duplicate, rejected, "
    "conflict",
    "v_dead_letter": "dead_letter_id, received_at, topic, payload, reason, status, count",
    "v_feed": "consumer, position, head, lag_rows, lag_s",
    "v_service": "service, worker, started_at, beat_at, connected, backlog_lag_s",
    "v_ingest_health": "from_t, to_t, healthy",
    "v_hourly": "time, station, channel, parameter, value, mean, min, max, sd, count, expected, completeness, valid",
    "v_daily": "time, station, channel, parameter, value, mean, min, max, sd, count, expected, completeness, valid",
    "v_review": "review_id, station, channel, kind, state, from_t, to_t, readings, flag, value, factor, added, drift, "
    "drift_from, drift_to, person, reason, at",
    "v_flag": 'time, station, channel, test, flag, score, words, "by", reason, at, review_id, flag_id, words_en',
    "v_event": "time, station, device, kind, detail, received_at",
    "v_image": "time, station, camera, cause, bytes",
    "v_stage": 'station, channel, day, stage, "by", at, reason',
    "v_service_visit": "station, device, kind, at, before, after, serial, person, words",
    "v_sample": "station, parameter, sampled_at, value, unit, method, laboratory, beside",
    "v_ministry_file": "station, time, name, sha256, status, made_at, sent_at, attempts, error",
    "v_limit": "decree, article, parameter, class, low, high, average, valid_from, valid_to, confirmed",
    "v_completeness": "station, channel, day, expected, received, valid, causes",
}


@pytest.mark.parametrize("view", PROMISED)
def test_a_reader_may_read_every_view_with_the_columns_of_the_design(
    reader: psycopg.Connection[tuple[Any, ...]], view: str
) -> None:
    reader.execute(f"select {PROMISED[view]} from {view}")


def test_the_audit_is_for_administrators_alone(world: World, reader: psycopg.Connection[tuple[Any, ...]]) -> None:
    columns = "select at, person, role, act, object, reason, way from v_audit"
    world.conn.execute(columns)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(columns)


def test_a_reader_may_read_no_table_and_write_nothing(
    world: World, reader: psycopg.Connection[tuple[Any, ...]]
) -> None:
    tables = [name for (name,) in world.conn.execute("select tablename from pg_tables where schemaname = 'public'")]
    assert "reading" in tables
    for table in tables:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"select * from {table}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select drop_readings_before('2000-01-01')")


def test_ingest_has_the_rights_it_needs_also_in_a_new_chunk(world: World) -> None:
    world.conn.execute("set role quantrac_ingest")
    world.reading(NOON)
    world.reading(NOON - timedelta(days=300))
    with world.conn.transaction():
        append_changes(world.conn, [NewChange("st-test", world.channel_id, NOON, NOON, 2, Cause.READING)])
    assert world.one("select count(*) from v_reading") == 2
    with pytest.raises(psycopg.errors.RaiseException, match="keeps readings for good"):
        world.conn.execute("select drop_readings_before('2026-06-01')")
    world.conn.execute("reset role")
    world.conn.execute("update network set readings_kept = now() - timestamptz '2026-06-01'")
    world.conn.execute("set role quantrac_ingest")
    assert world.one("select count(*) from drop_readings_before('2026-06-01')") == 1
    assert world.one("select count(*) from v_reading") == 1
    for forbidden in ("update reading set value = 0", "update network set readings_kept = '90 days'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            world.conn.execute(forbidden)


def test_ingest_writes_findings_of_tests_and_speaks_for_no_person(world: World) -> None:
    world.reading(NOON)
    world.conn.execute("set role quantrac_ingest")
    world.flag(3)
    for flag in (1, None):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="a verdict of a person"):
            world.conn.execute(
                """insert into reading_flag (channel_id, time, flag, "by", at) values (%s, %s, %s, 'Bình', now())""",
                [world.channel_id, NOON, flag],
            )
    assert world.one("select quality from v_reading") == 3
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="audit"):
        audit.record(world.conn, NOON, "Bình", "replay", "dead letter 5")
    for forged in ("person = 'Bình'", "approved_by = 'Bình', approved_at = now()", "content = '{}'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="sign_off"):
            world.conn.execute(f"update sign_off set {forged}")
    world.conn.execute("update sign_off set reopened_at = now(), reopened_cause = 'reading'")
    world.conn.execute("set role quantrac_console")
    world.flag(1, None, "Bình")
    assert world.one("select quality from v_reading") == 1


def test_statements_of_people_end_after_a_minute_and_those_of_services_do_not(world: World, database: str) -> None:
    migrate(database)
    with psycopg.connect(database) as person:
        assert person.execute("show statement_timeout").fetchone() == ("1min",)
        person.execute(
            sql.SQL("alter database {} set statement_timeout = '5s'").format(sql.Identifier(person.info.dbname))
        )
    migrate(database)
    with psycopg.connect(database) as person:
        assert person.execute("show statement_timeout").fetchone() == ("5s",), "what an administrator has set stays"
    assert world.one("show statement_timeout") == "0"


def test_a_reading_shows_its_state_and_tests_as_text(world: World) -> None:
    world.reading(state=State.SUSPECT, tests=4 + 8)
    assert world.one("select value, raw_value, state, tests, quality from v_reading") == (
        5.0, 5.0, "suspect", "{plausible,expect}", 4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("interval_s", "after_s", "late"),
    [(60, 2, False), (60, 900, False), (60, 901, True), (3600, 10_800, False), (3600, 32_400, True)],
)
def test_late_means_more_than_15_minutes_after_its_time_or_some_intervals_where_they_are_long(
    world: World, interval_s: int, after_s: int, late: bool
) -> None:
    world.conn.execute("update channel set interval_s = %s", [interval_s])
    world.reading(received=NOON + timedelta(seconds=after_s))
    assert world.one("select late from v_reading") is late


def agree(world: World) -> None:
    """The function reads at once what the view looks up for each reading, and says the same."""
    columns = "time, value, raw_value, state, quality"
    judged = world.conn.execute(
        f"select {columns} from channel c cross join judged_readings(c.channel, '-infinity', 'infinity') order by time"
    )
    assert judged.fetchall() == world.conn.execute(f"select {columns} from v_reading order by time").fetchall() != []


def test_the_newest_finding_of_each_test_counts_and_a_person_stands_above_all(world: World) -> None:
    world.reading(tests=8)
    state = "select quality, tests from v_reading"
    assert world.one(state) == (3, "{expect}"), "without tests with a history the stateless verdict is final"
    world.flag(4, "spike")
    assert world.one(state) == (4, "{expect,spike}")
    world.flag(3, "flat_line")
    assert world.one(state) == (4, "{expect,flat_line,spike}")
    world.flag(1, "spike")  # withdrawn: the neighbour that made it a spike arrived late
    assert world.one(state) == (3, "{expect,flat_line}")
    agree(world)
    world.flag(1, None, by="data officer")
    assert world.one(state) == (1, "{expect,flat_line}")
    world.flag(4, None, by="data officer")
    assert world.one(state) == (4, "{expect,flat_line}")
    assert world.one("select quality, tests from v_latest") == (4, "{expect,flat_line}")
    agree(world)


def test_only_an_approved_correction_in_force_replaces_the_value(world: World) -> None:
    world.reading()
    values = "select value, raw_value from v_reading"
    insert = """insert into correction (channel_id, time, value, "by", reason, at)
                values (%s, %s, 6, 'an', 'drift', now())"""
    world.conn.execute(insert, [world.channel_id, NOON])
    assert world.one(values) == (5.0, 5.0)
    world.conn.execute("update correction set approved_by = 'binh', approved_at = now()")
    assert world.one(values) == (6.0, 5.0)
    assert world.one("select value, raw_value from v_latest") == (6.0, 5.0)
    agree(world)
    world.conn.execute("update correction set revoked_by = 'binh', revoked_at = now()")
    assert world.one(values) == (5.0, 5.0)
    agree(world)


def test_a_reading_is_not_evaluated_until_quality_has_passed_it(world: World) -> None:
    world.conn.execute("update channel set history_tests = '{spike}'")
    quality = "select quality from v_reading where channel = 'st-test/do' order by time"
    world.reading()
    assert world.one(quality) == 2, "nobody has registered as quality"
    agree(world)
    consumer = Consumer(world.conn, "quality", [Cause.READING])
    with world.conn.transaction():
        append_changes(world.conn, [NewChange("st-test", world.channel_id, NOON, NOON, 1, Cause.READING)])
    assert world.one(quality) == 2
    assert world.one("select quality from v_latest") == 2
    agree(world)
    world.conn.execute(
        "insert into derived_reading select channel_id, %s, 2, 0, 3, now() from channel", [NOON - timedelta(hours=1)]
    )
    agree(world)
    world.conn.execute("delete from derived_reading")
    consumer.advance(consumer.take(1)[0].id)
    assert world.one(quality) == 1
    world.reading(NOON + timedelta(minutes=1), tests=2)
    with world.conn.transaction():
        later = NOON + timedelta(minutes=1)
        append_changes(world.conn, [NewChange("st-test", world.channel_id, later, later, 1, Cause.READING)])
    assert [found for (found,) in world.conn.execute(quality)] == [1, 4], "a stateless failure needs no waiting"
    agree(world)


def test_the_latest_reading_has_its_age(world: World) -> None:
    world.reading(datetime.now(UTC) - timedelta(seconds=30))
    assert 30 <= world.one("select age_s from v_latest") < 30 + 60


@pytest.mark.parametrize(
    ("seen_s", "will_s", "online"),
    [(10, None, True), (160, None, False), (None, None, False), (10, 5, False), (10, 20, True)],
)
def test_online_is_a_recent_message_and_the_will_only_a_hint(
    world: World, seen_s: int | None, will_s: int | None, online: bool
) -> None:
    if seen_s is not None:
        world.conn.execute(
            "insert into ledger (station, epoch, last_seen_at) values ('st-test', 'e', now() - %s * interval '1 s')",
            [seen_s],
        )
    if will_s is not None:
        world.conn.execute(
            "update station set status_online = false, status_at = now() - %s * interval '1 s'", [will_s]
        )
    assert world.one("select online from v_station") is online


def test_the_feed_view_shows_how_far_behind_a_consumer_is(world: World) -> None:
    consumer = Consumer(world.conn, "alerts", list(Cause))
    for _ in range(3):
        with world.conn.transaction():
            append_changes(world.conn, [NewChange("st-test", world.channel_id, NOON, NOON, 1, Cause.READING)])
    consumer.advance(consumer.take(1)[0].id)
    world.conn.execute("update change set at = now() - interval '7 s' where id = 2")
    position, head, lag_rows, lag_s = world.one("select position, head, lag_rows, lag_s from v_feed")
    assert (position, head, lag_rows) == (1, 3, 2)
    assert 7 <= lag_s < 7 + 60


def _plan(conn: Connection, query: str) -> str:
    return "\n".join(line for (line,) in conn.execute(f"explain {query}"))


def test_a_day_of_one_channel_is_read_by_the_primary_key(world: World) -> None:
    for number in range(30):
        add_channel(world.conn, f"c{number}", ["spike"])
    world.conn.execute(
        """insert into reading select c, timestamptz '2026-03-10 12:00Z' - n * interval '5 minutes', 1, 0, 0, now()
           from generate_series(1, 31) c, generate_series(1, 2000) n"""
    )
    world.conn.execute(
        """insert into latest select distinct on (channel_id) channel_id, time, value, state, tests, received_at
           from reading order by channel_id, time desc"""
    )
    world.conn.execute("analyze")
    of_one = "select * from v_reading where channel = 'st-test/c7' and time > "
    day = _plan(world.conn, of_one + "timestamptz '2026-03-09 12:00Z'")
    assert "Seq Scan on _hyper" not in day
    assert "_reading_pkey" in day
    assert "_hyper" not in _plan(world.conn, "select * from v_latest"), "the newest values need no chunk"
