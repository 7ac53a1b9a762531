"""Rows of an export as lines of CSV, made by the server: memory here does not grow with their number.

A channel after the other, each by time, all of them as one moment of the database has them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

from psycopg.pq import TransactionStatus

from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from reports.exports.formats import Resolution
from reports.exports.selection import ExportRange, channels_of

BLOCK: Final = 1 << 20
"""Bytes of lines that are handed on at once."""

ISO: Final = 'YYYY-MM-DD"T"HH24:MI:SS.MS'
UTC: Final = "to_char({0} at time zone 'UTC', '" + ISO + '"+00:00"\')'
LOCAL: Final = "to_char({0}, '" + ISO + "TZH:TZM')"
"""In the session's zone, which is the network's here."""
WORDS: Final = r"nullif(ltrim(regexp_replace({0}, '\s+', ' ', 'g'), ' =+@-'), '')"
"""What a person wrote, on one line; a spreadsheet would calculate what begins with such a sign."""
TRUTH: Final = "case when {0} then 'true' when not {0} then 'false' end"
DAY: Final = "({0} at time zone (select time_zone from network))::date"

NOW: Final = """
select time, station, channel, parameter, value, unit, raw_value, state, quality, tests, late, received_at
from v_reading where channel = %(channel)s and time > %(after)s and time <= %(until)s
"""
THEN: Final = """
select r.time, c.station, c.channel, c.parameter, r.value, c.unit, r.raw_value, r.state, r.quality, r.tests,
       r.received_at - r.time > greatest(interval '15 minutes', 3 * c.interval_s * interval '1 second') as late,
       r.received_at
from channel c cross join lateral readings_as_of(c.channel_id, %(after)s, %(until)s, %(as_of)s) r
where c.channel = %(channel)s
"""
STAGES_NOW: Final = """
select day, stage from v_stage
where channel = %(channel)s and time > %(after)s::timestamptz - interval '25 hours' and time < %(until)s
"""
STAGES_THEN: Final = """
select distinct on (o.day) o.day,
       case when o.approved_at <= %(as_of)s and coalesce(o.reopened_at > %(as_of)s, true) then 'reviewed'
            else 'unreviewed' end as stage
from sign_off o join channel c using (channel_id) where c.channel = %(channel)s and o.at <= %(as_of)s
order by o.day, o.sign_off_id desc
"""
READINGS: Final = f"""
copy (
  with stages as materialized ({{stages}}),
  said as materialized (
    select time, score, words, words_en, verdict, by, reason
    from reading_words(%(channel)s, %(after)s, %(until)s, %(as_of)s)),
  corrections as materialized (
    select distinct on (k.time) k.time, k.by, k.reason from correction k join channel using (channel_id)
    where channel = %(channel)s and k.time > %(after)s and k.time <= %(until)s
      and k.approved_at <= coalesce(%(as_of)s, k.approved_at)
      and (k.revoked_at is null or k.revoked_at > %(as_of)s)
    order by k.time, k.correction_id desc)
  select {UTC.format("r.time")}, {LOCAL.format("r.time")}, r.station, r.channel, r.parameter, r.value, r.unit,
         r.raw_value, r.state, r.quality, r.tests, w.score,
         {WORDS.format("w.words")}, {WORDS.format("w.words_en")},
         w.verdict, {WORDS.format('w."by"')}, {WORDS.format("w.reason")},
         {WORDS.format("k.by")}, {WORDS.format("k.reason")}, coalesce(s.stage, {{otherwise}}),
         {TRUTH.format("r.late")}, {UTC.format("r.received_at")}
  from ({{source}}) r
  left join said w on w.time = r.time
  left join corrections k on k.time = r.time
  left join stages s on s.day = {DAY.format("(r.time - interval '1 microsecond')")}
  order by r.time
) to stdout with (format csv)
"""  # noqa: S608  # constants
BUCKETS: Final = f"""
copy (
  with stages as materialized ({STAGES_NOW})
  select {UTC.format("b.time")}, {LOCAL.format("b.time")}, b.station, b.channel, b.parameter, b.value, b.unit,
         b.mean, b.min, b.max, b.sd, b.count, b.expected, b.completeness, {TRUTH.format("b.valid")}, s.stage
  from {{view}} b left join stages s on s.day = {DAY.format("b.time")}
  where b.channel = %(channel)s and b.time >= %(after)s and b.time < %(until)s
  order by b.time
) to stdout with (format csv)
"""  # noqa: S608


@contextmanager
def in_one_moment(conn: Connection) -> Iterator[None]:
    """Let all statements of the block, and of blocks within it, see the database as it is now."""
    is_within = conn.info.transaction_status is not TransactionStatus.IDLE
    with conn.transaction():
        if not is_within:
            conn.execute("set transaction isolation level repeatable read, read only")
        yield


def row_blocks(conn: Connection, selection: ExportRange) -> Generator[bytes]:
    """Yield the rows in blocks of whole lines, without a head; no field holds a line break.

    Raises UnknownName, BadSelection.
    """
    parameters, statement = selection.parameters(), _statement(selection)
    with in_one_moment(conn):
        conn.execute("select set_config('TimeZone', %s, true)", [time_zone(conn).key])
        for channel in channels_of(conn, selection):
            yield from _lines(conn, statement, {**parameters, "channel": channel})


def _statement(selection: ExportRange) -> str:
    if selection.resolution is not Resolution.RAW:
        return BUCKETS.format(view=f"v_{selection.resolution}")
    if selection.as_of is None:
        return READINGS.format(source=NOW, stages=STAGES_NOW, otherwise="null")
    return READINGS.format(source=THEN, stages=STAGES_THEN, otherwise="'unreviewed'")


def _lines(conn: Connection, statement: str, parameters: dict[str, object]) -> Generator[bytes]:
    block = bytearray()
    with conn.cursor() as cursor, cursor.copy(statement, parameters) as copied:
        for line in copied:
            block += line
            if len(block) >= BLOCK:
                yield bytes(block)
                block.clear()
    if block:
        yield bytes(block)
