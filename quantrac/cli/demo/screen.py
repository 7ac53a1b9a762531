"""The screen of the demo: a live table (only on a terminal), and caught mail and messages."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from quantrac.cli.demo.report import TOLD
from quantrac.database.time_zone import time_zone

STATIONS: Final = """
select s.station, s.name, l.channels, l.good, l.age_s, b.stored, b.missing
from v_station s
left join (select station, count(*) as channels, count(*) filter (where quality = 1) as good, min(age_s) as age_s
           from v_latest group by station) l using (station)
left join (select station, sum(stored)::int8 as stored, sum(missing)::int8 as missing
           from v_ledger group by station) b using (station)
order by s.station
"""
ALARMS: Final = """
select station, rule, level, state, raised_at, cleared_at
from v_alarm where not late order by raised_at desc limit 5
"""


class Screen:
    """Shows the network as the views see it."""

    def __init__(self) -> None:
        self._live = Live(auto_refresh=False) if sys.stdout.isatty() else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """Print a line above the table."""
        if self._live is None:
            print(line, flush=True)
        else:
            self._live.console.print(line, markup=False, highlight=False)

    def show(self, conn: psycopg.Connection[Any]) -> None:
        """Redraw the table; a database that is away for a moment leaves the last one standing."""
        if self._live is not None:
            with contextlib.suppress(psycopg.OperationalError):
                self._live.update(Group(_stations(conn), _alarms(conn), _messages(conn)), refresh=True)


def _stations(conn: psycopg.Connection[Any]) -> Table:
    table = Table("station", "name", "channels", "good", "age", "messages", "missing", title="Quantrac")
    for station, name, channels, good, age, stored, missing in conn.execute(STATIONS):
        style = "red" if age is None or age > 30 else ""
        seconds = "-" if age is None else f"{age:.0f} s"
        table.add_row(station, name, *(str(x or 0) for x in (channels, good)), seconds, str(stored or 0),
                      str(missing or 0), style=style)  # fmt: skip
    return table


def _alarms(conn: psycopg.Connection[Any]) -> Table:
    table = Table("station", "rule", "level", "state", "raised", "cleared", title="newest alarms")
    zone = time_zone(conn)
    for station, rule, level, state, raised, cleared in conn.execute(ALARMS):
        times = [f"{t.astimezone(zone):%H:%M:%S}" if t else "" for t in (raised, cleared)]
        table.add_row(station, rule, level, state, *times, style="red" if cleared is None else "green")
    return table


def _messages(conn: psycopg.Connection[Any]) -> Text:
    sent = dict(conn.execute(TOLD).fetchall())
    return Text(f"told people: {sent.get('email', 0)} e-mails, {sent.get('sms', 0)} SMS    Ctrl-C stops everything")


class Caught:
    """Reads the catchers' files; `news` yields what has come since it was last asked."""

    def __init__(self, folder: Path) -> None:
        self._told = {folder / "mail.jsonl": 0, folder / "sms.jsonl": 0}

    def news(self) -> Iterator[str]:
        """Yield one line for each new message."""
        for path, told in self._told.items():
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            self._told[path] = len(lines)
            for line in lines[told:]:
                yield _described(json.loads(line))


def _described(message: dict[str, Any]) -> str:
    if "subject" in message:
        return f"e-mail to {', '.join(message['to'])}: {message['subject']}"
    return f"SMS to {message['phone']}: {message['text']}"
