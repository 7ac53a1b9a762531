"""Carriers in trouble: the alarm of each, told by the other media."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.alarm.records import Mark, Recorded, Subject, clear_alarm, raise_alarm
from alerts.rules.rule import RuleTexts
from alerts.telling.contact import Medium
from alerts.telling.messages import Audience, Figures, tell
from alerts.telling.routes import Routing
from quantrac.config.network import Network
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

NAMES: Final = ("smtp", "zns", "esms", "speedsms", "modem", "webhook", "apprise", "none")
RULES: Final = {f"carrier-{name}": name for name in NAMES}
"""Rule of the alarm of each carrier."""
LEVEL: Final = "failed"
PATIENCE: Final = timedelta(minutes=1)
"""A carrier that is only blocked is in trouble after so long."""


def tell_trouble(conn: Connection, network: Network, now: datetime) -> list[Trouble]:
    """Raise and clear the alarms of carriers and tell whom network.yaml names (`carriers`); one transaction."""
    plan = network.settings.carriers
    if plan is None:
        return []
    with conn.transaction():
        found = record_trouble(conn, plan.severity, now)
        for trouble in found:
            to = Audience(None, plan.to, Routing.of(network), breaks_quiet_hours=True, without=trouble.medium)
            tell(conn, trouble.change, to, Figures(), now)
    return found


@dataclass(frozen=True, slots=True)
class Trouble:
    """A change of a carrier's alarm."""

    carrier: str
    medium: Medium
    change: Recorded


TROUBLED: Final = """
select c.carrier, c.medium, c.failing_since is not null and (c.needs_person or c.failing_since <= %(since)s), c.error,
       exists (select from alarm a where a.rule = 'carrier-' || c.carrier and a.cleared_at is null)
from carrier c order by c.carrier
"""


def record_trouble(conn: Connection, severity: Severity, now: datetime) -> list[Trouble]:
    """Raise and clear the alarms of carriers, inside the caller's transaction, and return what changed."""
    found = []
    for carrier, medium, failing, error, stands in conn.execute(TROUBLED, {"since": now - PATIENCE}).fetchall():
        subject = Subject(f"carrier-{carrier}", None, None)
        change: Recorded | None = None
        if failing and not stands:
            change = raise_alarm(conn, subject, Mark(LEVEL, severity), now, _texts(carrier, error or ""), now)
        elif stands and not failing:
            change = clear_alarm(conn, subject, None, now, now)
        if change is not None:
            found.append(Trouble(carrier, Medium(medium), change))
    return found


def _texts(carrier: str, error: str) -> RuleTexts:
    return RuleTexts(
        title=Words(f"Không gửi được tin qua {carrier}", f"Messages cannot be sent by {carrier}"),
        cause=Words(error, error),
        consequence=Words("Người nhận có thể không được báo bằng đường này", "People may not be told by this way"),
        response=Words(
            "Kiểm tra tài khoản, số dư, mạng, thiết bị gửi tin", "Check account, balance, network and modem"
        ),
        sms=Words(f"Khong gui duoc tin qua {carrier} tu {{time}}. Kiem tra ngay.", ""),
    )
