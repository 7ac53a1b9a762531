"""Watches breaches, such as broken limits and taken sessions at the broker: the alarm of rule `breach`.

One a station, and one of the centre; it ends an hour after the last breach. Run by the jobs' clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.alarm.change import Mark, Recorded, Subject
from alerts.rules.rule import RuleTexts
from alerts.telling.messages import Figures
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.watch_plans import Breaches
from quantrac.database.pool import Connection
from quantrac.telemetry.breaches import BreachKind
from quantrac.telemetry.words import Words

RULE: Final = "breach"
LASTS: Final = timedelta(hours=1)
"""The alarm ends so long after the last breach."""

LATE: Final = Words("Số liệu của các trạm khác có thể đến chậm", "Readings of other stations may come late")
KEPT: Final = Words("Trạm giữ lại và gửi lại sau", "The station keeps them and sends them again")
GIVEN_UP: Final = Words(
    "Trạm gửi mỗi ảnh năm lần rồi bỏ", "The station sends each picture five times, then gives it up"
)
SEE_STATION: Final = Words(
    "Kiểm tra trạm; nếu bị lộ, đổi mật khẩu", "Look at the station; if it was stolen, change its password"
)
BROKEN: Final = Words("Trạm hỏng hoặc bị chiếm", "The station is broken or was stolen")
DIFFERS: Final = Words(
    "Cấu hình trạm và trung tâm khác nhau, trạm hỏng hoặc bị chiếm",
    "Its configuration differs from the centre's, it is broken, or it was stolen",
)


def _texts(
    title: Words, sms: str, *, cause: Words = BROKEN, consequence: Words = KEPT, response: Words = SEE_STATION
) -> RuleTexts:
    """Return what people read of a breach; `sms`: behind the station and the time."""
    return RuleTexts(title, cause, consequence, response, sms=Words(f"{{station}} {{time}}: {sms}", ""))


TEXTS: Final = {
    BreachKind.SESSION_TAKEN: _texts(
        Words("Phiên kết nối MQTT bị máy khác chiếm", "Another client took a session at the broker"),
        "phien MQTT bi may khac chiem. Doi mat khau.",
        cause=Words("Lộ mật khẩu, hoặc thẻ nhớ bị nhân bản", "The password is known to others, or a card was cloned"),
        consequence=LATE,
        response=Words("Đổi mật khẩu tại máy chủ MQTT", "Change the password at the broker"),
    ),
    BreachKind.UNHEARD: _texts(
        Words("Trung tâm tạm ngừng nghe trạm vì trạm gửi dồn dập", "The centre does not hear a station that floods"),
        "gui don dap, trung tam tam ngung nghe ({value} lan). Kiem tra tram.",
        consequence=Words(
            "Trạm giữ lại số liệu và gửi sau; các trạm khác không bị chậm",
            "The station keeps its readings and sends them later; other stations are not delayed",
        ),
    ),
    BreachKind.FLOOD: _texts(
        Words("Trạm gửi dồn dập quá mức cho phép", "The station sends more than it may"),
        "gui qua muc cho phep ({value} ban tin). Kiem tra tram.",
    ),
    BreachKind.EPOCHS: _texts(
        Words("Trạm khai quá nhiều bộ nhớ đệm", "The station names too many spools"),
        "khai qua nhieu bo nho dem. Kiem tra tram.",
    ),
    BreachKind.DEAD_LETTERS: _texts(
        Words("Trạm gửi quá nhiều bản tin hỏng", "The station sends too much that cannot be stored"),
        "qua nhieu ban tin hong ({value}). Xem quantrac deadletters.",
        cause=DIFFERS,
        response=Words("Xem quantrac deadletters list", "See quantrac deadletters list"),
    ),
    BreachKind.PICTURES: _texts(
        Words("Trạm gửi quá nhiều ảnh", "The station sends too many pictures"),
        "qua nhieu anh ({value}). Kiem tra tram.",
        cause=Words(
            "Máy ảnh đặt sai, trạm hỏng hoặc bị chiếm", "Its cameras are set wrong, it is broken, or it was stolen"
        ),
        consequence=GIVEN_UP,
    ),
    BreachKind.SURPLUS: _texts(
        Words("Trạm gửi thừa số liệu", "The station sends more readings than its channels make"),
        "gui thua so lieu. Kiem tra tram.",
        cause=DIFFERS,
        consequence=Words("Số liệu thừa vẫn được lưu, tốn chỗ", "They are stored, and take up room"),
    ),
}

RECENT: Final = """
select coalesce(nullif(station, '?'), ''), kind, sum(count)::bigint from v_breach where last_at > %s group by 1, 2
"""
STANDING: Final = "select station from station where active"


def check_breaches(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of breaches, tell people, and return what changed; one transaction.

    `network.yaml` says whom (`breaches`); without it nothing is raised.
    """
    plan = network.settings.breaches
    with conn.transaction():
        look = Look() if plan is None else _look(conn, plan, now)
        return list(settle(conn, network, [RULE], look, now, breaks=True).values())


def _look(conn: Connection, plan: Breaches, now: datetime) -> Look:
    found: dict[str, dict[BreachKind, int]] = {}
    for station, kind, count in conn.execute(RECENT, [now - LASTS]):
        found.setdefault(station, {})[BreachKind(kind)] = count
    wanted = [_wanted(station, kinds, plan) for station, kinds in sorted(found.items())]
    watched = ["", *(station for (station,) in conn.execute(STANDING))]
    return Look(wanted, {_subject(station): None for station in watched})


def _wanted(station: str, kinds: dict[BreachKind, int], plan: Breaches) -> WantedAlarm:
    """Return the alarm of the gravest kind."""
    kind = next(each for each in BreachKind if each in kinds)
    mark = Mark(kind.value, plan.severity, kinds[kind])
    return WantedAlarm(_subject(station), mark, TEXTS[kind], plan.to, Figures(value=kinds[kind], decimals=0))


def _subject(station: str) -> Subject:
    return Subject(RULE, station or None, None)
