"""What is set aside, as the database knows it; ended at the station by the desk of commands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards.console.context import StationCommand
from dashboards.console.series import opening_hours
from dashboards.console.service import command_of
from dashboards.console.set_aside import read_set_aside
from quantrac.config.settings import Settings
from quantrac.database import audit
from quantrac.database.pool import Connect, Connection, connect
from quantrac.desks.commands import NotSent
from quantrac.private_services.mosquitto import PrivateMosquitto
from tests.fixtures.console import ARRIVED, session_of, with_session
from tests.integration.console.test_admission import NOW, served

pytestmark = pytest.mark.usefixtures("configured")
STATION = "st-tran-de"
SAID = """
insert into station_event (time, station, device, kind, detail, epoch, seq, index, received_at)
select %s, %s, %s, 'maintenance', %s, 'e', count(*), 0, %s from station_event
"""


def say(conn: Connection, device: str | None, detail: str, ago: timedelta) -> None:
    conn.execute(SAID, [NOW - ago, STATION, device, detail, NOW])


def test_maintenance_is_listed_until_its_end_with_whoever_ordered_it_from_the_centre(conn: Connection) -> None:
    minute = timedelta(minutes=1)
    with conn.transaction():
        order = {"do": "maint", "device": "sonde", "for_ms": 1_800_000, "state": "maint"}
        audit.record(conn, NOW - 9 * minute, "an", "command", f"station {STATION}", None, {"id": "x", "order": order})
    say(conn, "sonde", "on, maint for 30 min: wiper", 9 * minute)
    say(conn, None, "on, cal for 60 min", 5 * minute)
    say(conn, "io", "on, maint for 60 min", 8 * minute)
    say(conn, "io", "off", 2 * minute)
    conn.execute("set role quantrac_console")
    found = read_set_aside(conn, NOW)
    assert [(row.kind, row.device, row.person, row.reason) for row in found] == [
        ("maint", "sonde", "an", "wiper"),
        ("cal", None, None, ""),
    ]
    assert [row.device for row in read_set_aside(conn, NOW + 30 * minute)] == [None]


def test_charts_open_on_a_day_as_soon_as_there_is_more_than_an_hour_of_data(conn: Connection) -> None:
    row = conn.execute("select channel_id from channel where channel = 'st-tran-de/do'").fetchone()
    assert row is not None
    assert opening_hours(conn, STATION, NOW) == 0.25
    for minutes, hours in ((1, 0.25), (29, 0.25), (31, 3), (61, 24)):
        time = NOW - timedelta(minutes=minutes)
        conn.execute(ARRIVED, [row[0], time, 5.0, time])
        assert opening_hours(conn, STATION, NOW) == hours
    assert opening_hours(conn, "st-my-thanh", NOW) == 0.25
    assert opening_hours(conn, STATION, NOW + timedelta(days=2)) == 0.25


async def end(database: str, command: StationCommand | None) -> httpx.Response:
    """Ask a console that gives commands in this way to end maintenance."""
    with connect(database, "test aside") as conn:
        headers = with_session(session_of(conn, "Trần Thị Bình", NOW)) | {"Accept-Language": "vi"}
    async with served(database, None, command=command) as (http, _):
        return await http.post(f"/api/stations/{STATION}/end-maintenance", json=WISH, headers=headers)


WISH = {"reason": "xong", "device": "sonde"}


async def test_the_station_is_told_to_end_it_and_its_refusal_is_shown(database: str) -> None:
    asked: list[tuple[str, Mapping[str, Any], str, str]] = []

    def command(
        connect: Connect, station: str, order: Mapping[str, Any], *, person: str, reason: str
    ) -> Mapping[str, Any]:
        asked.append((station, order, person, reason))
        return {"ok": True} if len(asked) == 1 else {"ok": False, "error": "no device 'sonde'"}

    assert (await end(database, command)).status_code == 200
    refused = await end(database, command)
    words = f"trạm {STATION} chưa kết thúc bảo trì; trạm trả lời: no device 'sonde'"
    assert (refused.status_code, refused.json()["error"]) == (409, words)
    order = {"do": "maint", "device": "sonde", "off": True}
    assert asked == [(STATION, order, "Trần Thị Bình", "xong")] * 2
    assert "QUANTRAC_COMMAND_KEYS" in (await end(database, None)).json()["error"]


def test_the_order_goes_by_the_desk_of_commands(
    database: str, conn: Connection, broker: PrivateMosquitto, tmp_path: Path
) -> None:
    assert command_of(Settings(database_url=database)) is None
    (tmp_path / "keys").write_text(f"{STATION} {'11' * 32}\n")
    command = command_of(
        Settings(database_url=database, command_mqtt_url=broker.url("console"), command_keys=tmp_path / "keys")
    )
    assert command is not None
    order = {"do": "maint", "device": None, "off": True}
    with pytest.raises(NotSent, match="is not connected"):
        command(lambda: nullcontext(conn), STATION, order, person="bình", reason="xong")
    first = conn.execute("select person, reason, detail->'order' from audit where action = 'command'").fetchall()
    assert first == [("bình", "xong", order)]
