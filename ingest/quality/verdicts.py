"""Reads what people and tests say of the same readings, counted by what they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np

from ingest.quality.history import limits_of
from ingest.quality.readings import Mask, TestedReadings
from quantrac.database.columns import read_columns
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
REVIEWED: Final = """
with said as materialized (
  select distinct on (g.time) g.time, g.flag from reading_flag g
  where g.channel_id = %(channel_id)s and g.time > %(after)s and g.time <= %(until)s and g.test is null
  order by g.time, g.flag_id desc),
signed as materialized (
  select distinct o.day from sign_off o
  where o.channel_id = %(channel_id)s and o.approved_at is not null and o.reopened_at is null)
select r.time, coalesce(r.value, 'NaN') as value, r.state, (f.flag is not null and f.flag >= 3)::int4::int2 as bad,
       (coalesce(f.flag < 3, (s.day is not null or %(rest_is_good)s) and r.tests & %(blaming)s::int2 = 0)
        and r.value is not null and r.state <= %(vouched)s)::int4::int2 as good
from reading r left join said f on f.time = r.time
left join signed s on s.day = ((r.time - interval '1 microsecond') at time zone (select time_zone from network))::date
where r.channel_id = %(channel_id)s and r.time > %(after)s and r.time <= %(until)s
order by r.time
"""
CHANNELS: Final = """
select channel_id, station, channel, device, parameter, interval_s, history_tests, history_limits, resolution
from channel where device is not null and history_tests <> '{}'
  and (%(stations)s::text[] is null or station = any(%(stations)s))
  and (%(parameters)s::text[] is null or parameter = any(%(parameters)s))
order by station, device, name
"""
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


class JudgedChannel(NamedTuple):
    """A channel that has tests of its history."""

    channel_id: int
    station: str
    channel: str
    device: str
    interval_s: float
    limits: dict[str, float]
    """By test that it has."""
    parameter: str
    resolution: float | None
    """The smallest step that its instrument tells; None: nobody said."""


class ReviewedColumns(NamedTuple):
    """Readings of a channel, and which of them people call good and bad."""

    readings: TestedReadings
    good: Mask
    bad: Mask


def judged_channels(conn: Connection, of: ReviewedRange) -> list[JudgedChannel]:
    """Return the channels of devices that have tests, by station and device."""
    found = []
    for channel_id, station, channel, device, parameter, interval_s, names, own, step in conn.execute(
        CHANNELS, of._asdict()
    ):
        limits = {name: limit for name, limit in limits_of(parameter, own).items() if name in names}
        found.append(JudgedChannel(channel_id, station, channel, device, interval_s, limits, parameter, step))
    return found


def reviewed(
    conn: Connection,
    channel: JudgedChannel,
    of: ReviewedRange,
    *,
    rest_is_good: bool = False,
    not_good: StatelessTest = BLAMING,
) -> ReviewedColumns:
    """Return the readings of a channel with what people say of them, as `counted` does.

    A reading without a verdict that lies outside span or expected range is not good here: `not_good` are those tests.
    """
    asked = {
        "channel_id": channel.channel_id, "after": of.after, "until": of.until, "rest_is_good": rest_is_good,
        "blaming": int(not_good), "vouched": int(State.SUSPECT),
    }  # fmt: skip
    kinds = {"time": "timestamptz", "value": "float8", "state": "int2", "bad": "int2", "good": "int2"}
    found = read_columns(conn, REVIEWED, asked, kinds)
    readings = TestedReadings(np.zeros(len(found["time"]), np.int32), found["time"], found["value"], found["state"])
    return ReviewedColumns(readings, found["good"] > 0, found["bad"] > 0)
