"""Reads a stretch of a channel for the workbench: its line, lanes of what blames it, what people did; companions.

A month is made of readings, a longer stretch of hours: at most POINTS points each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from dashboards.console.remarks import read_remarks
from dashboards.console.series import BUCKET, BY_KIND, BY_KIND_OF_HOURS, CHANNEL, WITHOUT_BAND, without_band
from dashboards.console.texts import Language
from quantrac.database.pool import Connection
from quantrac.desks.acts import ReviewedReadings, acts_there
from quantrac.desks.laboratory_results import compared

POINTS: Final = 1400
OF_READINGS: Final = timedelta(days=93)
"""Up to so long a stretch is drawn from readings."""
LONGEST: Final = timedelta(days=400)
HOUR: Final = timedelta(hours=1)

OF_POINTS: Final = f"""
select extract(epoch from bucket_end(min(time), %(width)s))::float8 as t,
       {BY_KIND.format(of="good")}, min(good), max(good),
       max(value) filter (where quality = 3), max(value) filter (where quality between 4 and 8),
       {BY_KIND.format(of="small")},
       count(*) filter (where value is distinct from raw_value)
from (
  select time, value, raw_value, quality, case when abs(raw_value) < 1e100 then raw_value end as small,
         case when quality <= 2 and abs(value) < 1e100 then value end as good
  from judged_readings(%(channel)s, %(after)s, %(until)s)) judged
group by {BUCKET} order by t
"""  # noqa: S608 (fragments of ours)
OF_HOURS: Final = f"""
select extract(epoch from bucket_end(time + interval '1 hour', %(width)s))::float8 as t,
       {BY_KIND_OF_HOURS},
       min(min), max(max),
       null::float8, null::float8, null::float8, 0
from v_hourly where channel = %(channel)s and time >= %(after)s and time < %(until)s
group by t order by t
"""  # noqa: S608 (a fragment of ours)
LANES: Final = """
select word, extract(epoch from t)::float8, count(*)
from (
  select bucket_end(time, %(width)s) as t,
         unnest(tests || case when state <> 'ok' then array['state_' || state] else '{}' end) as word
  from blamed_readings(%(channel)s, %(after)s, %(until)s)) blamed
group by word, t order by word, t
"""
COLUMNS: Final = ("t", "mean", "low", "high", "suspect", "fail", "raw", "corrected")

CHANNELS: Final = """
select station, channel, name, parameter, unit, interval_s, device, derived from v_channel
where %(stations)s::text[] is null or station = any(%(stations)s) order by station, channel
"""
STATIONS: Final = "select station, name, name_en, latitude, longitude from v_station"


class BenchStation(NamedTuple):
    """A station, where it stands and how it is called."""

    station: str
    name_vi: str
    name_en: str
    latitude: float | None
    longitude: float | None


class BenchChannel(NamedTuple):
    """A channel that may be looked at, and its station."""

    at: BenchStation
    channel: str
    name: str
    parameter: str
    unit: str
    interval_s: float
    device: str | None
    derived: bool

    @property
    def station(self) -> str:
        """The station's name in the system."""
        return self.at.station


def bench_channels(conn: Connection, stations: frozenset[str] | None) -> list[BenchChannel]:
    """Return the channels of these stations; None: of all."""
    asked = {"stations": None if stations is None else list(stations)}
    known = {row[0]: BenchStation(*row) for row in conn.execute(STATIONS).fetchall()}
    rows = conn.execute(CHANNELS, asked).fetchall()
    return [BenchChannel(known[station], *rest) for station, *rest in rows if station in known]


