"""Alarms about the centre's own working: books of a station, consumers of the feed, carriers of messages."""

from __future__ import annotations

from datetime import timedelta

from alerts.telling.carriers import CarrierReport, note_reports
from alerts.telling.notifier import Gone, NeedsPerson, TryAgain, UndeliverableError
from alerts.watchdogs.books import check_books
from alerts.watchdogs.carriers import PATIENCE, check_carriers
from alerts.watchdogs.feed_lag import check_feed
from quantrac.config.network import Network
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import START, START_MS, STATION, add_network, rows, saying, store
from tests.unit.alerts.rules import MINUTE
from tests.unit.alerts.series import read_series

HOUR = timedelta(hours=1)


def ledger(conn: Connection, **columns: object) -> None:
    """Enter books of the station in which messages 1 to 10 have arrived."""
    columns = {"station": STATION, "epoch": "e", "highest_arrived": 10, **columns}
    places = ", ".join(["%s"] * len(columns))
    conn.execute(f"insert into ledger ({', '.join(columns)}) values ({places})", list(columns.values()))


def events(conn: Connection) -> list[tuple[str, str, str | None, str]]:
    return rows(
        conn,
        "select a.rule, a.level, a.station, e.event from v_alarm a join v_alarm_event e using (alarm_id) "
        "order by e.alarm_event_id",
    )


def body(conn: Connection, purpose: str = "raised") -> str:
    """The first message of a purpose."""
    return str(rows(conn, "select body from notification where purpose = %s", purpose)[0][0])


def test_missing_messages_raise_one_alarm_that_ends_when_they_have_come(conn: Connection, network: Network) -> None:
    add_network(conn)
    ledger(conn, stored="{[1,8),[9,11)}", received=9, new=9)
    for minutes in (0, 30, 59):
        assert check_books(conn, network, START + timedelta(minutes=minutes)) == []
    assert len(check_books(conn, network, START + HOUR)) == 1
    assert check_books(conn, network, START + 2 * HOUR) == []
    conn.execute("update ledger set stored = '{[1,11)}', received = 10, new = 10")
    assert len(check_books(conn, network, START + 3 * HOUR)) == 1
    assert events(conn) == [("books", "missing", STATION, "raised"), ("books", "missing", STATION, "cleared")]
    assert "Messages of the station are missing" in body(conn)


def test_lost_messages_are_told_once_with_their_number(conn: Connection, network: Network) -> None:
    add_network(conn)
    ledger(conn, first=4, stored="{[4,11)}", received=7, new=7)
    assert len(check_books(conn, network, START)) == 1
    assert check_books(conn, network, START + 23 * HOUR) == []
    assert rows(conn, "select level, value from v_alarm") == [("lost", 3.0)]
    assert "are lost for good" in body(conn)
    assert len(check_books(conn, network, START + 25 * HOUR)) == 1


def test_messages_lost_for_good_are_told_at_once_also_while_the_alarm_of_missing_ones_stands(
    conn: Connection, network: Network
) -> None:
    add_network(conn)
    ledger(conn, stored="{[1,8),[9,11)}", received=9, new=9)
    check_books(conn, network, START)
    assert len(check_books(conn, network, START + HOUR)) == 1
    conn.execute("update ledger set first = 9")  # the spool has dropped what was missing
    assert len(check_books(conn, network, START + HOUR + timedelta(seconds=30))) == 1
    assert check_books(conn, network, START + 2 * HOUR) == []
    assert rows(conn, "select level, value, cleared_at from v_alarm") == [("lost", 1.0, None)]
    assert events(conn) == [("books", "lost", STATION, "raised"), ("books", "lost", STATION, "level")]
    assert "are lost for good" in body(conn, "level")


def test_books_that_do_not_balance_are_told_as_such(conn: Connection, network: Network) -> None:
    add_network(conn)
    ledger(conn, stored="{[1,11)}", received=11, new=10)
    assert check_books(conn, network, START) == []
    assert len(check_books(conn, network, START + HOUR)) == 1
    assert rows(conn, "select level, value from v_alarm") == [("unbalanced", None)]
    assert "The books of the station do not balance" in body(conn)
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
    assert "quality is 10 minutes behind" in body(conn)


def note(conn: Connection, error: UndeliverableError | None, after: timedelta = timedelta(0)) -> None:
    note_reports(conn, Medium.SMS, [CarrierReport("esms", error)], START + after)


def test_a_carrier_that_needs_a_person_is_told_at_once_by_the_other_media(conn: Connection, network: Network) -> None:
    add_network(conn)
    conn.execute("update contact set phone_e164 = '+84912345600' where contact_id = 2")  # the operator has both
    note(conn, NeedsPerson("eSMS: 103 balance too low"))
    assert check_carriers(conn, saying(network, carriers=None), START) == []
    for _ in range(2):
        check_carriers(conn, network, START)
    assert rows(conn, "select rule, station, state from v_alarm") == [("carrier-esms", None, "unacknowledged")]
    ((medium, contact, body),) = rows(conn, "select medium, contact_id, body from notification")
    assert (medium, contact) == ("email", 2)
    assert "103 balance too low" in body
    note(conn, None, timedelta(minutes=5))
    check_carriers(conn, network, START + timedelta(minutes=5))
    assert rows(conn, "select state from v_alarm") == [("returned",)]
    assert rows(conn, "select medium, purpose from notification order by 1, 2") == [
        ("email", "cleared"),
        ("email", "raised"),
    ]


def test_a_carrier_that_is_only_blocked_has_a_minute(conn: Connection, network: Network) -> None:
    note(conn, TryAgain("away"))
    note(conn, TryAgain("away"), timedelta(seconds=50))
    check_carriers(conn, network, START + timedelta(seconds=50))
    assert rows(conn, "select count(*) from alarm") == [(0,)]
    check_carriers(conn, network, START + PATIENCE)
    assert rows(conn, "select count(*) from alarm") == [(1,)]


def test_a_wrong_number_is_no_trouble_of_the_carrier(conn: Connection, network: Network) -> None:
    note(conn, Gone("no such number"))
    check_carriers(conn, network, START + timedelta(hours=1))
    assert rows(conn, "select count(*) from alarm") == [(0,)]
