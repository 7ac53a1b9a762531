"""The search for alarms: by state, severity, station, parameter, time and words, a page at a time.

A page begins behind an alarm, not at a number of rows, so that the thousandth page costs what the first one does and
nothing is shown twice while new alarms come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from alerts.alarm.life import AlarmState
from alerts.desk import COLUMNS, AlarmRow
from alerts.telling.gsm import unaccented
from quantrac.database.pool import Connection
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.severity import Severity

STANDING: Final = "a.cleared_at is null and not a.late"
STATES: Final = {
    "standing": STANDING,
    "unanswered": f"{STANDING} and a.state in ('{AlarmState.UNACKNOWLEDGED}', '{AlarmState.LATCHED}')",
    **{
        state.value: f"{STANDING} and a.state = '{state}'"
        for state in (AlarmState.ACKNOWLEDGED, AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE, AlarmState.SUPPRESSED)
    },
    "past": "a.cleared_at is not null",
    AlarmState.RETURNED.value: f"a.state = '{AlarmState.RETURNED}'",
    "false": "a.false_at is not null",
    "late": "a.late",
    "all": "true",
}
"""What may be asked for as state, with its condition.

`unanswered`: a person must answer; `returned`: over before anybody acknowledged.
"""
WORST_FIRST: Final = f"""
2 * coalesce(array_position(array{[severity.word for severity in sorted(Severity)]}, a.severity), 0)
  + (a.state = '{AlarmState.UNACKNOWLEDGED}')::int
"""
MOST_WORDS: Final = 6
NUMBER: Final = re.compile(r"[0-9]{1,18}")
KINDS: Final = ("rules", "stations", "channels", "numbers")
"""What a word may mean."""


@dataclass(frozen=True, slots=True)
class AlarmQuery:
    """Which alarms are looked for; None: whichever."""

    state: str = "standing"
    """A key of STATES."""
    severity: str | None = None
    station: str | None = None
    parameter: str | None = None
    since: datetime | None = None
    """Raised from here on."""
    until: datetime | None = None
    """Raised before."""
    text: str = ""
    """Words of title, station, parameter or rule, in any order, with or without diacritics; or an alarm's number."""
    within: frozenset[str] | None = None
    """Only of these stations."""


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """Some of the alarms that were looked for."""

    rows: list[AlarmRow]
    seen: dict[int, int]
    """Alarm → the newest line of its history that a person wrote; 0: none."""
    has_more: bool


PAGE: Final = """
with page as materialized (
  select a.alarm_id, {order} as place from alarm a
  where {conditions} order by {sorted_by} limit %(most)s)
select {columns}, coalesce((select max(e.alarm_event_id) from alarm_event e
                            where e.alarm_id = v.alarm_id and e.person is not null), 0)
from page join v_alarm v using (alarm_id) order by place desc, raised_at desc, alarm_id desc
"""
ANCHOR: Final = "select {order}, a.raised_at, a.alarm_id from alarm a where a.alarm_id = %s"


def alarm_page(conn: Connection, query: AlarmQuery, most: int, after: int | None = None) -> AlarmPage:
    """Return alarms: those that stand with the worst first, others the newest first.

    `after`: those that follow this alarm; one that there is not begins at the first.
    """
    sql, values = statement(conn, query, most, after)
    found = conn.execute(sql, values).fetchall()
    rows = [AlarmRow(*row[:-1]) for row in found[:most]]
    return AlarmPage(rows, {row[0]: row[-1] for row in found[:most]}, len(found) > most)


