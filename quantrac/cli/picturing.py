"""Has alarms ask for pictures by the desk of commands: the same order, rows and signature as `commands picture`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from alerts.telling.pictures import AskPicture
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection
from quantrac.desks import commands as desk
from quantrac.mqtt.address import MqttAddress
from quantrac.telemetry.commands import read_key

WAIT_S: Final = 45.0
"""Longest wait for the answer; a picture that is taken later is found by its time."""
PERSON: Final = "alerts"


def by_command(settings: Settings) -> AskPicture:
    """Return what asks a station for a picture; keys and broker are read when one is asked for."""

    def ask(conn: Connection, station: str, camera: str, *, reason: str, lasts_s: int) -> Mapping[str, Any]:
        line = desk.MqttLine(MqttAddress.parse(settings.command_mqtt()))
        key = read_key(settings.keys(), station)
        order = {"do": "picture", "camera": camera}
        return desk.give(
            conn, line, key, station, order, person=PERSON, reason=reason,
            clock=lambda: datetime.now(UTC), wait_s=WAIT_S, lasts_s=lasts_s,
        )  # fmt: skip

    return ask
