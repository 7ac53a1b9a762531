"""Watches consumers that fall behind the change feed: the alarm of rule `feed-lag`. Run by the jobs' clock."""

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
from quantrac.telemetry.words import Words, counted

RULE: Final = "feed-lag"
LEVEL: Final = "behind"
BEHIND: Final = """
select c.consumer, extract(epoch from %(now)s - oldest.at)::float8
from consumer c cross join lateral (select n.at from change n where n.id > c.position order by n.id limit 1) oldest
order by oldest.at, c.consumer limit 1
"""


def check_feed(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarm of a lagging consumer, tell people, and return what changed; one transaction.

    `network.yaml` says after how long (`feed`); without it nothing is raised. One that is behind only because the one
    that it follows is gets no alarm of its own: the oldest change waits for both, and the alarm names the first.
    """
    plan = network.settings.feed
    with conn.transaction():
        look = Look() if plan is None else _look(conn, plan, now)
        return list(settle(conn, network, [RULE], look, now, breaks=True).values())


def _look(conn: Connection, plan: Watchdog, now: datetime) -> Look:
    subject, worst = Subject(RULE, None, None), conn.execute(BEHIND, {"now": now}).fetchone()
    if worst is None:
        return Look(well={subject: None})
    behind_ms = float(worst[1]) * 1000
    if behind_ms < plan.after_ms:
        is_still_behind = behind_ms >= told_after(conn, RULE).get(subject, plan.after_ms)
        return Look(well={subject: None}, spared={subject: EndCause.TERM_CHANGED} if is_still_behind else {})
    mark = Mark(LEVEL, plan.severity, float(worst[1]), after_ms=plan.after_ms)
    return Look([WantedAlarm(subject, mark, _texts(worst[0], float(worst[1])), plan.to)])


def _texts(consumer: str, behind_s: float) -> RuleTexts:
    minutes = round(behind_s / 60)
    return RuleTexts(
        title=Words(
            f"Dịch vụ {consumer} xử lý chậm {minutes} phút",
            f"{consumer} is {counted(minutes, 'minute|minutes')} behind",
        ),
        cause=Words("Dịch vụ ngừng hoặc quá tải", "The service has stopped or is overloaded"),
        consequence=Words(
            "Cảnh báo, giá trị giờ hoặc kiểm tra chất lượng đến muộn",
            "Alarms, hourly values or quality tests come late",
        ),
        response=Words("Xem quantrac status, khởi động lại dịch vụ", "See quantrac status, restart the service"),
        sms=Words(f"Trung tam {{time}}: dich vu {consumer} xu ly cham {minutes} phut. Khoi dong lai dich vu.", ""),
    )
