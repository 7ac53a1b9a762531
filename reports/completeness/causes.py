"""Keeps the causes of what lacks on days that are over, so that `v_completeness` can say them.

A job explains each day once for the figures that it has; late data that change them have it explained again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from psycopg.types.json import Jsonb

from quantrac.database.pool import Connection
from quantrac.telemetry.gaps import GapCause
from reports.completeness.days import gaps
from reports.completeness.report import causes_of

MOST_DAYS: Final = 200
"""Days of stations that one run explains: seconds."""
REACH: Final = timedelta(days=400)
UNEXPLAINED: Final = """
select station, day, count(*) over () from v_completeness
where causes is null and day >= %(first)s group by station, day order by day desc, station limit %(most)s
"""
LACKING: Final = """
select c.channel_id, v.channel, v.expected - v.valid from v_completeness v join channel c using (channel)
where v.station = %(station)s and v.day = %(day)s and v.causes is null
"""
KEEP: Final = """
insert into lacking (channel_id, day, readings, causes, explained_at) values (%s, %s, %s, %s, %s)
on conflict (channel_id, day) do update set readings = excluded.readings, causes = excluded.causes,
  explained_at = excluded.explained_at
"""


class ExplainedDays(NamedTuple):
    """How many days of stations were explained, and how many wait."""

    days: int
    left: int


def explain_days(conn: Connection, now: datetime, most: int = MOST_DAYS) -> ExplainedDays:
    """Keep the causes of days of stations that nobody explained yet with their present figures, the newest first.

    At most `most`, each in a transaction of its own; those of more than 400 days ago stay as they are.
    """
    days = conn.execute(UNEXPLAINED, {"first": (now - REACH).date(), "most": most}).fetchall()
    for station, day, _ in days:
        with conn.transaction():
            _explain(conn, station, day, now)
    return ExplainedDays(len(days), days[0][2] - len(days) if days else 0)


def _explain(conn: Connection, station: str, day: date, now: datetime) -> None:
    found: dict[str, Counter[GapCause]] = defaultdict(Counter)
    for one in gaps(conn, station, day, now):
        found[one.gap.channel][one.cause] += one.gap.readings
    for channel_id, channel, lacks in conn.execute(LACKING, {"station": station, "day": day}).fetchall():
        causes = {cause.value: readings for cause, readings in causes_of(lacks, found[channel]).items()}
        conn.execute(KEEP, [channel_id, day, lacks, Jsonb(causes), now])
