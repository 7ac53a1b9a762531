"""The script of `./dev soak --alerts`: a week of readings, a day of outage of one station, its backfill."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from alerts.evaluating.reading_window import instant
from alerts.rules.block import JudgedReading
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection

START: Final = datetime(2026, 11, 2, tzinfo=UTC)
START_MS: Final = int(START.timestamp() * 1000)
MINUTE_MS: Final = 60_000
MINUTES: Final = 7 * 1440
STATIONS: Final = ("st-my-thanh", "st-vinh-chau", "st-cu-lao-dung")
NAMES: Final = ("do", "water_temp")
CUT: Final = "st-cu-lao-dung"
CUT_FROM, CUT_TO = 3 * 1440 + 131, 4 * 1440 + 131
"""Minutes of the outage of 24 hours."""
STEP: Final = 20
"""Minutes of a transaction."""

NETWORK: Final = """
schema: quantrac/network/1
network: soak
name: {vi: "Thử", en: "Soak"}
operator: {vi: "Thử", en: "Soak"}
time_zone: Asia/Ho_Chi_Minh
groups:
  operators: {title: {vi: "Trực ca", en: "Operators"}}
  farmers: {title: {vi: "Hộ nuôi", en: "Farmers"}}
routes:
  - {to: operators, severity: [low, medium, high, critical], by: [email]}
  - {to: farmers, severity: [high, critical], by: [sms]}
storm: {alarms: 1000000}       # each message singly: summaries would depend on the clock
"""
RULES: Final = """
schema: quantrac/rules/1
rules:
  do-low:
    title: {vi: "Oxy thấp", en: "Low oxygen"}
    watch: {parameter: do}
    below:
      watch: {limit: 4.0, clear: 4.3, on_delay: 30m, off_delay: 30m, severity: low, to: [operators]}
      act: {limit: 3.0, clear: 3.3, on_delay: 10m, off_delay: 30m, severity: high, to: [farmers, operators]}
      danger: {limit: 2.0, clear: 2.3, on_delay: 5m, off_delay: 30m, severity: critical, to: [farmers, operators]}
    source: soak
    sms: "{station} {time}: oxy {value} mg/l, duoi {limit}, {trend}"
  temp-drop:
    title: {vi: "Nước lạnh nhanh", en: "Water cools fast"}
    watch: {parameter: water_temp, of: change, over: 3h}
    below:
      act: {limit: -2.0, clear: -1.0, on_delay: 10m, off_delay: 1h, severity: medium, to: [operators]}
    source: soak
    sms: "{station} {time}: {value}"
composites:
  warm-and-low:
    title: {vi: "Nóng và thiếu oxy", en: "Warm and low"}
    conditions:
      warm: {parameter: water_temp, above: 30.0}
      low: {parameter: do, below: 4.0}
    when: {all: [warm, low]}
    holds:
      act: {on_delay: 20m, off_delay: 1h, severity: high, to: [farmers, operators]}
    source: soak
    sms: "{station} {time}: nong va thieu oxy"
"""


class Step(NamedTuple):
    """The readings that one transaction stores, by channel."""

    readings: dict[str, list[JudgedReading]]


def steps(seed: int) -> Iterator[Step]:
    """Yield the transactions of the week, in order of their arrival; the same for the same seed."""
    courses = {f"{s}/{name}": _course(name, random.Random(f"{seed}/{s}/{name}")) for s in STATIONS for name in NAMES}
    held: dict[str, list[JudgedReading]] = {}
    for first in range(0, MINUTES, STEP):
        live: dict[str, list[JudgedReading]] = {}
        for channel, values in courses.items():
            for minute in range(first, min(first + STEP, MINUTES)):
                sample = _sample(minute, values[minute], minute * MINUTE_MS + 2_000)
                is_cut = channel.startswith(CUT) and CUT_FROM <= minute < CUT_TO
                (held if is_cut else live).setdefault(channel, []).append(sample)
        yield Step(live)
        if first >= CUT_TO and held:
            yield from _backfill(held, first + STEP)
            held = {}


def _backfill(held: dict[str, list[JudgedReading]], minute: int) -> Iterator[Step]:
    """Yield what the outage kept back, in bundles, received at a minute."""
    for part in range(0, CUT_TO - CUT_FROM, 90):
        received = START_MS + minute * MINUTE_MS
        late = {
            channel: [sample._replace(received_ms=received) for sample in own[part : part + 90]]
            for channel, own in held.items()
        }
        yield Step({channel: own for channel, own in late.items() if own})


def _sample(minute: int, value: float, received_ms: int) -> JudgedReading:
    return JudgedReading(START_MS + minute * MINUTE_MS, value, 1, START_MS + received_ms)


def _course(name: str, chance: random.Random) -> list[float]:
    """A day, a target that jumps every few hours, and noise: some crossing of every limit each day."""
    low, high = {"do": (1.2, 6.0), "water_temp": (26.0, 32.0)}[name]
    value = target = (low + high) / 2
    values = []
    for minute in range(MINUTES):
        if minute % 180 == 0:
            target = chance.uniform(low, high)
        day = 0.3 * math.sin(2 * math.pi * minute / 1440)
        value += 0.03 * (target + day - value) + chance.gauss(0, 0.02)
        values.append(round(value, 2))
    return values


def store(conn: Connection, step: Step, ids: dict[str, int]) -> None:
    """Store a step as ingest does: readings and feed in one transaction."""
    with conn.transaction():
        changes = []
        with conn.cursor().copy("copy reading (channel_id, time, value, state, tests, received_at) from stdin") as copy:
            for channel, own in sorted(step.readings.items()):
                for s in own:
                    copy.write_row((ids[channel], instant(s.t_ms), s.value, 0, 0, instant(s.received_ms)))
                times = instant(own[0].t_ms), instant(own[-1].t_ms)
                changes.append(NewChange(channel.partition("/")[0], ids[channel], *times, len(own), "reading"))
        append_changes(conn, changes)


def add_network(conn: Connection) -> dict[str, int]:
    """Enter stations, channels, a farmer and an operator; return the channels' ids."""
    for station in STATIONS:
        conn.execute(
            "insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)"
            " values (%s, %s, %s, %s, '{}', 'soak', %s)",
            [station, station, station, START - timedelta(days=1000), START - timedelta(days=1)],
        )
        for name in NAMES:
            conn.execute(
                "insert into channel (station, name, parameter, unit, kind, interval_s)"
                " values (%s, %s, %s, '1', 'mean', 60)",
                [station, name, name],
            )
    conn.execute(
        "insert into contact (name, phone_e164, email, language, groups) values"
        " ('Ông Sáu', '+84912345678', null, 'vi', '{farmers}'),"
        " ('Operator', null, 'op@example.org', 'en', '{operators}')"
    )
    return dict(conn.execute("select channel, channel_id from channel").fetchall())
