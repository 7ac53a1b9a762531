# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""What the SQL of the panels shares: names from the catalogue, curves, limits of rules, quality, marks.

It reads public views only. Grafana expands `$__timeFilter(column)`, `$__timeFrom()`, `$__timeTo()` and the variables.
"""

from __future__ import annotations

import json
from itertools import product
from typing import Final, Literal

from dashboards.grafana.looks import SEVERITIES, bilingual
from quantrac.config.limits import Averaging, averaging_of
from quantrac.config.network import Network
from quantrac.config.rules import Level
from quantrac.config.stations import Channel
from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING

HERE: Final = "station = any(array[${station:sqlstring}]::text[])"
"""Also where no station is chosen: `in ()` is no SQL."""
CHOSEN_CHANNELS: Final = "channel = any(array[${channel:sqlstring}]::text[])"
CHOSEN: Final = f"{HERE} and parameter = any(array[${{parameter:sqlstring}}]::text[])"
MEASURED: Final = f"parameter <> all('{{{','.join(one.id for one in HOUSEKEEPING)}}}')"
RANGE: Final = "($__timeTo()::timestamptz - $__timeFrom()::timestamptz)"

_CATALOGUE: Final = json.dumps(
    {one.id: [bilingual(one), one.label, one.decimals, place] for place, one in enumerate(CATALOGUE.values())},
    ensure_ascii=False, separators=(",", ":"),
).replace("'", "''")  # fmt: skip
PLACED: Final = """
named as (select c.*, s.name as station_name from v_channel c join v_station s using (station))
"""
"""Channels with the names of their stations."""
NAMED: Final = f"""
placed as {PLACED.strip().removeprefix("named as ")}, named as (
  select c.*, coalesce(k.known -> c.parameter ->> 1, c.unit) as label, (k.known -> c.parameter ->> 3)::int as place,
         coalesce((k.known -> c.parameter ->> 2)::int, 2) as decimals,
         coalesce(k.known -> c.parameter ->> 0, c.parameter)
           || case when c.name <> c.parameter then ' · ' || c.name else '' end as title
  from placed c cross join (select '{_CATALOGUE}'::jsonb as known) k)
"""
"""The same with title, unit and decimals of the catalogue; a channel that is not named like it has its name, too."""
BY_STATION: Final = "station_name || case when name <> parameter then ' · ' || name else '' end"
BY_CHANNEL: Final = "channel"
BY_BOTH: Final = "station_name || ' · ' || title || coalesce(', ' || nullif(label, ''), '')"

STATION_VARIABLE: Final = "select name as __text, station as __value from v_station order by name"
PARAMETER_VARIABLE: Final = f"""
with {NAMED}
select coalesce(min(k.known -> parameter ->> 0), parameter) as __text, parameter as __value
from named cross join (select '{_CATALOGUE}'::jsonb as known) k group by parameter order by min(place), parameter
"""
"""What water and air are asked for first; the first one is what a dashboard opens with."""


def channel_variable(condition: str, label: str) -> str:
    """Return the query of a choice among channels, in the catalogue's order."""
    return f"""
with {NAMED}
select {label} as __text, channel as __value from named where {condition} order by place, station_name, name
"""


def drawn(condition: str, label: str) -> str:
    """Return the common tables that end in `drawn`: time, metric, value, low, high of the channels of a condition.

    Readings up to three days, in at most a thousand steps; hourly values up to a quarter of a year, then daily ones:
    at most 2,200 points a curve. All curves have the same times, of the slowest channel at least: else each value of a
    slower one stands between nothing of itself, and Grafana draws dots in the place of a line. A step is a whole
    number of its intervals: else a sum is of more readings here than there. The range stands in each branch as a
    constant: the planner leaves out what is not asked for.
    """
    return f"""
{NAMED if label == BY_BOTH else PLACED}, shown as (select *, {label} as shown_as from named where {condition}),
width as (
  select max(interval_s) * greatest(1, ceil(extract(epoch from {RANGE})::float8 / 1000 / max(interval_s))) as s
  from shown),
drawn as (
  select to_timestamp(ceil(extract(epoch from r.time)::float8 / w.s) * w.s) as time, c.shown_as as metric,
         case c.kind when 'mean' then avg(r.value order by r.time) when 'sum' then sum(r.value order by r.time)
           else (array_agg(r.value order by r.time desc))[1] end as value,
         min(r.value) filter (where c.kind = 'mean') as low, max(r.value) filter (where c.kind = 'mean') as high
  from width w, v_reading r join shown c using (channel)
  where {RANGE} <= interval '3 days' and $__timeFilter(r.time) and r.quality <= 2 group by 1, 2, c.kind
  union all
  select h.time, c.shown_as, h.value, case c.kind when 'mean' then h.min end, case c.kind when 'mean' then h.max end
  from width w, v_hourly h join shown c using (channel)
  where {RANGE} > interval '3 days' and {RANGE} <= interval '92 days' and $__timeFilter(h.time) and h.valid
  union all
  select d.time, c.shown_as, d.value, case c.kind when 'mean' then d.min end, case c.kind when 'mean' then d.max end
  from width w, v_daily d join shown c using (channel)
  where {RANGE} > interval '92 days' and $__timeFilter(d.time) and d.valid)
"""


