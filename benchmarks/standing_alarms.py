"""Ten thousand standing alarms and five thousand contacts: time of a restart and of a round.

A hundred stations of ten channels with ten rules each, all in alarm; fifty contacts a station, of whom two are told of
new alarms. A round is one reading of each of a hundred channels, from the feed to the commit; a new alarm is one more
rule of one channel, with its messages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from alerts.evaluating.evaluator import Evaluator
from alerts.rules.rule import ChannelRule, RuleTexts
from alerts.telling.routes import Routing
from benchmarks.servers import PROJECT, database, scalar
from quantrac.config.notifications import Route
from quantrac.config.rules import Level, Side
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection, connect
from quantrac.private_services.place import private_folder
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

STATIONS, CHANNELS, RULES, CONTACTS = 100, 10, 10, 5000
MINUTE: Final = timedelta(minutes=1)
ROUNDS: Final = 20
ROUTING: Final = Routing((Route(to="operators", severity=(Severity.HIGH,), by=("email",)),), None, ZoneInfo("UTC"))
START: Final = datetime(2026, 11, 24, tzinfo=UTC)


def run() -> Iterator[str]:
    """Yield the time of what was measured: rounds without alarms, rounds with all of them, a new alarm, a restart."""
    with (
        private_folder(PROJECT, "bench-") as folder,
        database(folder, volatile=True) as url,
        connect(url, "benchmark") as conn,
        connect(url, "benchmark") as own,
    ):
        yield from _measured(conn, own)


def _measured(conn: Connection, own: Connection) -> Iterator[str]:
    ids = _fill(conn)
    minutes = iter(range(10**6))
    worker = _worker(own, ids)
    some = list(ids.values())[: STATIONS * CHANNELS // 10]
    yield _line("round of 100 readings", 0, _round_s(conn, worker, some, minutes, 9.0))
    yield _line("new alarm, with two messages", 0, _alarm_s(conn, worker, some, minutes, 9.0))
    _store(conn, list(ids.values()), START + next(minutes) * MINUTE, 2.5)
    _run_s(worker)
    conn.execute("vacuum analyze")
    standing = scalar(conn, "select count(*) from alarm where cleared_at is null")
    yield _line("round of 100 readings", standing, _round_s(conn, worker, some, minutes, 2.5))
    yield _line("new alarm, with two messages", standing, _alarm_s(conn, worker, some, minutes, 2.5))
    _store(conn, some[:1], START + next(minutes) * MINUTE, 2.5)
    begun = time.perf_counter()
    again = _worker(own, ids)
    again.close_orphans(())
    _run_s(again)
    yield _line("restart to the first round", standing, time.perf_counter() - begun)


def _line(name: str, standing: int, seconds: float) -> str:
    return f"{name:34} {seconds * 1000:8.1f} ms with {standing:>6,} standing alarms"


def _alarm_s(conn: Connection, worker: Evaluator, ids: Sequence[int], minutes: Iterator[int], back: float) -> float:
    """Seconds of a round in which one alarm rises that people are told of."""
    times = []
    for id_ in ids[:ROUNDS]:
        _store(conn, [id_], START + next(minutes) * MINUTE, 1.0)
        times.append(_run_s(worker))
        _store(conn, [id_], START + next(minutes) * MINUTE, back)
        _run_s(worker)
    return median(times)


def _fill(conn: Connection) -> dict[str, int]:
    conn.execute(
        "insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)"
        " select 'st-' || n, 'Trạm', 'Station', '2019-01-01Z', '{}', 'x', %s from generate_series(1, %s) n",
        [START, STATIONS],
    )
    conn.execute(
        "insert into channel (station, name, parameter, unit, kind, interval_s)"
        " select 'st-' || s, 'do_' || c, 'do', 'mg/L', 'mean', 60"
        " from generate_series(1, %s) s, generate_series(1, %s) c",
        [STATIONS, CHANNELS],
    )
    conn.execute(
        "insert into contact (name, email, language, groups, stations)"
        " select 'Contact ' || n, 'c' || n || '@example.org', 'vi', case when n %% %(each)s < 2 then '{operators}'"
        " else '{others}' end::text[], array['st-' || 1 + n / %(each)s] from generate_series(0, %(all)s - 1) n",
        {"each": CONTACTS // STATIONS, "all": CONTACTS},
    )
    return dict(conn.execute("select channel, channel_id from channel").fetchall())


def _worker(own: Connection, ids: dict[str, int]) -> Evaluator:
    told = Level("danger", Side.BELOW, 2.0, 2.3, 0, 0, Severity.HIGH, ("operators",))
    level = replace(told, name="act", limit=3.0, clear=3.3, severity=Severity.LOW)  # nobody is told of it
    base = ChannelRule(
        rule="told", channel="", parameter="do", unit="mg/l", decimals=2, interval_ms=60_000, levels=(told,),
        use=frozenset({Quality.GOOD}), texts=RuleTexts(Words("Oxy thấp", "Low oxygen")),
    )  # fmt: skip
    kinds = [base, *(replace(base, rule=f"rule-{n}", levels=(level,)) for n in range(RULES))]
    rules = {name: [replace(rule, channel=name) for rule in kinds] for name in ids}
    return Evaluator(own, rules, ROUTING, lambda: START)


def _round_s(conn: Connection, worker: Evaluator, ids: Sequence[int], minutes: Iterator[int], value: float) -> float:
    times = []
    for _ in range(ROUNDS):
        _store(conn, ids, START + next(minutes) * MINUTE, value)
        times.append(_run_s(worker))
    return median(times)


def _store(conn: Connection, ids: Sequence[int], at: datetime, value: float) -> None:
    with conn.transaction():
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into reading (channel_id, time, value, state, tests, received_at)"
                " values (%s, %s, %s, 0, 0, %s)",
                [(id_, at, value, at) for id_ in ids],
            )
        append_changes(conn, [NewChange("st-1", id_, at, at, 1, "reading") for id_ in ids])


def _run_s(worker: Evaluator) -> float:
    begun = time.perf_counter()
    while worker.round():
        pass
    return time.perf_counter() - begun
