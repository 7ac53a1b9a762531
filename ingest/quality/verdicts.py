"""Reads what people and tests say of the same readings, counted by what they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from quantrac.database.pool import Connection
from quantrac.quality.scores import CountedReadings
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.quality import StatelessTest
from quantrac.telemetry.states import State

BLAMING: Final = StatelessTest.RANGE | StatelessTest.PLAUSIBLE | StatelessTest.EXPECT

WANTED: Final = """
select c.channel_id, c.parameter, c.history_tests from channel c
where not c.derived and (%(stations)s::text[] is null or c.station = any(%(stations)s))
  and (%(parameters)s::text[] is null or c.parameter = any(%(parameters)s))
"""
COUNTED: Final = f"""
with wanted as materialized ({WANTED}),
judged as (
  select distinct on (g.channel_id, g.time, g.test) g.channel_id, g.time, g.test, g.flag
  from reading_flag g join wanted using (channel_id)
  where g.time > %(after)s and g.time <= %(until)s order by g.channel_id, g.time, g.test, g.flag_id desc),
said as materialized (
  select channel_id, time, max(flag) filter (where test is null) as person,
         array_agg(test order by test) filter (where test is not null and flag >= 3) as words
  from judged group by channel_id, time),
signed as materialized (
  select distinct o.channel_id, o.day from sign_off o join wanted using (channel_id)
  where o.approved_at is not null and o.reopened_at is null)
select w.parameter, coalesce(f.person >= 3, false) as is_bad,
       test_words(r.tests & %(blaming)s::int2) || coalesce(f.words, '{{}}') as blaming, count(*)
from wanted w join reading r using (channel_id)
left join said f on f.channel_id = r.channel_id and f.time = r.time
left join signed s on s.channel_id = r.channel_id
  and s.day = ((r.time - interval '1 microsecond') at time zone (select time_zone from network))::date
where r.time > %(after)s and r.time <= %(until)s and r.value is not null and r.state <= %(vouched)s
  and (f.person is not null or s.day is not null or %(rest_is_good)s)
group by 1, 2, 3
"""  # noqa: S608  # our own text
TESTS: Final = f"select parameter, array_agg(distinct test) from ({WANTED}) w, unnest(w.history_tests) test group by 1"  # noqa: S608


class NothingReviewed(QuantracError):
    """Nobody has judged a reading there, so no test can be held against anybody."""


class ReviewedRange(NamedTuple):
    """Which readings to look at: after < time <= until, of stations and parameters (None: all)."""

    after: datetime
    until: datetime
    stations: Sequence[str] | None = None
    parameters: Sequence[str] | None = None


def counted(conn: Connection, of: ReviewedRange, *, rest_is_good: bool = False) -> list[CountedReadings]:
    """Return readings that people have judged, counted by parameter, verdict and the tests that blame them.

    Judged are those on which a person's verdict stands, and as good all others of a signed day; `rest_is_good` takes
    every reading without a verdict for good. Only values that the device vouches for count: no test looks at others.
    Raises NothingReviewed.
    """
    asked = {
        **of._asdict(), "rest_is_good": rest_is_good, "blaming": int(BLAMING), "vouched": int(State.SUSPECT),
    }  # fmt: skip
    found = [
        CountedReadings(parameter, is_bad, frozenset(blaming), count)
        for parameter, is_bad, blaming, count in conn.execute(COUNTED, asked)
    ]
    if not found:
        raise NothingReviewed(
            "no reading there bears a person's verdict or lies on a signed day: review some (quantrac review, quantrac "
            "stages), or import the flags of experts"
        )
    return found


def configured_tests(conn: Connection, of: ReviewedRange) -> dict[str, set[str]]:
    """Return by parameter the tests that run on it, those of each reading alone among them."""
    alone = {test.word for test in BLAMING}
    return {parameter: alone | set(tests) for parameter, tests in conn.execute(TESTS, of._asdict())}
