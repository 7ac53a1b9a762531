"""Watches files for the ministry that receivers lack: late ones, and ones that are refused. Run by the jobs' clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from alerts.alarm.change import EndCause, Mark, Recorded, Subject
from alerts.alarm.standing_subjects import told_after
from alerts.rules.rule import RuleTexts
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import Watchdog
from quantrac.database.pool import Connection, rows_of
from quantrac.telemetry.words import Words

RULE: Final = "ministry-late"
REFUSED_RULE: Final = "ministry-refused"
LEVEL: Final = "late"
TRIES: Final = 3
"""A file that was refused so often is: the first tries come 15 and 30 seconds apart."""


class Owed(NamedTuple):
    """What the receivers of a station lack."""

    station: str
    files: int
    since: datetime
    refused: int
    """Of them files that were tried TRIES times, and not taken."""
    full: int
    """Of these files for which there was no room."""
    receivers: str | None
    """Who does not take them."""
    error: str | None
    """What one of them says."""


OWED: Final = """
with lacks as (
  select s.*, failure in ('refused', 'full') and attempts >= %s as is_refused
  from ministry_sending s join unnest(%s::text[], %s::text[]) named(station, receiver) using (station, receiver)
  where owed)
select station, count(*)::int4 as files, min(owed_at) as since, count(*) filter (where is_refused)::int4 as refused,
       count(*) filter (where is_refused and failure = 'full')::int4 as full,
       string_agg(distinct receiver, ', ') filter (where is_refused) as receivers,
       (array_agg(error order by time desc) filter (where is_refused))[1] as error
from lacks group by station order by station
"""
"""Of receivers that their stations name: others have been given up."""


def check_ministry(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of stations whose files are late or refused, tell people, and return what changed.

    One transaction. `network.yaml` says after how long files are late (`ministry`); without it nothing is raised.
    """
    plan = network.settings.ministry
    with conn.transaction():
        look = Look() if plan is None else _look(conn, network, plan, now)
        return list(settle(conn, network, [RULE, REFUSED_RULE], look, now).values())


def _look(conn: Connection, network: Network, plan: Watchdog, now: datetime) -> Look:
    plans = {name: station.ministry for name, station in network.stations.items() if station.ministry is not None}
    named = [(name, receiver) for name, ministry in plans.items() for receiver in ministry.receivers]
    wanted: list[WantedAlarm] = []
    well: dict[Subject, datetime | None] = {
        Subject(rule, name, None): None for name, _ in named for rule in (RULE, REFUSED_RULE)
    }
    asked = [TRIES, [name for name, _ in named], [receiver for _, receiver in named]]
    owed = rows_of(conn, Owed, OWED, asked)
    late, spared = _late(owed, told_after(conn, RULE), plan, now)
    wanted += late
    for one in owed:
        if one.refused:
            mark = Mark("full" if one.full else "refused", plan.severity, float(one.refused))
            wanted.append(WantedAlarm(Subject(REFUSED_RULE, one.station, None), mark, _refused_texts(one), plan.to))
    return Look(wanted, well, spared)


def _late(
    owed: Iterable[Owed], told: dict[Subject, int], plan: Watchdog, now: datetime
) -> tuple[list[WantedAlarm], dict[Subject, EndCause]]:
    wanted: list[WantedAlarm] = []
    spared: dict[Subject, EndCause] = {}
    for one in owed:
        subject, late_s = Subject(RULE, one.station, None), (now - one.since).total_seconds()
        if 1000 * late_s >= plan.after_ms:
            mark = Mark(LEVEL, plan.severity, float(one.files), after_ms=plan.after_ms)
            wanted.append(WantedAlarm(subject, mark, _late_texts(one.files, late_s), plan.to))
        elif 1000 * late_s >= told.get(subject, plan.after_ms):
            spared[subject] = EndCause.TERM_CHANGED
    return wanted, spared


def _late_texts(files: int, late_s: float) -> RuleTexts:
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
        consequence=LACKS,
        response=LOOK,
        sms=Words(f"{{station}} {{time}}: {files} tep so lieu gui Bo cham {minutes} phut. Xem ministry status.", ""),
    )


def _refused_texts(one: Owed) -> RuleTexts:
    says = (one.error or "").replace("{", "(").replace("}", ")")
    if one.full:
        title = Words(
            f"Ổ đĩa nơi nhận ({one.receivers}) đầy: {one.refused} tệp số liệu bị từ chối",
            f"The disk of the receiver ({one.receivers}) is full: {one.refused} files are refused",
        )
        short = f"{{station}} {{time}}: o dia noi nhan ({one.receivers}) day, {one.refused} tep so lieu bi tu choi."
    else:
        title = Words(
            f"Nơi nhận ({one.receivers}) từ chối {one.refused} tệp số liệu",
            f"The receiver ({one.receivers}) refuses {one.refused} files",
        )
        short = f"{{station}} {{time}}: noi nhan ({one.receivers}) tu choi {one.refused} tep so lieu gui Bo."
    return RuleTexts(
        title=title,
        cause=Words(f"Máy chủ nơi nhận trả lời: {says}", f"The receiver's server says: {says}"),
        consequence=LACKS,
        response=Words(
            "Báo người quản lý máy chủ nơi nhận (ổ đĩa, quyền, thư mục); tệp được gửi lại tự động",
            "Tell whoever runs the receiver's server (disk, rights, folder); files go again by themselves",
        ),
        sms=Words(short, ""),
    )


LACKS: Final = Words(
    "Cơ quan quản lý không nhận được số liệu 5 phút theo Thông tư 10/2021",
    "The authority lacks the five-minute files of Circular 10/2021",
)
LOOK: Final = Words("Xem quantrac ministry status", "See quantrac ministry status")
