"""The network as the public views show it at one moment, in the shape that pages and stream use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import msgspec

from dashboards.console.set_aside import SetAside, ms_of, read_set_aside, with_ms
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.slots import EPOCH, is_stale

STATIONS: Final = """
select station, name, name_en, latitude, longitude, tags, online, last_message_at from v_station order by station
"""
CHANNELS: Final = """
select c.channel, c.station, c.name, c.parameter, c.unit, c.interval_s, l.time, l.value, l.state, l.quality, l.tests,
       c.derived
from v_channel c left join v_latest l using (channel) order by c.station, c.channel
"""
ALARMS_A_PAGE: Final = 100
ALARMS: Final = """
select alarm_id, rule, level, station, channel, severity, state, raised_at, cleared_at, acknowledged_at,
       acknowledged_by, value, "limit", parameter, unit, texts,
       array(select distinct p.camera from v_alarm_picture p where p.alarm_id = v_alarm.alarm_id and p.time is not null
             order by 1)
from v_alarm
where not late and (cleared_at is null or cleared_at > %(cleared)s)
  and (%(station)s::text is null or station = %(station)s)
order by cleared_at is not null,
         case when cleared_at is null then array_position(array['critical', 'high', 'medium', 'low'], severity) end,
         cleared_at is null and state <> 'unacknowledged', raised_at desc, alarm_id desc
limit %(page)s offset %(offset)s
"""
"""The standing first: the worst, then the unacknowledged, then the newest."""
STANDING: Final = """
select station, severity, count(*) from v_alarm where not late and cleared_at is null group by 1, 2
"""
BEATS: Final = "select beat_at, connected from v_service where service = 'ingest'"
CLEARED_SHOWN_FOR: Final = timedelta(hours=24)
BEAT_MISSED_AFTER: Final = timedelta(seconds=11)
"""Ingest beats every 5 s: two beats and a second. With a look every 2 s the screen says so within 15 s."""

Reason = Literal["", "ingest", "readings", "empty"]

Condition = Literal["offline", "critical", "high", "medium", "low", "fault", "suspect", "good"]
WORST_FIRST: Final[tuple[Condition, ...]] = (
    "critical", "high", "offline", "medium", "low", "fault", "suspect", "good",
)  # fmt: skip
"""How bad a station is, for its colour on the map."""


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


class AlarmNow(msgspec.Struct, frozen=True):
    """A standing alarm, or one that cleared within the last day."""

    alarm_id: int
    rule: str
    level: str
    station: str | None
    """None: the centre itself."""
    channel: str | None
    severity: str
    state: str
    raised_at: int
    cleared_at: int | None
    acknowledged_at: int | None
    acknowledged_by: str | None
    value: float | None
    limit: float | None
    unit: str | None
    texts: dict[str, Any]
    pictures: list[str] = []
    """Cameras that saw how it rose."""


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


class FreshnessNow(msgspec.Struct, frozen=True):
    """Whether the network's data are live, and since when not."""

    live: bool
    reason: Reason
    """Empty when live; `ingest` = no worker is connected; `readings` = none arrive; `empty` = there never was one."""
    newest: int | None
    """Time of the newest reading of all, milliseconds since 1970 UTC."""


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


def read_snapshot(conn: Connection, now: datetime) -> NetworkNow:
    """Read the network's present state."""
    channels = [ChannelNow(*with_ms(row)) for row in conn.execute(CHANNELS)]
    standing = conn.execute(STANDING).fetchall()
    stations = [_station(row, channels, standing, now) for row in conn.execute(STATIONS)]
    beats = [IngestBeat(*row) for row in conn.execute(BEATS)]
    sent = _sent(channels)
    newest = max((_time(c.t) for c in sent if c.t is not None), default=None)
    shortest = min((timedelta(seconds=c.interval_s) for c in sent), default=None)
    fresh = judge(now, beats, newest, shortest)
    return NetworkNow(
        ms_of(now), fresh, stations, channels, read_alarms(conn, now), time_zone(conn).key,
        read_set_aside(conn, now), sum(count for _, _, count in standing),
    )  # fmt: skip


def read_alarms(conn: Connection, now: datetime, station: str | None = None, offset: int = 0) -> list[AlarmNow]:
    """Return a page of the alarms that stand or cleared within the last day, of one station or of all; worst first."""
    values = {"cleared": now - CLEARED_SHOWN_FOR, "station": station, "page": ALARMS_A_PAGE, "offset": offset}
    return [_alarm(row) for row in conn.execute(ALARMS, values)]


def judge(
    now: datetime, beats: list[IngestBeat], newest: datetime | None, shortest_interval: timedelta | None
) -> FreshnessNow:
    """Return whether the data are live at `now`; `shortest_interval` is that of the fastest channel. Pure."""
    if newest is None or shortest_interval is None:
        return FreshnessNow(False, "empty", _ms(newest))
    if not any(beat.connected and now - beat.beat_at <= BEAT_MISSED_AFTER for beat in beats):
        return FreshnessNow(False, "ingest", _ms(newest))
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


def changed(before: NetworkNow, after: NetworkNow) -> dict[str, Any]:
    """Return what a page that shows `before` must hear to show `after`; lists hold only what differs."""
    difference: dict[str, Any] = {"now": after.now, "freshness": after.freshness}
    for name in ("stations", "channels"):
        pairs = zip(getattr(before, name), getattr(after, name), strict=True)
        if news := [new for old, new in pairs if old != new]:
            difference[name] = news
    if (before.alarms, before.standing) != (after.alarms, after.standing):
        difference |= {"alarms": after.alarms, "standing": after.standing}
    if before.aside != after.aside:
        difference["aside"] = after.aside
    return difference


def same_rows(before: NetworkNow, after: NetworkNow) -> bool:
    """Return whether both have the same stations and channels, so that a difference can be told row by row."""
    return [s.station for s in before.stations] == [s.station for s in after.stations] and [
        c.channel for c in before.channels
    ] == [c.channel for c in after.channels]


def _sent(channels: Iterable[ChannelNow]) -> list[ChannelNow]:
    """Return the channels that their stations have sent."""
    return [channel for channel in channels if channel.t is not None and not channel.derived]


def _station(
    row: Sequence[Any], channels: list[ChannelNow], standing: list[tuple[Any, ...]], now: datetime
) -> StationNow:
    own = {severity: count for place, severity, count in standing if place == row[0]}
    condition = condition_of(row[6], [c for c in channels if c.station == row[0]], own, now)
    return StationNow(*(*with_ms(row), condition, sum(own.values())))


def _alarm(row: Sequence[Any]) -> AlarmNow:
    *values, parameter, unit, texts, pictures = with_ms(row)
    known = CATALOGUE.get(parameter)
    return AlarmNow(*(*values, known.label if known else unit, texts or {}, pictures))


def _severity(severity: str) -> Condition:
    return severity if severity in ("critical", "high", "medium", "low") else "low"  # type: ignore[return-value]


def _time(t_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=t_ms)


def _ms(time: datetime | None) -> int | None:
    return None if time is None else ms_of(time)
