"""Alarms about the centre's own working: books of a station, consumers of the feed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.watchdogs.books import check_books
from alerts.watchdogs.feed_lag import check_feed
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import START, START_MS, STATION, add_network, rows, store
from tests.unit.alerts.rules import MINUTE
from tests.unit.alerts.series import read_series

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def network() -> Network:
    loaded = load_network(Path(__file__).parents[3] / "station_configs")
    return replace(loaded, settings=loaded.settings.model_copy(update={"quiet_hours": None}))


def events(conn: Connection) -> list[tuple[str, str, str | None, str]]:
    return rows(
        conn,
        "select a.rule, a.level, a.station, e.event from v_alarm a join v_alarm_event e using (alarm_id) "
        "order by e.alarm_event_id",
    )


def test_missing_messages_raise_one_alarm_that_ends_when_they_have_come(conn: Connection, network: Network) -> None:
    add_network(conn)
    conn.execute(
        "insert into ledger (station, epoch, highest_arrived, stored, received, new) "
        "values (%s, 'e', 10, '{[1,8),[9,11)}', 9, 9)",
        [STATION],
    )
    for minutes in (0, 30, 59):
        assert check_books(conn, network, START + timedelta(minutes=minutes)) == []
    assert len(check_books(conn, network, START + HOUR)) == 1
    assert check_books(conn, network, START + 2 * HOUR) == []
    conn.execute("update ledger set stored = '{[1,11)}', received = 10, new = 10")
    assert len(check_books(conn, network, START + 3 * HOUR)) == 1
    assert events(conn) == [("books", "missing", STATION, "raised"), ("books", "missing", STATION, "cleared")]
    (body,) = rows(conn, "select body from notification where purpose = 'raised'")[0]
    assert "Messages of the station are missing" in body


def test_lost_messages_are_told_once_with_their_number(conn: Connection, network: Network) -> None:
    add_network(conn)
    conn.execute(
        "insert into ledger (station, epoch, first, highest_arrived, stored, received, new) "
        "values (%s, 'e', 4, 10, '{[4,11)}', 7, 7)",
        [STATION],
    )
    assert len(check_books(conn, network, START)) == 1
    assert check_books(conn, network, START + 23 * HOUR) == []
    assert rows(conn, "select level, value from v_alarm") == [("lost", 3.0)]
    (body,) = rows(conn, "select body from notification where purpose = 'raised'")[0]
    assert "are lost for good" in body
    assert len(check_books(conn, network, START + 25 * HOUR)) == 1


def test_messages_lost_for_good_are_told_at_once_also_while_the_alarm_of_missing_ones_stands(
    conn: Connection, network: Network
) -> None:
    add_network(conn)
    conn.execute(
        "insert into ledger (station, epoch, highest_arrived, stored, received, new) "
        "values (%s, 'e', 10, '{[1,8),[9,11)}', 9, 9)",
        [STATION],
    )
    check_books(conn, network, START)
    assert len(check_books(conn, network, START + HOUR)) == 1
    conn.execute("update ledger set first = 9")  # the spool has dropped what was missing
    assert len(check_books(conn, network, START + HOUR + timedelta(seconds=30))) == 1
    assert check_books(conn, network, START + 2 * HOUR) == []
    assert rows(conn, "select level, value, cleared_at from v_alarm") == [("lost", 1.0, None)]
    assert events(conn) == [("books", "lost", STATION, "raised"), ("books", "lost", STATION, "level")]
    (body,) = rows(conn, "select body from notification where purpose = 'level'")[0]
    assert "are lost for good" in body


def test_books_that_do_not_balance_are_told_as_such(conn: Connection, network: Network) -> None:
    add_network(conn)
    conn.execute(
        "insert into ledger (station, epoch, highest_arrived, stored, received, new) "
        "values (%s, 'e', 10, '{[1,11)}', 11, 10)",
        [STATION],
    )
    assert check_books(conn, network, START) == []
    assert len(check_books(conn, network, START + HOUR)) == 1
    assert rows(conn, "select level, value from v_alarm") == [("unbalanced", None)]
    (body,) = rows(conn, "select body from notification where purpose = 'raised'")[0]
    assert "The books of the station do not balance" in body
    conn.execute("update ledger set new = 11")
    assert len(check_books(conn, network, START + 2 * HOUR)) == 1


def test_a_consumer_that_stands_still_is_an_alarm_of_the_centre(conn: Connection, network: Network) -> None:
    conn.execute("insert into consumer (consumer, position) values ('quality', 0), ('rollups', 0)")
    store(conn, add_network(conn), read_series("5x3", MINUTE, start_ms=START_MS))
    conn.execute("update change set at = %s", [START])
    conn.execute("update consumer set position = 1000 where consumer = 'rollups'")
    assert check_feed(conn, network, START + timedelta(minutes=9)) == []
    assert len(check_feed(conn, network, START + timedelta(minutes=10))) == 1
    assert check_feed(conn, network, START + timedelta(minutes=30)) == []
    conn.execute("update consumer set position = 1000")
    assert len(check_feed(conn, network, START + timedelta(minutes=31))) == 1
    assert events(conn) == [("feed-lag", "behind", None, "raised"), ("feed-lag", "behind", None, "cleared")]
    (body,) = rows(conn, "select body from notification where purpose = 'raised'")[0]
    assert "quality is 10 minutes behind" in body
