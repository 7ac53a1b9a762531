"""The desk of the network: applies station files to the database, and foresees what applying would change.

Data path: resolved stations → rows → difference to the rows in force → upserts, feed, audit, in one transaction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from psycopg.types.json import Jsonb

from ingest.quality import neighbour_consumer as neighbours
from ingest.rollups import consumer as rollups
from quantrac.config.network import Network, NetworkFile
from quantrac.config.station_json import content
from quantrac.config.stations import Station
from quantrac.database import audit
from quantrac.database.feed import Cause, NewChange, append_changes, unregister
from quantrac.database.pool import Connection
from quantrac.desks.channel_rows import ChannelRow, channel_rows, compared
from quantrac.desks.decree_limits import apply_limits
from quantrac.desks.setting_changes import SettingChange, changed_settings
from quantrac.telemetry.errors import TranslatableError

APPLY_LOCK: Final = 0x5154_0003
Outcome = Literal["new", "changed", "unchanged", "deactivated"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did to one station; the lists name channels."""

    station: str
    outcome: Outcome
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class AppliedNetwork(NamedTuple):
    """What applying did."""

    stations: list[Applied]
    settings: list[SettingChange]


class ChannelChangesMeaning(TranslatableError):
    """A channel that has readings would measure something else, or in another unit."""

    exit_code = 2


CHANNELS = f"select {', '.join(ChannelRow._fields)} from channel where station = %s"  # noqa: S608  # our own field names
STATION = """
insert into station (station, name_vi, name_en, latitude, longitude, tags, in_service, active, config, config_applied,
                     applied_at)
values (%s, %s, %s, %s, %s, %s, %s, true, %s, %s, %s)
on conflict (station) do update set name_vi = excluded.name_vi, name_en = excluded.name_en,
  latitude = excluded.latitude, longitude = excluded.longitude, tags = excluded.tags, in_service = excluded.in_service,
  active = true, config = excluded.config, config_applied = excluded.config_applied, applied_at = excluded.applied_at
"""
CHANNEL = f"""
insert into channel (station, {", ".join(ChannelRow._fields)})
values (%s{", %s" * len(ChannelRow._fields)})
on conflict (station, name) do update set {", ".join(f"{name} = excluded.{name}" for name in ChannelRow._fields[1:])}
"""  # noqa: S608
SETTINGS_IN_FORCE = """
select valid_share, time_zone, readings_kept, hourly_kept, daily_kept, four_eyes, quotas, comparison
from network for update
"""
SETTINGS = """
update network set valid_share = %s, time_zone = %s, readings_kept = %s, hourly_kept = %s, daily_kept = %s,
  four_eyes = %s, quotas = %s, comparison = %s
"""
FELT_BY_STATIONS: Final = ("rollups.", "time_zone", "quotas.")
"""Settings on which values depend, or what ingest takes: a change of each station, as those who follow the feed see."""
CHANNELS_OFF = "update channel set active = false where station = %s and name = any(%s)"
REPORTED = "select station, config_reported from v_station"
HAS_READINGS = """
select c.name from channel c where c.station = %s and c.name = any(%s) and (
  exists (select from latest l where l.channel_id = c.channel_id)
  or exists (select from derived_reading d where d.channel_id = c.channel_id)) order by c.name
"""
NUMBERS: Final = "select name, channel_id from channel where station = %s"
DERIVED_IN_FORCE: Final = """
select c.name, d.formula, d.inputs, d.options from derived_channel d join channel c using (channel_id)
where c.station = %s
"""
DEFINE: Final = """
insert into derived_channel (channel_id, formula, inputs, options) values (%s, %s, %s, %s)
on conflict (channel_id) do update set formula = excluded.formula, inputs = excluded.inputs, options = excluded.options
"""
FORGET: Final = """
delete from derived_channel d using channel c where c.channel_id = d.channel_id and c.station = %s and c.name = any(%s)
"""