def statement(conn: Connection, query: AlarmQuery, most: int, after: int | None) -> tuple[str, dict[str, Any]]:
    """Return the SQL of a page and one row more, with its values; a test looks at its plan."""
    by_worst = STATES[query.state].startswith(STANDING)
    order = WORST_FIRST if by_worst else "0"
    conditions, values = _conditions(conn, query)
    if after is not None and (anchor := conn.execute(ANCHOR.format(order=order), [after]).fetchone()) is not None:
        first = f"({order}), a.raised_at, a.alarm_id" if by_worst else "a.raised_at, a.alarm_id"
        begin = anchor if by_worst else anchor[1:]
        conditions.append(f"({first}) < ({', '.join(f'%(anchor{n})s' for n in range(len(begin)))})")
        values |= {f"anchor{n}": value for n, value in enumerate(begin)}
    sql = PAGE.format(
        order=order,
        columns=COLUMNS,
        conditions=" and ".join(conditions),
        sorted_by="place desc, a.raised_at desc, a.alarm_id desc" if by_worst else "a.raised_at desc, a.alarm_id desc",
    )
    return sql, {**values, "most": most + 1}


def _conditions(conn: Connection, query: AlarmQuery) -> tuple[list[str], dict[str, Any]]:
    """Return only the conditions that are asked for: the database plans for these."""
    channels = None if query.parameter is None else _channels(conn, [query.parameter])
    asked: list[tuple[str, str, Any]] = [
        ("a.severity = %(severity)s", "severity", query.severity),
        ("a.station = %(station)s", "station", query.station),
        ("a.channel_id = any(%(channels)s)", "channels", channels),
        ("a.raised_at >= %(since)s", "since", query.since),
        ("a.raised_at < %(until)s", "until", query.until),
        ("a.station = any(%(within)s)", "within", None if query.within is None else sorted(query.within)),
    ]
    conditions = [STATES[query.state], *(condition for condition, _, value in asked if value is not None)]
    values = {name: value for _, name, value in asked if value is not None}
    words = query.text.split()[:MOST_WORDS]
    if words:
        rules, stations, parameters = _index(conn)
        for n, word in enumerate(words):
            meant = {
                f"a.rule = any(%(rules{n})s)": having(word, rules),
                f"a.station = any(%(stations{n})s)": having(word, stations),
                f"a.channel_id = any(%(channels{n})s)": _channels(conn, having(word, parameters)),
                f"a.alarm_id = any(%(numbers{n})s)": [int(word)] if NUMBER.fullmatch(word) else [],
            }
            conditions.append(f"({' or '.join(condition for condition, keys in meant.items() if keys) or 'false'})")
            values |= {f"{kind}{n}": keys for kind, keys in zip(KINDS, meant.values(), strict=True)}
    return conditions, values


CHANNELS: Final = "select channel_id from channel where parameter = any(%s)"


def _channels(conn: Connection, parameters: list[str]) -> list[int]:
    """Return the channels of parameters: a list of numbers is looked up faster than a year of alarms is joined."""
    return [channel_id for (channel_id,) in conn.execute(CHANNELS, [parameters])] if parameters else []


RULES: Final = """
with recursive known as (
  (select rule from alarm order by rule limit 1)
  union all
  select (select a.rule from alarm a where a.rule > k.rule order by a.rule limit 1) from known k
  where k.rule is not null)
select k.rule, t.title from known k cross join lateral (
  select a.texts->'title' as title from alarm a where a.rule = k.rule order by a.raised_at desc limit 1) t
"""
"""Each rule that ever raised an alarm, by jumps in its index, with the title of its newest one."""
STATIONS: Final = "select station, name_vi, name_en from station"


def _index(conn: Connection) -> tuple[list[tuple[str, str]], ...]:
    """Return what words may mean: rules, stations and parameters, each with all that it is called."""
    rules = [(rule, " ".join((title or {}).values())) for rule, title in conn.execute(RULES)]
    stations = [(station, f"{vi} {en}") for station, vi, en in conn.execute(STATIONS)]
    return rules, stations, [(one.id, f"{one.title_vi} {one.title_en}") for one in CATALOGUE.values()]


def having(word: str, named: Iterable[tuple[str, str]]) -> list[str]:
    """Return the keys whose names hold a word, whatever its case and diacritics; a key is a name of its own. Pure."""
    wanted = plain(word)
    return [key for key, names in named if wanted in plain(f"{key} {names}")]


@lru_cache(maxsize=20_000)
def plain(text: str) -> str:
    """Return a text as words are compared: without case and diacritics. Pure; what things are called comes again."""
    return unaccented(text).lower()
