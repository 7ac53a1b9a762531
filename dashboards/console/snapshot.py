"""Reads the network as the public views show it at one moment, and judges stations and freshness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from dashboards.console.present_alarms import AlarmNow, read_alarms
from dashboards.console.set_aside import SetAside, ms_of, read_set_aside, with_ms
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.slots import EPOCH, is_stale

STATIONS: Final = """
select station, name, name_en, latitude, longitude, tags, online, last_message_at from v_station order by station
"""
CHANNELS: Final = """
select c.channel, c.station, c.name, c.parameter, c.unit, c.interval_s, l.time, l.value, l.state, l.quality, l.tests,
       c.derived, c.device
from v_channel c left join v_latest l using (channel) order by c.station, c.channel
"""
REFUSED: Final = """
select raised_at, level = 'missing', texts->'cause' from v_alarm
where rule = 'files-refused' and cleared_at is null and not late
"""
STANDING: Final = """
select station, channel, severity, state in ('unacknowledged', 'latched'),
       (array_agg("limit" order by raised_at desc))[1], count(*)
from v_alarm where not late and cleared_at is null group by 1, 2, 3, 4
"""
BEATS: Final = "select beat_at, connected from v_service where service = 'ingest'"
BEAT_MISSED_AFTER: Final = timedelta(seconds=11)
"""Ingest beats every 5 s: two beats and a second. With a look every 2 s the screen says so within 15 s."""

Reason = Literal["", "ingest", "readings", "empty"]

Condition = Literal["offline", "critical", "high", "medium", "low", "fault", "suspect", "good"]
WORST_FIRST: Final[tuple[Condition, ...]] = (
    "critical", "high", "offline", "medium", "low", "fault", "suspect", "good",
)  # fmt: skip
"""How bad a station is, for its colour on the map."""


Row = TypeVar("Row", "ChannelNow", "Standing")


class ChannelNow(msgspec.Struct, frozen=True):
    """A channel and its newest reading; times in milliseconds since 1970 UTC."""

    channel: str
    station: str
    name: str
    parameter: str
    unit: str
    interval_s: float
    t: int | None
    value: float | None
    state: str | None
    quality: int | None
    tests: str | None
    derived: bool = False
    """Made by the centre: it says nothing of how its station is."""
    device: str | None = None
    """The station's device that measures it."""
    alarm: str | None = None
    """Severity of the worst alarm that stands on it."""
    limit: float | None = None
    """The limit of that alarm."""


class RefusedNow(msgspec.Struct, frozen=True):
    """Changed configuration files that are not in force."""

    since: int
    is_missing: bool
    """Files are gone or empty, which a person may confirm; else they are wrong."""
    problems: dict[str, str]
    """By language, one a line: file, place, what was found."""


class StationNow(msgspec.Struct, frozen=True):
    """A station and the worst that can be said of it."""

    station: str
    name: str
    name_en: str
    latitude: float | None
    longitude: float | None
    tags: list[str]
    online: bool
    last_message_at: int | None
    condition: Condition
    standing: int = 0
    """How many alarms stand there, listed or not."""
    waiting: int = 0
    """How many of them wait for a person: neither acknowledged nor set aside."""


class FreshnessNow(msgspec.Struct, frozen=True):
    """Whether the network's data are live, and since when not."""

    live: bool
    reason: Reason
    """Empty when live; `ingest` = no worker is connected; `readings` = none arrive; `empty` = there never was one."""
    newest: int | None
    """Time of the newest reading of all, milliseconds since 1970 UTC."""
    connected: bool = True
    """Whether a worker of ingest is."""


class Standing(NamedTuple):
    """Alarms that stand at one place, of one severity."""

    station: str | None
    channel: str | None
    severity: str
    waits: bool
    """For a person: neither acknowledged nor set aside."""
    limit: float | None
    """Of the newest."""
    alarms: int
    """How many."""


class IngestBeat(NamedTuple):
    """The newest beat of one ingest worker."""

    beat_at: datetime
    connected: bool


class NetworkNow(msgspec.Struct, frozen=True):
    """Everything that the overview shows; `now` is the server's clock."""

    now: int
    freshness: FreshnessNow
    stations: list[StationNow]
    channels: list[ChannelNow]
    alarms: list[AlarmNow]
    """The first page: the worst that stand, then what cleared within the last day."""
    time_zone: str
    """Whose clock the pages show."""
    aside: list[SetAside] = []
    """Shelved, out of service, in maintenance."""
    standing: int = 0
    """How many alarms stand in the network, listed or not."""
    waiting: int = 0
    """How many of them wait for a person."""
    refused: RefusedNow | None = None


