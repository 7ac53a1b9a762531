"""Alarms about the centre's own working: books of a station, consumers of the feed, carriers of messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerts.alarm.change import EndCause, Mark, Subject
from alerts.alarm.records import raise_alarm
from alerts.rules.rule import RuleTexts
from alerts.telling.carriers import CarrierReport, note_reports
from alerts.telling.notifier import Gone, NeedsPerson, TryAgain, UndeliverableError
from alerts.watchdogs.books import check_books
from alerts.watchdogs.breaches import check_breaches
from alerts.watchdogs.carriers import PATIENCE, check_carriers
from alerts.watchdogs.clocks import check_clocks
from alerts.watchdogs.feed_lag import check_feed
from alerts.watchdogs.ministry_files import check_ministry
from edge_agent.spooling.settlement import MOST_FAILURES
from quantrac.config.network import Network
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words
from tests.integration.alerts.centre import START, START_MS, STATION, add_channel, add_network, rows, saying, store
from tests.unit.alerts.rules import MINUTE
from tests.unit.alerts.series import read_series

HOUR = timedelta(hours=1)
ANY = Words("Bất kỳ", "Any")


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


def test_files_that_a_receiver_is_owed_too_long_are_an_alarm_of_their_station(
    conn: Connection, network: Network
) -> None:
    add_network(conn)
    station = network.stations[STATION]
    assert station.ministry is not None
    plan = station.ministry.model_copy(update={"receivers": ("department", "ministry")})
    network = replace(network, stations={STATION: station.model_copy(update={"ministry": plan})})
    half = timedelta(minutes=30)
    conn.execute(
        "insert into ministry_file (station, time, name, content, made_at) values (%s, %s, 'a', 'x', %s)",
        [STATION, START - 90 * HOUR, START],
    )
    owed = "insert into ministry_sending (station, time, receiver, owed_at, due_at) values (%s, %s, %s, %s, %s)"
    for receiver in ("department", "ministry", "given-up"):
        conn.execute(owed, [STATION, START - 90 * HOUR, receiver, START, START])
    assert check_ministry(conn, network, START + half - timedelta(seconds=1)) == [], "an old slot, changed just now"
    assert len(check_ministry(conn, network, START + half)) == 1
    assert check_ministry(conn, network, START + HOUR) == []
    conn.execute("update ministry_sending set owed = false where receiver <> 'given-up'")
    assert len(check_ministry(conn, network, START + 2 * HOUR)) == 1
    assert events(conn) == [("ministry-late", "late", STATION, "raised"), ("ministry-late", "late", STATION, "cleared")]
    assert "2 files are not sent, 30 minutes late" in body(conn)


def test_a_file_that_a_receiver_refuses_again_and_again_is_an_alarm_before_it_is_late(
    conn: Connection, network: Network
) -> None:
    add_network(conn)
    station = network.stations[STATION]
    assert station.ministry is not None
    plan = station.ministry.model_copy(update={"receivers": ("department",)})
    network = replace(network, stations={STATION: station.model_copy(update={"ministry": plan})})
    kept = "insert into ministry_file (station, time, name, content, made_at) values (%s, %s, 'a', 'x', %s)"
    conn.execute(kept, [STATION, START, START])
    owed = "insert into ministry_sending (station, time, receiver, owed_at, due_at) values (%s, %s, %s, %s, %s)"
    conn.execute(owed, [STATION, START, "department", START, START])
    failed = "update ministry_sending set attempts = %s, failure = %s, error = %s"
    for attempts, failure, changed in ((9, "away", 0), (2, "refused", 0), (3, "refused", 1), (4, "full", 1)):
        conn.execute(failed, [attempts, failure, "550 no {rights} here"])
        assert len(check_ministry(conn, network, START + timedelta(minutes=attempts))) == changed, failure
    said = [text for (text,) in rows(conn, "select body from notification where purpose = 'raised' order by 1")]
    assert any("550 no (rights) here" in text and "The receiver (department) refuses 1 files" in text for text in said)
    conn.execute("update ministry_sending set owed = false")
    assert len(check_ministry(conn, network, START + timedelta(minutes=5))) == 1
    assert [(level, event) for rule, level, _, event in events(conn) if rule == "ministry-refused"][-1][1] == "cleared"


def test_a_breach_raises_one_alarm_a_station_and_of_the_centre_by_its_gravest_kind_for_an_hour(
    conn: Connection, network: Network
) -> None:
    add_network(conn)
    breach = "insert into breach (station, kind, day, first_at, last_at, count) values (%s, %s, %s, %s, %s, 7)"
    for station, kind in ((STATION, "flood"), (STATION, "session_taken"), ("", "session_taken")):
        conn.execute(breach, [station, kind, START.date(), START, START])
    assert check_breaches(conn, saying(network, breaches=None), START) == []
    assert len(check_breaches(conn, network, START)) == 2
    assert check_breaches(conn, network, START + HOUR / 2) == []
    assert rows(conn, "select station, level, value from v_alarm order by 1") == [
        (STATION, "session_taken", 7.0), (None, "session_taken", 7.0)
    ]  # fmt: skip
    assert "Another client took a session at the broker" in body(conn)
    assert len(check_breaches(conn, network, START + HOUR)) == 2
    for later, kind in ((START + 2 * HOUR, "pictures"), (START + 4 * HOUR, "unheard")):
        check_breaches(conn, network, later)
        conn.execute(breach, [STATION, kind, later.date(), later, later])
        assert len(check_breaches(conn, network, later)) == 1
    said = "".join(text for (text,) in rows(conn, "select body from notification"))
    assert MOST_FAILURES == 5
    assert "sends each picture five times, then gives it up" in said
    assert "The centre does not hear a station that floods" in said


def ended(conn: Connection) -> list[tuple[str | None, bool]]:
    """What ended each alarm, and whether people got a word of it that is no all-clear."""
    return rows(
        conn,
        "select a.ended_by, exists (select from notification n where n.alarm_id = a.alarm_id "
        "and n.purpose = 'withdrawn') from alarm a where cleared_at is not null order by a.alarm_id",
    )


def slower(network: Network, **watchdogs: timedelta) -> Network:
    """Return a network whose watchdogs wait longer."""
    plans = {name: getattr(network.settings, name) for name in watchdogs}
    after = {name: {"after_ms": int(wait.total_seconds() * 1000)} for name, wait in watchdogs.items()}
    return saying(network, **{name: plan.model_copy(update=after[name]) for name, plan in plans.items()})


def test_a_watchdog_that_waits_longer_now_gives_no_all_clear(conn: Connection, network: Network) -> None:
    """Nothing is better: the messages are still missing, the consumer is still behind."""
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    store(conn, add_network(conn), read_series("5x3", MINUTE, start_ms=START_MS))
    conn.execute("update change set at = %s", [START])
    ledger(conn, stored="{[1,8),[9,11)}", received=9, new=9)
    patient = slower(network, books=5 * HOUR, feed=5 * HOUR)
    for asked, at in ((network, timedelta(0)), (network, HOUR), (patient, 2 * HOUR)):
        check_books(conn, asked, START + at)
        check_feed(conn, asked, START + at)
    assert ended(conn) == [(EndCause.TERM_CHANGED, True)] * 2
    assert "TIME LIMIT CHANGED" in body(conn, "withdrawn")


def test_a_watchdog_that_waits_longer_now_still_gives_the_all_clear_where_all_is_well(
    conn: Connection, network: Network
) -> None:
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    store(conn, add_network(conn), read_series("5x3", MINUTE, start_ms=START_MS))
    conn.execute("update change set at = %s", [START])
    ledger(conn, stored="{[1,8),[9,11)}", received=9, new=9)
    for at in (timedelta(0), HOUR):
        check_books(conn, network, START + at)
        check_feed(conn, network, START + at)
    conn.execute("update consumer set position = 1000")
    conn.execute("update ledger set stored = '{[1,11)}', received = 10, new = 10")
    patient = slower(network, books=5 * HOUR, feed=5 * HOUR)
    check_books(conn, patient, START + 2 * HOUR)
    check_feed(conn, patient, START + 2 * HOUR)
    assert ended(conn) == [(None, False)] * 2


def test_messages_of_a_station_that_falls_silent_are_not_told_to_have_come(conn: Connection, network: Network) -> None:
    add_network(conn)
    ledger(conn, stored="{[1,8),[9,11)}", received=9, new=9)
    check_books(conn, network, START)
    check_books(conn, network, START + HOUR)
    conn.execute(
        "insert into alarm (rule, level, station, severity, state, raised_at) "
        "values ('station-silent', 'silent', %s, 'high', 'unacknowledged', %s)",
        [STATION, START + HOUR],
    )
    check_books(conn, network, START + 2 * HOUR)
    assert ended(conn) == [(EndCause.STATION_SILENT, True)]


def clock_says(conn: Connection, *heard: timedelta | None, sure: bool = True) -> None:
    """Let ingest hear the station's clock so far ahead, the last one now, others before; None: it is right."""
    conn.execute("reset role")
    conn.execute("delete from station_clock")
    for back, ahead in enumerate(reversed(heard)):
        if ahead is not None:
            since, ms = START - back * HOUR, int(ahead / timedelta(milliseconds=1))
            until = since + HOUR if back else None
            conn.execute("insert into station_clock values (%s, %s, %s, %s, %s)", [STATION, since, until, ms, sure])
    conn.execute("set role quantrac_alerts")