def curves(condition: str, label: str) -> str:
    """Return the query of the curves of several channels."""
    return f"with {drawn(condition, label)} select time, metric, value from drawn order by time"


BAND: Final = f"""
with {drawn(CHOSEN_CHANNELS, BY_CHANNEL)}
select time, value as "Giá trị / Value", low as "Thấp nhất / Min", high as "Cao nhất / Max" from drawn order by time
"""
"""One channel, with the least and the greatest of each step."""
DOUBTFUL: Final = f"""
with {drawn(CHOSEN_CHANNELS, BY_CHANNEL)},
bounds as (select min(coalesce(low, value)) as low, max(coalesce(high, value)) as high from drawn),
doubtful as (
  select r.time, r.value, w.s, case when r.state = 'cal' then 'Hiệu chuẩn / Calibration'
           when r.state = 'maint' then 'Bảo trì / Maintenance' when r.quality = 3 then 'Nghi ngờ / Suspect'
           else 'Không đạt / Fail' end as metric
  from width w, bounds b, v_reading r
  where {RANGE} <= interval '31 days' and $__timeFilter(r.time) and {CHOSEN_CHANNELS} and r.quality between 3 and 8
    and r.value between coalesce(2 * b.low - b.high, '-infinity') and coalesce(2 * b.high - b.low, 'infinity'))
select to_timestamp(ceil(extract(epoch from time)::float8 / s) * s) as time, metric,
       (array_agg(value order by time desc))[1] as value
from doubtful group by 1, 2 order by 1
"""
"""Of one channel; what lies farther away than the good readings reach again is left out: it would set the scale."""
UNIT: Final = f"""
with {NAMED} select 'suffix: ' || label as unit, decimals from named where {CHOSEN_CHANNELS} limit 1
"""


def limits_of(network: Network) -> str:
    """Return the limits of the rules that watch values, as rows (side, severity, value, average, channels).

    Of a decree's limit the figure that is in force at the end of the range; `average`: of which means, null: of none.
    """
    found: dict[str, set[str]] = {}
    for rule in (rule for rule in network.rules.values() if rule.watch.measure == "value"):
        for station in network.stations.values():
            there = rule.for_station(station)
            for level, channel in product(there.levels, there.channels) if there is not None else ():
                found.setdefault(_limit_row(level, channel), set()).add(f"{station.station}/{channel.name}")
    rows = [f"({row}, '{{{','.join(sorted(channels))}}}'::text[])" for row, channels in sorted(found.items())]
    nothing = "(null, null, null::float8, null, null, null, '{}'::text[])"
    day = f"($__timeTo()::timestamptz at time zone '{network.settings.time_zone}')::date"
    return f"""(
  select side, severity, value, average, channels
  from (values {", ".join(rows or [nothing])}) figure (side, severity, value, average, first, last, channels)
  where {day} between coalesce(first::date, '-infinity') and coalesce(last::date, 'infinity')) l"""


def _limit_row(level: Level, channel: Channel) -> str:
    average = averaging_of(channel)
    known = None if average is Averaging.VALUE else average, level.first, level.last
    texts = ", ".join("null" if one is None else f"'{one}'" for one in known)
    return f"'{level.side}', '{level.severity.word}', {level.limit!r}::float8, {texts}"