def read_snapshot(conn: Connection, now: datetime) -> NetworkNow:
    """Read the network's present state."""
    standing = [Standing(*row) for row in conn.execute(STANDING)]
    channels = with_alarms([ChannelNow(*with_ms(row)) for row in conn.execute(CHANNELS)], standing)
    own, stood = _by_station(channels), _by_station(standing)
    rows = conn.execute(STATIONS)
    stations = [_station(row, own.get(row[0], []), stood.get(row[0], []), now) for row in rows]
    beats = [IngestBeat(*row) for row in conn.execute(BEATS)]
    sent = _sent(channels)
    newest = max((_time(c.t) for c in sent if c.t is not None), default=None)
    shortest = min((timedelta(seconds=c.interval_s) for c in sent), default=None)
    fresh = judge(now, beats, newest, shortest)
    refused = conn.execute(REFUSED).fetchone()
    stands, waits = (sum(one.alarms for one in standing if one.waits or not only) for only in (False, True))
    return NetworkNow(
        ms_of(now), fresh, stations, channels, read_alarms(conn, now), time_zone(conn).key,
        read_set_aside(conn, now), stands, waits,
        None if refused is None else RefusedNow(*with_ms(refused)),
    )  # fmt: skip


def part_of(conn: Connection, whole: NetworkNow, within: frozenset[str] | None, now: datetime) -> NetworkNow:
    """Return what somebody sees who may read these stations; None: all, and what belongs to none."""
    if within is None:
        return whole
    stations = [row for row in whole.stations if row.station in within]
    return msgspec.structs.replace(
        whole,
        stations=stations,
        channels=[row for row in whole.channels if row.station in within],
        alarms=read_alarms(conn, now, within=within),
        aside=[row for row in whole.aside if row.station in within],
        standing=sum(station.standing for station in stations),
        waiting=sum(station.waiting for station in stations),
        refused=None,
    )


def judge(
    now: datetime, beats: list[IngestBeat], newest: datetime | None, shortest_interval: timedelta | None
) -> FreshnessNow:
    """Return whether the data are live at `now`; `shortest_interval` is that of the fastest channel. Pure."""
    connected = any(beat.connected and now - beat.beat_at <= BEAT_MISSED_AFTER for beat in beats)
    if newest is None or shortest_interval is None:
        return FreshnessNow(False, "empty", _ms(newest), connected)
    if not connected:
        return FreshnessNow(False, "ingest", _ms(newest), connected)
    if is_stale(now, newest, shortest_interval):
        return FreshnessNow(False, "readings", _ms(newest))
    return FreshnessNow(True, "", _ms(newest))


def condition_of(online: bool, channels: Iterable[ChannelNow], severities: Iterable[str], now: datetime) -> Condition:
    """Return the worst that can be said of a station: by its alarms' severities, its link, its readings."""
    found: set[Condition] = {"good"}
    found.update(_severity(severity) for severity in severities)
    fresh = [c for c in _sent(channels) if not is_stale(now, _time(c.t or 0), timedelta(seconds=c.interval_s))]
    if not online or not fresh:
        found.add("offline")
    if any(c.state in ("fault", "comm") or c.quality == 4 for c in fresh):
        found.add("fault")
    if any(c.quality == 3 for c in fresh):
        found.add("suspect")
    return min(found, key=WORST_FIRST.index)


def _sent(channels: Iterable[ChannelNow]) -> list[ChannelNow]:
    """Return the channels that their stations have sent."""
    return [channel for channel in channels if channel.t is not None and not channel.derived]


def with_alarms(channels: list[ChannelNow], standing: Iterable[Standing]) -> list[ChannelNow]:
    """Return the channels with the worst alarm that stands on each. Pure."""
    worst: dict[str, Standing] = {}
    for one in sorted(standing, key=lambda one: WORST_FIRST.index(_severity(one.severity))):
        if one.channel is not None:
            worst.setdefault(one.channel, one)
    return [
        msgspec.structs.replace(channel, alarm=_severity(found.severity), limit=found.limit)
        if (found := worst.get(channel.channel)) is not None
        else channel
        for channel in channels
    ]


def _by_station(rows: Iterable[Row]) -> dict[str | None, list[Row]]:
    found: dict[str | None, list[Row]] = {}
    for row in rows:
        found.setdefault(row.station, []).append(row)
    return found


def _station(row: Sequence[Any], channels: list[ChannelNow], standing: list[Standing], now: datetime) -> StationNow:
    condition = condition_of(row[6], channels, (one.severity for one in standing), now)
    waiting = sum(one.alarms for one in standing if one.waits)
    return StationNow(*(*with_ms(row), condition, sum(one.alarms for one in standing), waiting))


def _severity(severity: str) -> Condition:
    return severity if severity in ("critical", "high", "medium", "low") else "low"  # type: ignore[return-value]


def _time(t_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=t_ms)


def _ms(time: datetime | None) -> int | None:
    return None if time is None else ms_of(time)
