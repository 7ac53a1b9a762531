"""A station that sends nothing: the alarm of rule `station-silent`. Asked by the jobs' clock.

Only time in which ingest was healthy counts as silence: a centre that was down for two hours makes no station silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.alarm.records import Mark, Recorded, Subject, clear_alarm, raise_alarm
from alerts.rules.rule import RuleTexts
from alerts.telling.messages import Audience, Figures, tell
from alerts.telling.routes import Routing
from quantrac.config.network import Network, Silence
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words

RULE: Final = "station-silent"
LEVEL: Final = "silent"

TEXTS: Final = RuleTexts(
    title=Words("Trạm không gửi dữ liệu", "Station sends no data"),
    cause=Words("Mất điện, mất mạng hoặc thiết bị hỏng", "Power, network or device failure"),
    consequence=Words(
        "Không có số liệu; các cảnh báo khác của trạm không hoạt động",
        "No data; no other alarm of the station can rise",
    ),
    response=Words("Kiểm tra nguồn điện và đường truyền tại trạm", "Check power and network at the station"),
    sms=Words("{station} {time}: tram khong gui du lieu. Kiem tra dien va mang tai tram.", ""),
)


@dataclass(frozen=True, slots=True)
class StationLife:
    """What is known of a station's messages."""

    station: str
    last_at: datetime
    """Its newest message, or when it was made known if there is none."""
    healthy: timedelta
    """How long ingest has been healthy since then."""
    alarm_since: datetime | None
    """Its standing alarm of silence."""


class Verdict(StrEnum):
    """What has to happen."""

    RAISE = "raise"
    CLEAR = "clear"
    NOTHING = "nothing"


def verdict(life: StationLife, after: timedelta) -> Verdict:
    """Say whether a station has become silent or speaks again. Pure."""
    silent = life.healthy >= after
    if silent and life.alarm_since is None:
        return Verdict.RAISE
    if life.alarm_since is not None and life.last_at > life.alarm_since:
        return Verdict.CLEAR
    return Verdict.NOTHING


def check_silence(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of silence, tell people, and return what changed; one transaction.

    `network.yaml` says after how long (`silence`); without it nothing is raised.
    """
    plan = network.settings.silence
    if plan is None:
        return []
    after = timedelta(milliseconds=plan.after_ms)
    with conn.transaction():
        judged = [(life, verdict(life, after)) for life in _lives(conn, now)]
        changes = [_apply(conn, life, what, plan, now) for life, what in judged if what is not Verdict.NOTHING]
        found = [(station, change) for station, change in changes if change is not None]
        for station, change in found:
            tell(conn, change, Audience(station, plan.to, Routing.of(network)), Figures(), now)
    return [change for _, change in found]


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


def _lives(conn: Connection, now: datetime) -> Iterable[StationLife]:
    return [StationLife(*row) for row in conn.execute(LIVES, {"now": now, "rule": RULE})]


def _apply(
    conn: Connection, life: StationLife, what: Verdict, plan: Silence, now: datetime
) -> tuple[str, Recorded | None]:
    subject = Subject(RULE, life.station, None)
    if what is Verdict.CLEAR:
        conn.execute("update station set silent_since = null where station = %s", [life.station])
        return life.station, clear_alarm(conn, subject, None, life.last_at, now)
    conn.execute("update station set silent_since = %s where station = %s", [life.last_at, life.station])
    mark = Mark(LEVEL, plan.severity)
    return life.station, raise_alarm(conn, subject, mark, now, TEXTS, now)
