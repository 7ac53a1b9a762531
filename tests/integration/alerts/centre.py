"""A small centre for the tests: one station with its oxygen channel, contacts, readings stored as ingest does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.reading_window import instant
from alerts.rules.block import JudgedReading
from alerts.telling.attachments import Attach, nothing_more
from alerts.telling.notifier import Notifier, Outgoing
from alerts.telling.relay import Relay
from alerts.telling.routes import Routing
from alerts.telling.sender import Sender
from quantrac.config.network import Network
from quantrac.config.notifications import Medium, Route
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity

STATION = "st-my-thanh"
CHANNEL = "st-my-thanh/do"
START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)

ROUTING = Routing(
    routes=(
        Route(to="operators", severity=tuple(Severity), by=("email",)),
        Route(to="farmers", severity=(Severity.HIGH, Severity.CRITICAL), by=("sms",)),
    ),
    quiet_hours=None,
    zone=ZoneInfo("Asia/Ho_Chi_Minh"),
)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class KeepingCarrier:
    """A carrier that takes every message and keeps it."""

    name = "smtp"

    def __init__(self) -> None:
        self.kept: list[Outgoing] = []

    def send(self, message: Outgoing) -> str | None:
        self.kept.append(message)
        return message.key

    def close(self) -> None: ...


def send_all(
    conn: Connection,
    medium: Medium,
    carrier: Notifier,
    clock: Callable[[], datetime],
    attach: Attach = nothing_more,
) -> int:
    """Hand over what is due by a medium, and return how many messages were due."""
    sender, count = Sender("", medium, Relay([carrier]), clock, attach), 0
    while sender.send_one(conn):
        count += 1
    return count


def add_network(conn: Connection) -> int:
    """Add the station, its channel, a farmer and an operator; return the channel's id."""
    conn.execute(
        """
        insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)
        values (%s, 'Sông Mỹ Thanh', 'My Thanh river', %s, '{}', 'x', %s)
        """,
        [STATION, START - timedelta(days=1000), START - timedelta(days=1)],
    )
    conn.execute(
        """
        insert into contact (name, phone_e164, email, language, groups) values
        ('Ông Sáu', '+84912345678', null, 'vi', '{farmers}'), ('Operator', null, 'op@example.org', 'en', '{operators}')
        """
    )
    return add_channel(conn, "do")


def add_channel(conn: Connection, name: str, *, parameter: str | None = None, interval_s: int = 60) -> int:
    """Add a channel of the station, of the parameter of its name if no other is given; return its id."""
    row = conn.execute(
        """
        insert into channel (station, name, parameter, unit, kind, interval_s) values (%s, %s, %s, '1', 'mean', %s)
        returning channel_id
        """,
        [STATION, name, parameter or name, interval_s],
    ).fetchone()
    assert row is not None
    return int(row[0])


def saying(network: Network, **settings: Any) -> Network:
    """Return a network whose `network.yaml` says something else."""
    return replace(network, settings=network.settings.model_copy(update=settings))


def store(conn: Connection, channel_id: int, samples: Iterable[JudgedReading], *, block: int = 1_000_000) -> None:
    """Store readings and append to the feed, `block` readings a transaction."""
    rows = list(samples)
    for i in range(0, len(rows), block):
        _store(conn, channel_id, rows[i : i + block])


def _store(conn: Connection, channel_id: int, rows: list[JudgedReading]) -> None:
    with conn.transaction():
        insert(conn, channel_id, rows)
        times = [instant(s.t_ms) for s in rows]
        append_changes(conn, [NewChange(STATION, channel_id, min(times), max(times), len(rows), "reading")])


def insert(conn: Connection, channel_id: int, samples: Iterable[JudgedReading]) -> None:
    """Store readings of which the feed says nothing."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into reading (channel_id, time, value, state, tests, received_at) values (%s, %s, %s, %s, %s, %s)",
            [
                (channel_id, instant(t), value, 7 if value is None else 0, int(value is None), instant(received))
                for t, value, _, received, _ in samples
            ],
        )


def run_all(worker: Evaluator) -> None:
    """Evaluate until nothing is left."""
    while worker.round():
        pass


def flag(conn: Connection, channel_id: int, first: int, last: int, value: int, cause: str = "flag") -> None:
    """A person's flag on the readings of some minutes, or a correction to `value`."""
    with conn.transaction():
        for minute in range(first, last + 1):
            time = START + timedelta(minutes=minute)
            if cause == "flag":
                conn.execute(
                    "insert into reading_flag (channel_id, time, flag, by, at) values (%s, %s, %s, 'lan', %s)",
                    [channel_id, time, value, START],
                )
            else:
                conn.execute(
                    "insert into correction (channel_id, time, value, reason, by, at, approved_by, approved_at) "
                    "values (%s, %s, %s, 'fouled', 'lan', %s, 'minh', %s)",
                    [channel_id, time, value, START, START],
                )
        times = START + timedelta(minutes=first), START + timedelta(minutes=last)
        append_changes(conn, [NewChange(STATION, channel_id, *times, last - first + 1, cause)])


def rows(conn: Connection, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run a query and return its rows."""
    return conn.execute(sql, parameters).fetchall()


def minutes_of(conn: Connection) -> list[tuple[str, float, float | None]]:
    """Return (level, raised, cleared) of every alarm, in minutes after START."""
    found = rows(conn, "select level, raised_at, cleared_at from v_alarm order by alarm_id")
    return [
        (level, _minutes(raised), None if cleared is None else _minutes(cleared)) for level, raised, cleared in found
    ]


def _minutes(time_: datetime) -> float:
    return (time_ - START).total_seconds() / 60