def read_stretch(conn: Connection, stretch: ReviewedReadings, language: Language) -> dict[str, Any] | None:
    """Return what the workbench draws of a stretch; None for a channel that does not exist.

    Columns of COLUMNS: `t` (seconds, the end of what a point covers), mean and range of the good readings, the
    greatest suspect and failed one, the mean of the raw values, how many are corrected. In the place of a mean stands
    what the channel's kind makes of readings, as in its chart: the sum of rain. `width_s` is what a point covers.
    `lanes`: word → `[from, to, readings]` in seconds. `remarks`: what is said of readings (`ReadingRemark`), none
    where hours are drawn. `acts`: what people did there, the newest first. `samples`: time,
    value or limit of detection, in words, code, what the sensor said then, `within` or `beyond` the tolerance.
    """
    found = conn.execute(CHANNEL, [stretch.channel]).fetchone()
    if found is None:
        return None
    interval_s, kind = found
    span = stretch.until - stretch.after
    is_hourly = span > OF_READINGS
    interval = HOUR if is_hourly else timedelta(seconds=interval_s)
    width = interval * max(1, math.ceil(span / POINTS / interval))
    asked = {**stretch._asdict(), "width": width, "kind": kind}
    rows = conn.execute(OF_HOURS if is_hourly else OF_POINTS, asked).fetchall()
    width_s = width.total_seconds()
    if kind == "vector":
        rows = [_turned(row) for row in rows]
    if kind in WITHOUT_BAND and width_s > interval_s:
        rows = [tuple(without_band(row)) for row in rows]
    drawn = list(with_gaps(rows, width_s))
    return {
        **{name: [row[i] for row in drawn] for i, name in enumerate(COLUMNS)},
        "width_s": width_s,
        "hourly": is_hourly,
        "lanes": lanes(conn.execute(LANES, asked).fetchall(), width_s),
        "remarks": [] if is_hourly else read_remarks(conn, *stretch, width, language),
        "acts": msgspec.to_builtins(acts_there(conn, stretch)),
        "samples": list(_samples(conn, stretch)),
    }


def _samples(conn: Connection, stretch: ReviewedReadings) -> Iterator[list[Any]]:
    for row, bias in compared(conn, channel=stretch.channel, since=stretch.after, until=stretch.until):
        value = row.detection_limit if row.value is None else row.value
        yield [row.sampled_at.timestamp(), value, row.reported, row.code, row.beside, bias.verdict]


def _turned(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a row of directions whose means lie in 0 to 360 degrees."""
    return tuple(value % 360 if at in (1, 6) and value is not None else value for at, value in enumerate(row))


def with_gaps(rows: Iterable[Sequence[Any]], width_s: float) -> Iterator[Sequence[Any]]:
    """Yield the rows, and where nothing came for three widths one of nulls that keeps the gap open. Pure."""
    last: float | None = None
    for row in rows:
        if last is not None and row[0] - last > 3 * width_s:
            yield (last + width_s, *[None] * (len(row) - 1))
        last = row[0]
        yield row


def lanes(blamed: Iterable[tuple[str, float, int]], width_s: float) -> dict[str, list[list[float]]]:
    """Return each word's stretches `[from, to, readings]`; points beside each other are one. Pure.

    Args:
        blamed: word, end of a point (seconds) and how many of its readings are blamed, in order of words and times.
        width_s: what a point covers.
    """
    found: dict[str, list[list[float]]] = {}
    for word, t, readings in blamed:
        own = found.setdefault(word, [])
        if own and t - own[-1][1] <= 1.5 * width_s:
            own[-1][1] = t
            own[-1][2] += readings
        else:
            own.append([t - width_s, t, readings])
    return found


def by_parameter(known: Iterable[BenchChannel]) -> dict[str, list[BenchChannel]]:
    """Return the channels that may be companions, those that are called as what they measure. Pure."""
    found: dict[str, list[BenchChannel]] = {}
    for one in known:
        if one.name == one.parameter and not one.derived:
            found.setdefault(one.parameter, []).append(one)
    return found


def companions(of: BenchChannel, known: Mapping[str, Sequence[BenchChannel]]) -> list[BenchChannel]:
    """Return what explains a channel: tide and temperature, here or nearby, and the same parameter next door. Pure.

    Args:
        of: the channel that is looked at.
        known: what `by_parameter` returns.
    """
    tides, next_door = known.get("water_level", ()), known.get(of.parameter, ())
    here = [one for one in known.get("water_temp", ()) if one.station == of.station]
    found = [
        min(tides, key=partial(_far, of), default=None) if of.parameter != "water_level" else None,
        *(here if of.parameter != "water_temp" else ()),
        min((one for one in next_door if one.station != of.station), key=partial(_far, of), default=None),
    ]
    return [one for one in found if one is not None]


def _far(a: BenchChannel, b: BenchChannel) -> tuple[float, str]:
    """Return how far another station is, in degrees of latitude: near enough to tell which one is next."""
    if a.station == b.station:
        return 0.0, b.channel
    if a.at.latitude is None or b.at.latitude is None or a.at.longitude is None or b.at.longitude is None:
        return math.inf, b.channel
    east = (b.at.longitude - a.at.longitude) * math.cos(math.radians(a.at.latitude))
    return math.hypot(b.at.latitude - a.at.latitude, east), b.channel
