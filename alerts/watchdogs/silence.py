"""Watches stations that send nothing: the alarm of rule `station-silent`. Run by the jobs' clock.

Only time in which ingest was healthy counts as silence: a centre that was down for two hours makes no station silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.alarm.change import Mark, Recorded, Subject
from alerts.rules.rule import RuleTexts
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import Silence
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words

RULE: Final = "station-silent"
LEVEL: Final = "silent"

TEXTS: Final = RuleTexts(
    title=Words("Trạm không gửi số liệu", "Station sends no data"),
    cause=Words("Mất điện, mất mạng hoặc thiết bị hỏng", "Power, network or device failure"),
    consequence=Words(
        "Không có số liệu; các cảnh báo khác của trạm không hoạt động",
        "No data; no other alarm of the station can rise",
    ),
    response=Words("Kiểm tra nguồn điện và đường truyền tại trạm", "Check power and network at the station"),
    sms=Words("{station} {time}: tram khong gui so lieu. Kiem tra dien va mang tai tram.", ""),
)


@dataclass(frozen=True, slots=True)
class StationLife:
    """A station's newest message, and its alarm."""

    station: str
    last_at: datetime
    """Its newest message, or when it was made known if there is none."""
    healthy: timedelta
    """How long ingest has been healthy since then."""
    alarm_since: datetime | None
    """Its standing alarm of silence."""


def is_silent(life: StationLife, after: timedelta) -> bool:
    """Whether the alarm of a station must stand: once it does, until the station speaks again. Pure."""
    return life.healthy >= after if life.alarm_since is None else life.last_at <= life.alarm_since


LIVES: Final = """
select s.station, coalesce(seen.at, s.applied_at),
       coalesce((select sum(least(h.to_t, %(now)s) - greatest(h.from_t, coalesce(seen.at, s.applied_at)))
                 from ingest_health h where h.healthy and h.to_t > coalesce(seen.at, s.applied_at)
                 and h.from_t < %(now)s), interval '0'),
       (select a.raised_at from alarm a where a.rule = %(rule)s and a.station = s.station
          and a.channel_id is null and a.cleared_at is null and not a.late)
from station s
left join lateral (select max(l.last_seen_at) as at from ledger l where l.station = s.station) seen on true
where s.active order by s.station
"""


def check_silence(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of silence, tell people, and return what changed; one transaction.

    `network.yaml` says after how long (`silence`); without it nothing is raised.
    """
    plan = network.settings.silence
    with conn.transaction():
        rows = [] if plan is None else conn.execute(LIVES, {"now": now, "rule": RULE}).fetchall()
        look = Look() if plan is None else _look([StationLife(*row) for row in rows], plan)
        found = settle(conn, network, [RULE], look, now)
        for subject, change in found.items():
            since = None if change.purpose.is_end else look.well[subject]
            conn.execute("update station set silent_since = %s where station = %s", [since, subject.station])
        return list(found.values())


def _look(lives: Iterable[StationLife], plan: Silence) -> Look:
    mark, after = Mark(LEVEL, plan.severity), timedelta(milliseconds=plan.after_ms)
    found = {Subject(RULE, life.station, None): life for life in lives}
    wanted = [WantedAlarm(one, mark, TEXTS, plan.to) for one, life in found.items() if is_silent(life, after)]
    return Look(wanted, {subject: life.last_at for subject, life in found.items()})