_SEVERITY: Final = " ".join(f"when '{word}' then '{text}'" for word, (text, _) in SEVERITIES.items())


def limit_lines(network: Network, condition: str) -> str:
    """Return the query of the limits of several channels, a line for each; its name says whose it is."""
    return f"""
with {PLACED},
line as (
  select l.side, l.value, l.average, case l.severity {_SEVERITY} end as severity, count(distinct n.station) as stations,
         string_agg(distinct n.station_name, ', ') as names
  from {limits_of(network)} join named n on n.channel = any(l.channels) where {condition} group by 1, 2, 3, 4)
select t.time, case side when 'above' then '▲ ' else '▼ ' end || value || coalesce(' / ' || average, '')
         || ' · ' || severity || ' · '
         || case when stations > 3 then stations || ' trạm / stations' else names end as metric, value
from line, (values ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) t (time) order by 1, 2
"""


def limit_bands(network: Network) -> str:
    """Return the query of the limits of one channel and of the farthest that its curve goes beyond: the edge of a band.

    The edge is the limit itself where the curve keeps within it.
    """
    return f"""
with {drawn(CHOSEN_CHANNELS, BY_CHANNEL)},
bounds as (select min(coalesce(low, value)) as low, max(coalesce(high, value)) as high from drawn),
nearest as (
  select side, severity in ('high', 'critical') as severe,
         case side when 'above' then min(l.value) else max(l.value) end as value
  from {limits_of(network)} where l.channels && array[${{channel:sqlstring}}]::text[] group by 1, 2)
select t.time, case n.side when 'above' then '▲ ' else '▼ ' end
         || case when n.severe then 'Ngưỡng nặng / Severe limit' else 'Ngưỡng / Limit' end || e.edge as metric, e.value
from nearest n cross join bounds b
cross join lateral (values
  ('', n.value), (' …', case n.side when 'above' then greatest(n.value, b.high) else least(n.value, b.low) end)
) e (edge, value),
(values ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) t (time)
order by 1, 2
"""


def verdicts(time_zone: str) -> str:
    """Return the query of the verdict on the chosen channels over time; what did not come is there as missing.

    The worst reading of each step up to three days; up to a month whether each hour is valid, then each day.
    """
    return f"""
with {NAMED}, shown as (select * from named where {CHOSEN_CHANNELS}),
width as (
  select greatest(max(interval_s), extract(epoch from {RANGE})::float8 / 300) as s,
         $__timeFrom()::timestamptz as since, least($__timeTo()::timestamptz, now()) as until from shown),
step as (
  select to_timestamp(n * w.s) as time from width w, generate_series(
    ceil(extract(epoch from w.since) / w.s)::bigint, floor(extract(epoch from w.until) / w.s)::bigint) n
  where {RANGE} <= interval '3 days'
  union all
  select t from width w, generate_series(date_trunc('hour', w.since), w.until, interval '1 hour') t
  where {RANGE} > interval '3 days' and {RANGE} <= interval '31 days'
  union all
  select t at time zone '{time_zone}' from width w, generate_series(
    date_trunc('day', w.since at time zone '{time_zone}'), w.until at time zone '{time_zone}', interval '1 day') t
  where {RANGE} > interval '31 days'),
seen as (
  select to_timestamp(ceil(extract(epoch from r.time)::float8 / w.s) * w.s) as time, channel, max(r.quality) as verdict
  from width w, v_reading r join shown using (channel)
  where {RANGE} <= interval '3 days' and $__timeFilter(r.time) group by 1, 2
  union all
  select h.time, channel, case when h.valid then 1 when h.count > 0 then 5 when h.received > 0 then 4 else 9 end
  from width w, v_hourly h join shown using (channel)
  where {RANGE} > interval '3 days' and {RANGE} <= interval '31 days'
    and h.time >= w.since - interval '1 hour' and h.time <= w.until
  union all
  select d.time, channel, case when d.valid then 1 when d.count > 0 then 5 when d.received > 0 then 4 else 9 end
  from width w, v_daily d join shown using (channel)
  where {RANGE} > interval '31 days' and d.time >= w.since - interval '1 day' and d.time <= w.until)
select step.time, shown.title as metric, coalesce(seen.verdict, 9) as value
from step cross join shown left join seen using (time, channel) order by step.time, shown.place
"""


