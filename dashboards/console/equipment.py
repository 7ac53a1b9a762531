"""What stands at a station: devices and their lines, configuration, calibrations, events, pictures.

Reads the public views, and from the resolved station what its files say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from quantrac.database.pool import Connection
from quantrac.desks.certificates import Certificate, certificates
from quantrac.desks.field_book import ServiceRow, serials, service_history

RATED: Final = timedelta(hours=24)
"""How far back the rates of a device reach."""
PICTURES: Final = 12
"""Of each camera, the newest."""
SERVICED: Final = 20
"""Calibrations and other work, and of maintenance and changes: the newest."""

STATION: Final = "select config, config_applied, config_reported, applied_at from station where station = %s and active"
RATES: Final = """
select c.device, sum(h.expected)::float8, sum(h.received)::float8, sum(h.count)::float8
from v_channel c join v_hourly h using (channel)
where c.station = %(station)s and c.device is not null and h.time >= %(since)s and h.time < %(until)s
group by c.device
"""
BOOKS: Final = """
select epoch, highest_seq, stored, dead, lost, missing, last_seen_at from v_ledger
where station = %s and epoch <> '' order by last_seen_at desc nulls last limit 3
"""
CALIBRATIONS: Final = (
    "select device, every_s, last_at, due_at from v_calibration where station = %s order by due_at, device"
)
SERVICE: Final = """
select time, kind, device, detail from v_event
where station = %s and kind in ('maintenance', 'configuration')
order by time desc limit %s
"""
TAKEN: Final = """
select time, cause, length from v_image where station = %s and camera = %s order by time desc limit %s
"""
PICTURE: Final = "select bytes from v_image where station = %s and camera = %s and time = %s limit 1"


class DeviceRate(NamedTuple):
    """What came of a device's readings; shares of what was expected."""

    usable: float
    unusable: float
    absent: float


class DeviceSeen(NamedTuple):
    """One instrument."""

    name: str
    title: str
    serial: str
    line: str
    """Its bus with kind, port or address, and settings."""
    rate: DeviceRate | None
    """None: no whole hour yet."""
    actions: tuple[str, ...]
    """That its profile lets people order."""


class EquipmentSeen(NamedTuple):
    """Everything that the page of a station's equipment shows."""

    devices: list[DeviceSeen]
    cameras: dict[str, list[tuple[datetime, str, int]]]
    """Camera → time, cause and bytes of its newest pictures."""
    applied: str
    """Digest of the configuration that the centre has."""
    reported: str | None
    """Of the one that the station says it runs; None: it has not said."""
    applied_at: datetime
    books: list[tuple[Any, ...]]
    calibrations: list[tuple[Any, ...]]
    service: list[tuple[Any, ...]]
    """Maintenance and changes of configuration: time, kind, device, detail."""
    works: list[ServiceRow]
    """Calibrations and other work at devices, by people or on the word of the station."""
    serials: dict[str, str]
    """Serial number of each device that the field book knows."""
    certificates: dict[str, Certificate]
    """Of each device the certificate that is valid longest."""


def read_equipment(conn: Connection, station: str, now: datetime) -> EquipmentSeen | None:
    """Return what stands at a station; None where there is no such station."""
    found = conn.execute(STATION, [station]).fetchone()
    if found is None:
        return None
    config, applied, reported, applied_at = found
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = conn.execute(RATES, {"station": station, "since": hour - RATED, "until": hour}).fetchall()
    rates = {device: rate for device, *counts in rows if (rate := rate_of(*counts)) is not None}
    return EquipmentSeen(
        list(devices_of(config, rates)),
        {
            camera: [(time, cause, length) for time, cause, length in conn.execute(TAKEN, [station, camera, PICTURES])]
            for camera in sorted(config.get("cameras") or {})
        },
        applied, reported, applied_at,
        conn.execute(BOOKS, [station]).fetchall(), conn.execute(CALIBRATIONS, [station]).fetchall(),
        conn.execute(SERVICE, [station, SERVICED]).fetchall(),
        [row for row in service_history(conn, station, SERVICED) if row.kind != "visit"],
        {device: serial for device, (serial, _) in serials(conn, station).items()},
        _certificates(conn, station),
    )  # fmt: skip


def _certificates(conn: Connection, station: str) -> dict[str, Certificate]:
    found: dict[str, Certificate] = {}
    for one in certificates(conn, station):
        held = found.get(one.device)
        if held is None or held.expires_on < one.expires_on:
            found[one.device] = one
    return found


def read_picture(conn: Connection, station: str, camera: str, time: datetime) -> bytes | None:
    """Return the JPEG that a camera took at a time, None where there is none."""
    row = conn.execute(PICTURE, [station, camera, time]).fetchone()
    return None if row is None else bytes(row[0])


def rate_of(expected: float, received: float, count: float) -> DeviceRate | None:
    """Return the shares of readings by what came of them, None where none was expected. Pure."""
    if not expected:
        return None
    usable, came = min(1.0, count / expected), min(1.0, received / expected)
    return DeviceRate(usable, max(0.0, came - usable), 1.0 - came)


def devices_of(config: Mapping[str, Any], rates: Mapping[str, DeviceRate]) -> Iterator[DeviceSeen]:
    """Yield the devices of a resolved station. Pure."""
    for name, device in sorted((config.get("devices") or {}).items()):
        profile = device.get("profile") or {}
        yield DeviceSeen(
            name, str(profile.get("title") or profile.get("device") or ""), str(device.get("serial") or ""),
            line_words(device.get("bus") or {}, device.get("address")), rates.get(name),
            tuple(sorted(profile.get("actions") or ())),
        )  # fmt: skip


def line_words(bus: Mapping[str, Any], address: object) -> str:
    """Return the bus of a device as people write it, such as `sondes: modbus-rtu, ttyUSB0, 9600 8N1, @1`. Pure."""
    settings: Sequence[Any] = bus.get("line") or ()
    host, port = bus.get("host"), bus.get("port")
    where = f"{host}:{bus.get('tcp_port')}" if host else str(port or "").rpartition("/")[2]
    speed = f"{settings[0]} {''.join(str(one) for one in settings[1:])}" if settings else ""
    parts = [str(bus.get("kind") or ""), where, speed, "" if address is None else f"@{address}"]
    return f"{bus.get('name', '')}: {', '.join(part for part in parts if part)}"
