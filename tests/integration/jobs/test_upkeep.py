"""Pruning takes what nobody needs and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from quantrac.cli.jobs.upkeep import apply_retention, order_old_hours, prune_feed, prune_letters, prune_records
from quantrac.config.network import Retention
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from tests.integration.database.conftest import NOON, World, add_channel

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def append(world: World, *ages_days: float) -> None:
    for age in ages_days:
        with world.conn.transaction():
            append_changes(world.conn, [NewChange("st-test", world.channel_id, NOON, NOON, 1, Cause.READING)])
        at = NOW - timedelta(days=age)
        world.conn.execute("update change set at = %s where id = (select max(id) from change)", [at])


def add_letter(world: World, topic: str, at: datetime, status: str = "open") -> None:
    world.conn.execute(
        """insert into dead_letter (first_received_at, received_at, topic, payload, length, sha256, reason, status)
           values (%s, %s, %s, '', 0, sha256(''), 'not_json', %s)""",
        [at, at, topic, status],
    )


def kept(world: World) -> list[int]:
    return [number for (number,) in world.conn.execute("select id from change order by id")]


def test_only_changes_behind_every_position_and_older_than_a_week_go(world: World) -> None:
    append(world, 20, 10, 8, 6, 1)
    fast, slow = Consumer(world.conn, "fast", list(Cause)), Consumer(world.conn, "slow", list(Cause))
    fast.take(1)
    fast.advance(5)
    slow.take(1)
    slow.advance(2)
    assert prune_feed(world.conn, NOW).words == "2 changes removed"
    assert kept(world) == [3, 4, 5]
    slow.advance(5)
    prune_feed(world.conn, NOW)
    assert kept(world) == [4, 5]


def test_a_consumer_idle_for_30_days_is_unregistered_and_holds_nothing_up(world: World) -> None:
    append(world, 31, 9, 1)
    Consumer(world.conn, "dead", list(Cause))
    alive = Consumer(world.conn, "alive", list(Cause))
    alive.take(1)
    alive.advance(3)
    assert prune_feed(world.conn, NOW).words == "2 changes removed, unregistered dead"
    assert kept(world) == [3]
    assert world.one("select consumer from consumer") == "alive"


def test_a_consumer_that_has_read_everything_is_never_idle_however_quiet_the_network(world: World) -> None:
    append(world, 90)
    consumer = Consumer(world.conn, "alive", list(Cause))
    consumer.take(1)
    consumer.advance(1)
    prune_feed(world.conn, NOW)
    append(world, 0)
    assert [change.id for change in consumer.take(10)] == [2], "ids go on after everything was pruned"


def test_records_of_operation_go_after_their_time(world: World) -> None:
    for days in (401, 399):
        start = NOW - timedelta(days=days, hours=1)
        world.conn.execute("insert into ingest_health values (%s, %s, true)", [start, start + timedelta(hours=1)])
    for days in (91, 89):
        due = NOW - timedelta(days=days)
        world.conn.execute("insert into job_run values ('x', %s, %s, %s, 'done', '')", [due, due, due])
    for worker, days in (("gone", 2), ("here", 0)):
        world.conn.execute(
            "insert into service values ('ingest', %s, %s, %s, true, null)", [worker, NOW, NOW - timedelta(days=days)]
        )
    contact = world.one("insert into contact (name, email) values ('An', 'an@example.org') returning contact_id")
    for days, who in ((31, None), (29, None), (31, contact)):
        at = NOW - timedelta(days=days)
        world.conn.execute(
            "insert into sms_inbound (carrier, from_number, body, sent_at, received_at, contact_id)"
            " values ('modem', '+84900000009', %s, %s, %s, %s)",
            [f"{days} {who}", at, at, who],
        )
    assert prune_records(world.conn, NOW).words == (
        "1 stretches of health, 1 runs, 1 beats, 1 messages of strangers removed"
    )


def test_retention_drops_whole_weeks_older_than_asked_and_by_default_nothing(world: World) -> None:
    for days in (400, 380, 100, 1):
        world.reading(datetime.now(UTC) - timedelta(days=days))
    world.flag(3, time=world.one("select min(time) from reading"))
    everything = "readings: all kept, hourly: all kept, daily: all kept, 0 pictures removed, 0 dead letters removed"
    everything += ", 0 files for the ministry removed"
    assert apply_retention(world.conn, datetime.now(UTC), Retention()).words == everything
    some = Retention.model_validate({"readings": "390d"})
    with pytest.raises(psycopg.errors.RaiseException, match="keeps readings for good: set retention there"):
        apply_retention(world.conn, datetime.now(UTC), some)
    world.conn.execute("update network set readings_kept = '400 days'")
    with pytest.raises(psycopg.errors.RaiseException, match="keeps readings of the last 400 days"):
        apply_retention(world.conn, datetime.now(UTC), some)
    assert world.one("select count(*) from reading") == 4
    world.conn.execute("update network set readings_kept = '390 days'")
    assert apply_retention(world.conn, datetime.now(UTC), some).words.startswith(
        "readings: 1 chunks dropped, hourly: all"
    )
    assert world.one("select count(*) from reading") == 3
    assert world.one("select count(*) from reading_flag") == 0, "findings go with their readings"
    (before,) = world.conn.execute("select before from dropped where relation = 'reading'").fetchone() or (None,)
    assert world.one("select min(time) > %s from reading", before), "remembered: hours before it stay as they are"
    assert "readings: 0 chunks" in apply_retention(world.conn, datetime.now(UTC), some).words


def test_a_clock_that_is_years_ahead_drops_nothing_that_is_young(world: World) -> None:
    now = datetime.now(UTC)
    for days in (120, 1):
        world.reading(now - timedelta(days=days))
    some = Retention.model_validate({"readings": "100d"})
    world.conn.execute("update network set readings_kept = '100 days'")
    said = apply_retention(world.conn, now + timedelta(days=3650), some).words
    assert said.startswith("readings: 1 chunks dropped")
    assert world.one("select count(*) from reading") == 1, "the one of 120 days went, as it would with a true clock"


def test_hourly_and_daily_values_and_dead_letters_go_after_their_own_time_and_by_no_other_way(world: World) -> None:
    now = datetime.now(UTC)
    for days in (440, 0):
        world.reading(now - timedelta(days=days))
    for table in ("hourly", "daily"):
        for days in (3000, 1700, 1500, 450, 1):
            world.conn.execute(
                f"insert into {table} (channel_id, time, count, received, expected)"
                " values (%s, date_trunc('hour', now()) - %s * interval '1 day', 0, 0, 60)",
                [world.channel_id, days],
            )
    for days in (500, 300):
        at = now - timedelta(days=days)
        add_letter(world, str(days), at)
        world.conn.execute(
            "insert into ministry_file (station, time, name, content, made_at) values ('st-test', %s, %s, 'x', %s)",
            [at, str(days), at],
        )
        world.conn.execute(
            "insert into conflict (channel_id, time, value, state, epoch, seq, received_at)"
            " values (%s, %s, 1, 0, 'e', 1, %s)",
            [world.channel_id, at, at],
        )
    keep = Retention.model_validate({"readings": "90d", "hourly": "600d", "daily": "2000d"})
    world.conn.execute(
        "update network set readings_kept = '90 days', hourly_kept = '600 days', daily_kept = '2000 days'"
    )
    said = apply_retention(world.conn, now, keep).words
    assert said.endswith("1 dead letters removed, 1 files for the ministry removed")
    assert world.one("select name from ministry_file") == "300"
    assert world.one("select count(*) from hourly") == 2
    assert world.one("select count(*) from daily") in (4, 5), "a chunk of days is 1000 days wide"
    assert world.one("select topic from dead_letter") == "300"
    assert world.one("select count(*) from conflict") == 1
    world.conn.execute("set role quantrac_ingest")
    for table, days, since, young in (("hourly", 450, 440, 1), ("daily", 1700, 460, 2)):
        for change in (f"delete from {table}", f"update {table} set count = 1"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="was made of has been dropped"):
                world.conn.execute(f"{change} where time <= date_trunc('hour', now()) - %s * interval '1 day'", [days])
        change = f"update {table} set count = 1 where time > now() - %s * interval '1 day'"
        assert world.conn.execute(change, [since]).rowcount == young


def test_pictures_go_after_their_time_and_dead_letters_when_there_are_too_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days in (10, 1):
        world.conn.execute(
            "insert into image values ('st-test', 'pond', now() - %s * interval '1 day', sha256(''), 'hourly', 'c', 1,"
            " now(), '')",
            [days],
        )
    for number in range(5):
        add_letter(world, str(number), datetime.now(UTC), "discarded" if number == 4 else "open")
    monkeypatch.setattr("quantrac.cli.jobs.upkeep.MOST_LETTERS", 4)
    said = apply_retention(world.conn, datetime.now(UTC), Retention.model_validate({"pictures": "7d"})).words
    assert "1 pictures removed, 0 dead letters removed" in said
    assert prune_letters(world.conn, NOW).words == "1 dead letters beyond 4 removed"
    assert world.conn.execute("select count(*) from v_image").fetchone() == (1,)
    assert world.conn.execute("select distinct status from v_dead_letter").fetchall() == [("open",)]


def test_old_hours_are_put_in_order_of_their_key_once_and_nothing_else_changes(world: World) -> None:
    """Neighbouring hours of a channel were made one by one, each behind those of all other channels."""
    second = add_channel(world.conn, "ph")
    world.conn.execute(
        """insert into hourly (channel_id, time, value, count, received, expected)
           select c, %s + n * interval '1 hour', n, 60, 60, 60
           from generate_series(1, 5000) n, unnest(%s::int4[]) c order by n, c""",
        [NOW - timedelta(hours=5000), [world.channel_id, second]],
    )
    before = world.one("select md5(string_agg(h::text, '|' order by channel_id, time)) from hourly h")
    turns = """select count(*) from (select channel_id <> lag(channel_id) over (order by tableoid, ctid) as turn
               from hourly where time < %s) h where turn"""
    young = NOW - timedelta(days=91)  # chunks are 90 days long
    assert world.one(turns, young) > 4000
    world.conn.execute("set role quantrac_ingest")
    assert order_old_hours(world.conn, datetime.now(UTC)).words.endswith(" chunks ordered")
    assert order_old_hours(world.conn, datetime.now(UTC)).words == "0 chunks ordered"
    world.conn.execute("reset role")
    assert world.one(turns, young) <= 6
    assert world.one("select md5(string_agg(h::text, '|' order by channel_id, time)) from hourly h") == before
