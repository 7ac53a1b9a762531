-- Local days from hours: an hour belongs to the day in which it ends. Parameters: channel_id, low, high (one day each),
-- first and last time of them all.
insert into daily
  (channel_id, time, value, mean, min, max, sd, total, east, north, count, received, expected)
select b.channel_id, b.time,
       case b.kind when 'sum' then b.total when 'last' then b.last when 'vector' then d.direction
                   else b.mean end,
       case b.kind when 'vector' then d.direction else b.mean end,
       b.min, b.max, sqrt(b.squares / nullif(b.count - 1, 0)), b.total, b.east, b.north, b.count, b.received,
       expected_readings(b.channel_id, b.time, b.day_end)
from (
  select h.channel_id, h.low as time, h.high as day_end, h.kind, h.day_mean as mean,
         sum(h.total order by h.time) as total,
         -- the squares within each hour, and those of the hour's mean about the day's
         sum(coalesce(h.sd, 0) * coalesce(h.sd, 0) * (h.count - 1)
             + (h.mean - h.day_mean) * (h.mean - h.day_mean) * h.count order by h.time)
           filter (where h.count > 0 and h.kind <> 'vector') as squares,
         min(h.min) as min, max(h.max) as max,
         sum(h.east order by h.time) as east, sum(h.north order by h.time) as north,
         (array_agg(h.value order by h.time desc) filter (where h.count > 0))[1] as last,
         sum(h.count)::int4 as count, sum(h.received)::int4 as received
  from (
    select h.*, c.kind, w.low, w.high,
           (sum(h.total) over of_day / nullif(sum(h.count) over of_day, 0)) as day_mean
    from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[]) as w(channel_id, low, high)
    join hourly h on h.channel_id = w.channel_id
                 and h.time > w.low - interval '1 hour' and h.time <= w.high - interval '1 hour'
    join channel c on c.channel_id = h.channel_id
    where h.time > %(first)s - interval '1 hour' and h.time <= %(last)s - interval '1 hour'
    window of_day as (partition by h.channel_id, w.low order by h.time
                      rows between unbounded preceding and unbounded following)
  ) h
  group by h.channel_id, h.low, h.high, h.kind, h.day_mean
) b
cross join lateral (
  select case when sqrt(b.east * b.east + b.north * b.north) > 1e-9 * b.count  -- else they cancel out: no direction is left
              then atan2d(b.east, b.north) + case when atan2d(b.east, b.north) < 0 then 360 else 0 end end as direction
) d
order by b.channel_id, b.time
on conflict (channel_id, time) do update set
  value = excluded.value, mean = excluded.mean, min = excluded.min, max = excluded.max, sd = excluded.sd,
  total = excluded.total, east = excluded.east, north = excluded.north, count = excluded.count,
  received = excluded.received, expected = excluded.expected
