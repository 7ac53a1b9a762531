"""Daily values of channels, as figures of a bulletin: which days are valid, which lack, which are signed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import fsum
from typing import Final, NamedTuple

from quantrac.database.pool import Connection, rows_of
from quantrac.telemetry.local_time import INSTANT, Calendar

DAYS: Final = """
select d.station, channel, d.parameter, (d.time at time zone (select time_zone from network))::date as day,
       d.value, d.min as low, d.max as high, d.valid and d.value is not null as valid,
       coalesce(s.stage = 'reviewed', false) as reviewed,
       exists (select from v_channel c where c.channel = d.channel) as in_use
from v_daily d left join (
  select channel, time, stage from v_stage
  where time >= %(low)s and time < %(high)s and station = any(%(stations)s) and parameter = any(%(parameters)s)) s
  using (channel, time)
where d.time >= %(low)s and d.time < %(high)s and d.station = any(%(stations)s) and d.parameter = any(%(parameters)s)
order by channel, time
"""


class DayValue(NamedTuple):
    """A local day of a channel."""

    station: str
    channel: str
    parameter: str
    day: date
    value: float | None
    low: float | None
    high: float | None
    valid: bool
    """Enough readings count."""
    reviewed: bool
    """A person has signed it."""
    in_use: bool = True
    """The channel is one of today's; False: it was renamed or taken away since."""


@dataclass(frozen=True, slots=True)
class PeriodValue:
    """What some days of a channel come to."""

    mean: float | None
    """Mean of the valid days; None: none is."""
    low: float | None
    high: float | None
    days: int
    """Valid ones."""
    lacking: tuple[date, ...]
    """Days that are not valid, or have no readings at all."""
    unreviewed: int
    """Valid days that nobody has signed."""


def daily_values(
    conn: Connection, calendar: Calendar, first: date, last: date, stations: Sequence[str], parameters: Sequence[str]
) -> list[DayValue]:
    """Return the days from first to last, both inclusive, of some parameters at some stations."""
    asked = {
        "low": calendar.midnight(first), "high": calendar.day_end(calendar.midnight(last) + INSTANT),
        "stations": list(stations), "parameters": list(parameters),
    }  # fmt: skip
    return rows_of(conn, DayValue, DAYS, asked)


def by_measure(values: Iterable[DayValue]) -> Mapping[tuple[str, str], list[DayValue]]:
    """Return the days by station and parameter. Pure.

    Of the channels in use that called like the parameter counts, else the first. Days before it was there come from
    those that are in use no more: a channel that has another name now is one course.
    """
    found: dict[tuple[str, str], dict[str, list[DayValue]]] = defaultdict(lambda: defaultdict(list))
    for one in values:
        found[one.station, one.parameter][one.channel].append(one)
    return {measure: _course("/".join(measure), channels) for measure, channels in found.items()}


def _course(named: str, channels: Mapping[str, list[DayValue]]) -> list[DayValue]:
    """Return one value a day: of the channel that counts, else of those that were renamed or taken away."""
    ranked = sorted(channels, key=lambda channel: (not channels[channel][0].in_use, channel != named, channel))
    days: dict[date, DayValue] = {}
    for place, channel in enumerate(ranked):
        if place == 0 or not channels[channel][0].in_use:
            days = {one.day: one for one in channels[channel]} | days
    return [days[day] for day in sorted(days)]


def of_period(values: Iterable[DayValue], days: Sequence[date]) -> PeriodValue:
    """Return what the days of a channel come to; days without a row lack. Pure."""
    valid = {one.day: one for one in values if one.valid and one.value is not None}
    means = [one.value for one in valid.values() if one.value is not None]
    return PeriodValue(
        mean=fsum(means) / len(means) if means else None,
        low=min((one.low for one in valid.values() if one.low is not None), default=None),
        high=max((one.high for one in valid.values() if one.high is not None), default=None),
        days=len(means),
        lacking=tuple(day for day in days if day not in valid),
        unreviewed=sum(not one.reviewed for one in valid.values()),
    )
