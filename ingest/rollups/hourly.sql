-- Hours from readings. An hour is the sum of its parts in order of time: readings, or what stood already (grown) and the
-- readings that came since. Both give the same bits.
--
-- Parameters: channel_id, low, high, derived (stretches of readings low < t <= high), first and last time of them all;
-- grown_id, grown_time (the hours that go on from what stands); the minutes (shift) at which hours begin.
insert into hourly
  (channel_id, time, value, mean, min, max, sd, total, east, north, count, received, expected,
   newest, pivot, offsets, squares)
with raw as (
  select r.channel_id, r.time,
         case when k.correction_id is null then r.value else k.value end as value,
         coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found)) as quality
  from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[], %(derived)s::bool[])
         as w(channel_id, low, high, derived)
  join reading r on r.channel_id = w.channel_id and r.time > w.low and r.time <= w.high
  left join correction k on k.channel_id = r.channel_id and k.time = r.time
                        and k.approved_at is not null and k.revoked_at is null
  left join lateral (
    select max(g.flag) filter (where g.test is null) as person, max(g.flag) filter (where g.test is not null) as found
    from (select distinct on (g.test) g.test, g.flag from reading_flag g
          where g.channel_id = r.channel_id and g.time = r.time order by g.test, g.flag_id desc) g
  ) f on true
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
), parts as (
  select channel_id, hour, time, kind,
         one as total, one as min, one as max, one as pivot, null::float8 as offsets, null::float8 as squares,
         case when kind = 'vector' then sind(value) end as east, case when kind = 'vector' then cosd(value) end as north,
         value as last, (value is not null)::int4 as count, 1 as received, null::int4 as expected
  from counted, lateral (select case when kind <> 'vector' then value end as one) as plain
  union all
  select h.channel_id, h.time, h.newest, c.kind, h.total, h.min, h.max, h.pivot, h.offsets, h.squares, h.east, h.north,
         h.value, h.count, h.received, case when i.channel_id is null then h.expected end
  from unnest(%(grown_id)s::int4[], %(grown_time)s::timestamptz[]) as g(channel_id, time)
  join hourly h using (channel_id, time) join channel c using (channel_id)
  left join (select distinct channel_id from channel_interval) i using (channel_id)  -- the others' interval is one
), pivoted as (
  select p.*, first_value(p.pivot) over (partition by p.channel_id, p.hour order by p.pivot is null, p.time) as about
  from parts p
), hours as (
  select channel_id, hour, kind, sum(total order by time) as total, min(min) as min, max(max) as max,
         sum(coalesce(offsets, total - about) order by time) as offsets,
         sum(coalesce(squares, (total - about) * (total - about)) order by time) as squares,
         sum(east order by time) as east, sum(north order by time) as north,
         last(last, time) filter (where count > 0) as last,
         sum(count)::int4 as count, sum(received)::int4 as received, max(expected) as expected, max(time) as newest,
         max(about) as pivot
  from pivoted group by channel_id, hour, kind
)
select b.channel_id, b.hour,
       case kind when 'sum' then b.total when 'last' then b.last when 'vector' then d.direction
                 else b.total / nullif(b.count, 0) end,
       case kind when 'vector' then d.direction else b.total / nullif(b.count, 0) end,
       b.min, b.max,
       case when b.count > 1 then sqrt(greatest(b.squares - b.offsets * b.offsets / b.count, 0) / (b.count - 1)) end,
       b.total, b.east, b.north, b.count, b.received,
       coalesce(b.expected, expected_readings(b.channel_id, b.hour, b.hour + interval '1 hour')),
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
