"""A station that sends nothing, told only by what happened while ingest was healthy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.watchdogs.silence import check_silence
from quantrac.config.loader import load_network
from quantrac.config.network import Network, Silence
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import START, STATION, add_network, rows

MINUTE = timedelta(minutes=1)
SILENCE = Silence.model_validate({"after": "15m", "severity": "high", "to": ["operators"]})


@pytest.fixture(scope="module")
def network() -> Network:
    loaded = load_network(Path(__file__).parents[3] / "station_configs")
    return replace(loaded, settings=loaded.settings.model_copy(update={"silence": SILENCE, "quiet_hours": None}))


@pytest.fixture(autouse=True)
def _station(conn: Connection) -> None:
    add_network(conn)


def message(conn: Connection, at: datetime) -> None:
    conn.execute(
        """
        insert into ledger (station, epoch, last_seen_at) values (%s, 'aa', %s)
        on conflict (station, epoch) do update set last_seen_at = excluded.last_seen_at
        """,
        [STATION, at],
    )


def health(conn: Connection, from_t: datetime, to_t: datetime, *, healthy: bool = True) -> None:
    conn.execute("insert into ingest_health values (%s, %s, %s)", [from_t, to_t, healthy])


def shown(conn: Connection) -> list[tuple[str, str, datetime, datetime | None]]:
    return rows(conn, "select rule, state, raised_at, cleared_at from v_alarm order by alarm_id")


def test_fifteen_healthy_minutes_without_a_message_raise_and_a_message_clears(
    conn: Connection, network: Network
) -> None:
    message(conn, START)
    health(conn, START - MINUTE, START + 60 * MINUTE)
    assert check_silence(conn, network, START + 14 * MINUTE) == []
    (raised,) = check_silence(conn, network, START + 15 * MINUTE)
    assert raised.raised_at == START + 15 * MINUTE
    assert check_silence(conn, network, START + 16 * MINUTE) == []
    assert rows(conn, "select silent_since from v_station") == [(START,)]
    back = START + 20 * MINUTE
    message(conn, back)
    check_silence(conn, network, back + MINUTE)
    assert shown(conn) == [("station-silent", "returned", START + 15 * MINUTE, back)]
    assert rows(conn, "select silent_since from v_station") == [(None,)]
    told = rows(conn, "select medium, purpose, subject from notification order by notification_id")
    assert told == [
        ("email", "raised", "[High alarm] Station sends no data: My Thanh river, 08:15 24/11"),
        ("email", "cleared", "[All clear] Station sends no data: My Thanh river, 08:20 24/11"),
    ]


def test_a_centre_that_was_down_for_two_hours_calls_nobody_silent(conn: Connection, network: Network) -> None:
    message(conn, START)
    health(conn, START - MINUTE, START + 5 * MINUTE)
    health(conn, START + 5 * MINUTE, START + 120 * MINUTE, healthy=False)
    health(conn, START + 125 * MINUTE, START + 200 * MINUTE)
    assert check_silence(conn, network, START + 134 * MINUTE) == []  # 5 + 9 healthy minutes
    assert len(check_silence(conn, network, START + 135 * MINUTE)) == 1


def test_a_station_that_has_never_sent_is_silent_too(conn: Connection, network: Network) -> None:
    applied = START - timedelta(days=1)
    health(conn, applied, START)
    assert len(check_silence(conn, network, applied + 15 * MINUTE)) == 1


def test_a_station_out_of_service_is_not_asked(conn: Connection, network: Network) -> None:
    conn.execute("update station set active = false")
    health(conn, START - timedelta(days=1), START)
    assert check_silence(conn, network, START) == []


def test_a_network_without_a_silence_plan_raises_nothing(conn: Connection, network: Network) -> None:
    health(conn, START - timedelta(days=1), START)
    quiet = replace(network, settings=network.settings.model_copy(update={"silence": None}))
    assert check_silence(conn, quiet, START) == []