def test_a_clock_that_only_the_centre_knows_to_be_wrong_is_an_alarm(conn: Connection, network: Network) -> None:
    """Nothing sets the station's clock, so it has no `clock_offset`."""
    add_network(conn)
    for ahead in (timedelta(seconds=90), timedelta(minutes=20), timedelta(minutes=20), -timedelta(minutes=4), None):
        clock_says(conn, ahead)
        check_clocks(conn, network, START)
    assert events(conn) == [
        ("station-clock", "behind", STATION, word) for word in ("raised", "level", "cleared")
    ]  # fmt: skip
    assert "Station's clock is 20 minutes ahead" in body(conn)
    assert "Station's clock is 4 minutes behind" in body(conn, "level")


def test_a_clock_is_wrong_from_its_bound_on_if_that_is_sure_and_holds_now(conn: Connection, network: Network) -> None:
    add_network(conn)
    assert network.settings.clocks is not None
    bound, hair = timedelta(milliseconds=network.settings.clocks.off_ms), timedelta(milliseconds=1)
    clock_says(conn, HOUR, None)
    assert check_clocks(conn, network, START) == [], "it was wrong"
    clock_says(conn, HOUR, sure=False)
    assert check_clocks(conn, network, START) == [], "a message that came late says the same"
    clock_says(conn, hair - bound)
    assert check_clocks(conn, network, START) == []
    clock_says(conn, -bound)
    as_owner(conn, "update station set active = false")
    assert check_clocks(conn, network, START) == [], "the station has been given up"
    as_owner(conn, "update station set active = true")
    assert len(check_clocks(conn, network, START)) == 1


