"""What a person at the centre asks of a station happens there, is answered, and is on record whatever happened."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from quantrac.database.pool import Connection
from quantrac.desks import commands
from quantrac.mqtt.address import MqttAddress
from quantrac.private_services.mosquitto import PrivateMosquitto
from tests.integration.edge_agent.test_commands import KEY, STATION

pytestmark = pytest.mark.usefixtures("configured")


def clock() -> datetime:
    return datetime.now(UTC)


def test_a_station_that_is_not_there_is_said_to_be_away_and_the_attempt_is_on_record(
    conn: Connection, broker: PrivateMosquitto
) -> None:
    line = commands.MqttLink(MqttAddress.parse(broker.url("console")), KEY)
    with pytest.raises(commands.NotSent, match="is not connected"):
        commands.give(conn, line, STATION, {"do": "read"}, person="an", reason=None, clock=clock)
    (one,) = commands.history(conn)
    assert one.outcome is not None
    assert one.outcome["ok"] is False
    with pytest.raises(commands.NoSuchStation):
        commands.give(conn, line, "st-nowhere", {"do": "read"}, person="an", reason=None, clock=clock)


def test_a_user_without_the_right_is_told_so(
    conn: Connection, broker: PrivateMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "CONNECT_S", 1.0)
    line = commands.MqttLink(MqttAddress.parse(broker.url("st-dai-ngai")), KEY)
    with pytest.raises(commands.NotSent):
        commands.give(conn, line, STATION, {"do": "read"}, person="an", reason=None, clock=clock)


def test_the_console_may_audit_and_look(conn: Connection) -> None:
    conn.execute("set role quantrac_console")
    assert commands.history(conn) == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("delete from audit")