def apply_network(
    conn: Connection, network: Network, person: str, now: datetime, reason: str | None = None
) -> AppliedNetwork:
    """Apply the stations of `network` to the database; others are deactivated, never deleted.

    All or nothing, and repeatable: what is unchanged is not written. Every change goes to the audit, and to the feed
    (cause `configuration`; a setting in FELT_BY_STATIONS as a change of every station). Raises ChannelChangesMeaning.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", [APPLY_LOCK])
        rows = conn.execute("select station, config_applied from station where active")
        hashes: dict[str, str] = {station: applied for station, applied in rows}  # noqa: C416  # typed for the reader
        done = [_apply_station(conn, network, name, hashes.get(name), now) for name in sorted(network.stations)]
        done += [_deactivate(conn, name) for name in sorted(hashes.keys() - network.stations.keys())]
        settings = _apply_settings(conn, network.settings) + apply_limits(conn, network.limits)
        changes_all = any(each.name.startswith(FELT_BY_STATIONS) for each in settings)
        _announce(conn, done, network, person, now, reason, changes_all=changes_all)
        _audit_settings(conn, settings, person, now, reason)
    return AppliedNetwork(done, settings)


class Foreseen(NamedTuple):
    """What applying would do to a station, and whether its agent already runs with these files."""

    applied: Applied
    agent: Literal["same", "other", "unheard"]


class ForeseenNetwork(NamedTuple):
    """What applying would do."""

    stations: list[Foreseen]
    settings: list[SettingChange]


def foresee(conn: Connection, network: Network, now: datetime) -> ForeseenNetwork:
    """Return what `apply_network` would do, without doing it; raises ChannelChangesMeaning as it would."""
    reported: dict[str, str | None] = dict(conn.execute(REPORTED).fetchall())
    with conn.transaction(force_rollback=True):
        done = apply_network(conn, network, "nobody", now)
    stations = [Foreseen(each, _agent(network, each.station, reported.get(each.station))) for each in done.stations]
    return ForeseenNetwork(stations, done.settings)


def _agent(network: Network, station: str, reported: str | None) -> Literal["same", "other", "unheard"]:
    wanted = network.stations.get(station)
    if reported is None:
        return "unheard"
    return "same" if wanted is not None and wanted.config_hash == reported else "other"


def _apply_station(conn: Connection, network: Network, name: str, applied: str | None, now: datetime) -> Applied:
    station, models = network.stations[name], network.models_at(name)
    existing = [ChannelRow._make(row) for row in conn.execute(CHANNELS, [station.station]).fetchall()]
    write, added, removed = compared(existing, channel_rows(station.all_channels(), models))
    if applied != station.config_hash or write or removed:
        _keep_meaning(conn, station, existing, write)
        conn.execute(STATION, _station_row(station, now))
        for row in write:
            conn.execute(CHANNEL, [station.station, *(Jsonb(each) if isinstance(each, dict) else each for each in row)])
        conn.execute(CHANNELS_OFF, [station.station, removed])
    redefined = _define_derived(conn, station)
    if applied == station.config_hash and not write and not removed and not redefined:
        return Applied(station.station, "unchanged")
    changed = tuple(sorted({row.name for row in write}.union(redefined).difference(added, removed)))
    return Applied(station.station, "changed" if applied else "new", tuple(added), changed, tuple(removed))


def _apply_settings(conn: Connection, settings: NetworkFile) -> list[SettingChange]:
    """Write what holds for all stations, and return what was something else.

    In another time zone days begin at other times: hourly and daily values are recomputed, the past ones too. Days that
    were signed stay what they are; every laboratory result on record is compared as `samples` says from now on.
    """
    keep = settings.retention
    kept = [
        None if ms is None else timedelta(milliseconds=ms) for ms in (keep.readings_ms, keep.hourly_ms, keep.daily_ms)
    ]
    quotas, samples = (part.model_dump(exclude_defaults=True) for part in (settings.quotas, settings.samples))
    wanted = (settings.rollups.valid_share, settings.time_zone, *kept, settings.four_eyes, quotas, samples)
    in_force = conn.execute(SETTINGS_IN_FORCE).fetchall()[0]
    if in_force == wanted:
        return []
    conn.execute(SETTINGS, [Jsonb(each) if isinstance(each, dict) else each for each in wanted])
    changes = changed_settings(in_force, wanted)
    if any(each.name == "time_zone" for each in changes):
        for consumer in (rollups.NAME, neighbours.NAME):  # it reads the hours, which will be other ones
            unregister(conn, consumer)
    return changes


def _audit_settings(
    conn: Connection, changes: list[SettingChange], person: str, now: datetime, reason: str | None
) -> None:
    details: dict[str, dict[str, Any]] = {"network": {}, "tolerances": {}, "limits": {}}
    for each in changes:
        subject = {"samples": "tolerances", "limits": "limits"}.get(re.split("[./]", each.name)[0], "network")
        details[subject][each.name] = {"before": each.before, "after": each.after}
    for subject, detail in details.items():
        if detail:
            audit.record(conn, now, person, "apply", subject, reason, detail)


def _station_row(station: Station, now: datetime) -> list[object]:
    place = station.location
    return [
        station.station, station.name.vi, station.name.en, place.latitude, place.longitude, list(station.tags),
        station.in_service, Jsonb(content(station)), station.config_hash, now,
    ]  # fmt: skip


def _keep_meaning(conn: Connection, station: Station, existing: list[ChannelRow], write: list[ChannelRow]) -> None:
    before = {row.name: row for row in existing}
    doubtful = [
        row.name
        for row in write
        if row.name in before and (row.parameter, row.unit) != (before[row.name].parameter, before[row.name].unit)
    ]
    used = [name for (name,) in conn.execute(HAS_READINGS, [station.station, doubtful]).fetchall()] if doubtful else []
    if used:
        raise ChannelChangesMeaning(
            "{station}: channels {channels} have readings of another parameter or unit; "
            "give the new series a new channel name and leave the old one out",
            station=station.station, channels=", ".join(used),
        )  # fmt: skip


def _deactivate(conn: Connection, station: str) -> Applied:
    conn.execute("update station set active = false where station = %s", [station])
    return Applied(station, "deactivated")


def _announce(
    conn: Connection,
    done: list[Applied],
    network: Network,
    person: str,
    now: datetime,
    reason: str | None,
    *,
    changes_all: bool,
) -> None:
    """Put what changed into the audit and the feed; `changes_all`: something that holds for every station did."""
    news = [applied for applied in done if applied.outcome != "unchanged"]
    for applied in news:
        station = network.stations.get(applied.station)
        detail = {
            "outcome": applied.outcome, "config": station.config_hash if station else None, "added": applied.added,
            "changed": applied.changed, "removed": applied.removed,
        }  # fmt: skip
        audit.record(conn, now, person, "apply", f"station {applied.station}", reason, detail)
    concerned = done if changes_all else news
    append_changes(conn, [NewChange(applied.station, None, now, now, 0, Cause.CONFIGURATION) for applied in concerned])


def _define_derived(conn: Connection, station: Station) -> list[str]:
    """Write how the station's derived channels are made; its channels must be there. Return the names that changed.

    A consumer recomputes values whose definition is not the one that they were made with; of a channel that is derived
    no longer the values stay as they are.
    """
    numbers: dict[str, int] = dict(conn.execute(NUMBERS, [station.station]).fetchall())
    before = {name: definition for name, *definition in conn.execute(DERIVED_IN_FORCE, [station.station])}
    wanted: dict[str, list[Any]] = {
        name: [d.formula, {entry: numbers[channel] for entry, channel in d.inputs.items()}, d.options]
        for name, d in station.derived.items()
    }
    changed = [name for name, definition in wanted.items() if before.get(name) != definition]
    for name in changed:
        formula, inputs, options = wanted[name]
        conn.execute(DEFINE, [numbers[name], formula, Jsonb(inputs), Jsonb(options)])
    gone = sorted(before.keys() - wanted.keys())
    conn.execute(FORGET, [station.station, gone])
    return [*changed, *gone]
