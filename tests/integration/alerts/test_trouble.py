"""A carrier that fails is an alarm, told by the other media, and over when it works again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.telling.carriers import CarrierReport, note_reports
from alerts.telling.notifier import Gone, NeedsPerson, TryAgain, UndeliverableError
from alerts.watchdogs.carriers import PATIENCE, check_carriers
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import START, add_network, rows


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(Path("station_configs"))


def note(conn: Connection, error: UndeliverableError | None, after: timedelta = timedelta(0)) -> None:
    note_reports(conn, Medium.SMS, [CarrierReport("esms", error)], START + after)


def test_a_carrier_that_needs_a_person_is_told_at_once_by_the_other_media(conn: Connection, network: Network) -> None:
    add_network(conn)
    conn.execute("update contact set phone_e164 = '+84912345600' where contact_id = 2")  # the operator has both
    note(conn, NeedsPerson("eSMS: 103 balance too low"))
    check_carriers(conn, network, START)
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


def test_who_names_nobody_gets_no_alarm(conn: Connection, network: Network) -> None:
    note(conn, NeedsPerson("key"))
    silent = replace(network, settings=network.settings.model_copy(update={"carriers": None}))
    assert check_carriers(conn, silent, START) == []
