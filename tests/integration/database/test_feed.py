"""The change feed: order, no skip, no repeat, whatever happens in between."""

from __future__ import annotations

import gc
import random
import threading
import time
from datetime import datetime, timedelta

import psycopg
import pytest

from quantrac.database.feed import (
    Cause,
    Consumer,
    ConsumerMoved,
    ConsumerUnregistered,
    FeedError,
    NewChange,
    append_changes,
)
from quantrac.database.pool import Connection, connect
from tests.fixtures.timing import ended
from tests.integration.database.conftest import NOON, World


def change(channel_id: int = 1, cause: Cause = Cause.READING, rows: int = 1) -> NewChange:
    return NewChange("st-test", channel_id, NOON, NOON, rows, cause)


def append(conn: Connection, *changes: NewChange) -> None:
    for each in changes:
        with conn.transaction():
            append_changes(conn, [each])


def test_appending_outside_a_transaction_is_refused(conn: Connection) -> None:
    with pytest.raises(FeedError, match="transaction"):
        append_changes(conn, [change()])


def test_channels_of_a_station_that_changed_together_share_a_row(conn: Connection) -> None:
    later = NOON + timedelta(minutes=1)
    news = [NewChange("st-test", channel_id, NOON, NOON, 2, Cause.READING) for channel_id in (1, 2, 3)]
    news += [news[0]._replace(to_t=later), news[1]._replace(station="st-other"), news[2]._replace(cause=Cause.FLAG)]
    with conn.transaction():
        assert append_changes(conn, news) == 4
    taken = Consumer(conn, "alerts", list(Cause)).take(10)
    assert [(row.station, row.channels, row.to_t, row.rows, row.cause) for row in taken] == [
        ("st-test", (1, 2, 3), NOON, 6, Cause.READING),
        ("st-test", (1,), later, 2, Cause.READING),
        ("st-other", (2,), NOON, 2, Cause.READING),
        ("st-test", (3,), NOON, 2, Cause.FLAG),
    ]


def test_a_consumer_sees_only_its_causes_and_its_position_passes_the_others(conn: Connection) -> None:
    consumer = Consumer(conn, "alerts", [Cause.READING])
    append(conn, change(1), change(2, Cause.FLAG), change(3))
    taken = consumer.take(10)
    assert [(row.channels, row.cause) for row in taken] == [((1,), Cause.READING), ((3,), Cause.READING)]
    consumer.advance(taken[-1].id)
    append(conn, change(4, Cause.FLAG))
    assert consumer.take(10) == []
    assert conn.execute("select lag_rows from v_feed where consumer = 'alerts'").fetchone() == (0,)


def test_a_consumer_that_wants_nothing_of_later_readings_passes_them(conn: Connection) -> None:
    consumer, later = Consumer(conn, "stages", [Cause.READING]), NOON + timedelta(seconds=1)
    append(conn, change(1), change(2)._replace(from_t=later, to_t=later), change(3)._replace(to_t=later))
    taken = consumer.take(until=lambda: NOON)
    assert [row.channels for row in taken] == [(1,), (3,)]
    consumer.advance(taken[-1].id)
    append(conn, change(4)._replace(from_t=later, to_t=later))
    assert consumer.take(until=lambda: NOON) == []
    assert conn.execute("select lag_rows from v_feed where consumer = 'stages'").fetchone() == (0,)

    def until() -> datetime:
        append(conn, change(5)._replace(from_t=later, to_t=later))
        return NOON

    assert consumer.take(until=until) == []
    assert [row.channels for row in consumer.take()] == [(5,)], "what came after the question was not passed"


def test_a_consumer_never_passes_the_one_it_comes_after(conn: Connection) -> None:
    quality, alerts = Consumer(conn, "quality", [Cause.READING]), Consumer(conn, "alerts", list(Cause), after="quality")
    append(conn, change(1), change(2))
    assert alerts.take(10) == []
    first, _ = quality.take(10)
    quality.advance(first.id)
    assert [row.channels for row in alerts.take(10)] == [(1,)]


def test_nobody_is_waited_for_where_the_leader_was_never_registered(conn: Connection) -> None:
    alerts = Consumer(conn, "alerts", list(Cause), after="quality")
    append(conn, change())
    taken = alerts.take(10)
    assert len(taken) == 1
    alerts.advance(taken[-1].id)
    append(conn, change())
    Consumer(conn, "quality", list(Cause))
    assert alerts.take(10) == [], "from then on it follows"


def test_wait_wakes_at_an_append_of_another_connection(database: str, conn: Connection) -> None:
    consumer = Consumer(conn, "alerts", list(Cause))
    assert consumer.wait(0.05) is False
    with connect(database, "writer") as writer:
        timer = threading.Timer(0.2, append, [writer, change()])
        timer.start()
        begun = time.monotonic()
        assert consumer.wait(120) is True
        assert time.monotonic() - begun < 60, "it was not woken: its time ran out"
        ended(timer)


