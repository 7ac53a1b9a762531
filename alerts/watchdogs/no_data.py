"""A channel without values while its station speaks: the alarm of rule `channel-no-data`. Asked by the jobs' clock.

Only time in which ingest was healthy counts, so a centre that was down for two hours misses no channel. One cause, one
alarm: while a station is silent its channels have none of their own, and a device without any value has one, at its
first channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.alarm.records import Mark, Recorded, Subject, clear_alarm, raise_alarm
from alerts.rules.rule import RuleTexts
from alerts.telling.messages import Audience, Figures, tell
from alerts.telling.routes import Routing
from quantrac.config.network import ChannelSilence, Network
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words

RULE: Final = "channel-no-data"
LEVEL: Final = "no-data"

TEXTS: Final = RuleTexts(
    title=Words("Cảm biến không có số liệu", "Sensor gives no data"),
    cause=Words("Cảm biến hỏng, tuột dây hoặc mất nguồn", "Sensor failed, unplugged or without power"),
    consequence=Words("Các cảnh báo của thông số này không hoạt động", "No alarm of this parameter can rise"),
    response=Words("Kiểm tra cảm biến và dây nối", "Check the sensor and its cable"),
    sms=Words("{station} {time}: {channel} khong co so lieu. Kiem tra cam bien va day noi.", ""),
)


@dataclass(frozen=True, slots=True)
class ChannelLife:
    """What is known of the values of a channel whose station speaks."""

    channel_id: int
    channel: str
    value_at: datetime
    """Its newest value, or when its station was made known."""
    healthy: timedelta
    """How long ingest has been healthy and the station not silent since then."""
    alarm_since: datetime | None
    """Its standing alarm."""


# Values are looked for in the last week only: a channel that has been dead for longer keeps the alarm it has.
LIVES: Final = """
select c.channel_id, c.channel, since.at,
       coalesce((select sum(least(h.to_t, %(now)s) - greatest(h.from_t, since.counted)) from ingest_health h
                 where h.healthy and h.to_t > since.counted and h.from_t < %(now)s), interval '0'),
       (select a.raised_at from alarm a where a.rule = %(rule)s and a.station = c.station
          and a.channel_id = c.channel_id and a.cleared_at is null and not a.late)
from channel c join station s using (station)
join lateral (select max(l.last_seen_at) as at from ledger l where l.station = c.station) spoke on true
left join lateral (
  select r.time as at from reading r where r.channel_id = c.channel_id and r.value is not null
  and r.time > %(now)s - interval '7 days' order by r.time desc limit 1) valued on true
left join lateral (
  select max(a.cleared_at) as at from alarm a where a.rule = 'station-silent' and a.station = c.station) back on true
cross join lateral (
  select coalesce(valued.at, s.applied_at) as at, greatest(valued.at, s.applied_at, back.at) as counted) since
where c.active and s.active and not c.derived and spoke.at > %(now)s - %(speaks)s
  and not exists (select from alarm a where a.rule = 'station-silent' and a.station = c.station
                  and a.cleared_at is null and not a.late)
order by c.channel_id
"""


def check_no_data(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of channels without values, tell people, and return what changed; one transaction.

    `network.yaml` says after how long (`silence.channels`); without it nothing is raised.
    """
    plan = None if network.settings.silence is None else network.settings.silence.channels
    if network.settings.silence is None or plan is None:
        return []
    speaks = timedelta(milliseconds=network.settings.silence.after_ms)
    parameters = {"now": now, "rule": RULE, "speaks": speaks}
    with conn.transaction():
        lives = {row[1]: ChannelLife(*row) for row in conn.execute(LIVES, parameters)}
        changes = list(_changes(conn, network, lives, plan, now))
        for life, change in changes:
            to = Audience(life.channel.partition("/")[0], plan.to, Routing.of(network))
            tell(conn, change, to, Figures(channel=life.channel), now)
    return [change for _, change in changes]


def _changes(
    conn: Connection, network: Network, lives: Mapping[str, ChannelLife], plan: ChannelSilence, now: datetime
) -> Iterator[tuple[ChannelLife, Recorded]]:
    to_raise = set(missing(network, lives, timedelta(milliseconds=plan.after_ms)))
    for life in lives.values():
        subject = Subject(RULE, life.channel.partition("/")[0], life.channel_id)
        if life.alarm_since is not None and life.value_at > life.alarm_since:
            change = clear_alarm(conn, subject, None, life.value_at, now)
            if change is not None:
                yield life, change
        elif life.alarm_since is None and life.channel in to_raise:
            yield life, raise_alarm(conn, subject, Mark(LEVEL, plan.severity), now, TEXTS, now)


def missing(network: Network, lives: Mapping[str, ChannelLife], after: timedelta) -> Iterator[str]:
    """Yield the channels whose alarm must stand: of a device without any value only its first one. Pure."""
    for station in network.stations.values():
        for device in station.devices.values():
            names = [f"{station.station}/{channel.name}" for channel in device.channel_list()]
            known = [lives[name] for name in names if name in lives]
            silent = [life.channel for life in known if life.healthy >= after]
            yield from silent[:1] if len(silent) == len(known) else silent
