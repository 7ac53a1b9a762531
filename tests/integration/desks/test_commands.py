"""What a person at the centre asks of a station happens there, is answered, and is on record whatever happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime

import psycopg
import pytest

from quantrac.database import audit
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
        commands.give(lambda: nullcontext(conn), line, STATION, {"do": "read"}, person="an", reason=None, clock=clock)
    (one,) = commands.history(conn)
    assert one.outcome is not None
    assert one.outcome["ok"] is False
    with pytest.raises(commands.NoSuchStation):
        commands.give(
            lambda: nullcontext(conn), line, "st-nowhere", {"do": "read"}, person="an", reason=None, clock=clock
        )


def test_a_user_without_the_right_is_told_so(
    conn: Connection, broker: PrivateMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "CONNECT_S", 1.0)
    line = commands.MqttLink(MqttAddress.parse(broker.url("st-dai-ngai")), KEY)
    with pytest.raises(commands.NotSent):
        commands.give(lambda: nullcontext(conn), line, STATION, {"do": "read"}, person="an", reason=None, clock=clock)


class Answering:
    """A way to a station that answers; the test says what is so meanwhile."""

    key = KEY

    def __init__(self, conn: Connection) -> None:
        self.conn, self.is_lent, self.is_away = conn, False, False

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        if self.is_away:
            raise psycopg.OperationalError("the server closed the connection")
        self.is_lent = True
        yield self.conn
        self.is_lent = False

    def ask(self, station: str, command_id: str, *_: object) -> bytes:
        assert not self.is_lent, "nobody keeps a connection while a station is waited for"
        return json.dumps({"id": command_id, "ok": True, "station": station}).encode()


def test_no_connection_is_kept_meanwhile_and_an_answer_outlives_the_database(conn: Connection) -> None:
    line = Answering(conn)

    def ask() -> dict[str, object]:
        order = {"do": "read"}
        return commands.give(line.connect, line, STATION, order, person="an", reason="x", clock=clock)  # type: ignore[arg-type]

    assert "recorded" not in ask()
    (one,) = commands.history(conn)
    assert (one.outcome or {}).get("ok") is True
    asked = line.ask

    def and_away(*order: object) -> bytes:
        line.is_away = True
        return asked(*order)  # type: ignore[arg-type]

    line.ask = and_away  # type: ignore[method-assign,assignment]
    answer = ask()
    assert (answer["ok"], answer["recorded"]) == (True, False)
    assert [past.outcome is None for past in commands.history(conn)] == [True, False]


def test_the_console_may_audit_and_look(conn: Connection) -> None:
    conn.execute("set role quantrac_console")
    assert commands.history(conn) == []
    audit.record(conn, clock(), "an", "read now", "station st-a")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table audit"):
        conn.execute("delete from audit")
