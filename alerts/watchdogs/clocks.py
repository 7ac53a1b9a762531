"""Watches stations' clocks as the centre hears them: the alarm of rule `station-clock`. Run by the jobs' clock.

A box without a time server does not know that its clock is off (`clock_offset` is null); the centre sees it by when its
live messages come. Where the box knows it, too, and a rule tells so, this alarm is explained by that one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from alerts.alarm.change import EndCause, Mark, Recorded, Subject
from alerts.alarm.standing_subjects import told_after
from alerts.rules.rule import RuleTexts
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import Clocks
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words, counted

RULE: Final = "station-clock"
AHEAD, BEHIND = "ahead", "behind"

HEARD: Final = """
select s.station, coalesce(heard.ahead_ms, 0), (
  select max(a.alarm_id) from alarm a join channel c using (channel_id)
  where a.station = s.station and c.parameter = 'clock_offset' and a.cleared_at is null and not a.late)
from station s
left join station_clock heard on heard.station = s.station and heard.sure and heard.until is null
where s.active order by s.station
"""


def check_clocks(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of wrong clocks, tell people, and return what changed; one transaction.

    `network.yaml` says from which error on (`clocks`); without it nothing is raised.
    """
    plan = network.settings.clocks
    with conn.transaction():
        look = Look() if plan is None else _look(conn, plan)
        return list(settle(conn, network, [RULE], look, now).values())


def _look(conn: Connection, plan: Clocks) -> Look:
    wanted: list[WantedAlarm] = []
    well: dict[Subject, datetime | None] = {}
    spared: dict[Subject, EndCause] = {}
    told = told_after(conn, RULE)
    for station, ahead_ms, explained_by in conn.execute(HEARD).fetchall():
        subject = Subject(RULE, station, None)
        well[subject] = None
        if abs(ahead_ms) >= plan.off_ms:
            level = AHEAD if ahead_ms > 0 else BEHIND
            mark = Mark(level, plan.severity, after_ms=plan.off_ms)
            wanted.append(WantedAlarm(subject, mark, _texts(ahead_ms), plan.to, parent=explained_by))
        elif abs(ahead_ms) >= told.get(subject, plan.off_ms):
            spared[subject] = EndCause.LIMIT_CHANGED
    return Look(wanted, well, spared)


def _texts(ahead_ms: int) -> RuleTexts:
    minutes = max(1, round(abs(ahead_ms) / 60_000))
    vi, en, plain = ("nhanh", "ahead", "nhanh") if ahead_ms > 0 else ("chậm", "behind", "cham")
    return RuleTexts(
        title=Words(
            f"Đồng hồ trạm {vi} {minutes} phút", f"Station's clock is {counted(minutes, 'minute|minutes')} {en}"
        ),
        cause=Words(
            "Trạm không lấy được giờ chuẩn (mất mạng, hỏng GPS), hết pin đồng hồ",
            "The station gets no time (network, GPS), or its clock's battery is empty",
        ),
        consequence=Words(
            "Số liệu ghi sai giờ; cảnh báo vẫn tính theo giờ của trung tâm",
            "Its readings carry a wrong time; alarms go by the centre's clock",
        ),
        response=Words(
            "Kiểm tra chrony và đường truyền của trạm, thay pin đồng hồ",
            "Check the station's chrony and link, replace the clock battery",
        ),
        has_value=False,
        sms=Words(f"{{station}}: dong ho tram {plain} {minutes} phut. Kiem tra chrony, pin dong ho. {{time}}", ""),
    )
