-- Hours from readings, in order of time. An hour that goes on from what stood takes new readings in the same way
-- (`HourSums`), and gets the same bits.
--
-- Parameters: channel_id, low, high, derived (stretches of readings low < t <= high), first and last time of them all;
-- the minutes (shift) at which hours begin.
insert into hourly
  (channel_id, time, value, mean, min, max, sd, total, east, north, count, received, expected,
   newest, pivot, offsets, squares)
with flagged as (
  select channel_id, time,
         max(flag) filter (where test is null) as person, max(flag) filter (where test is not null) as found
  from (
    select distinct on (g.channel_id, g.time, g.test) g.channel_id, g.time, g.test, g.flag
    from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[]) as w(channel_id, low, high)
    join reading_flag g on g.channel_id = w.channel_id and g.time > w.low and g.time <= w.high
    order by g.channel_id, g.time, g.test, g.flag_id desc
  ) newest group by channel_id, time
), raw as (
  select r.channel_id, r.time,
         case when k.correction_id is null then r.value else k.value end as value,
         coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found)) as quality
  from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[], %(derived)s::bool[])
         as w(channel_id, low, high, derived)
  join reading r on r.channel_id = w.channel_id and r.time > w.low and r.time <= w.high
  left join correction k on k.channel_id = r.channel_id and k.time = r.time
                        and k.approved_at is not null and k.revoked_at is null
  left join flagged f on f.channel_id = r.channel_id and f.time = r.time
  where not w.derived and r.time > %(first)s and r.time <= %(last)s
), made as (
  select d.channel_id, d.time, d.value, d.quality
  from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[], %(derived)s::bool[])
         as w(channel_id, low, high, derived)
  join derived_reading d on d.channel_id = w.channel_id and d.time > w.low and d.time <= w.high
  where w.derived and d.time > %(first)s and d.time <= %(last)s
), counted as (
  select r.channel_id, bucket_start(r.time - %(shift)s, '1 hour') + %(shift)s as hour, r.time, c.kind,
         case when abs(r.value) < 1e100 and r.quality <= 3 then r.value end as value  -- larger ones' squares overflow
  from (select * from raw union all select * from made) r join channel c using (channel_id)
), pivoted as (
  select channel_id, hour, time, kind, value, case when kind <> 'vector' then value end as plain,
         first_value(case when kind <> 'vector' then value end) over (
           partition by channel_id, hour order by value is null, time) as pivot
  from counted
), hours as (
  select channel_id, hour, kind, sum(plain order by time) as total, min(plain) as min, max(plain) as max,
         sum(plain - pivot order by time) as offsets, sum((plain - pivot) * (plain - pivot) order by time) as squares,
         sum(case when kind = 'vector' then sind(value) end order by time) as east,
         sum(case when kind = 'vector' then cosd(value) end order by time) as north,
         last(value, time) filter (where value is not null) as last, count(value)::int4 as count,
         count(*)::int4 as received, max(time) as newest, max(pivot) as pivot
  from pivoted group by channel_id, hour, kind
)
select b.channel_id, b.hour,
       case kind when 'sum' then b.total when 'last' then b.last when 'vector' then d.direction
                 else b.total / nullif(b.count, 0) end,
       case kind when 'vector' then d.direction else b.total / nullif(b.count, 0) end,
       b.min, b.max,
       case when b.count > 1 and b.kind <> 'vector'
            then sqrt(greatest(b.squares - b.offsets * b.offsets / b.count, 0) / (b.count - 1)) end,
       b.total, b.east, b.north, b.count, b.received,
       expected_readings(b.channel_id, b.hour, b.hour + interval '1 hour'),
       b.newest, b.pivot, b.offsets, b.squares
from hours b
cross join lateral (
  select case when sqrt(b.east * b.east + b.north * b.north) > 1e-9 * b.count  -- else they cancel out: no direction is left
              then atan2d(b.east, b.north) + case when atan2d(b.east, b.north) < 0 then 360 else 0 end end as direction
) d
order by b.channel_id, b.hour
on conflict (channel_id, time) do update set
  value = excluded.value, mean = excluded.mean, min = excluded.min, max = excluded.max, sd = excluded.sd,
  total = excluded.total, east = excluded.east, north = excluded.north, count = excluded.count,
  received = excluded.received, expected = excluded.expected, newest = excluded.newest, pivot = excluded.pivot,
  offsets = excluded.offsets, squares = excluded.squares
