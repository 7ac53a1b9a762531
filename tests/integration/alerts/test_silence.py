"""A station that sends nothing, and a channel without values: only time in which ingest was healthy counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerts.alarm.change import Purpose
from alerts.rules.block import JudgedReading
from alerts.telling.messages import call_again
from alerts.watchdogs.no_data import check_no_data
from alerts.watchdogs.silence import check_silence
from quantrac.config.network import Network
from quantrac.config.notifications import EscalationStep
from quantrac.config.watch_plans import Silence
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import (
    ROUTING,
    START,
    START_MS,
    STATION,
    add_channel,
    add_network,
    rows,
    saying,
    store,
)

MINUTE = timedelta(minutes=1)
SILENCE = Silence.model_validate(
    {"after": "15m", "severity": "high", "to": ["operators"], "channels": {"after": "1h", "to": ["operators"]}}
)
CALLED = {"after": "2h", "severity": ["medium", "high"], "to": ["operators"], "by": ["email"]}
ESCALATING = replace(ROUTING, escalation=(EscalationStep.model_validate(CALLED),))


@pytest.fixture(scope="module")
def network(network: Network) -> Network:
    return saying(network, silence=SILENCE)


@pytest.fixture(autouse=True)
def channel_id(conn: Connection) -> int:
    """Oxygen of a sonde that also measures pH; both have values at the start."""
    found = add_network(conn)
    for id_ in (found, add_channel(conn, "ph")):
        store(conn, id_, [JudgedReading(START_MS, 7.0, 1, START_MS)])
    return found


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
    shown = "select rule, state, raised_at, cleared_at from v_alarm"
    assert rows(conn, shown) == [("station-silent", "returned", START + 15 * MINUTE, back)]
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


def test_a_station_that_has_never_sent_is_silent_but_not_out_of_service_and_not_where_nobody_asks(
    conn: Connection, network: Network
) -> None:
    applied = START - timedelta(days=1)
    health(conn, applied, START)
    now = applied + 15 * MINUTE
    assert check_silence(conn, saying(network, silence=None), now) == []
    conn.execute("update station set active = false")
    assert check_silence(conn, network, now) == []
    conn.execute("update station set active = true")
    assert len(check_silence(conn, network, now)) == 1


def value(conn: Connection, channel_id: int, at: datetime, reading: float | None = 7.0) -> None:
    t_ms = int(at.timestamp() * 1000)
    store(conn, channel_id, [JudgedReading(t_ms, reading, 1 if reading else 9, t_ms)])


def alarms(conn: Connection) -> list[tuple[str, str | None, datetime | None]]:
    return rows(conn, "select rule, channel, cleared_at from v_alarm order by alarm_id")


def test_an_hour_of_nulls_raises_once_and_a_value_clears(conn: Connection, network: Network, channel_id: int) -> None:
    health(conn, START - MINUTE, START + 300 * MINUTE)
    for minute in (30, 59, 61):
        value(conn, channel_id, START + minute * MINUTE, None)
        value(conn, channel_id + 1, START + minute * MINUTE)
        message(conn, START + minute * MINUTE)
    assert check_no_data(conn, network, START + 59 * MINUTE) == []
    assert len(check_no_data(conn, network, START + 61 * MINUTE)) == 1
    assert check_no_data(conn, network, START + 62 * MINUTE) == []
    assert alarms(conn) == [("channel-no-data", "st-my-thanh/do", None)]
    assert rows(conn, "select medium, purpose from notification") == [("email", "raised")]
    back = START + 70 * MINUTE
    value(conn, channel_id, back)
    message(conn, back)
    check_no_data(conn, network, back + MINUTE)
    assert alarms(conn) == [("channel-no-data", "st-my-thanh/do", back)]


def test_a_device_without_any_value_is_one_alarm(conn: Connection, network: Network) -> None:
    health(conn, START - MINUTE, START + 300 * MINUTE)
    message(conn, START + 90 * MINUTE)  # other devices of the station speak
    check_no_data(conn, network, START + 90 * MINUTE)
    assert [channel for _, channel, _ in alarms(conn)] == ["st-my-thanh/ph"]  # the sonde's first in the station's file


def test_a_centre_that_was_down_for_two_hours_misses_no_channel(conn: Connection, network: Network) -> None:
    health(conn, START - MINUTE, START + MINUTE)
    health(conn, START + MINUTE, START + 121 * MINUTE, healthy=False)
    health(conn, START + 121 * MINUTE, START + 300 * MINUTE)
    message(conn, START + 122 * MINUTE)
    assert check_no_data(conn, network, START + 122 * MINUTE) == []


def test_a_silent_station_is_one_alarm_and_its_channels_have_their_full_time_when_it_is_back(
    conn: Connection, network: Network
) -> None:
    health(conn, START - MINUTE, START + 500 * MINUTE)
    message(conn, START)
    for minute in (20, 70, 120):
        check_silence(conn, network, START + minute * MINUTE)
        check_no_data(conn, network, START + minute * MINUTE)
    assert [rule for rule, _, _ in alarms(conn)] == ["station-silent"]
    back = START + 130 * MINUTE
    message(conn, back)
    check_silence(conn, network, back + MINUTE)
    assert check_no_data(conn, network, back + MINUTE) == []
    message(conn, back + 65 * MINUTE)
    assert len(check_no_data(conn, network, back + 65 * MINUTE)) == 1


def test_what_is_missing_at_a_silent_station_becomes_a_child_of_its_alarm_and_is_told_by_it_alone(
    conn: Connection, network: Network, channel_id: int
) -> None:
    health(conn, START - MINUTE, START + 500 * MINUTE)
    value(conn, channel_id, START + 60 * MINUTE)
    message(conn, START + 60 * MINUTE)
    assert len(check_no_data(conn, network, START + 61 * MINUTE)) == 1  # ph
    check_silence(conn, network, START + 80 * MINUTE)
    assert check_no_data(conn, network, START + 80 * MINUTE) == []
    query = "select rule, state, parent from v_alarm order by alarm_id"
    assert rows(conn, query) == [
        ("channel-no-data", "suppressed by design", 2),
        ("station-silent", "unacknowledged", None),
    ]
    said = rows(conn, "select event, reason, state from v_alarm_event where alarm_id = 1 order by alarm_event_id")
    assert said[1:] == [("suppressed", "alarm 2 explains it", "suppressed by design")]
    assert call_again(conn, ESCALATING, START + 300 * MINUTE) == 1  # for the station, not for its channel
    back = START + 310 * MINUTE
    message(conn, back)
    value(conn, channel_id, back)
    check_silence(conn, network, back + MINUTE)
    assert check_no_data(conn, network, back + MINUTE) == []
    assert rows(conn, query)[0] == ("channel-no-data", "unacknowledged", None)
    value(conn, channel_id + 1, back + 2 * MINUTE)
    assert len(check_no_data(conn, network, back + 3 * MINUTE)) == 1
    told = rows(conn, "select a.rule, n.purpose from notification n join alarm a using (alarm_id) order by 1, 2")
    assert told == [
        ("channel-no-data", "raised"),
        ("station-silent", "cleared"), ("station-silent", "escalated"), ("station-silent", "raised"),
    ]  # fmt: skip


def test_a_channel_that_nobody_watches_any_more_is_withdrawn(conn: Connection, network: Network) -> None:
    health(conn, START - MINUTE, START + 300 * MINUTE)
    message(conn, START + 90 * MINUTE)
    check_no_data(conn, network, START + 90 * MINUTE)
    unwatched = saying(network, silence=None)
    (change,) = check_no_data(conn, unwatched, START + 91 * MINUTE)
    assert change.purpose is Purpose.WITHDRAWN