def as_owner(conn: Connection, query: str) -> None:
    """Run a query with all rights."""
    conn.execute("reset role")
    conn.execute(query)
    conn.execute("set role quantrac_alerts")


def test_a_clock_that_is_still_wrong_gives_no_all_clear_where_more_is_allowed_now(
    conn: Connection, network: Network
) -> None:
    add_network(conn)
    clock_says(conn, timedelta(minutes=4))
    check_clocks(conn, network, START)
    lenient = network.settings.clocks
    assert lenient is not None
    check_clocks(conn, saying(network, clocks=lenient.model_copy(update={"off_ms": 600_000})), START + HOUR)
    assert ended(conn) == [(EndCause.LIMIT_CHANGED, True)]


def test_a_clock_of_which_the_station_has_told_makes_no_second_message(conn: Connection, network: Network) -> None:
    add_network(conn)
    channel_id = add_channel(conn, "clock_offset")
    clock_says(conn, timedelta(minutes=4))
    offset = Subject("clock-off", STATION, channel_id)
    with conn.transaction():
        raise_alarm(conn, offset, Mark("ahead", Severity.MEDIUM, 240_000.0, 10_000.0), START, RuleTexts(ANY), START)
        check_clocks(conn, network, START)
    assert rows(conn, "select rule, state from v_alarm order by alarm_id") == [
        ("clock-off", "unacknowledged"), ("station-clock", "suppressed by design"),
    ]  # fmt: skip
    assert rows(conn, "select from notification") == []


def test_what_the_station_told_before_late_or_of_something_else_explains_no_wrong_clock(
    conn: Connection, network: Network
) -> None:
    add_network(conn)
    offset, battery = add_channel(conn, "clock_offset"), add_channel(conn, "battery_v")
    for channel_id, state, cleared, late in (
        (offset, "cleared", START, False),
        (offset, "unacknowledged", None, True),
        (battery, "unacknowledged", None, False),
    ):
        conn.execute(
            "insert into alarm (rule, level, station, channel_id, severity, state, raised_at, cleared_at, late) "
            "values ('any', 'ahead', %s, %s, 'medium', %s, %s, %s, %s)",
            [STATION, channel_id, state, START - HOUR, cleared, late],
        )
        conn.execute("update alarm set rule = 'any-' || alarm_id where rule = 'any'")
    clock_says(conn, timedelta(minutes=4))
    check_clocks(conn, network, START)
    assert rows(conn, "select state from v_alarm where rule = 'station-clock'") == [("unacknowledged",)]


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