def test_wait_wakes_when_the_leader_moves_though_it_appends_nothing(database: str, conn: Connection) -> None:
    alerts = Consumer(conn, "alerts", list(Cause), after="quality")
    with connect(database, "leader") as other:
        quality = Consumer(other, "quality", [Cause.READING])
        append(other, change())
        (taken,) = quality.take()
        assert alerts.take() == []
        while alerts.wait(0.5):  # the append itself
            pass
        quality.advance(taken.id)
        assert alerts.wait(120) is True
        assert alerts.take() == [taken]


def test_what_was_appended_meanwhile_wakes_once_and_is_not_kept(database: str, conn: Connection) -> None:
    """psycopg keeps every notification that comes while something else is executed."""

    def kept() -> int:
        gc.collect()
        return sum(isinstance(each, psycopg.Notify) for each in gc.get_objects())

    before = kept()
    consumer = Consumer(conn, "alerts", list(Cause))
    with connect(database, "writer") as writer:
        for _ in range(50):
            append(writer, change())
            consumer.take()
        assert kept() - before < 25
        append(writer, *(change() for _ in range(50)))
        conn.execute("select 1")
        assert sum(consumer.wait(0.01) for _ in range(50)) < 25


def test_two_processes_of_one_name_are_noticed(database: str, conn: Connection) -> None:
    append(conn, change(1), change(2))
    with connect(database, "second") as other:
        one, two = Consumer(conn, "quality", list(Cause)), Consumer(other, "quality", list(Cause))
        first = one.take(1)[0]
        assert two.take(1) == [first]
        one.advance(first.id)
        with pytest.raises(ConsumerMoved):
            two.advance(first.id)


def test_an_unregistered_consumer_is_told_to_rebuild(conn: Connection) -> None:
    consumer = Consumer(conn, "export", list(Cause))
    conn.execute("delete from consumer")
    with pytest.raises(ConsumerUnregistered, match="rebuild"):
        consumer.take(1)


def test_position_and_results_stand_or_fall_together(conn: Connection) -> None:
    """A consumer killed between its results and its advance, or after both but before the commit, repeats nothing."""
    conn.execute("create table result (id bigint)")
    append(conn, *(change(number) for number in range(1, 21)))
    for killed_after in ("results", "advance", None, "results", None, None):
        consumer = Consumer(conn, "derive", list(Cause))  # a new process
        try:
            with conn.transaction():
                taken = consumer.take(7)
                if not taken:
                    break
                conn.cursor().executemany("insert into result values (%s)", [(row.id,) for row in taken])
                if killed_after == "results":
                    raise KeyboardInterrupt
                consumer.advance(taken[-1].id)
                if killed_after == "advance":
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            continue
    assert conn.execute("select array_agg(id order by id) from result").fetchone() == (list(range(1, 21)),)


def write_at_random(database: str, writer: int, each: int, rolled_back: set[tuple[int, int]]) -> None:
    chance = random.Random(writer)
    with connect(database, "writer") as conn:
        for number in range(each):
            with conn.transaction() as transaction:
                conn.execute("insert into audit (at, person, action, subject) values (now(), 'x', 'x', 'x')")
                time.sleep(max(0.0, chance.uniform(-0.003, 0.003)))
                append_changes(conn, [NewChange("st-test", writer, NOON, NOON, number, Cause.READING)])
                time.sleep(chance.uniform(0, 0.002))
                if chance.random() < 0.1:
                    transaction.force_rollback = True
                    rolled_back.add((writer, number))


def consume_all(database: str, stop: threading.Event, seen: list[tuple[int, int]]) -> None:
    with connect(database, "reader") as conn:
        consumer = Consumer(conn, "chaos", [Cause.READING])
        while True:
            finished = stop.is_set()
            with conn.transaction():
                taken = consumer.take(13)
                if taken:
                    consumer.advance(taken[-1].id)
            seen.extend((row.channels[0], row.rows) for row in taken)
            if not taken and finished:
                return
            if not taken:
                consumer.wait(0.01)


def test_no_consumer_steps_over_a_row_that_commits_later(database: str, world: World) -> None:
    """Eight writers commit at random moments, some roll back; a consumer reads all the time and must see each once."""
    writers, each = range(1, 9), 40
    stop = threading.Event()
    seen: list[tuple[int, int]] = []
    rolled_back: set[tuple[int, int]] = set()
    reader = threading.Thread(target=consume_all, args=[database, stop, seen])
    threads = [threading.Thread(target=write_at_random, args=[database, n, each, rolled_back]) for n in writers]
    for thread in (reader, *threads):
        thread.start()
    ended(*threads)
    stop.set()
    ended(reader)
    assert len(seen) == len(set(seen))
    assert set(seen) == {(writer, number) for writer in writers for number in range(each)} - rolled_back
    for writer in writers:
        numbers = [number for channel, number in seen if channel == writer]
        assert numbers == sorted(numbers), "a writer's commits keep their order"
