"""Watches changed files that are refused: the alarm of rule `files-refused`. Run each second by `alerts run`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.alarm.change import Mark, Recorded, Subject
from alerts.alarm.life import AlarmEvent
from alerts.desk import FILES_MISSING, FILES_REFUSED
from alerts.rules.rule import RuleTexts
from alerts.rules.watched_network import RefusedFiles
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import Files
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words

RULE: Final = FILES_REFUSED
FILES_WRONG: Final = "wrong"
PATIENCE: Final = timedelta(seconds=10)
"""An editor that saves may leave a file empty or half written for a moment."""
MOST_SHOWN: Final = 5

CONFIRMED: Final = f"""
select max(e.at) from alarm a join alarm_event e using (alarm_id)
where a.subject = subject_key('{RULE}', null, null, null) and e.event = '{AlarmEvent.CONFIRMED}'
"""  # noqa: S608 (words of ours)


def confirmed_at(conn: Connection) -> datetime | None:
    """Return when a person last confirmed that files are gone or empty on purpose; None: never."""
    row = conn.execute(CONFIRMED).fetchone()
    return None if row is None else row[0]


def plan_of(network: Network) -> Files:
    """Return who gets the messages: whom `files` of network.yaml names, else the people of the centre."""
    plan = network.settings.files
    return Files.model_construct(to=network.settings.centre) if plan is None else plan


def check_files(conn: Connection, network: Network, refused: RefusedFiles | None, now: datetime) -> list[Recorded]:
    """Raise and clear the alarm of refused files, tell people, and return what changed; one transaction."""
    subject, plan = Subject(RULE, None, None), plan_of(network)
    look = Look(well={subject: None})
    if refused is not None and now - refused.since >= PATIENCE:
        mark = Mark(FILES_MISSING if refused.is_missing else FILES_WRONG, plan.severity)
        look = Look([WantedAlarm(subject, mark, _texts(refused), plan.to)])
    with conn.transaction():
        return list(settle(conn, network, [RULE], look, now).values())


def _texts(refused: RefusedFiles) -> RuleTexts:
    more = len(refused.problems) - MOST_SHOWN
    problems = [*refused.problems[:MOST_SHOWN], *([Words(f"còn {more} lỗi nữa", f"{more} more")] if more > 0 else [])]
    response = Words(
        "Sửa lại tệp (quantrac rules check chỉ chỗ sai)", "Correct the files (quantrac rules check shows where)"
    )
    if refused.is_missing:
        response = Words(
            "Khôi phục tệp; nếu cố ý bỏ: quantrac rules confirm", "Put them back; if meant so: quantrac rules confirm"
        )
    return RuleTexts(
        title=Words("Tệp cấu hình vừa sửa bị từ chối", "Changed configuration files are refused"),
        cause=Words("\n".join(one.vi for one in problems), "\n".join(one.en for one in problems)),
        consequence=Words("Cấu hình cũ vẫn được áp dụng", "What they said before stays in force"),
        response=response,
        sms=Words(
            "Trung tam {time}: tep cau hinh vua sua bi tu choi, cau hinh cu van duoc ap dung. Xem thu dien tu.", ""
        ),
    )
