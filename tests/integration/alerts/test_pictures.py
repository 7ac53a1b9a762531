"""An alarm whose rule asks for it gets a picture: once, soon or never, with the rights of alerts."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts import desk
from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.past import SETTLE
from alerts.rules.rule import ChannelRule
from alerts.telling.pictures import LASTS, TOGETHER, AskPicture, WantedPicture, ask_for, claim, start_asking
from quantrac.cli.commands.alerts import by_command
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection, connect
from quantrac.private_services.mosquitto import PrivateMosquitto
from tests.fixtures.timing import PATIENCE_S, eventually
from tests.integration.alerts.centre import CHANNEL, ROUTING, START, START_MS, STATION, add_network, rows, store
from tests.unit.alerts.rules import ACT, DANGER, MINUTE, oxygen_rule
from tests.unit.alerts.series import read_series

CAMERAS = ("gate", "river")
SEEING = replace(oxygen_rule(ACT, DANGER), cameras=CAMERAS)
ROSE = START + timedelta(minutes=9)
SECOND = timedelta(seconds=1)
SAW = """
insert into image (station, camera, time, sha256, cause, epoch, seq, received_at, jpeg)
values (%s, %s, %s, sha256(%s), 'asked', 'e', 1, %s, %s)
"""
ROWS = "select camera, outcome from v_alarm_picture order by alarm_id, camera"


class Station:
    """What a station answers; `asked` is what it was asked for."""

    def __init__(self, answer: Mapping[str, Any] | None = None) -> None:
        self.asked: list[str] = []
        self._answer = answer or {"ok": True, "bytes": 9}

    def __call__(self, conn: Connection, station: str, camera: str, *, reason: str, lasts_s: int) -> Mapping[str, Any]:
        assert station == STATION
        assert reason.endswith(": do-low")
        assert 0 < lasts_s <= LASTS.total_seconds()
        self.asked.append(camera)
        return self._answer


@pytest.fixture
def service(database: str, conn: Connection) -> Iterator[Connection]:
    """A connection with the rights of alerts, to a centre with one station."""
    add_network(conn)
    with connect(database, "test") as connection:
        connection.execute("set role quantrac_alerts")
        yield connection


def rises(
    conn: Connection,
    service: Connection,
    series: str = "2.8x10",
    now: datetime = ROSE,
    *,
    rule: ChannelRule = SEEING,
    minute: int = 0,
) -> None:
    """Let readings come in from a minute on, and evaluate them at `now`."""
    (channel_id,) = rows(conn, "select channel_id from channel where channel = %s", CHANNEL)[0]
    store(conn, channel_id, read_series(series, MINUTE, start_ms=START_MS + minute * MINUTE))
    worker = Evaluator(service, {CHANNEL: [rule]}, ROUTING, lambda: now)
    while worker.round():
        pass


def ask_all(service: Connection, ask: AskPicture, now: datetime) -> list[str]:
    found = []
    while (wanted := claim(service, now)) is not None:
        found.append(ask_for(service, wanted, ask, lambda: now))
    return found


def test_an_alarm_that_rises_has_each_camera_asked_once(conn: Connection, service: Connection) -> None:
    rises(conn, service, "2.8x10 1.5x9")  # and gets worse: no picture of that
    assert rows(service, ROWS) == [("gate", "waits"), ("river", "waits")]
    station = Station()
    assert ask_all(service, station, ROSE + SECOND) == ["taken", "taken"]
    assert station.asked == ["gate", "river"]
    assert ask_all(service, station, ROSE + 2 * SECOND) == []
    jpeg = b"\xff\xd8\xff\xd9"
    conn.execute(SAW, [STATION, "gate", ROSE + 2 * SECOND, jpeg, ROSE, jpeg])
    assert rows(service, "select camera, time, bytes from v_alarm_picture order by camera") == [
        ("gate", ROSE + 2 * SECOND, jpeg),
        ("river", None, None),
    ]
    assert [event.reason for event in desk.history(service, 1) if event.event == "picture"] == ["gate", "river"]


def test_one_that_was_killed_before_it_knew_the_answer_does_not_ask_again(
    conn: Connection, service: Connection
) -> None:
    rises(conn, service)
    killed = claim(service, ROSE + SECOND)
    assert killed is not None
    station = Station()
    assert ask_all(service, station, ROSE + 3 * SECOND) == ["taken"]
    assert sorted([killed.camera, *station.asked]) == ["gate", "river"]
    assert rows(service, ROWS) == [(camera, "asked" if camera == killed.camera else "taken") for camera in CAMERAS]


def test_nobody_is_asked_for_what_is_past(conn: Connection, service: Connection) -> None:
    rises(conn, service)
    station = Station()
    assert ask_all(service, station, ROSE + LASTS) == []
    assert station.asked == []
    assert rows(service, ROWS) == [("gate", "expired"), ("river", "expired")]
    assert [event.event for event in desk.history(service, 1)][-2:] == ["no picture", "no picture"]


def test_late_alarms_old_ones_and_shelved_ones_get_none(conn: Connection, service: Connection) -> None:
    rises(conn, service, now=ROSE + timedelta(minutes=6))  # alerts was down when it rose
    assert rows(service, "select state from v_alarm") == [("unacknowledged",)]
    assert rows(service, ROWS) == []
    desk.shelve(service, 1, "lan", "probe out", START + timedelta(days=1), START)
    rises(conn, service, "4.6x40 2.8x15", START + timedelta(minutes=75), minute=20)
    assert rows(service, "select state from v_alarm order by alarm_id") == [("cleared",), ("shelved",)]
    assert rows(service, ROWS) == []


def test_an_alarm_of_the_past_gets_none(conn: Connection, service: Connection) -> None:
    (channel_id,) = rows(conn, "select channel_id from channel where channel = %s", CHANNEL)[0]
    now = [START + timedelta(hours=2)]
    worker = Evaluator(service, {CHANNEL: [SEEING]}, ROUTING, lambda: now[0])
    store(conn, channel_id, read_series("_x100 5x20", MINUTE, start_ms=START_MS))
    while worker.round():
        pass
    late = read_series("2.8x30 5x40", MINUTE, start_ms=START_MS + MINUTE // 2)
    store(conn, channel_id, [sample._replace(received_ms=START_MS + 121 * MINUTE) for sample in late])
    while worker.round():
        pass
    now[0] += SETTLE
    worker.tell_summaries()
    assert rows(service, "select late from v_alarm") == [(True,)]
    assert rows(service, ROWS) == []


def test_alarms_that_rise_together_share_a_picture(conn: Connection, service: Connection) -> None:
    rises(conn, service)
    for place, wait in enumerate((TOGETHER - SECOND, TOGETHER)):
        other = replace(SEEING, rule=f"do-{place}", cameras=("gate",))
        rises(conn, service, now=ROSE + wait, rule=other, minute=100 + 50 * place)
    found = rows(
        service,
        "select a.rule, p.outcome from v_alarm_picture p join v_alarm a using (alarm_id) where camera = 'gate'",
    )
    assert sorted(found) == [("do-0", "shared"), ("do-1", "waits"), ("do-low", "waits")]


def test_the_desk_of_commands_is_asked_and_its_refusal_is_put_down(
    database: str, conn: Connection, service: Connection, broker: PrivateMosquitto, tmp_path: Path
) -> None:
    rises(conn, service)
    (tmp_path / "keys").write_text(f"{STATION} {'11' * 32}\n")
    settings = Settings(database_url=database, command_mqtt_url=broker.url("console"), command_keys=tmp_path / "keys")
    assert ask_all(service, by_command(settings), ROSE + SECOND) == ["failed", "failed"]
    (error, _) = rows(service, "select error from v_alarm_picture order by camera")
    assert "is not connected" in error[0]
    order, outcome = rows(
        conn,
        "select action, person, reason, detail->'order' from audit where action like 'command%%' order by at limit 2",
    )
    assert order == ("command", "alerts", "alarm 1: do-low", {"do": "picture", "camera": "gate"})
    assert outcome[:2] == ("command outcome", "alerts")
    no_keys = by_command(Settings(database_url=database, command_mqtt_url=broker.url("console")))
    wanted = WantedPicture(1, 1, "do-low", STATION, "gate", ROSE + LASTS)
    assert ask_for(service, wanted, no_keys, lambda: ROSE) == "failed"
    assert "QUANTRAC_COMMAND_KEYS" in rows(service, "select error from v_alarm_picture order by camera")[0][0]


def test_the_asker_asks_beside_a_station_that_does_not_answer_and_stops_at_once(
    database: str, conn: Connection, service: Connection
) -> None:
    rises(conn, service)
    stop, never = threading.Event(), threading.Event()
    answers = Station()

    def ask(conn: Connection, station: str, camera: str, *, reason: str, lasts_s: int) -> Mapping[str, Any]:
        if camera == "gate":
            never.wait(PATIENCE_S)
        return answers(conn, station, camera, reason=reason, lasts_s=lasts_s)

    thread = start_asking(database, ask, lambda: ROSE + SECOND, stop)
    try:
        eventually(lambda: rows(service, ROWS) == [("gate", "asked"), ("river", "taken")])
    finally:
        stop.set()
        thread.join(180)
        assert not thread.is_alive()
        never.set()
        eventually(lambda: rows(service, ROWS) == [("gate", "taken"), ("river", "taken")])
