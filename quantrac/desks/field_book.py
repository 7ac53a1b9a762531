"""The desk of the field book: visits to stations, and what was done there at each device, before and after.

Nothing is deleted: a correction is one more version with person and reason. Calibrations that came over the wire join
the visit of their hours (view `v_service_visit`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.desks.entries import BadEntry, EntryBook, EntryVersion, check_past, check_station, checked

LONGEST: Final = timedelta(days=7)
"""Of a visit: what lasts longer is a mistyped day."""
MOST_WORKS: Final = 200
LARGEST: Final = 1e9
"""Values are what an instrument shows; more is a slip of the finger."""


class WorkKind(StrEnum):
    """What is done at a device."""

    INSPECTION = "inspection"
    CLEANING = "cleaning"
    CHECK = "check"
    """Held against a standard or another instrument, and left as it is."""
    CALIBRATION = "calibration"
    PROBE_CHANGE = "probe_change"
    DEVICE_CHANGE = "device_change"
    REPAIR = "repair"


class DeviceWork(NamedTuple):
    """Something that was done at a device; values in the unit of the channel."""

    device: str
    kind: WorkKind
    channel: str | None = None
    """Its name at the station; None: the work is of no single channel, and has no values."""
    before: float | None = None
    after: float | None = None
    reference: float | None = None
    """What the standard or the reference instrument said."""
    serial: str | None = None
    """Of the probe or device that stands there afterwards."""
    words: str = ""


class VisitSheet(NamedTuple):
    """What people write down of a visit."""

    station: str
    arrived_at: datetime
    left_at: datetime
    works: tuple[DeviceWork, ...] = ()
    crew: str = ""
    """Who was there."""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Visit(EntryVersion):
    """A version of a visit on record."""

    visit_id: int
    arrived_at: datetime
    left_at: datetime
    crew: str
    words: str
    works: list[DeviceWork] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A row of `v_service_visit`."""

    station: str
    device: str | None
    kind: str
    at: datetime
    before: float | None
    after: float | None
    serial: str | None
    person: str | None
    """None: nobody wrote it down, the station said so."""
    words: str
    visit_id: int | None
    channel: str | None
    parameter: str | None
    unit: str | None
    reference: float | None
    wired_at: datetime | None


WORKS: Final = """
select w.visit_id, w.version, w.device, w.kind, c.name, w.before, w.after, w.reference, w.serial, w.words
from service_work w left join channel c using (channel_id) where w.visit_id = any(%s) order by w.position
"""
WORK: Final = """
insert into service_work (visit_id, version, position, device, kind, channel_id, before, after, reference, serial,
                          words)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
DEVICES: Final = "select jsonb_object_keys(config -> 'devices') from station where station = %s order by 1"
CHANNELS: Final = "select name, channel_id from channel where station = %s"
SERVICE: Final = f"select {columns_of(ServiceRow)} from v_service_visit where station = %s order by at desc limit %s"  # noqa: S608
SERVICE_OF_VISITS: Final = f"""
with own as (select {columns_of(ServiceRow)} from v_service_visit where station = %(station)s)
select * from own where visit_id = any(%(visits)s)
union all
(select * from own where visit_id is null and (%(since)s::timestamptz is null or at >= %(since)s)
 order by at desc limit %(limit)s)
