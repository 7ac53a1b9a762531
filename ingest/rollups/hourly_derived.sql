-- Hours from derived values, which are means or last values and carry their quality. Parameters as in hourly.sql.
insert into hourly
  (channel_id, time, value, mean, min, max, sd, total, count, received, expected)
select b.channel_id, b.time, case b.kind when 'last' then b.last else b.total / nullif(b.count, 0) end,
       b.total / nullif(b.count, 0), b.min, b.max, b.sd, b.total, b.count, b.received,
       expected_readings(b.channel_id, b.time, b.time + interval '1 hour')
from (
  select d.channel_id, bucket_start(d.time - %(shift)s, '1 hour') + %(shift)s as time, c.kind,
         sum(d.value order by d.time) filter (where d.counts) as total,
         stddev_samp(d.value order by d.time) filter (where d.counts) as sd,
         min(d.value) filter (where d.counts) as min, max(d.value) filter (where d.counts) as max,
         (array_agg(d.value order by d.time desc) filter (where d.counts))[1] as last,
         count(*) filter (where d.counts)::int4 as count, count(*)::int4 as received
  from channel c join (
    select d.channel_id, d.time, d.value, abs(d.value) < 1e100 and d.quality <= 3 as counts
    from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[]) as w(channel_id, low, high)
    join derived_reading d on d.channel_id = w.channel_id and d.time > w.low and d.time <= w.high
    where d.time > %(first)s and d.time <= %(last)s
  ) d using (channel_id)
  group by d.channel_id, bucket_start(d.time - %(shift)s, '1 hour') + %(shift)s, c.kind
) b
order by b.channel_id, b.time
on conflict (channel_id, time) do update set
  value = excluded.value, mean = excluded.mean, min = excluded.min, max = excluded.max, sd = excluded.sd,
  total = excluded.total, count = excluded.count, received = excluded.received, expected = excluded.expected
