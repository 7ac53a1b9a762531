-- Hours from readings. Parameters: channel_id, low, high (ranges of hours), first and last time of them all, and the
-- minutes (shift) at which hours begin.
insert into hourly
  (channel_id, time, value, mean, min, max, sd, total, east, north, count, received, expected)
select b.channel_id, b.time,
       case kind when 'sum' then b.total when 'last' then b.last when 'vector' then d.direction
                 else b.total / nullif(b.count, 0) end,
       case kind when 'vector' then d.direction else b.total / nullif(b.count, 0) end,
       b.min, b.max, b.sd, b.total, b.east, b.north, b.count, b.received,
       expected_readings(b.channel_id, b.time, b.time + interval '1 hour')
from (
  select r.channel_id, bucket_start(r.time - %(shift)s, '1 hour') + %(shift)s as time, c.kind,
         sum(r.value order by r.time) filter (where r.counts and c.kind <> 'vector') as total,
         stddev_samp(r.value order by r.time) filter (where r.counts and c.kind <> 'vector') as sd,
         min(r.value) filter (where r.counts and c.kind <> 'vector') as min,
         max(r.value) filter (where r.counts and c.kind <> 'vector') as max,
         sum(sind(r.value) order by r.time) filter (where r.counts and c.kind = 'vector') as east,
         sum(cosd(r.value) order by r.time) filter (where r.counts and c.kind = 'vector') as north,
         (array_agg(r.value order by r.time desc) filter (where r.counts and c.kind = 'last'))[1] as last,
         count(*) filter (where r.counts)::int4 as count,
         count(*)::int4 as received
  from channel c join (
    select r.channel_id, r.time,
           case when k.correction_id is null then r.value else k.value end as value,
           abs(case when k.correction_id is null then r.value else k.value end) < 1e100  -- larger ones' squares overflow
             and coalesce(f.person, greatest(quality_of(r.state, r.tests), f.found)) <= 3 as counts
    from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[]) as w(channel_id, low, high)
    join reading r on r.channel_id = w.channel_id and r.time > w.low and r.time <= w.high
    left join correction k on k.channel_id = r.channel_id and k.time = r.time
                          and k.approved_at is not null and k.revoked_at is null
    left join lateral (
      select max(g.flag) filter (where g.test is null) as person, max(g.flag) filter (where g.test is not null) as found
      from (select distinct on (g.test) g.test, g.flag from reading_flag g
            where g.channel_id = r.channel_id and g.time = r.time order by g.test, g.flag_id desc) g
    ) f on true
    where r.time > %(first)s and r.time <= %(last)s
  ) r using (channel_id)
  group by r.channel_id, bucket_start(r.time - %(shift)s, '1 hour') + %(shift)s, c.kind
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