order by at desc
"""  # noqa: S608
SERIALS: Final = """
select distinct on (device) device, serial, at from v_service_visit
where station = %s and serial is not null and device is not null order by device, at desc
"""


class _Visits(EntryBook[VisitSheet, Visit]):
    """Visits, the newest first."""

    def checked(self, conn: Connection, sheet: VisitSheet, now: datetime, before: Visit | None) -> VisitSheet:
        """Return the sheet as it is kept; its devices stand at the station, or stood there. Raises BadEntry."""
        check_station(conn, sheet.station)
        check_sheet(sheet, now)
        known, channels = devices_of(conn, sheet.station), _channel_ids(conn, sheet.station)
        allowed = {*known, *(work.device for work in (before.works if before else ()))}
        for work in sheet.works:
            if work.device not in allowed:
                raise BadEntry("{station} has no device {device}; its devices: {known}", station=sheet.station,
                               device=work.device, known=", ".join(known))  # fmt: skip
            if work.channel is not None and work.channel not in channels:
                raise BadEntry("there is no channel {channel}", channel=f"{sheet.station}/{work.channel}")
        works = tuple(
            work._replace(words=checked(work.words), serial=checked(work.serial or "") or None) for work in sheet.works
        )
        return sheet._replace(works=works, crew=checked(sheet.crew), words=checked(sheet.words))

    def detail(self, sheet: VisitSheet) -> dict[str, Any]:
        """Return what the audit keeps of a visit."""
        works = sorted({f"{work.device} {work.kind}" for work in sheet.works})
        return {"arrived": sheet.arrived_at.isoformat(), "left": sheet.left_at.isoformat(), "works": works}

    def enter_parts(self, conn: Connection, number: int, version: int, said: VisitSheet | Visit) -> None:
        """Enter the works."""
        ids = _channel_ids(conn, said.station)
        for position, work in enumerate(said.works):
            channel_id = None if work.channel is None else ids[work.channel]
            values = [work.before, work.after, work.reference, work.serial, work.words]
            conn.execute(WORK, [number, version, position, work.device, work.kind, channel_id, *values])

    def with_parts(self, conn: Connection, found: Sequence[Visit]) -> list[Visit]:
        """Return visits with their works."""
        works: dict[tuple[int, int], list[DeviceWork]] = {}
        for visit_id, version, device, kind, *rest in conn.execute(WORKS, [[one.visit_id for one in found]]):
            works.setdefault((visit_id, version), []).append(DeviceWork(device, WorkKind(kind), *rest))
        return [replace(one, works=works.get((one.visit_id, one.version), [])) for one in found]


VISITS: Final = _Visits(
    "visit", "service_visit", Visit, begins="arrived_at", ends="left_at", order="arrived_at desc", parts=("works",)
)
add, correct, withdraw = VISITS.add, VISITS.correct, VISITS.withdraw
visits, versions, visit_of = VISITS.listed, VISITS.versions, VISITS.holding


def service_history(conn: Connection, station: str, limit: int = 100) -> list[ServiceRow]:
    """Return what was done at a station's devices, by people or on the word of the station, the newest first."""
    return rows_of(conn, ServiceRow, SERVICE, [station, limit])


def service_of(
    conn: Connection, station: str, visits: Iterable[Visit], since: datetime | None, limit: int
) -> list[ServiceRow]:
    """Return all that was done in visits, and the newest that only the station said since a time, the newest first."""
    numbers = [one.visit_id for one in visits]
    asked = {"station": station, "visits": numbers, "since": since, "limit": limit}
    return rows_of(conn, ServiceRow, SERVICE_OF_VISITS, asked)


def serials(conn: Connection, station: str) -> dict[str, tuple[str, datetime]]:
    """Return the newest serial number of each device that the field book knows, and since when it stands there."""
    return {device: (serial, at) for device, serial, at in conn.execute(SERIALS, [station])}


def devices_of(conn: Connection, station: str) -> list[str]:
    """Return the names of a station's devices."""
    return [name for (name,) in conn.execute(DEVICES, [station])]


def check_sheet(sheet: VisitSheet, now: datetime) -> None:
    """Raise BadEntry for what cannot have been. Pure."""
    if not timedelta(0) <= sheet.left_at - sheet.arrived_at <= LONGEST:
        raise BadEntry("arrived {arrived}, left {left}: expected a visit of at most {days} days",
                       arrived=sheet.arrived_at, left=sheet.left_at, days=LONGEST.days)  # fmt: skip
    check_past(sheet.left_at, now)
    if len(sheet.works) > MOST_WORKS:
        raise BadEntry("found more than {most} works in one visit", most=MOST_WORKS)
    known: set[tuple[str, str, str | None]] = set()
    for work in sheet.works:
        _check_work(work)
        key = (work.device, work.kind, work.channel)
        if key in known:
            raise BadEntry("{device} has the same work twice: {kind} {channel}", device=work.device, kind=work.kind,
                           channel=work.channel or "")  # fmt: skip
        known.add(key)


def _check_work(work: DeviceWork) -> None:
    values = [value for value in (work.before, work.after, work.reference) if value is not None]
    if values and work.channel is None:
        raise BadEntry("{device} has values without a channel", device=work.device)
    for value in values:
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise BadEntry("{device} {channel}: expected a number of at most nine digits", device=work.device,
                           channel=work.channel)  # fmt: skip


def _channel_ids(conn: Connection, station: str) -> dict[str, int]:
    return {name: channel_id for name, channel_id in conn.execute(CHANNELS, [station])}  # noqa: C416  # typed so
