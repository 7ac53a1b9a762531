"""Watches channels without values of stations that send: the alarm of rule `channel-no-data`. Run by the jobs' clock.

Only time in which ingest was healthy counts, so a centre that was down for two hours misses no channel. One cause, one
alarm: a device without any value has one, at its first channel; while a station is silent none rises, and one that
stands becomes a child of the station's alarm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.alarm.change import Mark, Recorded, Subject
from alerts.rules.rule import RuleTexts
from alerts.telling.messages import Figures
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import ChannelSilence
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words

RULE: Final = "channel-no-data"
LEVEL: Final = "no-data"

TEXTS: Final = RuleTexts(
    title=Words("Đầu đo không có số liệu", "Sensor gives no data"),
    cause=Words("Đầu đo hỏng, tuột dây hoặc mất nguồn", "Sensor failed, unplugged or without power"),
    consequence=Words("Các cảnh báo của thông số này không hoạt động", "No alarm of this parameter can rise"),
    response=Words("Kiểm tra đầu đo và dây nối", "Check the sensor and its cable"),
    sms=Words("{station} {time}: {channel} khong co so lieu. Kiem tra dau do va day noi.", ""),
)


@dataclass(frozen=True, slots=True)
class ChannelLife:
    """A channel's newest value, and its alarm."""

    channel_id: int
    channel: str
    value_at: datetime
    """Its newest value, or when its station was made known."""
    healthy: timedelta
    """How long ingest has been healthy and the station not silent since then."""
    alarm_since: datetime | None
    """Its standing alarm."""
    speaks: bool
    """Its station does, so that something can be known of the channel."""
    silence: int | None
    """The alarm of its silent station, which explains that of the channel."""

    @property
    def has_value_again(self) -> bool:
        """Whether a value has come since its alarm rose."""
        return self.alarm_since is not None and self.value_at > self.alarm_since


# Values are looked for in the last week only: a channel that has been dead for longer keeps the alarm it has.
LIVES: Final = """
select c.channel_id, c.channel, since.at,
       coalesce((select sum(least(h.to_t, %(now)s) - greatest(h.from_t, since.counted)) from ingest_health h
                 where h.healthy and h.to_t > since.counted and h.from_t < %(now)s), interval '0'),
       (select a.raised_at from alarm a where a.rule = %(rule)s and a.station = c.station
          and a.channel_id = c.channel_id and a.cleared_at is null and not a.late),
       coalesce(spoke.at > %(now)s - %(speaks)s, false) and silent.alarm_id is null, silent.alarm_id
from channel c join station s using (station)
left join lateral (select max(l.last_seen_at) as at from ledger l where l.station = c.station) spoke on true
left join lateral (
  select r.time as at from reading r where r.channel_id = c.channel_id and r.value is not null
  and r.time > %(now)s - interval '7 days' order by r.time desc limit 1) valued on true
left join lateral (
  select max(a.cleared_at) as at from alarm a where a.rule = 'station-silent' and a.station = c.station) back on true
left join alarm silent on silent.rule = 'station-silent' and silent.station = c.station and silent.cleared_at is null
  and not silent.late
cross join lateral (
  select coalesce(valued.at, s.applied_at) as at, greatest(valued.at, s.applied_at, back.at) as counted) since
where c.active and s.active and not c.derived order by c.channel_id
"""


def check_no_data(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of channels without values, tell people, and return what changed; one transaction.

    `network.yaml` says after how long (`silence.channels`); without it nothing is raised.
    """
    silence = network.settings.silence
    with conn.transaction():
        look = Look()
        if silence is not None and silence.channels is not None:
            speaks = timedelta(milliseconds=silence.after_ms)
            rows = conn.execute(LIVES, {"now": now, "rule": RULE, "speaks": speaks}).fetchall()
            look = _look(network, {row[1]: ChannelLife(*row) for row in rows}, silence.channels)
        found = settle(conn, network, [RULE], look, now, names_channel=True)
    return list(found.values())


def _look(network: Network, lives: Mapping[str, ChannelLife], plan: ChannelSilence) -> Look:
    mark = Mark(LEVEL, plan.severity)
    wanted = [
        WantedAlarm(_subject(life), mark, TEXTS, plan.to, Figures(channel=life.channel), parent=life.silence)
        for life in missing(network, lives, timedelta(milliseconds=plan.after_ms))
    ]
    back = {_subject(life): life.value_at for life in lives.values() if life.has_value_again}
    return Look(wanted, back)


def _subject(life: ChannelLife) -> Subject:
    return Subject(RULE, life.channel.partition("/")[0], life.channel_id)


def missing(network: Network, lives: Mapping[str, ChannelLife], after: timedelta) -> Iterator[ChannelLife]:
    """Yield the channels whose alarm must stand; of a device without any value one that has it, or its first. Pure.

    Of a station that does not speak nothing new is known: what stands goes on standing.
    """
    for station in network.stations.values():
        for device in station.devices.values():
            names = [f"{station.station}/{channel.name}" for channel in device.channel_list()]
            known = [lives[name] for name in names if name in lives]
            dead = [life for life in known if _is_missing(life, after)]
            standing = [life for life in dead if life.alarm_since is not None]
            if len(dead) < len(known):
                yield from dead
            else:
                yield from standing or dead[:1]


def _is_missing(life: ChannelLife, after: timedelta) -> bool:
    if life.alarm_since is not None:
        return not life.has_value_again or not life.speaks
    return life.speaks and life.healthy >= after
