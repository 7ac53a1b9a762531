"""Alerts needs no more than the rights of `quantrac_alerts`, the desk no more than those of `quantrac_console`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from alerts import desk
from alerts.alarm_search import AlarmQuery, alarm_page
from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.stored_normals import with_normals
from alerts.people.contact_search import listed
from alerts.people.contacts import save_contacts
from alerts.rules.composite import compile_composites
from alerts.trials.backtest_run import run_backtest
from alerts.trials.normals import make_normals
from alerts.watchdogs.books import check_books
from alerts.watchdogs.breaches import check_breaches
from alerts.watchdogs.feed_lag import check_feed
from alerts.watchdogs.ministry_files import check_ministry
from quantrac.config.contacts import Contact
from quantrac.config.network import Network
from quantrac.config.notifications import Medium
from quantrac.config.rule_files import LoadedRules
from quantrac.database.beat import Beat
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection, connect
from tests.integration.alerts.centre import (
    CHANNEL,
    ROUTING,
    START,
    START_MS,
    STATION,
    KeepingCarrier,
    add_network,
    minutes_of,
    rows,
    run_all,
    send_all,
    store,
)
from tests.unit.alerts.rules import MINUTE, oxygen_rule
from tests.unit.alerts.series import read_series


@pytest.fixture
def service(database: str) -> Iterator[Connection]:
    with connect(database, "test") as connection:
        connection.execute("set role quantrac_alerts")
        yield connection


def test_the_whole_path_runs_with_the_rights_of_alerts(conn: Connection, service: Connection) -> None:
    channel_id = add_network(conn)
    store(conn, channel_id, read_series("2.8x10 4.6x30", MINUTE, start_ms=START_MS))
    save_contacts(service, {"lan": Contact(name="Lan", email="lan@example.org", groups=("operators",))}, START)
    Beat(service, "alerts", "test", START).beat(START)
    worker = Evaluator(service, {CHANNEL: [oxygen_rule()]}, ROUTING, lambda: START)
    run_all(worker)
    send_all(service, Medium.EMAIL, KeepingCarrier(), lambda: START)
    assert minutes_of(conn) == [("act", 9.0, 39.0)]
    assert rows(conn, "select count(*) from notification where status = 'sent'") == [(4,)]
    assert len(listed(service)) == 3
    assert Evaluator(service, {}, ROUTING, lambda: START).close_orphans(own_rules=()) == 0


def test_composites_normals_back_tests_books_and_feed_need_no_more(
    conn: Connection, service: Connection, network: Network
) -> None:
    channel_id = add_network(conn)
    store(conn, channel_id, read_series("3x20", MINUTE, start_ms=START_MS))
    composites = compile_composites(network)
    worker = Evaluator(service, with_normals(service, {CHANNEL: [oxygen_rule()]}), ROUTING, lambda: START, composites)
    with conn.transaction():
        times = START, START + timedelta(minutes=19)
        append_changes(conn, [NewChange(STATION, channel_id, *times, 20, "flag")])
    run_all(worker)
    worker.take_normals()
    worker.tell_summaries()
    day = START.date()
    make_normals(service, network, [CHANNEL], day, day, START)
    assert run_backtest(service, network, day, day).readings == 20
    check_books(service, network, START)
    check_breaches(service, network, START)
    check_feed(service, network, START)
    check_ministry(service, network, START)
    assert rows(conn, "select station from composite_state") == [(STATION,)]


def test_the_desk_and_back_tests_work_with_the_rights_of_the_console(
    conn: Connection, service: Connection, network: Network
) -> None:
    channel_id = add_network(conn)
    store(conn, channel_id, read_series("2.8x10", MINUTE, start_ms=START_MS))
    Evaluator(conn, {CHANNEL: [oxygen_rule()]}, ROUTING, lambda: START).round()
    service.execute("set role quantrac_console")
    (row,) = alarm_page(service, AlarmQuery(), 100).rows
    desk.acknowledge(service, row.alarm_id, "lan", "seen", START)
    desk.comment(service, row.alarm_id, "lan", "aerators on", START)
    assert [event.event for event in desk.history(service, row.alarm_id)] == ["raised", "acknowledged", "comment"]
    day, everything = START.date(), LoadedRules(network.rules, network.composites)
    report = run_backtest(service, network, day, day, new=everything)
    assert (report.readings, [one.alarm_id for one in report.comparison.recorded] if report.comparison else None) == (
        10, [row.alarm_id],
    )  # fmt: skip