def due(unit: Literal["hour", "day"], time_zone: str, condition: str = HERE) -> str:
    """Return the common tables that end in `due`: what was due of the channels of a condition in each hour or day.

    A row for each measured channel and bucket since its station is in service, also where nothing came, with the
    readings that its interval makes; a derived channel only where there is something of it. Columns time, station,
    channel, parameter, expected, received, count, valid. The first bucket is the one in which the range begins, the
    last one is over. What came is read at once: the planner would look up each bucket of a year.
    """
    view = {"hour": "v_hourly", "day": "v_daily"}[unit]
    return f"""
bucket as (
  select t as time, date_add(t, interval '1 {unit}', '{time_zone}') as ends from generate_series(
    date_trunc('{unit}', $__timeFrom()::timestamptz, '{time_zone}'), least($__timeTo()::timestamptz, now()),
    interval '1 {unit}', '{time_zone}') t
  where date_add(t, interval '1 {unit}', '{time_zone}') <= least($__timeTo()::timestamptz, now())),
came as materialized (
  select time, channel, expected, received, count, valid from {view}
  where time >= $__timeFrom()::timestamptz - interval '1 {unit}' and time < $__timeTo()::timestamptz and {condition}),
due as (
  select b.time, c.station, c.channel, c.parameter,
         coalesce(r.expected, extract(epoch from b.ends - b.time)::float8 / c.interval_s) as expected,
         coalesce(r.received, 0) as received, coalesce(r.count, 0) as count, coalesce(r.valid, false) as valid
  from (select * from v_channel where {condition} and {MEASURED}) c
  join v_station s using (station) join bucket b on s.in_service < b.ends
  left join came r on r.channel = c.channel and r.time = b.time
  where not c.derived or r.time is not null)
""".strip()


RULE_TITLE: Final = """
coalesce(texts -> 'title' ->> 'vi' || ' / ' || (texts -> 'title' ->> 'en'), rule)
""".strip()
PLACE: Final = """
coalesce((select s.name from v_station s where s.station = v_alarm.station)
  || coalesce(' · ' || split_part(channel, '/', 2), ''), station, 'Trung tâm / Centre')
""".strip()


def alarm_marks(condition: str) -> str:
    """Return the query of alarms as marks on the time axis."""
    return f"""
select raised_at as time, coalesce(cleared_at, $__timeTo()::timestamptz) as timeend,
       {RULE_TITLE} || ': ' || coalesce(round(value::numeric, 2) || ' · ', '') || {PLACE} as text, severity as tags
from v_alarm where $__timeFilter(raised_at) and not late and {condition} order by raised_at desc limit 300
"""


EVENT_MARKS: Final = f"""
select time, kind || coalesce(': ' || nullif(detail, ''), '') || coalesce(' (' || device || ')', '') as text,
       kind as tags
from v_event where $__timeFilter(time) and {HERE} order by time desc limit 300
"""
ALARMS: Final = f"""
select alarm_id as "id", raised_at as "Từ / Raised", cleared_at as "Đến / Cleared", severity as "Mức / Severity",
       {RULE_TITLE} as "Cảnh báo / Alarm", {PLACE} as "Nơi / Place", state as "Trạng thái / State",
       round(value::numeric, 3) as "Giá trị / Value", "limit" as "Ngưỡng / Limit", unit as "Đơn vị / Unit",
       acknowledged_by as "Người nhận / By"
from v_alarm where (station is null or {HERE}) and (cleared_at is null and not late or $__timeFilter(raised_at))
order by cleared_at is null and not late desc, raised_at desc limit 200
"""
"""Every alarm that stands, however old, as the count beside it has them; then those of the time shown."""
STANDING: Final = f"""
select count(*) as standing from v_alarm where cleared_at is null and not late and (station is null or {HERE})
"""
LATEST: Final = f"""
with {NAMED}
select n.station as "id", n.station_name as "Trạm / Station", n.title as "Thông số / Parameter",
       round(case when abs(l.value) < 1e15 then l.value::numeric end, n.decimals) as "Giá trị / Value",
       n.label as "Đơn vị / Unit", l.quality as "Chất lượng / Quality", l.state as "Trạng thái / State",
       l.time as "Lúc / Time", l.age_s as "Tuổi / Age"
from named n join v_latest l using (channel) where n.{HERE} order by n.station_name, n.place, n.name
"""
