-- Readings of inputs, raw or derived, merged as v_reading merges them. Parameters: channel_id, low, high (windows
-- low <= t <= high), first and last time of them all. A raw reading waits while the consumer `quality` has yet to pass it:
-- looked up once a window, and only among changes that it has yet to take.
with w as materialized (
  select u.*, (
    select range_agg(tstzrange(n.from_t, n.to_t, '[]'))
    from channel c join change n on n.station = c.station
    where c.channel_id = u.channel_id and c.history_tests <> '{}' and n.channels @> array[c.channel_id]
      and n.id > (select position from consumer where consumer = 'quality') and n.cause = 'reading'
  ) as waiting
  from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[])
       with ordinality as u(channel_id, low, high, nr)
)
select w.nr, r.time, case when k.correction_id is null then r.value else k.value end as value, r.state,
       coalesce(nullif(f.person, 2), greatest(quality_of(r.state, r.tests), f.found))::int2 as quality, r.received_at,
       coalesce(r.time <@ w.waiting, false) as waits
from w join reading r on r.channel_id = w.channel_id and r.time between w.low and w.high
left join correction k on k.channel_id = r.channel_id and k.time = r.time
                      and k.approved_at is not null and k.revoked_at is null
left join lateral (
  select max(g.flag) filter (where g.test is null) as person, max(g.flag) filter (where g.test is not null) as found
  from (select distinct on (g.test) g.test, g.flag from reading_flag g
        where g.channel_id = r.channel_id and g.time = r.time order by g.test, g.flag_id desc) g
) f on true
where r.time between %(first)s and %(last)s
union all
select w.nr, d.time, d.value, d.state, d.quality, d.received_at, false
from w join derived_reading d on d.channel_id = w.channel_id and d.time between w.low and w.high
where d.time between %(first)s and %(last)s
order by 1, 2
