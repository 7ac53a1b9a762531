"""Watches files for the ministry that are owed too long: the alarm of rule `ministry-late`. Run by the jobs' clock."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerts.alarm.change import EndCause, Mark, Recorded, Subject
from alerts.alarm.standing_subjects import told_after
from alerts.rules.rule import RuleTexts
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import Watchdog
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words

RULE: Final = "ministry-late"
LEVEL: Final = "late"
OWED: Final = """
select station, count(*), min(owed_at)
from ministry_sending join unnest(%s::text[], %s::text[]) named(station, receiver) using (station, receiver)
where owed group by station order by station
"""
"""Of receivers that their stations name: others have been given up."""


def check_ministry(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of stations whose files are late or refused, tell people, and return what changed.

    One transaction. `network.yaml` says after how long (`ministry`); without it nothing is raised.
    """
    plan = network.settings.ministry
    with conn.transaction():
        look = Look() if plan is None else _look(conn, network, plan, now)
        return list(settle(conn, network, [RULE], look, now).values())


def _look(conn: Connection, network: Network, plan: Watchdog, now: datetime) -> Look:
    plans = {name: station.ministry for name, station in network.stations.items() if station.ministry is not None}
    named = [(name, receiver) for name, ministry in plans.items() for receiver in ministry.receivers]
    wanted: list[WantedAlarm] = []
    well: dict[Subject, datetime | None] = {Subject(RULE, name, None): None for name, _ in named}
    spared: dict[Subject, EndCause] = {}
    told = told_after(conn, RULE)
    rows = conn.execute(OWED, [[name for name, _ in named], [receiver for _, receiver in named]]).fetchall()
    for name, files, since in rows:
        subject, late_s = Subject(RULE, name, None), (now - since).total_seconds()
        late_ms = 1000 * late_s
        if late_ms >= plan.after_ms:
            mark = Mark(LEVEL, plan.severity, float(files), after_ms=plan.after_ms)
            wanted.append(WantedAlarm(subject, mark, _texts(files, late_s), plan.to))
        elif late_ms >= told.get(subject, plan.after_ms):
            spared[subject] = EndCause.TERM_CHANGED
    return Look(wanted, well, spared)


def _texts(files: int, late_s: float) -> RuleTexts:
    minutes = round(late_s / 60)
    return RuleTexts(
        title=Words(
            f"{files} tệp số liệu chưa gửi được, chậm {minutes} phút",
            f"{files} files are not sent, {minutes} minutes late",
        ),
        cause=Words(
            "Máy chủ nơi nhận không trả lời hoặc từ chối (quyền, ổ đĩa đầy, khóa máy chủ)",
            "The receiver's server is away or refuses them (rights, full disk, host key)",
        ),
        consequence=Words(
            "Cơ quan quản lý không nhận được số liệu 5 phút theo Thông tư 10/2021",
            "The authority lacks the five-minute files of Circular 10/2021",
        ),
        response=Words("Xem quantrac ministry status", "See quantrac ministry status"),
        sms=Words(f"{{station}} {{time}}: {files} tep so lieu gui Bo cham {minutes} phut. Xem ministry status.", ""),
    )
