"""A service's sign of life."""

from datetime import timedelta

from quantrac.database.beat import Beat, Making, beating
from quantrac.database.feed import Cause, Consumer
from quantrac.database.pool import Connection
from quantrac.desks import jobs
from tests.fixtures.timing import eventually
from tests.integration.database.conftest import NOON

ROW = "select service, worker, started_at, beat_at, connected, backlog_lag_s from v_service"


def test_a_worker_beats_every_five_seconds_and_at_once_when_its_connection_changes(conn: Connection) -> None:
    beat = Beat(conn, "ingest", "box:1", NOON)
    seconds = {0: True, 1: False, 4: False, 5: True}
    assert {second: beat.beat(NOON + timedelta(seconds=second)) for second in seconds} == seconds
    assert beat.beat(NOON + timedelta(seconds=6), connected=False, backlog_lag_s=1.5)
    assert conn.execute(ROW).fetchall() == [("ingest", "box:1", NOON, NOON + timedelta(seconds=6), False, 1.5)]


def test_a_clock_that_was_set_back_does_not_silence_the_beat(conn: Connection) -> None:
    beat = Beat(conn, "ingest", "box:1", NOON)
    beat.beat(NOON)
    assert beat.beat(NOON - timedelta(hours=1))


def test_a_worker_that_stops_on_purpose_leaves_no_row(conn: Connection) -> None:
    beat = Beat(conn, "ingest", "box:1", NOON)
    beat.beat(NOON)
    beat.end()
    assert conn.execute(ROW).fetchall() == []


def test_while_everything_is_recomputations_the_beat_goes_on_and_says_how_far_it_is(
    conn: Connection, database: str
) -> None:
    made = Making.of(0.25, 3_000, NOON - timedelta(seconds=60), NOON)
    feed = "select consumer, making_share from v_feed"
    Beat(conn, "quality", "killed:1", NOON).beat(NOON - timedelta(minutes=3), making=Making(0.7))
    assert conn.execute(feed).fetchall() == [("quality", 0.7)]
    with beating(database, "quality", "box:1", NOON - timedelta(hours=1), lambda: NOON, lambda: made):
        shown = "select service, beat_at, making_share, making_rate, making_until from v_service where worker = 'box:1'"
        row = ("quality", NOON, 0.25, 50.0, NOON + timedelta(seconds=180))
        eventually(lambda: conn.execute(shown).fetchall() == [row])
    assert conn.execute(feed).fetchall() == [("quality", 0.25)], "one row a consumer"
    assert jobs.recomputations(conn, NOON) == [("quality", 0.25, 50.0, NOON + timedelta(seconds=180))]
    Beat(conn, "quality", "box:1", NOON).beat(NOON)
    assert conn.execute(shown).fetchall() == [("quality", NOON, None, None, None)]
    Consumer(conn, "quality", (Cause.READING,))
    assert conn.execute(feed).fetchall() == [("quality", None)]
