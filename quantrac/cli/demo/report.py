"""The verdict on a run, from the public views and the journals: books, readings, alarms, messages to people."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from alerts.telling.notification import MessageStatus, in_sql
from quantrac.cli.demo.journals import JournalVerdict, judge
from quantrac.cli.demo.system import DemoSystem
from quantrac.desks.books import LedgerRow, ledger, total

SHOWN_DIFFERENCES: Final = 20
UNANSWERED_SHARE: Final = 0.05
"""Share of late replies, of all that was compared, that a machine under load may bring about."""
MESSAGES: Final = ("stored", "dead", "lost", "missing", "received", "new", "duplicate", "rejected")
COUNTS: Final = """
select (select count(*) from v_station), (select count(*) from v_channel where not derived),
       (select count(*) from v_reading)
"""
ALARMS: Final = """
select rule, channel, raised_at, cleared_at from v_alarm where not late order by raised_at, rule, channel
"""
TOLD: Final = f"""
select medium, count(*) filter (where status in {in_sql((MessageStatus.SENT, MessageStatus.DELIVERED))})
from v_notification group by 1
"""  # noqa: S608 (words of ours)


@dataclass(frozen=True)
class DemoReport:
    """The figures of a run and the verdict on them."""

    produced: int
    books: LedgerRow
    """Both books, summed over all stations."""
    stations: int
    channels: int
    readings: int
    journal: JournalVerdict
    alarms: list[dict[str, str | None]]
    told: dict[str, int]
    """How many messages to people were handed over, by medium."""
    seconds_to_first_reading: float

    @property
    def balanced(self) -> bool:
        """Whether both books balance and every message that a spool produced is stored."""
        books = self.books
        nothing_left = books.missing == books.lost == books.dead == 0
        return books.balanced and nothing_left and self.produced == books.stored

    @property
    def faultless(self) -> bool:
        """Whether the run is as it must be: balanced, equal to the journal, an alarm raised, told and cleared."""
        told = all(self.told.get(medium, 0) > 0 for medium in ("email", "sms"))
        return self.balanced and self.agrees_with_journal and self.cleared > 0 and told

    @property
    def agrees_with_journal(self) -> bool:
        """Whether each stored value is what was served, and hardly any reply came too late to be one."""
        few = len(self.journal.unanswered) <= UNANSWERED_SHARE * self.journal.compared
        return not self.journal.differences and few

    @property
    def cleared(self) -> int:
        """How many alarms are over."""
        return sum(alarm["cleared_at"] is not None for alarm in self.alarms)

    def as_json(self) -> dict[str, Any]:
        """Return the report as it is written to a file."""
        books = {name: getattr(self.books, name) for name in MESSAGES}
        return {
            "stations": self.stations,
            "channels": self.channels,
            "messages": {"produced": self.produced, **books},
            "readings": self.readings,
            "journal": {
                "compared": self.journal.compared,
                "different": len(self.journal.differences),
                "unanswered": len(self.journal.unanswered),
                "differences": [d._asdict() for d in self.journal.differences[:SHOWN_DIFFERENCES]],
            },
            "alarms": {"raised": len(self.alarms), "cleared": self.cleared, "list": self.alarms},
            "notifications": {medium: self.told.get(medium, 0) for medium in ("email", "sms")},
            "seconds_to_first_reading": round(self.seconds_to_first_reading, 1),
            "balanced": self.balanced,
        }


def make_report(conn: psycopg.Connection[Any], system: DemoSystem, produced: int, first_reading_s: float) -> DemoReport:
    """Read everything that the verdict rests on."""
    ((stations, channels, readings),) = conn.execute(COUNTS).fetchall()
    return DemoReport(
        produced=produced,
        books=total(ledger(conn)),
        stations=stations,
        channels=channels,
        readings=readings,
        journal=judge(conn, system.network, system.journals),
        alarms=_read_alarms(conn),
        told=dict(conn.execute(TOLD).fetchall()),
        seconds_to_first_reading=first_reading_s,
    )


def _read_alarms(conn: psycopg.Connection[Any]) -> list[dict[str, str | None]]:
    """Return each alarm with the reading times at which it rose and cleared, ISO 8601 in UTC."""
    rows = conn.execute(ALARMS).fetchall()
    return [
        {"rule": rule, "channel": channel, "raised_at": _iso(raised), "cleared_at": _iso(cleared)}
        for rule, channel, raised, cleared in rows
    ]


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()


def publish(report: DemoReport, path: Path | None, say: Callable[[str], None]) -> None:
    """Print the verdict and write it to a file if one is wanted."""
    found = report.as_json()
    say("ledger        " + ", ".join(f"{name} {count}" for name, count in found["messages"].items()))
    say(f"journal       {found['journal']['compared']} values compared, {found['journal']['different']} different, "
        f"{found['journal']['unanswered']} replies too late")  # fmt: skip
    told = [("DIFFERENT", one) for one in report.journal.differences]
    told += [("too late for its slot on this busy machine", one) for one in report.journal.unanswered]
    for what, one in told[:SHOWN_DIFFERENCES]:
        say(f"              {one.channel} {one.t_ms}: stored {one.stored} ({one.state}), served {one.served}: {what}")
    say(f"alarms        {found['alarms']['raised']} raised, {found['alarms']['cleared']} cleared; told people: "
        f"{found['notifications']['email']} e-mails, {found['notifications']['sms']} SMS")  # fmt: skip
    say("the books balance, nothing lost, nothing twice" if report.faultless else "NOT as it must be; see the report")
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
