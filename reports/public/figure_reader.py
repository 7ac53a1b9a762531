"""Reads the figures of the public pages in one go, by a connection that can do nothing but read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import psycopg

from quantrac.config.network import Network
from quantrac.config.public import PublicPages, air_channel, measuring
from quantrac.database.pool import Connection
from quantrac.telemetry.local_time import HOUR
from reports.public.answer import ASKED_FOR, NewestValue
from reports.public.figures import PublicAlarm, PublicFigures
from reports.public.tide_hours import LOOKED_BACK

NEWEST: Final = "select channel, time, value, state, quality from v_latest where channel = any(%s)"
CHECKED: Final = """
select w.channel, r.time, r.value, r.state, r.quality
from unnest(%(channels)s::text[]) w (channel)
cross join lateral (
  select time, value, state, quality from v_reading
  where channel = w.channel and time > %(since)s and time <= %(until)s and quality <> 2
  order by time desc limit 1) r
"""
"""The newest readings that the quality tests have seen, where the very newest still waits for them."""
REVIEWED: Final = """
select channel, day from v_stage where channel = any(%(channels)s) and time > %(since)s and stage = 'reviewed'
"""
HOURS: Final = """
select channel, time + interval '1 hour', value from v_hourly
where channel = any(%(channels)s) and time >= %(since)s and valid and value is not null
"""
STATIONS: Final = "select station, last_message_at from v_station where station = any(%s)"
OUT: Final = "select station, channels from v_out_of_service where in_force and station = any(%s)"
MAINTENANCE: Final = """
select distinct on (station, device) station, device, detail from v_event
where kind = 'maintenance' and station = any(%(stations)s) and time > %(since)s order by station, device, time desc
"""
ALARMS: Final = """
select alarm_id, station, severity, raised_at, cleared_at, published_at, ended_at, title, consequence, response,
       noticed_over_at, changed_at
from v_public_alarm
where station = any(%(stations)s)
  and coalesce(least(coalesce(noticed_over_at, cleared_at), ended_at), 'infinity') > %(since)s
order by published_at desc, alarm_id desc limit 200
"""
ALARMS_KEPT: Final = timedelta(days=7)
"""So long after its end an alarm is still told, as one that is over."""
LONGEST_MAINTENANCE: Final = timedelta(days=7)


STATEMENT_TIMEOUT: Final = "10s"
"""Longest statement for the pages: who reads again in a quarter of a minute need not wait longer."""


def be_reader(conn: Connection) -> None:
    """Let a connection do nothing but read views, and not for long: the role of a reader where its user may take it."""
    conn.execute("set session characteristics as transaction read only")
    conn.execute("select set_config('statement_timeout', %s, false)", [STATEMENT_TIMEOUT])
    no_such_role = psycopg.errors.InvalidParameterValue  # where the user who migrates may make none
    with suppress(psycopg.errors.InsufficientPrivilege, no_such_role):
        conn.execute("set role quantrac_reader")


def channels_of(network: Network, public: PublicPages) -> dict[str, list[str]]:
    """Return station → the channels that the pages show of it. Pure."""
    found: dict[str, list[str]] = {name: [] for name in public.stations}
    for crop in public.crops.values():
        for name in crop.stations:
            for parameter in (*(limit.split("/")[1] for limit in crop.limits), *ASKED_FOR):
                found[name] += [f"{name}/{one.name}" for one in measuring(network.stations[name], parameter)]
    for name in public.air:
        if (channel := air_channel(network.stations[name])) is not None:
            found[name].append(f"{name}/{channel}")
    return {name: list(dict.fromkeys(channels)) for name, channels in found.items()}


def read_figures(conn: Connection, network: Network, public: PublicPages, now: datetime) -> PublicFigures:
    """Read the figures of all pages."""
    own = channels_of(network, public)
    stations, channels = list(own), [channel for each in own.values() for channel in each]
    newest = {row[0]: NewestValue(*row[1:]) for row in conn.execute(NEWEST, [channels])}
    waiting = [channel for channel, one in newest.items() if one.quality == 2]
    since = now - timedelta(milliseconds=public.oldest_ms)
    if waiting:
        asked = {"channels": waiting, "since": since, "until": now + HOUR}
        tested = {row[0]: NewestValue(*row[1:]) for row in conn.execute(CHECKED, asked)}
        newest |= {channel: replace(one, waiting=newest[channel]) for channel, one in tested.items()}
    back = {"channels": channels, "since": now - LOOKED_BACK - HOUR}
    hours: dict[str, dict[datetime, float]] = {channel: {} for channel in channels}
    for channel, hour, value in conn.execute(HOURS, back):
        hours[channel][hour] = value
    signed = set(conn.execute(REVIEWED, {"channels": channels, "since": now - timedelta(days=3)}))
    newest = {
        channel: replace(one, is_reviewed=True)
        if (channel, (one.time - timedelta(milliseconds=1)).astimezone(network.zone).date()) in signed
        else one
        for channel, one in newest.items()
    }
    last: dict[str, datetime | None] = dict(conn.execute(STATIONS, [stations]).fetchall())
    told = conn.execute(ALARMS, {"stations": stations, "since": now - ALARMS_KEPT})
    alarms = tuple(PublicAlarm._make((*row, tuple(changed), noticed)) for *row, noticed, changed in told)
    return PublicFigures(now, newest, dict(hours), last, _maintained(conn, network, own, now), alarms)


def _maintained(conn: Connection, network: Network, own: dict[str, list[str]], now: datetime) -> frozenset[str]:
    """Return the stations of which something that is shown is being worked on."""
    shown = {name: _with_inputs(network, name, channels) for name, channels in own.items()}
    out = {station for station, names in conn.execute(OUT, [list(own)]) if _touches(shown[station], names)}
    asked = {"stations": list(own), "since": now - LONGEST_MAINTENANCE}
    for station, device, detail in conn.execute(MAINTENANCE, asked):
        if (detail or "").startswith("on"):
            plan = network.stations[station].devices.get(device or "")
            names = [] if plan is None else [channel.name for channel in plan.channel_list()]
            if detail == "on" or _touches(shown[station], names):  # `on` alone is the switch of the whole station
                out.add(station)
    return frozenset(out)


def _with_inputs(network: Network, station: str, channels: Iterable[str]) -> frozenset[str]:
    """Return the names of a station's channels, and of those that they are made of. Pure."""
    derived, found = network.stations[station].derived, set[str]()
    open_names = [channel.partition("/")[2] for channel in channels]
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += derived[name].inputs.values() if name in derived else ()
    return frozenset(found)


def _touches(shown: frozenset[str], names: Sequence[str]) -> bool:
    """Whether work on these channels, or (none named) on the whole station, concerns what is shown. Pure."""
    return not names or not shown.isdisjoint(names)
