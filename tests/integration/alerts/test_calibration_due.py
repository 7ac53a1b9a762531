"""A device whose calibration is due raises an alarm like any other, and people get messages about it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from alerts import desk
from alerts.alarm.change import EndCause
from alerts.telling.messages import call_again
from alerts.telling.routes import Routing
from alerts.watchdogs.calibration_due import check_calibrations
from quantrac.config.network import Network
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from tests.integration.alerts.centre import CHANNEL, START, STATION, add_channel, add_network, rows, saying

DAY = timedelta(days=1)
DUE = START + 30 * DAY
NIGHT = DUE + timedelta(hours=15)  # 23:00 in Vietnam
EVERY = {"devices": {"sonde": {"calibration": {"every_ms": 30 * 86_400_000}, "channels": {"do": {}, "ph": {}}}}}


@pytest.fixture
def station(conn: Connection) -> Connection:
    """A station whose sonde was calibrated at START; a technician with telephone and mail. Only rights of alerts."""
    add_network(conn)
    conn.execute("update station set config = %s", [Jsonb(EVERY)])
    add_channel(conn, "ph")
    conn.execute(
        "insert into contact (name, phone_e164, email, language, groups) "
        "values ('Lan', '+84912345679', 'lan@example.org', 'vi', '{technicians}')"
    )
    calibrate(conn, START)
    return conn


def calibrate(conn: Connection, at: datetime) -> None:
    conn.execute("reset role")
    conn.execute(
        "insert into station_event (time, station, device, kind, detail, epoch, seq, index, received_at) "
        "select %(at)s, %(station)s, 'sonde', 'calibration', '', 'e', count(*), 0, %(at)s from station_event",
        {"at": at, "station": STATION},
    )
    conn.execute("set role quantrac_alerts")


def told(conn: Connection) -> list[tuple[str, str, str]]:
    return rows(conn, "select purpose, medium, status from notification order by notification_id")


def test_one_alarm_a_device_that_gets_worse_and_ends_with_the_calibration(
    station: Connection, network: Network
) -> None:
    assert check_calibrations(station, network, DUE - timedelta(seconds=1)) == []
    for hours in (0, 1, 2):
        check_calibrations(station, network, DUE + timedelta(hours=hours))
    assert rows(station, "select rule, level, severity, channel from v_alarm") == [
        ("calibration-due", "due", "low", CHANNEL)
    ]
    assert told(station) == [("raised", "email", "queued")]
    ((alarm_id, subject),) = rows(station, "select alarm_id, subject from notification")
    assert "Đến hạn hiệu chuẩn sonde" in subject
    desk.acknowledge(station, alarm_id, "lan", "on Thursday", DUE + DAY)
    check_calibrations(station, network, DUE + 7 * DAY)
    assert rows(station, "select level, severity, state from v_alarm") == [("overdue", "medium", "unacknowledged")]
    assert "Quá hạn hiệu chuẩn sonde" in rows(station, "select subject from notification")[-1][0]
    calibrate(station, DUE + 8 * DAY)
    assert len(check_calibrations(station, network, DUE + 8 * DAY + timedelta(minutes=5))) == 1
    assert rows(station, "select cleared_at from v_alarm") == [(DUE + 8 * DAY,)]
    events = [line.event for line in desk.history(station, alarm_id)]
    assert events == ["raised", "acknowledged", "level", "cleared"]
    assert [purpose for purpose, *_ in told(station)] == ["raised", "level", "cleared"]


def test_at_night_the_telephone_keeps_still_and_nobody_is_called_again(station: Connection, network: Network) -> None:
    plan = network.settings.calibrations
    assert plan is not None
    sms = tuple(r.model_copy(update={"by": ("sms",)}) if r.to == "technicians" else r for r in network.settings.routes)
    ringing = saying(network, routes=sms, calibrations=plan.model_copy(update={"severity": Severity.MEDIUM}))
    check_calibrations(station, ringing, NIGHT + 7 * DAY)
    (row,) = rows(
        station, "select severity, n.status, held_for, held_until from notification n join alarm using (alarm_id)"
    )
    assert row == ("high", "held", "quiet hours", NIGHT + 7 * DAY + timedelta(hours=7))
    assert call_again(station, Routing.of(ringing), NIGHT + 9 * DAY) == 0


def test_out_of_service_raises_none_and_shelved_tells_nobody(station: Connection, network: Network) -> None:
    desk.take_out_of_service(station, STATION, None, "lan", "flood", DUE + 2 * DAY, DUE - DAY)
    assert check_calibrations(station, network, DUE) == []
    desk.put_in_service(station, STATION, None, "lan", None, DUE + DAY)
    assert len(check_calibrations(station, network, DUE + DAY)) == 1
    ((alarm_id,),) = rows(station, "select alarm_id from v_alarm")
    desk.shelve(station, alarm_id, "lan", "new sonde next week", DUE + 8 * DAY, DUE + 2 * DAY)
    desk.take_out_of_service(station, STATION, "sonde", "lan", "taken home", DUE + 90 * DAY, DUE + 6 * DAY)
    assert check_calibrations(station, network, DUE + 7 * DAY) == []
    desk.put_in_service(station, STATION, "sonde", "lan", None, DUE + 7 * DAY)
    assert len(check_calibrations(station, network, DUE + 7 * DAY)) == 1
    assert told(station) == [("raised", "email", "queued")]


def test_what_is_asked_for_no_more_ends(station: Connection, network: Network) -> None:
    check_calibrations(station, network, DUE)
    silent = saying(network, calibrations=None)
    assert len(check_calibrations(station, silent, DUE + DAY)) == 1
    assert check_calibrations(station, silent, DUE + DAY) == []
    assert rows(station, "select reason from v_alarm_event where event = 'cleared'") == [(EndCause.NOT_ASKED_FOR,)]


def test_a_longer_interval_is_no_calibration(station: Connection, network: Network) -> None:
    check_calibrations(station, network, DUE)
    station.execute("reset role")
    longer = {"devices": {"sonde": {**EVERY["devices"]["sonde"], "calibration": {"every_ms": 90 * 86_400_000}}}}
    station.execute("update station set config = %s", [Jsonb(longer)])
    station.execute("set role quantrac_alerts")
    check_calibrations(station, network, DUE + DAY)
    assert rows(station, "select ended_by from v_alarm") == [(EndCause.TERM_CHANGED,)]
    ((body,),) = rows(station, "select body from notification where purpose = 'withdrawn' and contact_id = 3")
    assert "ĐÃ ĐỔI THỜI HẠN" in body
