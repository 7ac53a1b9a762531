"""Watches carriers: the alarm of rule `carrier-<name>`, told by the other media. Run each second by `alerts run`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.alarm.change import Mark, Recorded, Subject
from alerts.rules.rule import RuleTexts
from alerts.watchdogs.settlement import Look, WantedAlarm, settle
from quantrac.config.network import Network
from quantrac.config.notifications import Medium
from quantrac.config.watch_plans import Carriers
from quantrac.database.pool import Connection
from quantrac.telemetry.words import Words

NAMES: Final = ("smtp", "zns", "esms", "speedsms", "modem", "webhook", "apprise", "none")
RULES: Final = {f"carrier-{name}": name for name in NAMES}
"""Rule of the alarm of each carrier."""
LEVEL: Final = "failed"
PATIENCE: Final = timedelta(minutes=1)
"""A carrier that is only blocked is in trouble after so long."""


TROUBLED: Final = """
select carrier, medium, failing_since is not null and (needs_person or failing_since <= %(since)s),
       without_addresses(error)
from carrier order by carrier
"""


def check_carriers(conn: Connection, network: Network, now: datetime) -> list[Recorded]:
    """Raise and clear the alarms of carriers, tell whom network.yaml names (`carriers`), return what changed."""
    plan = network.settings.carriers
    with conn.transaction():
        look = Look() if plan is None else _look(conn, plan, now)
        return list(settle(conn, network, list(RULES), look, now, breaks=True).values())


def _look(conn: Connection, plan: Carriers, now: datetime) -> Look:
    rows = conn.execute(TROUBLED, {"since": now - PATIENCE}).fetchall()
    subjects = {carrier: Subject(f"carrier-{carrier}", None, None) for carrier, *_ in rows}
    mark = Mark(LEVEL, plan.severity)
    wanted = [
        WantedAlarm(subjects[carrier], mark, _texts(carrier, error or ""), plan.to, without=Medium(medium))
        for carrier, medium, failing, error in rows
        if failing
    ]
    return Look(wanted, dict.fromkeys(subjects.values()))


def _texts(carrier: str, error: str) -> RuleTexts:
    return RuleTexts(
        title=Words(f"Không gửi được tin qua {carrier}", f"Messages cannot be sent by {carrier}"),
        cause=Words(error, error),
        consequence=Words("Người nhận có thể không nhận được tin qua kênh này", "People may not be told by this way"),
        response=Words(
            "Kiểm tra tài khoản, số dư, mạng, thiết bị gửi tin", "Check account, balance, network and modem"
        ),
        sms=Words(f"Khong gui duoc tin qua {carrier} tu {{time}}. Kiem tra ngay.", ""),
    )
